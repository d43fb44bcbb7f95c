//! What an experiment can set.

use serde::{Deserialize, Serialize};

/// The table `[consensus.hybrid]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Hashes that the first work block costs on average; 0: as many as all nodes compute in the interval of work
    /// blocks, or 240,000 where their rate is not known.
    pub initial_tries: u64,
    /// Coins, of middle age, for which the first stake target fits the stake interval.
    pub initial_stake_coins: u64,
    /// Wanted mean time between work blocks in milliseconds; 0 for two block intervals of the chain.
    pub pow_interval_ms: u64,
    /// Wanted mean time between stake blocks in milliseconds; 0 for two block intervals of the chain.
    pub pos_interval_ms: u64,
    /// How many blocks of its kind a target averages over.
    pub retarget_blocks: u32,
    /// Age in milliseconds up to which a coin has no weight; 0 for one block interval of the chain.
    pub min_age_ms: u64,
    /// Age in milliseconds from which a coin gains no more weight; 0 for ten block intervals of the chain.
    pub max_age_ms: u64,
    /// Stake blocks have times that are multiples of this, in milliseconds; 0 for a sixteenth of the block interval.
    pub step_ms: u64,
    /// How far ahead of its clock a node accepts a work block, in milliseconds; 0: twelve block intervals.
    pub max_future_ms: u64,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            initial_tries: 0,
            initial_stake_coins: 300,
            pow_interval_ms: 0,
            pos_interval_ms: 0,
            retarget_blocks: 16,
            min_age_ms: 0,
            max_age_ms: 0,
            step_ms: 0,
            max_future_ms: 0,
        }
    }
}
