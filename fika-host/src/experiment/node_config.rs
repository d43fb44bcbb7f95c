//! The configuration of a node of fika-core from an experiment, for both worlds.

use fika_core::hash::draw;
use fika_core::node::{self, MempoolLimits, RelayConfig};

use super::{Announce, CompactFailure, Mempool, NodeIndex, Relay, Role};

/// The seed of the draws of one node.
pub(crate) fn node_seed(seed: u64, index: NodeIndex) -> u64 {
    draw(seed, u64::from(u32::from_be_bytes(*b"node")), index.into())
}

impl From<Role> for node::Role {
    fn from(role: Role) -> node::Role {
        match role {
            Role::Full => node::Role::Full,
            Role::Wallet => node::Role::Wallet,
            Role::Light => node::Role::Light,
        }
    }
}

impl From<Mempool> for MempoolLimits {
    fn from(mempool: Mempool) -> MempoolLimits {
        MempoolLimits { max_bytes: mempool.max_bytes, min_fee: mempool.min_fee, ..MempoolLimits::default() }
    }
}

impl Relay {
    /// The relay of one node: whether it takes part in compact relay, and what it lacks of compact blocks if a model
    /// stands in for a real mempool.
    pub(crate) fn of_node(&self, compact: bool, failure: Option<&CompactFailure>) -> RelayConfig {
        RelayConfig {
            announce: match self.announce {
                Announce::Inv => node::Announce::Inv,
                Announce::Headers => node::Announce::Headers,
                Announce::Flood => node::Announce::Flood,
            },
            to_source: self.to_source,
            compact: self.compact && compact,
            batch_us: self.batch_us,
            request_timeout_us: self.request_timeout_us,
            compact_failure_ppm: failure.map(|failure| failure.probability_ppm),
        }
    }
}
