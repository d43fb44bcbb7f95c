//! What the next messages about blocks need of a node's memory.

use std::mem::offset_of;

use super::config::RelayConfig;
use super::peer::PeerId;
use super::state::Node;
use crate::prefetch::{fetch, fetch_at};

/// A message about a block that a node will get soon, and how soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// An announcement: the node itself.
    Inv,
    /// A request for a block or for a part of it: the node itself.
    GetData,
    /// A block or the rest of it: the node itself.
    Block,
    /// Next, a message of this neighbour: what the node refers to.
    Message(PeerId),
    /// Next, a block of this neighbour: what the node refers to.
    BlockOf(PeerId),
}

impl Node {
    /// Has the machine fetch what the node needs for a message. A hint for runtimes of many nodes.
    #[doc(hidden)]
    #[inline]
    pub fn prefetch(&self, need: Need) {
        match need {
            Need::Inv => {
                fetch(self, offset_of!(Node, partial_blocks));
                fetch(&self.duties.changed, 1);
                fetch(&self.config.relay, 1);
            }
            Need::GetData => {
                fetch(self, offset_of!(Node, requests));
                fetch(&self.partial_blocks, size_of_val(&self.partial_blocks));
                fetch(&self.duties, size_of_val(&self.duties));
                fetch(&self.config.relay, 1);
            }
            Need::Block => fetch(self, offset_of!(Node, config) + size_of::<RelayConfig>()),
            Need::Message(peer) => fetch_at(self.peers.as_ptr().wrapping_add(peer.0 as usize).cast(), 1),
            Need::BlockOf(peer) => {
                fetch_at(self.peers.as_ptr().wrapping_add(peer.0 as usize).cast(), 1);
                fetch(&*self.agent, 1);
                fetch_at(self.partial_blocks.first(), 1);
                fetch_at(self.duties.duties.as_ptr().cast(), size_of::<crate::agent::Duty>());
            }
        }
    }
}
