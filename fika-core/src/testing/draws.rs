//! Pseudo-random values for tests.

use crate::hash::{Id, below, draw};

/// What the draws of the kit are for, so that they meet no draw of the code under test.
const PURPOSE: u64 = 0x7465_7374;

/// A stream of pseudo-random values: the same ones for the same seed, on every machine.
///
/// ```
/// use fika_core::testing::Draws;
///
/// let mut draws = Draws::new(7);
/// let dice: Vec<u64> = (0..5).map(|_| 1 + draws.below(6)).collect();
/// assert!(dice.iter().all(|spots| (1..=6).contains(spots)));
/// let mut again = Draws::new(7);
/// assert!(dice.iter().all(|spots| *spots == 1 + again.below(6)));
/// ```
#[derive(Clone, Debug)]
pub struct Draws {
    seed: u64,
    counter: u64,
}

impl Draws {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Draws {
        Draws { seed, counter: 0 }
    }

    /// Uniform over `u64`.
    pub fn number(&mut self) -> u64 {
        self.counter += 1;
        draw(self.seed, PURPOSE, self.counter)
    }

    /// Uniform below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        below(self.number(), bound)
    }

    /// True once in `times` on average.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// At most `most` bytes, short ones as often as long ones.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most as u64 + 1);
        (0..len).map(|_| self.number() as u8).collect()
    }

    /// 32 bytes.
    pub fn id(&mut self) -> Id {
        Id(std::array::from_fn(|_| self.number() as u8))
    }

    /// `bytes` with one of them changed; one byte where there is none.
    pub fn damaged(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self.below(bytes.len() as u64) as usize {
            at if at < bytes.len() => bytes[at] ^= 1 + self.below(255) as u8,
            _ => bytes.push(self.number() as u8),
        }
        bytes
    }

    /// One of `all`, which must not be empty.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }

    /// Brings `all` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// Exponentially distributed with this mean: the time to the next success of a search. Made of comparisons alone
    /// (von Neumann 1951), so that no machine's logarithm matters.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        let mut whole = 0;
        loop {
            let first = self.number();
            let (mut last, mut falling) = (first, 1);
            loop {
                let next = self.number();
                if next > last {
                    break;
                }
                (last, falling) = (next, falling + 1);
            }
            if falling % 2 == 1 {
                return mean.saturating_mul(whole).saturating_add(below(first, mean));
            }
            whole += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_draws_have_their_mean_and_their_tail() {
        let mut draws = Draws::new(1);
        let all: Vec<u64> = (0..100_000).map(|_| draws.exponential(1_000)).collect();
        let mean = all.iter().sum::<u64>() / all.len() as u64;
        assert!((985..1_015).contains(&mean), "{mean}");
        // e^-3 of all are above three times the mean.
        let tail = all.iter().filter(|drawn| **drawn > 3_000).count();
        assert!((4_700..5_260).contains(&tail), "{tail}");
    }

    #[test]
    fn shuffles_reach_every_order() {
        let mut draws = Draws::new(2);
        let orders: std::collections::BTreeSet<[u8; 3]> = (0..200)
            .map(|_| {
                let mut order = [1, 2, 3];
                draws.shuffle(&mut order);
                order
            })
            .collect();
        assert_eq!(orders.len(), 6);
    }
}
