//! What a node that catches up lacks and has asked for.

use super::peer::PeerId;
use super::wanted_blocks::WantedBlocks;
use crate::hash::Id;
use crate::header::Time;

/// A neighbour was asked for headers and has not answered.
pub(super) struct HeadersRequest {
    pub(super) from: PeerId,
    /// When it was asked last.
    pub(super) asked: Time,
    /// How often the answer has been late.
    pub(super) late: u8,
}

/// A chain update asked for by the owner.
#[derive(Default)]
pub(super) struct ChainUpdate {
    /// The neighbours that have not said yet that they have nothing newer.
    pub(super) open: Vec<PeerId>,
    /// The tips that others have told, each once.
    pub(super) told: Vec<(PeerId, Id)>,
    /// Whether one has said anything.
    pub(super) answered: bool,
}

/// The progress of catching up.
#[derive(Default)]
pub(super) struct ChainSync {
    /// Blocks named by headers that have been checked, in the order of heights.
    pub(super) wanted: WantedBlocks,
    /// Neighbours that may have more headers once these blocks are here, and the last header that they sent.
    pub(super) more: Vec<(PeerId, Id)>,
    /// Who is asked for headers.
    pub(super) asked: Vec<HeadersRequest>,
    pub(super) update: Option<ChainUpdate>,
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

    /// Whether a neighbour has named blocks that were not asked for yet.
    pub(super) fn names_more(&self, peer: PeerId) -> bool {
        self.wanted.has_any_of(peer) || self.more.iter().any(|(from, _)| *from == peer)
    }

    /// Nothing more is expected of a neighbour.
    pub(super) fn drop_peer(&mut self, peer: PeerId) {
        self.wanted.drop_peer(peer);
        self.more.retain(|(from, _)| *from != peer);
        self.asked.retain(|request| request.from != peer);
    }
}
