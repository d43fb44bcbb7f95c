//! What an experiment can set.

use fika_core::amount::Amount;
use serde::{Deserialize, Serialize};

/// The plugin's table in an experiment file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// How many blocks after its own a coinbase's coin can be spent. Bitcoin has 100; the
    /// default of 0 lets small experiments spend what they mine from the next block on.
    pub maturity_blocks: u64,
    /// The smallest output of a payment, in base units.
    pub dust: Amount,
    /// The longest payment, in bytes. A coinbase is bounded by the block.
    pub max_tx_bytes: u32,
    /// The longest script and the longest data of an action, in bytes.
    pub max_field_bytes: u32,
}

impl Default for Params {
    fn default() -> Self {
        Params { maturity_blocks: 0, dust: Amount::ZERO, max_tx_bytes: 100_000, max_field_bytes: 10_000 }
    }
}
