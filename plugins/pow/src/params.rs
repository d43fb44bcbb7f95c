//! What an experiment can set.

use serde::{Deserialize, Serialize};

/// The table `[consensus.pow]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Hashes that the first block costs on average; 0: as many as all nodes compute in one block interval, or
    /// 120,000 where their rate is not known.
    pub initial_tries: u64,
    /// Hashes that the easiest block costs on average.
    pub min_tries: u64,
    /// When and how the target changes.
    pub retarget: Retarget,
    /// Blocks between two changes of the target under `bitcoin`.
    pub retarget_interval: u64,
    /// Whether `bitcoin` compares one gap too few with the wanted time, as Bitcoin does.
    pub off_by_one: bool,
    /// The largest factor by which `bitcoin` changes a target at once.
    pub max_change: u32,
    /// By how many block intervals the chain must be late for `per_block` to halve the difficulty.
    pub half_life_blocks: u32,
    /// How far ahead of its clock a node accepts a block, in milliseconds; 0: twelve block intervals.
    pub max_future_ms: u64,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            initial_tries: 0,
            min_tries: 1,
            retarget: Retarget::Bitcoin,
            retarget_interval: 2016,
            off_by_one: true,
            max_change: 4,
            half_life_blocks: 288,
            max_future_ms: 0,
        }
    }
}

/// When and how the target changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retarget {
    /// Every `retarget_interval` blocks, by the time that the last ones took (Bitcoin).
    #[default]
    Bitcoin,
    /// At every block, by how late the chain is as a whole: [`asert`](crate::asert). It is anchored at block 1, so that
    /// the time between genesis and the start of mining does not count.
    PerBlock,
    /// Never.
    None,
}
