//! One node of an experiment as plain data.

use fika_core::amount::Amount;
use serde::{Deserialize, Serialize};

/// A node, as its index in [`Experiment::nodes`](super::Experiment::nodes).
pub(crate) type NodeIndex = u32;

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeSpec {
    /// Also its host name and folder: 1 to 47 letters, digits, `-` and `_`.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// The most hashes a second that it grinds; 0 for other nodes than full ones.
    pub hash_rate: u128,
    /// Its outputs of the genesis block.
    pub coins: Vec<Amount>,
    /// The attack plugin in place of the honest behaviour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When its blocks are on disk.
    pub durability: Durability,
    /// Its region, as an index into [`Medium::regions`](super::Medium::regions).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<u16>,
    /// Bits a second to all neighbours together; 0: no limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub upload_bps: u64,
    /// Bits a second from all neighbours together; 0: no limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub download_bps: u64,
    /// How far its clock is ahead at the start; negative: behind.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_offset_us: i64,
    /// How much its clock gains, in parts per million; negative: loses.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_drift_ppm: i64,
    /// Whether it sends and asks for compact blocks (BIP 152), where [`Relay::compact`](super::Relay::compact) is on.
    pub compact: bool,
    /// What it lacks of compact blocks, in place of a real mempool: an index into
    /// [`Medium::compact_failures`](super::Medium::compact_failures).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compact_failure: Option<u16>,
    /// Its key in the file of the graph, where that is not its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    /// The text that the file of the graph shows for it, where that is not its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Whether the value can be left out: a large network need not write it for each node.
fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Validates, relays and extends the chain.
    Full,
    /// Neither mines nor relays. Keeps the chain that it last asked for.
    Wallet,
    /// Follows headers, and finds its own payments by filters and proofs. Neither mines nor relays.
    Light,
}

impl Role {
    /// Its name in files and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Full => "full",
            Role::Wallet => "wallet",
            Role::Light => "light",
        }
    }
}

/// When a block is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Durability {
    /// Before the next one is taken.
    Block,
    /// Together with others.
    Batch,
}
