//! What happened to the network from outside.

/// An event that was due, or that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventFacts {
    /// In microseconds since the chain's epoch.
    pub at_us: u64,
    /// Of the highest full node.
    pub height: u64,
    /// The word of the experiment file for it.
    pub kind: String,
    /// In one line.
    pub event: String,
    /// Why there was nothing to do.
    pub why_not: Option<String>,
}
