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
const FREE_WAITS: u8 = 1;

/// A bucket: when it will be full, if nothing more is taken.
#[derive(Clone, Copy, Default)]
struct Bucket(Time);

impl Bucket {
    /// Takes `price` out. When there was not enough, the time until which the neighbour must wait.
    #[inline]
    fn take(&mut self, now: Time, price: Time) -> Option<Time> {
        self.0 = self.0.max(now).saturating_add(price);
        (self.0 > now.saturating_add(BURST)).then(|| self.0.saturating_sub(BURST - RESUME))
    }
}

/// The budget of a neighbour.
#[derive(Clone, Copy, Default)]
pub(super) struct Budget {
    work: Bucket,
    traffic: Bucket,
    /// How often it was used up since it was last full.
    waits: u8,
}

/// A neighbour has used up its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overdraft {
    /// Nothing is taken from it before this time.
    pub(super) until: Time,
    /// It has been so too often.
    pub(super) is_blamed: bool,
}

impl Budget {
    /// Takes the price of some work.
    #[inline]
    pub(super) fn work(&mut self, now: Time, price: Time) -> Option<Overdraft> {
        if self.work.0 <= now {
            self.waits = 0;
        }
        let until = self.work.take(now, price)?;
        self.waits = self.waits.saturating_add(1);
        Some(Overdraft { until, is_blamed: self.waits > FREE_WAITS })
    }

    /// Takes the price of some traffic.
    #[inline]
    pub(super) fn traffic(&mut self, now: Time, price: Time) -> Option<Overdraft> {
        self.traffic.take(now, price).map(|until| Overdraft { until, is_blamed: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_uses_it_up_waits_and_who_goes_on_is_blamed() {
        let mut budget = Budget::default();
        let mut now = 100 * SECOND;
        assert_eq!(budget.work(now, 2 * SECOND), None, "a full bucket");
        let first = budget.work(now, 1_000).expect("it is empty");
        assert_eq!(first, Overdraft { until: now + SECOND + 1_000, is_blamed: false });
        now = first.until;
        assert_eq!(budget.work(now, SECOND), None, "it is half full again");
        assert!(budget.work(now, 1).is_some_and(|overdraft| overdraft.is_blamed));
        now += 3 * SECOND;
        assert_eq!(budget.work(now, 2 * SECOND), None);
        assert!(budget.work(now, 1).is_some_and(|overdraft| !overdraft.is_blamed), "it was full in between");
    }

    #[test]
    fn a_steady_neighbour_within_its_budget_never_waits() {
        let mut budget = Budget::default();
        assert!((0..10_000).all(|n| budget.work(n * 1_000, 1_000).is_none()));
        assert!((0..10_000).any(|n| budget.work(10 * SECOND + n * 1_000, 1_500).is_some()));
    }

    #[test]
    fn traffic_waits_without_blame_and_leaves_work_alone() {
        let mut budget = Budget::default();
        assert!((0..100).any(|n| budget.traffic(n, SECOND).is_some()));
        assert!((0..100).all(|n| budget.traffic(n, SECOND).is_none_or(|overdraft| !overdraft.is_blamed)));
        assert_eq!(budget.work(0, 2 * SECOND), None);
    }
}
