//! How the target follows the hash rate. Integers only.

use fika_core::env::ChainParams;
use fika_core::reject::Missing;
use fika_core::target::Target;
use fika_core::view::{BlockView, ChainView};
use ruint::aliases::{U256, U512};

use crate::params::{Params, Retarget};

/// The bits of a child of `parent`. Genesis has none of its own: its children start anew.
pub(crate) fn expected_bits(
    params: &Params,
    initial: Target,
    chain: &ChainParams,
    parent: &BlockView<'_>,
    past: &dyn ChainView,
) -> Result<u32, Missing> {
    let easiest = || Target::for_tries(params.min_tries.into());
    let spacing = u64::from(chain.block_interval_ticks());
    if parent.height == 0 {
        return Ok(initial.to_bits());
    }
    match params.retarget {
        Retarget::PerBlock => {
            let anchor = past.ancestor(&parent.id, 1)?;
            let took = i128::from(parent.header.time) - i128::from(anchor.header.time);
            let late = took - i128::from(spacing) * i128::from(parent.height - 1);
            let half_life = spacing * u64::from(params.half_life_blocks);
            Ok(asert(initial, late, half_life, easiest()).to_bits())
        }
        Retarget::Bitcoin if (parent.height + 1).is_multiple_of(params.retarget_interval) => {
            // Bitcoin measures from the window's first block, which leaves out the gap before it.
            let back = if params.off_by_one { params.retarget_interval - 1 } else { params.retarget_interval };
            let first = past.ancestor(&parent.id, parent.height.saturating_sub(back))?;
            let gaps = if params.off_by_one { params.retarget_interval } else { parent.height - first.height };
            let wanted = spacing * gaps;
            let took = i64::from(parent.header.time) - i64::from(first.header.time);
            let change = u64::from(params.max_change);
            let took = u64::try_from(took).unwrap_or(0).clamp((wanted / change).max(1), wanted.saturating_mul(change));
            // A parent whose bits are no target has not been accepted.
            let target = Target::from_bits(parent.header.bits).unwrap_or(initial);
            Ok(rescale(target, took, wanted, easiest()).to_bits())
        }
        Retarget::Bitcoin | Retarget::None => Ok(parent.header.bits),
    }
}

/// `target * took / wanted`, between 1 and `easiest`.
pub fn rescale(target: Target, took: u64, wanted: u64, easiest: Target) -> Target {
    within(U512::from(target.0) * U512::from(took) / U512::from(wanted), easiest)
}

/// The target for a chain that is `late` ticks behind its schedule (negative: ahead), when it
/// was `anchor` on schedule: it doubles with every `half_life` ticks of delay. aserti3-2d by
/// Mark Lundeberg, Jonathan Toomim and others (Bitcoin Cash upgrade of 15 November 2020); 2^x is
/// a cubic in 16-bit fixed point, with an error below 0.013 %.
pub fn asert(anchor: Target, late: i128, half_life: u64, easiest: Target) -> Target {
    let exponent = late * 65536 / i128::from(half_life);
    let part = (exponent & 0xffff) as u64;
    let cubic = 195_766_423_245_049 * part + 971_821_376 * part * part + 5_127 * part * part * part + (1 << 47);
    let factor = 65536 + (cubic >> 48);
    let product = U512::from(anchor.0) * U512::from(factor);
    let shift = (exponent >> 16) - 16;
    let by = usize::try_from(shift.unsigned_abs()).unwrap_or(usize::MAX);
    if shift <= 0 {
        within(product.wrapping_shr(by), easiest)
    } else {
        product.checked_shl(by).map_or(easiest, |target| within(target, easiest))
    }
}

/// The largest target is `easiest`, the smallest 1.
fn within(target: U512, easiest: Target) -> Target {
    let bounded = target.min(U512::from(easiest.0));
    Target(bounded.to::<U256>().max(U256::from(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(text: u32) -> Target {
        Target::from_bits(text).unwrap()
    }

    /// Retargets of Bitcoin's main chain (the last two at the limits of the clamp).
    #[test]
    fn bitcoins_own_retargets_come_out() {
        let wanted = 2016 * 600;
        let easiest = Target::for_tries(1 << 32);
        for (before, took, after) in [
            (0x1d00_ffff, 1_262_152_739 - 1_261_130_161, 0x1d00_d86a),
            (0x1d00_ffff, 1_233_061_996 - 1_231_006_505, 0x1d00_ffff),
            (0x1c05_a3f4, wanted / 4, 0x1c01_68fd),
            (0x1c38_7f6f, wanted * 4, 0x1d00_e1fd),
        ] {
            assert_eq!(rescale(bits(before), took, wanted, easiest).to_bits(), after, "{after:08x}");
        }
    }

    /// Excerpts of the vectors published with the specification: anchor bits, then height, time and bits. The anchor
    /// has height 1 and its parent time 0.
    #[test]
    fn the_published_asert_vectors_come_out() {
        let down: &[(i128, i128, u32)] = &[
            (2, 0, 0x1d00_fec5),
            (290, 0, 0x1c7f_62c0),
            (60_194, 0, 0x027f_6200),
            (63_938, 0, 0x0103_0000),
            (64_514, 0, 0x0101_0000),
        ];
        let random: &[(i128, i128, u32)] = &[
            (2, 1_200, 0x1802_aee8),
            (3, 1_310, 0x1802_ad91),
            (8, 2_746, 0x1802_a94b),
            (54, 111_773, 0x1803_b056),
            (187, 1_078_358, 0x1900_8158),
            (281, 2_529_858, 0x1a00_881c),
            (484, 6_930_238, 0x1d00_e688),
            (485, 6_993_399, 0x1d00_ffff),
        ];
        for (anchor, vectors) in [(0x1d00_ffff, down), (0x1802_aee8, random)] {
            for &(height, time, expected) in vectors {
                let late = time - 600 * height;
                let found = asert(bits(anchor), late, 288 * 600, Target::for_tries(1 << 32)).to_bits();
                assert_eq!(found, expected, "height {height}: expected {expected:08x}, found {found:08x}");
            }
        }
    }

    #[test]
    fn targets_stay_between_one_and_the_easiest() {
        let easiest = Target::for_tries(7);
        for late in [i128::from(i64::MIN), i128::from(i64::MAX)] {
            let target = asert(Target::for_tries(1000), late, 1, easiest);
            assert_eq!(target, if late < 0 { Target(U256::from(1)) } else { easiest });
        }
        assert_eq!(rescale(Target(U256::MAX), u64::MAX, 1, Target(U256::MAX)), Target(U256::MAX));
        assert_eq!(rescale(Target(U256::from(1)), 1, u64::MAX, easiest), Target(U256::from(1)));
    }
}
