//! What one call of a node has still to do. Nothing of it is left when the call is over.

use std::collections::VecDeque;
use std::sync::Arc;

use super::peer::PeerId;
use super::tx_orphanage::TxOrphan;
use crate::agent::{Duty, Effect};
use crate::block::Block;
use crate::hash::Id;

/// A block that is to be accepted or refused, with its id: hashing the header again and again would be most of the work
/// of a simulated node.
#[derive(Clone, Debug)]
pub(super) struct ReceivedBlock {
    pub(super) id: Id,
    pub(super) block: Arc<Block>,
    /// The neighbour that it came from.
    pub(super) from: Option<PeerId>,
}

/// The queues of one call.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Blocks that can be accepted now.
    pub(super) blocks: VecDeque<ReceivedBlock>,
    /// Transactions whose parents have come. The list holds them.
    pub(super) txs: VecDeque<TxOrphan>,
    /// What the agent has asked for, and where its call came from.
    pub(super) effects: VecDeque<(Effect, Option<PeerId>)>,
    /// Neighbours that do not give a block which they have named, or gave one that is not accepted.
    pub(super) useless: Vec<PeerId>,
    /// An empty list for the agent's next duties.
    pub(super) duty_list: Vec<Duty>,
}

impl Pending {
    /// Whether there is nothing to do.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.txs.is_empty() && self.effects.is_empty() && self.useless.is_empty()
    }
}
