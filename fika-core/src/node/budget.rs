//! What one neighbour may cost a node.
//!
//! Whatever a neighbour asks for or makes a node look at has a price in microseconds ([`price`](super::price)). A budget is a
//! token bucket that gains a second each second: who has used it up waits, and nothing more is taken from it meanwhile.
//! Who uses it up again and again before it was ever full again is penalized.
//!
//! There are two of them. `work` is for what no honest node does much of. `traffic` is for what an honest one may need much
//! of, as when it catches up, and for what it only passes on: who uses that up waits and is never blamed.

use crate::header::{SECOND, Time};

/// A full bucket.
const BURST: Time = 2 * SECOND;
/// Who waits goes on when the bucket is this full.
const RESUME: Time = SECOND;
/// So many waits are free of blame.
pub(super) const FREE_WAITS: u8 = 1;

/// A bucket: when it will be full, if nothing more is taken.
#[derive(Clone, Copy, Default)]
pub(super) struct Bucket(Time);

impl Bucket {
    /// Whether nothing is missing.
    #[inline]
    pub(super) fn is_full(self, now: Time) -> bool {
        self.0 <= now
    }

    /// Takes `price` out. When there was not enough, the time until which the neighbour must wait.
    #[inline]
    pub(super) fn take(&mut self, now: Time, price: Time) -> Option<Time> {
        self.0 = self.0.max(now).saturating_add(price);
        (self.0 > now.saturating_add(BURST)).then(|| self.0.saturating_sub(BURST - RESUME))
    }
}

/// A neighbour has used up its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overdraft {
    /// Nothing is taken from it before this time.
    pub(super) until: Time,
    /// It has been so too often.
    pub(super) is_blamed: bool,
}
