//! Kernels: which coin may make a stake block, and when.
//!
//! A coin's kernel at a time is a hash of the stake modifier, the coin's key, the time since which
//! it has aged, and the time itself. It meets the target when, read as a little-endian integer,
//! it is at most the target times the coin's weight: its amount times its age beyond the minimum,
//! and at most up to the maximum. The age counts from the coin's creation or its last use.
//!
//! The modifier is the id of the block at the second last multiple of [`MODIFIER_BLOCKS`], 32 to 63
//! blocks behind the parent. So the chances of a coin are not known long before, and a producer
//! cannot change its next ones with the block that it is making.

use fika_core::amount::COIN;
use fika_core::codec::Decode;
use fika_core::hash::{Id, domain_hash};
use fika_core::reject::Missing;
use fika_core::target::Target;
use fika_core::view::{BlockView, ChainView, Coin};
use ruint::aliases::U256;

/// Blocks between two changes of the stake modifier.
const MODIFIER_BLOCKS: u64 = 32;

/// Starts the keys of uses: under `used/` and the coin's key lies the time of the coin's last use, in ticks.
pub(crate) const USED: &[u8] = b"used/";

/// The key of the last use of the coin `key`.
pub(crate) fn used_key(key: &[u8]) -> Vec<u8> {
    [USED, key].concat()
}

/// Reads the time of a use.
pub(crate) fn used_time(stored: &[u8]) -> Option<u32> {
    u32::from_bytes(stored).ok()
}

/// When coins have weight, in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// A coin of this age has no weight yet.
    pub(crate) min: u32,
    /// A coin of this age gains no more; above `min`.
    pub(crate) max: u32,
}

impl Ages {
    /// The weight of `amount` base units after `age` ticks.
    pub(crate) fn weight(self, amount: u64, age: u32) -> u128 {
        u128::from(amount) * u128::from(age.min(self.max).saturating_sub(self.min))
    }

    /// The weight of `coins` coins half-way between the two ages, at least 1.
    pub(crate) fn middle_weight(self, coins: u64) -> u128 {
        (u128::from(coins) * u128::from(COIN.0) * u128::from(self.max - self.min) / 2).max(1)
    }
}

/// A coin with all that its kernels are made of but the time.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    modifier: Id,
    key: Vec<u8>,
    amount: u64,
    /// Since when it has aged, in ticks.
    pub(crate) since: u32,
}

impl Kernel {
    /// The kernels of `coin` in blocks on `parent`.
    ///
    /// # Errors
    /// [`Missing`] when `past` lacks an ancestor of `parent` or its state.
    pub(crate) fn new(coin: &Coin, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<Kernel, Missing> {
        let height = (parent.height / MODIFIER_BLOCKS).saturating_sub(1) * MODIFIER_BLOCKS;
        let modifier = past.ancestor(&parent.id, height)?.id;
        let used = past.get(&parent.id, &used_key(&coin.key))?.and_then(|stored| used_time(&stored));
        let since = used.map_or(coin.time, |used| used.max(coin.time));
        Ok(Kernel { modifier, key: coin.key.clone(), amount: coin.amount.0, since })
    }

    /// The coin.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Whether the coin may make a stake block at `time`.
    pub(crate) fn meets(&self, target: Target, time: u32, ages: Ages) -> bool {
        let weight = ages.weight(self.amount, time.saturating_sub(self.since));
        // Most coins of a large wallet are too young: no hash for them.
        weight > 0 && {
            let parts = [&self.modifier.0[..], &self.key, &self.since.to_le_bytes(), &time.to_le_bytes()];
            let hash = domain_hash("fika-hybrid kernel", &parts);
            U256::from_le_bytes(hash.0) <= target.0.saturating_mul(U256::from(weight))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_have_weight_between_the_two_ages() {
        let ages = Ages { min: 10, max: 30 };
        let weights = [0, 10, 11, 30, 31, u32::MAX].map(|age| ages.weight(7, age));
        assert_eq!(weights, [0, 0, 7, 140, 140, 140]);
    }
}
