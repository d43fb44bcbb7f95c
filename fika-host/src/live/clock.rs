//! The chain's time from the machine's monotonic clock, which all processes of the machine share and nobody sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fika_core::header::Time;
use rustix::time::{ClockId, clock_gettime};

/// The machine's monotonic clock in microseconds. It counts from some moment before the run, at the same pace for all
/// processes, and steps of the wall clock do not reach it.
pub(crate) fn monotonic_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// Microseconds since the chain's epoch. Goes back once at most, when the run begins. Copies are one clock.
#[derive(Clone)]
pub(super) struct Clock {
    /// What the monotonic clock shows, or would have shown, when the chain's time is 0.
    epoch_us: Arc<AtomicI64>,
}

impl Clock {
    pub(super) fn new(epoch_us: i64) -> Clock {
        Clock { epoch_us: Arc::new(AtomicI64::new(epoch_us)) }
    }

    /// The chain's time is counted from another moment: until the run begins, that moment is not known.
    pub(super) fn set_epoch(&self, epoch_us: i64) {
        self.epoch_us.store(epoch_us, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Time {
        u64::try_from(monotonic_us().saturating_sub(self.epoch_us.load(Ordering::Relaxed))).unwrap_or(0)
    }

    /// How long it is until `at`.
    pub(super) fn until(&self, at: Time) -> Duration {
        Duration::from_micros(at.saturating_sub(self.now()))
    }
}
