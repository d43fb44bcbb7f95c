//! What a node that catches up lacks and has asked for.

use std::collections::VecDeque;

use super::peer::PeerId;
use crate::hash::Id;

/// The progress of catching up.
#[derive(Default)]
pub(super) struct ChainSync {
    /// Blocks named by headers that have been checked, in the order of heights, and who has them.
    pub(super) wanted: VecDeque<(Id, PeerId)>,
    /// Neighbours that may have more headers once these blocks are here, and the last header that they sent.
    pub(super) more: Vec<(PeerId, Id)>,
    /// A chain update asked for by the owner: the neighbours that have not said yet that they have nothing newer.
    pub(super) update: Option<Vec<PeerId>>,
    pub(super) round: u64,
    /// The node has begun again, and no neighbour has said yet that it has nothing newer.
    pub(super) unheard: bool,
    /// The agent was called while the node was catching up: it waits for the end of that.
    pub(super) agent_waits: bool,
}

impl ChainSync {
    /// Whether the node lacks blocks that it has heard of, or does not know yet.
    pub(super) fn is_catching_up(&self) -> bool {
        self.unheard || !self.wanted.is_empty() || !self.more.is_empty()
    }

    /// Nothing more is expected of a neighbour.
    pub(super) fn drop_peer(&mut self, peer: PeerId) {
        self.wanted.retain(|(_, from)| *from != peer);
        self.more.retain(|(from, _)| *from != peer);
    }
}
