//! What a node is made of and how it behaves, as its owner says.

use serde::{Deserialize, Serialize};

use super::mempool::MempoolLimits;
use crate::header::{SECOND, Time};
use crate::keys::KeyPair;

/// What a node does in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Relays, validates and produces.
    #[default]
    Full,
    /// Neither produces nor relays: pays, and asks for the chain when told to.
    Wallet,
    /// Follows headers, and finds its own payments by filters and proofs. Neither validates blocks nor relays.
    Light,
}

/// What a node is made of.
#[derive(Clone)]
#[repr(C)]
pub struct NodeConfig {
    /// How it relays.
    pub relay: RelayConfig,
    /// What it does.
    pub role: Role,
    /// All draws of this node are made of it.
    pub seed: u64,
    /// Signs for the node and owns its coins.
    pub keys: KeyPair,
    /// What its mempool accepts.
    pub mempool: MempoolLimits,
    /// How old the template of a piece of work may become, in microseconds: after that it lacks the newest transactions and
    /// the time of day, and the node makes another one.
    pub template_age_us: Time,
    /// Whether somebody grinds for this node. For others it makes no templates.
    pub mines: bool,
    /// Whether the node follows its fork choice away from a block that its agent has called final. Both ways each such
    /// choice is reported as a safety violation.
    pub leaves_final: bool,
}

impl NodeConfig {
    /// A full node with these keys and default limits.
    pub fn new(keys: KeyPair, seed: u64) -> NodeConfig {
        NodeConfig {
            keys,
            role: Role::Full,
            relay: RelayConfig::default(),
            mempool: MempoolLimits::default(),
            seed,
            template_age_us: SECOND / 2,
            mines: true,
            leaves_final: false,
        }
    }
}

/// How blocks and transactions spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announce {
    /// Announce with `inv`, and send to those who ask.
    #[default]
    Inv,
    /// Announce blocks with their headers, the rest with `inv` (BIP 130).
    Headers,
    /// Send everything to every neighbour at once, as in the thesis.
    Flood,
}

/// How a node relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayConfig {
    /// How neighbours hear of something new.
    pub announce: Announce,
    /// Whether a block is announced also to the neighbour that it came from.
    pub to_source: bool,
    /// Whether blocks are asked for, and given to those who ask so, with short ids in place of transactions (BIP 152).
    pub compact: bool,
    /// How long the announcement of a transaction may wait for others, in microseconds; 0: not at all. Blocks never wait.
    pub batch_us: Time,
    /// How long the node waits for something it asked for, in microseconds.
    pub request_timeout_us: Time,
    /// For repeating published models: in so many of a million compact blocks transactions are missing, drawn by each
    /// node, and in the others none is. What is really missing is asked for all the same, so this
    /// makes sense only where blocks have no transactions but the coinbase. `None`: the mempool says it.
    pub compact_failure_ppm: Option<u32>,
}

impl Default for RelayConfig {
    fn default() -> Self {
        RelayConfig {
            announce: Announce::Inv,
            to_source: false,
            compact: false,
            batch_us: 0,
            request_timeout_us: 20 * SECOND,
            compact_failure_ppm: None,
        }
    }
}
