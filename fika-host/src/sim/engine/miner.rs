//! The search of nodes for blocks.

use fika_core::header::{Header, Time};
use smallvec::SmallVec;

/// The search of one node for blocks: one line of the machine's cache.
#[repr(align(64))]
pub(super) struct MinerState {
    /// Hashes per second.
    pub(super) hash_rate: u128,
    pub(super) jobs: SmallVec<[Job; 1]>,
    /// Draws of work so far.
    pub(super) draws: u64,
}

/// One piece of work of a node.
pub(super) struct Job {
    pub(super) ticket: u64,
    /// When it succeeds; with real work: when the next slice of tries is over.
    pub(super) at: Time,
    pub(super) real: Option<Box<Tries>>,
}

/// Real work under way.
pub(super) struct Tries {
    pub(super) header: Header,
    /// Nonces tried.
    pub(super) tried: u64,
    pub(super) found: bool,
}
