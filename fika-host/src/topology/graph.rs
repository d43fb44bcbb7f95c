//! Nodes and links as plain data.

use fika_core::amount::Amount;

/// Nodes and links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topology {
    /// Names are unique.
    pub nodes: Vec<TopologyNode>,
    /// Each pair of nodes at most once.
    pub links: Vec<TopologyLink>,
}

/// A node of a topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopologyNode {
    /// As in an experiment: 1 to 40 letters, digits, `-` and `_`.
    pub name: String,
    /// Its key in the file, where that is not its name.
    pub id: Option<String>,
    /// The text that the file shows for it, where that is not its name.
    pub label: Option<String>,
    /// Whether it is a wallet; if not, a full node.
    pub wallet: Option<bool>,
    /// The name of its region.
    pub region: Option<String>,
    /// Hashes per second.
    pub hash_rate: Option<u128>,
    /// Its outputs of the genesis block.
    pub coins: Option<Vec<Amount>>,
    /// Bits a second to all neighbours together; 0: no limit.
    pub upload_bps: Option<u64>,
    /// Bits a second from all neighbours together; 0: no limit.
    pub download_bps: Option<u64>,
}

/// A link of a topology.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopologyLink {
    /// One end, as an index into [`Topology::nodes`].
    pub a: u32,
    /// The other end, never the same.
    pub b: u32,
    /// Time from end to end in microseconds. Where it is drawn for each message, the mean.
    pub latency_us: Option<u64>,
    /// Up to this much more, in microseconds.
    pub jitter_us: Option<u64>,
    /// Bits a second in each direction; 0: no limit.
    pub bandwidth_bps: Option<u64>,
    /// The share of packets that are lost and repeated, in parts per million, below all.
    pub loss_ppm: Option<u32>,
    /// The share of messages that never arrive, in parts per million.
    pub message_loss_ppm: Option<u32>,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// Its nodes and links.
    pub topology: Topology,
    /// A line for each thing that was changed on the way in, or not read.
    pub notes: Vec<String>,
}
