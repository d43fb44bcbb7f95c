//! Announcements that nodes are spared, and when they matter after all; see [`Announcements`](super::super::announcements).

use fika_core::message::{Item, Message};
use fika_core::node::PeerId;

use super::super::order::{Class, Order};
use super::{Engine, Happening};

impl Engine<'_> {
    /// Whether a message cannot make the node ask for the block that it waits for, or note somebody else who has it.
    pub(super) fn leaves_requests_alone(&self, node: u32, peer: PeerId, message: &Message) -> bool {
        // It awaits none.
        let Some(awaited) = self.announcements.open(node, self.now) else { return true };
        let header = match message {
            Message::Tx(_) | Message::GetData(_) | Message::GetHeaders(_) | Message::GetBlockTxn(_) => return true,
            Message::Inv(items) => return items.iter().all(|item| matches!(item, Item::Tx(_))),
            Message::Block(block) => &block.head.header,
            Message::CompactBlock(compact) => &compact.head.header,
            Message::BlockTxn(answer) => {
                let Some(ix) = self.world(node).tree().find(&answer.id) else { return false };
                if !self.nodes[node as usize].is_completed_by(peer, answer) {
                    return false;
                }
                &self.world(node).tree()[ix].header
            }
            _ => return false,
        };
        // The block itself ends the wait.
        let tree = self.world(node).tree();
        tree.find(&self.blocks[awaited as usize]).is_some_and(|ix| tree[ix].header == *header)
    }

    /// Tells a node who else has announced the block that it waits for, before something that may make it look for
    /// another neighbour to ask.
    pub(super) fn hand_over(&mut self, node: u32) {
        let now = self.now;
        let known = &mut self.announcements;
        let Some(block) = known.open(node, now) else { return };
        for waiting in known.take_due(node, now) {
            if self.links.is_up(node, waiting.peer) {
                self.nodes[node as usize].also_has_block(PeerId(waiting.peer), &self.blocks[block as usize]);
            }
        }
    }

    /// Ends the sparing of a node that has neither the block nor asks for it any more.
    pub(super) fn look_again(&mut self, node: u32) {
        let now = self.now;
        let known = &mut self.announcements;
        let Some(block) = known.open(node, now) else { return };
        if self.nodes[node as usize].awaits_block(&self.blocks[block as usize]) {
            return;
        }
        for waiting in known.give_up(node) {
            if waiting.at > now {
                let order = Order::new(waiting.at, Class::Arrive, node, waiting.sequence);
                self.queue.push(now, order, Happening::Announce(PeerId(waiting.peer), block));
            }
        }
    }
}
