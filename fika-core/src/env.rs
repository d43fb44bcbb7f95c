//! What the chain tells its plugins once, when they are made.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::{Amount, COIN, MAX_TOTAL};
use crate::codec::{Decode, Encode, coded_enum, coded_struct};
use crate::hash::Id;
use crate::header::{SECOND, Time};
use crate::keys::KeyScheme;

/// Which of two equally heavy tips a node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TieBreak {
    /// The one that it saw first.
    #[default]
    FirstSeen,
    /// Either, by a draw of its own.
    Uniform,
}

coded_enum!(TieBreak: "tie break" { 0 FirstSeen, 1 Uniform });

/// Whether work is done or drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Nonces are searched and every block's work is checked.
    #[default]
    Real,
    /// The time of the next block is drawn from the node's hash rate, and work alone is not checked.
    Sampled,
}

coded_enum!(Proof: "kind of proof" { 0 Real, 1 Sampled });

/// The parameters of a chain that its rules share. They are part of the chain's identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChainParams {
    /// The chain's name, part of the genesis id.
    pub name: String,
    /// Microseconds in one tick of the header's time.
    pub tick_us: Time,
    /// Header time of the genesis block, in ticks.
    pub genesis_time: u32,
    /// Wanted mean time between blocks, in microseconds.
    pub block_interval_us: Time,
    /// New coins in a block, before any halving.
    pub reward: Amount,
    /// Blocks between halvings of the reward; 0 for none.
    pub halving_interval: u64,
    /// No more coins than this are ever issued, genesis included; 0 for no cap but [`MAX_TOTAL`].
    pub cap: Amount,
    /// The largest encoded block, in bytes.
    pub max_block_bytes: u64,
    /// Which of two equally heavy tips a node keeps.
    pub tie_break: TieBreak,
    /// Whether work is done or drawn.
    pub proof: Proof,
    /// Hashes per second of all nodes at the start, which a first difficulty can be made of; 0: not known.
    pub hash_rate: u128,
}

coded_struct!(ChainParams {
    name,
    tick_us,
    genesis_time,
    block_interval_us,
    reward,
    halving_interval,
    cap,
    max_block_bytes,
    tie_break,
    proof,
    hash_rate
});

impl Default for ChainParams {
    fn default() -> Self {
        ChainParams {
            name: "fika".into(),
            tick_us: SECOND,
            genesis_time: 0,
            block_interval_us: 600 * SECOND,
            reward: Amount(50 * COIN.0),
            halving_interval: 210_000,
            cap: Amount::ZERO,
            max_block_bytes: 1_000_000,
            tie_break: TieBreak::FirstSeen,
            proof: Proof::Real,
            hash_rate: 0,
        }
    }
}

impl ChainParams {
    /// The hashes that all nodes compute in `interval_us` microseconds, at least 1; `None` where their rate is not known.
    ///
    /// # Errors
    /// When 128 bits cannot count them.
    pub fn tries_in(&self, interval_us: Time) -> Result<Option<u128>, String> {
        if self.hash_rate == 0 {
            return Ok(None);
        }
        let tries = self.hash_rate.checked_mul(interval_us.into()).map(|tries| (tries / u128::from(SECOND)).max(1));
        let found = || format!("{} H/s for {interval_us} us", self.hash_rate);
        tries.map(Some).ok_or_else(|| format!("expected fewer hashes in a block interval, found {}", found()))
    }

    /// The reward schedule: what a block at `height` may create when `supply` coins exist
    /// before it. Genesis creates nothing by the schedule.
    pub fn subsidy(&self, height: u64, supply: Amount) -> Amount {
        if height == 0 {
            return Amount::ZERO;
        }
        let halvings = height.checked_div(self.halving_interval).unwrap_or(0);
        let full = if halvings >= 64 { 0 } else { self.reward.0 >> halvings };
        // What cannot be counted is not created: the last reward is smaller, as under a cap.
        let cap = if self.cap == Amount::ZERO { MAX_TOTAL } else { self.cap };
        Amount(full.min(cap.0.saturating_sub(supply.0)))
    }

    /// The tick that `now` lies in; `u32::MAX` beyond the range of the header's field.
    pub fn tick(&self, now: Time) -> u32 {
        u32::try_from(now / self.tick_us).unwrap_or(u32::MAX)
    }

    /// When the tick `ticks` begins.
    pub fn time(&self, ticks: u32) -> Time {
        u64::from(ticks).saturating_mul(self.tick_us)
    }

    /// The wanted block interval in ticks, at least 1.
    pub fn block_interval_ticks(&self) -> u32 {
        u32::try_from(self.block_interval_us / self.tick_us).unwrap_or(u32::MAX).max(1)
    }
}

/// What a plugin is given when it is made.
#[derive(Clone)]
pub struct Env {
    /// The chain's parameters.
    pub chain: ChainParams,
    /// The chain's key scheme. Key schemes themselves are made first and find [`NoKeys`](crate::keys::NoKeys) here.
    pub keys: Arc<dyn KeyScheme>,
}

impl Env {
    /// Who signed `digest`, if `proof` (made by [`Signer::sign`](crate::agent::Signer::sign)) holds.
    pub fn signer(&self, digest: &Id, proof: &[u8]) -> Option<Address> {
        let (key, signature) = <(Vec<u8>, Vec<u8>)>::from_bytes(proof).ok()?;
        self.keys.verify(0, &key, digest, &signature).then(|| self.keys.address(&key))
    }
}

/// The proof that [`Env::signer`] reads: the public key and a signature of kind 0.
pub fn signed_proof(public: &[u8], signature: &[u8]) -> Vec<u8> {
    (public.to_vec(), signature.to_vec()).to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_exact_beyond_64_bits() {
        let tries = |hash_rate, interval_us| ChainParams { hash_rate, ..ChainParams::default() }.tries_in(interval_us);
        assert_eq!(tries(0, SECOND), Ok(None));
        assert_eq!(tries(1, 1), Ok(Some(1)));
        assert_eq!(tries(700_000_000_000_000_000_000, 600 * SECOND), Ok(Some(420_000_000_000_000_000_000_000)));
        assert!(tries(u128::MAX / 2, 3).is_err());
    }

    #[test]
    fn the_schedule_halves_and_stops_at_the_cap() {
        let chain = ChainParams { halving_interval: 10, cap: Amount::coins(130), ..ChainParams::default() };
        assert_eq!(chain.subsidy(0, Amount::ZERO), Amount::ZERO);
        assert_eq!(chain.subsidy(1, Amount::ZERO), Amount::coins(50));
        assert_eq!(chain.subsidy(10, Amount::ZERO), Amount::coins(25));
        assert_eq!(chain.subsidy(2, Amount::coins(100)), Amount::coins(30));
        assert_eq!(chain.subsidy(3, Amount::coins(130)), Amount::ZERO);
        assert_eq!(chain.subsidy(10_000, Amount::ZERO), Amount::ZERO);
        let endless = ChainParams { halving_interval: 0, cap: Amount::ZERO, ..ChainParams::default() };
        assert_eq!(endless.subsidy(1, Amount(u64::MAX - 5)), Amount(5));
        assert_eq!(endless.subsidy(1, MAX_TOTAL), Amount::ZERO);
    }
}
