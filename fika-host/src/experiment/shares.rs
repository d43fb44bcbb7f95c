//! Draws over all nodes: exact shares in a shuffled order, and normal distributions.

use fika_core::hash::{self, draw};

use crate::physics::unit;
use crate::quantity::HASH_RATE_MAX;

/// What a draw is for, so that no two uses share one.
pub(super) const fn purpose(name: [u8; 4]) -> u64 {
    (u32::from_be_bytes(name) as u64) << 32
}

/// A number below `bound`, which is above 0.
pub(super) fn below(seed: u64, purpose: u64, counter: u64, bound: u64) -> u64 {
    hash::below(draw(seed, purpose, counter), bound)
}

/// A class for each of `count`, in a drawn order. Each class has exactly its share (parts per million, at most a
/// million in all; sums are rounded up), and the rest has the class `shares.len()`.
pub(super) fn dealt(count: usize, shares: &[u32], seed: u64, purpose: u64) -> Vec<u16> {
    let mut classes = Vec::with_capacity(count);
    let mut sum = 0;
    for (class, share) in (0..).zip(shares) {
        sum += u64::from(*share);
        let end = (count as u64 * sum).div_ceil(1_000_000).min(count as u64);
        classes.resize(end as usize, class);
    }
    classes.resize(count, shares.len() as u16);
    for last in (1..count).rev() {
        classes.swap(last, below(seed, purpose, last as u64, last as u64 + 1) as usize);
    }
    classes
}

/// A whole number of at least 1 from a normal distribution (Box and Muller 1958).
pub(super) fn normal(mean: u128, sd: u128, seed: u64, purpose: u64, counter: u64) -> u128 {
    let drawn = |which| unit(draw(seed, purpose, 2 * counter + which));
    let z = (-2.0 * libm::log(drawn(0))).sqrt() * libm::cos(std::f64::consts::TAU * drawn(1));
    (mean as f64 + sd as f64 * z).clamp(1.0, HASH_RATE_MAX as f64) as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_and_shuffled() {
        let classes = dealt(1_000, &[331_600, 499_800, 9_000, 117_700, 22_400, 19_500], 1, purpose(*b"test"));
        let count = |class| classes.iter().filter(|found| **found == class).count();
        assert_eq!((0..7).map(count).collect::<Vec<_>>(), [332, 500, 9, 118, 22, 19, 0]);
        assert!(classes[..500].contains(&5) && classes[500..].contains(&0));
        assert_ne!(classes, dealt(1_000, &[331_600, 499_800, 9_000, 117_700, 22_400, 19_500], 2, purpose(*b"test")));
        assert_eq!(dealt(3, &[], 1, 1), [0, 0, 0]);
        assert_eq!(dealt(10, &[964_000], 1, 1).iter().filter(|class| **class == 0).count(), 10);
        assert!(dealt(0, &[5], 1, 1).is_empty());
    }

    #[test]
    fn normal_draws_have_their_mean_and_deviation() {
        let count = 20_000_u64;
        let drawn: Vec<f64> = (0..count).map(|n| normal(400_000_000, 100_000_000, 7, 1, n) as f64).collect();
        let mean = drawn.iter().sum::<f64>() / count as f64;
        let variance = drawn.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count as f64;
        // Three standard errors: sd / sqrt(n), sd / sqrt(2 n).
        assert!((mean - 4e8).abs() < 3.0 * 1e8 / 141.0, "{mean}");
        assert!((variance.sqrt() - 1e8).abs() < 3.0 * 1e8 / 200.0, "{variance}");
        assert_eq!(normal(0, 0, 1, 1, 1), 1);
    }
}
