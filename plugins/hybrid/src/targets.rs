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

/// For how many intervals a spacing counts at least: it is longer once in nine million blocks.
const LEAST_CAP: i128 = 16;
/// Bits of a factor behind the point.
const FRACTION_BITS: usize = 64;

/// e^(above / below), with [`FRACTION_BITS`] behind the point: its power series, in integers. `above` is at most 32 times
/// `below`, and both have at most 70 bits.
fn exp(above: i128, below: i128) -> u128 {
    // Where the exponent is below zero, the terms would cancel each other out.
    let (above, inverse) = (U512::from(above.unsigned_abs()), above < 0);
    let one = U512::from(1) << FRACTION_BITS;
    let (mut term, mut sum) = (one, one);
    for n in 1..256u32 {
        term = term * above / (U512::from(below.unsigned_abs()) * U512::from(n));
        if term.is_zero() {
            break;
        }
        sum += term;
    }
    let power = if inverse { one * one / sum } else { sum };
    power.to::<u128>()
}

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
    /// The target after a block with `target` that came `spacing` ticks after the last one of its kind; below zero when
    /// its time is the earlier one.
    ///
    /// With n blocks and interval T, Peercoin multiplies by ((n - 1) T + 2 spacing) / ((n + 1) T). Spacings scatter, and
    /// a factor that is linear in them keeps their mean above T: by about T / (n + 1), which is nothing with Peercoin's
    /// n of 1,008 and 6 % with 16. So the factor here is e^(2 (spacing - T) / ((n + 1) T)), of which Peercoin's is the
    /// beginning. Whatever way spacings scatter, their mean is T. One spacing counts for at most n intervals, or 16
    /// where n is less: a chain that stood still for long does not become as much too easy.
    pub(crate) fn next(&self, target: Target, spacing: i64) -> Target {
        let (n, interval) = (i128::from(self.blocks), i128::from(self.interval));
        let most = n.max(LEAST_CAP) * interval;
        let spacing = i128::from(spacing).clamp(-most, most);
        let factor = exp(2 * (spacing - interval), (n + 1) * interval);
        let next = (U512::from(target.0) * U512::from(factor)) >> FRACTION_BITS;
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
    /// The target of the kind's next block, with all its digits: those that bits lack would add up.
    pub target: Target,
    /// Time of its last block, in ticks. None before the first: genesis may lie long before it.
    pub last: Option<u32>,
}

impl Kind {
    /// The bits of the kind's next block.
    pub fn bits(&self) -> u32 {
        self.target.to_bits()
    }

    /// Follows a block of the kind that was made at `time`.
    pub(crate) fn advance(&mut self, pace: &Pace, time: u32) {
        if let Some(last) = self.last {
            self.target = pace.next(self.target, i64::from(time) - i64::from(last));
        }
        self.last = Some(time);
    }
}

/// A kind as the ledger keeps it: the bytes of its target, and the time of its last block.
type Stored = (Id, Option<u32>);

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
        let first = |pace: &Pace| Kind { target: pace.first, last: None };
        let Some(stored) = past.get(at, KEY)? else {
            return Ok(Targets { work: first(work), stake: first(stake) });
        };
        let (work, stake) = <(Stored, Stored)>::from_bytes(&stored)
            .map_err(|error| Reject::Fault(format!("the record of targets {error}")))?;
        let kind = |(target, last): Stored| Kind { target: Target(U256::from_le_bytes(target.0)), last };
        Ok(Targets { work: kind(work), stake: kind(stake) })
    }

    /// Stores the record.
    pub(crate) fn put(&self) -> LedgerOp {
        let pair = |kind: Kind| -> Stored { (Id(kind.target.0.to_le_bytes()), kind.last) };
        LedgerOp::Put(KEY.to_vec(), Some((pair(self.work), pair(self.stake)).to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// n = 16 and T = 600: e^(-2/17), 1, e^(2/17), e^(30/17) and e^(-34/17).
    #[test]
    fn a_target_moves_by_the_power_of_its_spacing() {
        let pace = Pace { interval: 600, blocks: 16, first: Target(U256::MAX) };
        let next = |spacing| pace.next(Target(U256::from(1_000_000)), spacing).0.to::<u64>();
        let found = [0, 600, 1_200, 16 * 600, u32::MAX.into(), -16 * 600].map(next);
        assert_eq!(found, [889_009, 1_000_000, 1_124_847, 5_839_854, 5_839_854, 135_335]);
        let wild = Pace { interval: u32::MAX, blocks: 1, first: Target(U256::MAX) };
        assert!(wild.next(Target(U256::from(1) << 128usize), i64::MIN).0 > U256::from(1));
        let slow = Pace { interval: u32::MAX, blocks: u32::MAX, first: Target(U256::MAX) };
        assert!(slow.next(Target(U256::from(1) << 128usize), i64::MAX).0 > U256::from(1) << 128usize);
        assert_eq!(pace.next(Target(U256::MAX), 1_200), Target(U256::MAX));
        assert_eq!(pace.next(Target(U256::from(1)), 0), Target(U256::from(1)));
    }

    /// 20,000 blocks whose spacings scatter as those of a search do: their mean is the interval, for few blocks of memory
    /// and for many, from a first target that is four times too easy.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test draws; its bounds are wider than what math libraries differ by"
    )]
    fn the_mean_spacing_is_the_interval() {
        for blocks in [2, 16, 128] {
            let right = Target(U256::MAX >> 40usize);
            let pace = Pace { interval: 8_000, blocks, first: right };
            let (mut target, mut elapsed, mut drawn) = (Target(right.0 << 2usize), 0.0, 1u64);
            for block in 0..20_400 {
                drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let uniform = ((drawn >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
                let met = Target::from_bits(target.to_bits()).unwrap();
                let mean = 8_000.0 * f64::from(right.0) / f64::from(met.0);
                let spacing = (-uniform.ln() * mean).round();
                elapsed += if block < 400 { 0.0 } else { spacing };
                target = pace.next(target, spacing as i64);
            }
            let mean = elapsed / 20_000.0;
            assert!((mean / 8_000.0 - 1.0).abs() < 0.01, "{blocks} blocks: {mean}");
        }
    }
}
