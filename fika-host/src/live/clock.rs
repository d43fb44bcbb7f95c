//! The chain's time from the machine's clock.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use fika_core::header::Time;

/// Microseconds since the chain's epoch. Never goes back, even where the machine's clock is set back.
pub(super) struct Clock {
    epoch_unix_us: u64,
    last: Cell<Time>,
}

impl Clock {
    pub(super) fn new(epoch_unix_us: u64) -> Clock {
        Clock { epoch_unix_us, last: Cell::new(0) }
    }

    pub(super) fn now(&self) -> Time {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let unix_us = u64::try_from(unix.as_micros()).unwrap_or(u64::MAX);
        self.last.set(self.last.get().max(unix_us.saturating_sub(self.epoch_unix_us)));
        self.last.get()
    }

    /// How long it is until `at`.
    pub(super) fn until(&self, at: Time) -> Duration {
        Duration::from_micros(at.saturating_sub(self.now()))
    }
}
