//! The two targets, kept in the ledger.
//!
//! After every block the rules store, for each kind, the bits that its next block must carry and
//! the time of its last one. So they are there for every fork, undone with a block, and found in
//! one look-up however long ago the last block of a kind was.

use fika_core::codec::{Decode, Encode};
use fika_core::consensus::LedgerOp;
use fika_core::hash::Id;
use fika_core::reject::Reject;
use fika_core::target::{Target, Work};
use fika_core::view::ChainView;
use ruint::aliases::{U256, U512};

/// Their key among what the rules keep.
const KEY: &[u8] = b"targets";

/// How one kind of blocks is paced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Wanted mean time between two blocks of the kind, in ticks.
    pub(crate) interval: u32,
    /// How many blocks the target averages over.
    pub(crate) blocks: u32,
    /// The target of the first block.
    pub(crate) first: Target,
}

impl Pace {
    /// The target after a block with `target` that came `spacing` ticks after the last one of its kind. Peercoin's
    /// exponential average: with n blocks and interval T, target * ((n - 1) T + 2 spacing) / ((n + 1) T). Here a
    /// spacing counts for at most n intervals, so that one block never makes the next three times as easy.
    pub(crate) fn next(&self, target: Target, spacing: u32) -> Target {
        let (n, interval) = (u64::from(self.blocks), u64::from(self.interval));
        let spacing = u64::from(spacing).min(n.saturating_mul(interval));
        let factor = U512::from(u128::from(n - 1) * u128::from(interval) + 2 * u128::from(spacing));
        let next = U512::from(target.0) * factor / U512::from(u128::from(n + 1) * u128::from(interval));
        Target(next.clamp(U512::from(1), U512::from(U256::MAX)).to::<U256>())
    }

    /// What a block with `target` weighs, when one with the first target weighs `unit`; at least 1.
    pub(crate) fn weight(&self, target: Target, unit: u64) -> Work {
        let weight = U512::from(target.work().0) * U512::from(unit) / U512::from(self.first.work().0);
        Work(weight.clamp(U512::from(1), U512::from(U256::MAX)).to::<U256>())
    }
}

/// One kind's part of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The bits of the kind's next block.
    pub bits: u32,
    /// Time of its last block, in ticks. None before the first: genesis may lie long before it.
    pub last: Option<u32>,
}

impl Kind {
    /// Follows a block of the kind that was made at `time`.
    pub(crate) fn advance(&mut self, pace: &Pace, time: u32) {
        if let (Some(last), Some(target)) = (self.last, Target::from_bits(self.bits)) {
            self.bits = pace.next(target, time.saturating_sub(last)).to_bits();
        }
        self.last = Some(time);
    }
}

/// The record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    /// Of work blocks.
    pub work: Kind,
    /// Of stake blocks.
    pub stake: Kind,
}

impl Targets {
    /// The record after block `at`.
    ///
    /// # Errors
    /// [`Reject::NotYet`] when the state after `at` is not at hand.
    pub(crate) fn after(at: &Id, past: &dyn ChainView, work: &Pace, stake: &Pace) -> Result<Targets, Reject> {
        let first = |pace: &Pace| Kind { bits: pace.first.to_bits(), last: None };
        let Some(stored) = past.get(at, KEY)? else {
            return Ok(Targets { work: first(work), stake: first(stake) });
        };
        let (work, stake) = <((u32, Option<u32>), (u32, Option<u32>))>::from_bytes(&stored)
            .map_err(|error| Reject::Fault(format!("the record of targets {error}")))?;
        let kind = |(bits, last)| Kind { bits, last };
        Ok(Targets { work: kind(work), stake: kind(stake) })
    }

    /// Stores the record.
    pub(crate) fn put(&self) -> LedgerOp {
        let pair = |kind: Kind| (kind.bits, kind.last);
        LedgerOp::Put(KEY.to_vec(), Some((pair(self.work), pair(self.stake)).to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// n = 16 and T = 600: a block that comes at once leaves 15/17, one after two intervals 19/17.
    #[test]
    fn a_target_moves_by_peercoins_average() {
        let pace = Pace { interval: 600, blocks: 16, first: Target(U256::MAX) };
        let next = |spacing| pace.next(Target(U256::from(17_000)), spacing).0.to::<u64>();
        let found = [0, 600, 1_200, 16 * 600, u32::MAX].map(next);
        assert_eq!(found, [15_000, 17_000, 19_000, 47_000, 47_000]);
        assert_eq!(pace.next(Target(U256::MAX), 1_200), Target(U256::MAX));
        assert_eq!(pace.next(Target(U256::from(1)), 0), Target(U256::from(1)));
    }
}
