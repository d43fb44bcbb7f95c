//! Announcements that are suppressed, and when they matter after all; see
//! [`BlockAnnouncements`](super::super::block_announcements).

use fika_core::hash::Id;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Input, PeerId, PeerMessage};

use super::super::block_announcements::SuppressedInv;
use super::super::observer::Observer;
use super::super::order::{Class, Order};
use super::{Engine, SimEvent};

impl Engine<'_> {
    /// Tells a node of a block. The announcements of others are suppressed while it waits for the block.
    pub(super) fn announce(&mut self, node: u32, inv: SuppressedInv, block: u32, observer: &mut dyn Observer) {
        // Those that came before it may be suppressed still.
        if self.announcements.is_late(block, self.now) {
            self.name_announcers(node, observer);
        }
        let id = self.blocks[block as usize];
        self.last_requested = Id::ZERO;
        if self.links.is_up(node, inv.peer) {
            let mut items = self.out.item_list();
            items.push(InvItem::Block(id));
            let message = PeerMessage::Other(Message::Inv(items));
            self.give(node, Input::Message(PeerId(inv.peer), message), observer);
        }
        if self.last_requested != id {
            self.end_suppression(node, block, inv.sequence);
        }
    }

    /// Whether a message cannot make the node look for somebody else to ask for the block that it waits for.
    pub(super) fn leaves_requests_alone(&self, node: u32, message: &Message) -> bool {
        // It awaits none.
        let Some(awaited) = self.announcements.open(node, self.now) else { return true };
        let tree = self.world(node).tree();
        let header = match message {
            Message::GetData(_) | Message::GetHeaders(_) | Message::GetBlockTxn(_) => return true,
            Message::Block(block) => &block.head.header,
            Message::CompactBlock(compact) => &compact.head.header,
            // Of a block without payments the node has guessed nothing, so it is complete now.
            Message::BlockTxn(answer) => match tree.find(&answer.id).and_then(|ix| tree[ix].block.as_ref()) {
                Some(block) if block.txs.len() == 1 => &block.head.header,
                _ => return false,
            },
            _ => return false,
        };
        // The block itself ends the wait.
        tree.find(&self.blocks[awaited as usize]).is_some_and(|ix| tree[ix].header == *header)
    }

    /// Tells a node who else has announced the block that it waits for, before something that may make it look for
    /// another neighbour to ask.
    pub(super) fn name_announcers(&mut self, node: u32, observer: &mut dyn Observer) {
        let Some(block) = self.announcements.open(node, self.now) else { return };
        let due = self.announcements.take_due(node, self.now).into_iter().map(|inv| inv.peer);
        let peers: Vec<PeerId> = due.filter(|peer| self.links.is_up(node, *peer)).map(PeerId).collect();
        if !peers.is_empty() {
            self.handle(node, Input::AlsoAnnounced { block: self.blocks[block as usize], peers }, observer);
        }
    }

    /// The node does not wait for some blocks any longer.
    pub(super) fn end_requests(&mut self, node: u32) {
        let mut ended = std::mem::take(&mut self.out.ended_requests);
        for id in ended.drain(..) {
            let block = self.number(id);
            self.end_suppression(node, block, u32::MAX);
        }
        self.out.ended_requests = ended;
    }

    /// From now on the node is told of every announcement of the block; of those that come at this moment, after the one of
    /// this number.
    fn end_suppression(&mut self, node: u32, block: u32, after: u32) {
        if self.announcements.open(node, self.now) != Some(block) {
            return;
        }
        for inv in self.announcements.give_up(node).into_iter().filter(|inv| (inv.at, inv.sequence) > (self.now, after))
        {
            let order = Order::new(inv.at, Class::Arrive, node, inv.sequence);
            self.queue.push(self.now, order, SimEvent::Announce(PeerId(inv.peer), block));
        }
    }
}
