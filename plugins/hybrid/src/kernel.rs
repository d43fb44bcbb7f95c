//! Kernels: which coin may make a stake block, and when.
//!
//! A coin's kernel at a time is a hash of the stake modifier, the coin's key, the time since which
//! it has aged, and the time itself. It meets the target when, read as a little-endian integer,
//! it is at most the target times the coin's weight: its amount times its age beyond the minimum,
//! and at most up to the maximum. The age counts from the coin's creation or its last use.
//!
//! The modifier of a coin is drawn after the coin can be chosen, as in Peercoin since v0.3: from the
//! [`MODIFIER_BLOCKS`] blocks that follow the one that created it. Until they are there the coin has
//! no kernels. So nobody can make coins, keys or amounts until one is lucky. A work block gives its id,
//! of which another one costs as much work; a stake block gives its producer, coin and time, since its
//! id costs nothing (Peercoin takes the hash of its kernel). From then on all kernels of a coin can be
//! computed. Coins of genesis are nobody's choice: their modifier is the id of genesis.

use fika_core::amount::COIN;
use fika_core::codec::Decode;
use fika_core::hash::{Id, domain_hash};
use fika_core::reject::Missing;
use fika_core::target::Target;
use fika_core::view::{BlockView, ChainView, Coin};
use ruint::aliases::U256;

use crate::version::STAKE;

/// From how many blocks the modifier of a coin is drawn.
const MODIFIER_BLOCKS: u64 = 8;

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
    /// `None` until it is drawn.
    modifier: Option<Id>,
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
        let modifier = modifier(coin, parent, past)?;
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
        self.modifier.filter(|_| weight > 0).is_some_and(|modifier| {
            let parts = [&modifier.0[..], &self.key, &self.since.to_le_bytes(), &time.to_le_bytes()];
            let hash = domain_hash("fika-hybrid kernel", &parts);
            // A product beyond 256 bits is met by every hash, as the largest one is.
            U256::from_le_bytes(hash.0) <= target.0.saturating_mul(U256::from(weight))
        })
    }
}

/// The modifier of `coin` in blocks on `parent`; `None` as long as blocks are missing that it is drawn from.
fn modifier(coin: &Coin, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<Option<Id>, Missing> {
    if coin.height == 0 {
        return Ok(Some(past.ancestor(&parent.id, 0)?.id));
    }
    let Some(last) = coin.height.checked_add(MODIFIER_BLOCKS).filter(|last| *last <= parent.height) else {
        return Ok(None);
    };
    let mut block = past.ancestor(&parent.id, last)?;
    let mut drawn = Id::ZERO;
    for _ in 0..MODIFIER_BLOCKS {
        let time = block.header.time.to_le_bytes();
        let own: [&[u8]; 2] = if block.header.version == STAKE { [block.extra, &time] } else { [&block.id.0, &[]] };
        drawn = domain_hash("fika-hybrid modifier", &[&drawn.0, own[0], own[1]]);
        block = past.block(&block.header.parent)?;
    }
    Ok(Some(drawn))
}

#[cfg(test)]
mod tests {
    use fika_core::amount::Amount;
    use fika_core::header::Header;
    use fika_core::testing::{Chain, Person};

    use super::*;

    /// Blocks of work with ids that depend on `seed`.
    fn extend(chain: &mut Chain, blocks: u32, seed: u32) {
        for nonce in 0..blocks {
            let header = Header { version: 1, bits: seed, nonce, ..chain.next(chain.tip().header.time + 100) };
            chain.push(header, &[]);
        }
    }

    /// Whoever makes 10,000 keys for a coin and keeps the one with most kernels, by all that can be known then, has no
    /// more of them afterwards: the blocks that decide come later, and are others than he has guessed.
    #[test]
    fn a_coin_cannot_be_chosen_for_its_kernels() {
        const KEYS: u32 = 10_000;
        const STEPS: u32 = 40;
        let (ages, one_in) = (Ages { min: 0, max: 1 << 20 }, 20);
        let (tries, mut kernels) = (20, 0);
        for round in 0..tries {
            let (mut chain, who) = (Chain::new(0), Person::new(1));
            extend(&mut chain, 70, round);
            chain.give(who.address(), b"coin", Amount(1));
            let coin = chain.coins(&chain.tip().id, &who.address()).unwrap().remove(0);
            let born = coin.time;
            // So late that the weight is always the largest.
            let times = || (0..STEPS).map(move |step| born + (2 << 20) + step);
            let target = Target(U256::MAX / U256::from(one_in * (1u64 << 20)));
            let met = |kernel: &Kernel| times().filter(|time| kernel.meets(target, *time, ages)).count() as u32;
            let of = |kernel: &Kernel, key: u32| Kernel { key: key.to_le_bytes().to_vec(), ..kernel.clone() };
            let mut best = Vec::new();
            for guessed in [0, 1, 8, 40] {
                let mut guess = chain.clone();
                extend(&mut guess, guessed, 1 << 20);
                let kernel = Kernel::new(&coin, &guess.tip(), &guess).unwrap();
                best.push((0..KEYS / 4).max_by_key(|key| met(&of(&kernel, *key))).unwrap());
            }
            extend(&mut chain, 40, 2 << 20);
            let kernel = Kernel::new(&coin, &chain.tip(), &chain).unwrap();
            kernels += best.iter().map(|key| met(&of(&kernel, *key))).sum::<u32>();
        }
        let mean = f64::from(tries * 4 * STEPS) / one_in as f64;
        assert!((f64::from(kernels) - mean).abs() < 3.0 * mean.sqrt(), "expected {mean} kernels, found {kernels}");
    }

    #[test]
    fn a_coin_waits_for_the_blocks_that_its_modifier_is_drawn_from() {
        let (mut chain, who) = (Chain::new(0), Person::new(1));
        extend(&mut chain, 1, 1);
        chain.give(who.address(), b"coin", Amount(1));
        let coin = chain.coins(&chain.tip().id, &who.address()).unwrap().remove(0);
        let modifier = |chain: &Chain| Kernel::new(&coin, &chain.tip(), chain).unwrap().modifier;
        extend(&mut chain, MODIFIER_BLOCKS as u32 - 1, 2);
        assert_eq!(modifier(&chain), None);
        let (mut stake, mut work) = (chain.clone(), chain.clone());
        extend(&mut chain, 1, 3);
        let drawn = modifier(&chain);
        assert!(drawn.is_some());
        extend(&mut chain, 50, 4);
        assert_eq!(modifier(&chain), drawn, "it stays");
        extend(&mut work, 1, 4);
        assert_ne!(modifier(&work), drawn);
        // The id of a stake block costs nothing, so that it must not count.
        let header = Header { version: STAKE, ..stake.next(2_000) };
        let mut other = stake.clone();
        stake.push(header, b"producer and coin");
        other.push(Header { root: Id([7; 32]), ..header }, b"producer and coin");
        assert_ne!(stake.tip().id, other.tip().id);
        assert_eq!(modifier(&stake), modifier(&other));
    }

    #[test]
    fn coins_have_weight_between_the_two_ages() {
        let ages = Ages { min: 10, max: 30 };
        let weights = [0, 10, 11, 30, 31, u32::MAX].map(|age| ages.weight(7, age));
        assert_eq!(weights, [0, 0, 7, 140, 140, 140]);
    }
}
