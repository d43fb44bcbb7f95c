//! Where the next messages about blocks will look: for runtimes of many nodes, which have memory fetched ahead.
//!
//! The addresses need not be anybody's memory.

use std::mem::offset_of;

use super::io::PeerId;
use super::{Agent, Node, RelayConfig};

/// What a node does with a message about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It hears of one, and may ask for it.
    Hear,
    /// It is asked for one, or for a part of it.
    Give,
    /// It gets one, or the rest of it.
    Take,
}

/// Where something is.
pub(super) fn at<T>(what: &T) -> *const u8 {
    std::ptr::from_ref(what).cast()
}

impl Node {
    /// Names to `fetch` what is needed of the node itself: addresses, and bytes from there on.
    #[inline]
    pub fn near_block(&self, need: Need, mut fetch: impl FnMut(*const u8, usize)) {
        match need {
            Need::Hear => {
                fetch(at(self), offset_of!(Node, compacts));
                fetch(at(&self.producer.template_due), 1);
                fetch(at(&self.config.relay), 1);
            }
            Need::Give => {
                fetch(at(self), offset_of!(Node, refused));
                fetch(at(&self.compacts), size_of_val(&self.compacts));
                fetch(self.producer.unpublished_at(), 1);
                fetch(at(&self.producer.template_due), 1);
                fetch(at(&self.config.relay), 1);
            }
            Need::Take => {
                fetch(at(self), offset_of!(Node, config) + size_of::<RelayConfig>());
                fetch(at(&self.address), 1);
            }
        }
    }

    /// The same for what that refers to, when the message is from this neighbour.
    #[inline]
    pub fn far_block(&self, need: Need, peer: PeerId, mut fetch: impl FnMut(*const u8, usize)) {
        fetch(self.peers.as_ptr().wrapping_add(peer.0 as usize).cast(), 1);
        if need == Need::Take {
            let agent: *const dyn Agent = &*self.agent;
            fetch(agent.cast(), 1);
            fetch(self.compacts.unfinished_at(), 1);
            let (duty, bytes) = self.producer.newest();
            fetch(duty, bytes);
        }
    }

    /// Where the state of the node's agent is, which is asked for new duties when a block has come.
    #[inline]
    pub fn agent_state(&self) -> *const u8 {
        self.agent.state()
    }
}
