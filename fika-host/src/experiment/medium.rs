//! The network between the nodes.

use std::collections::BTreeMap;

use fika_core::header::Time;
use serde::{Deserialize, Serialize};

use super::node_spec::NodeSpec;
use crate::physics::{Cable, Latency};

/// The network between the nodes, and the cost of its messages. Live runs have its regions and cables; the rest is the
/// simulator's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Medium {
    /// Where nodes are. Their matrix says how long a message takes from one region to another.
    pub regions: Vec<Region>,
    /// The cable of every link that has none of its own. Where regions are given, it fills in what their matrix
    /// leaves open.
    pub cable: Cable,
    /// Links with figures of their own, by index into [`Experiment::links`](super::Experiment::links).
    pub own: BTreeMap<usize, Cable>,
    /// One payload (block, compact block, missing transactions) leaves a node at a time; the slot is held until it
    /// arrives.
    pub one_upload_at_a_time: bool,
    /// Time added to each message of a kind, by its name in `Message::KINDS` (`inv`, `block`...), in microseconds.
    pub processing_us: BTreeMap<String, Time>,
    /// Bytes charged in place of the real size, for repeating published models.
    pub charge: Charge,
    /// What nodes lack of a compact block, by class. [`NodeSpec::compact_failure`](super::NodeSpec) names the class.
    pub compact_failures: Vec<CompactFailure>,
}

impl Medium {
    /// How a link behaves in the direction between these nodes; `own` is its cable if it is not the common one.
    pub(crate) fn between(&self, own: Option<&Cable>, from: &NodeSpec, to: &NodeSpec) -> Cable {
        let regional = || {
            let row = &self.regions.get(usize::from(from.region?))?.latency;
            row.get(usize::from(to.region?)).copied()
        };
        own.copied().unwrap_or_else(|| Cable { latency: regional().unwrap_or(self.cable.latency), ..self.cable })
    }
}

/// A part of the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Region {
    /// Unique.
    pub name: String,
    /// The share of those nodes here that name no region, in parts per million. All regions together have a million.
    pub share_ppm: u32,
    /// Bits a second from a node here to all its neighbours; 0: no limit. [`NodeSpec::upload_bps`](super::NodeSpec)
    /// already includes it.
    pub upload_bps: u64,
    /// Bits a second to a node here, likewise.
    pub download_bps: u64,
    /// From here to each region, in their order. Empty: as the [`Medium::cable`].
    pub latency: Vec<Latency>,
}

/// Bytes charged in place of the real size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    /// For a whole block. The missing transactions of a compact block are charged as a share of it.
    pub block_bytes: Option<u64>,
    /// For a compact block.
    pub compact_bytes: Option<u64>,
}

/// In place of a real mempool: how often a node lacks transactions of a compact block, and how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompactFailure {
    /// How often.
    pub probability_ppm: u32,
    /// The share of the block that is missing then, in parts per million: each possible one with its weight.
    pub missing: Vec<(u32, u32)>,
}
