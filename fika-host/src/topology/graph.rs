//! Nodes and links as plain data.

/// Nodes and links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topology {
    /// Names are unique.
    pub nodes: Vec<TopologyNode>,
    /// Each pair of nodes at most once.
    pub links: Vec<TopologyLink>,
}

/// A node of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopologyNode {
    /// As in an experiment: 1 to 40 letters, digits, `-` and `_`.
    pub name: String,
    /// The name of its region.
    pub region: Option<String>,
    /// Hashes per second.
    pub hash_rate: Option<u128>,
}

/// A link of a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopologyLink {
    /// One end, as an index into [`Topology::nodes`].
    pub a: u32,
    /// The other end, never the same.
    pub b: u32,
    /// Time from end to end in microseconds. Where it is drawn for each message, the mean.
    pub latency_us: Option<u64>,
    /// Bits a second in each direction.
    pub bandwidth_bps: Option<u64>,
}
