//! Transactions that go the same way at the same time: one place in the queue for all of them.

use fika_core::block::Tx;
use fika_core::node::{Input, PeerId};

use super::super::order::{Class, Order};
use super::{Engine, Happening, Observer};

/// So many empty lists are kept.
const SPARE: usize = 64;

impl Engine<'_> {
    /// Hands over transactions that have come together.
    pub(super) fn receive_txs(&mut self, node: u32, peer: PeerId, txs: Vec<Tx>, observer: &mut dyn Observer) {
        if !self.links.is_up(node, peer.0) {
            return;
        }
        // Each is an event.
        self.events += txs.len() as u64 - 1;
        self.give(node, Input::Txs(peer, txs), observer);
        if self.spare_txs.len() < SPARE {
            self.spare_txs.push(std::mem::take(&mut self.out.read_txs));
        }
        self.look_again(node);
    }

    /// Lets a transaction travel with those that go the same way at the same time.
    pub(super) fn put_together(&mut self, order: Order, peer: PeerId, tx: Tx) {
        let count = self.together_txs.len() as u32;
        let follows = |first: Order| {
            order == Order::new(first.at(), Class::Arrive, first.node(), first.sequence().wrapping_add(count))
        };
        self.has_txs = true;
        if !self.together.is_some_and(|(first, to)| to == peer && follows(first)) {
            self.send_together();
            self.together = Some((order, peer));
        }
        self.together_txs.push(tx);
    }

    /// Sends what was put together.
    pub(super) fn send_together(&mut self) {
        if let Some((order, peer)) = self.together.take() {
            let next = self.spare_txs.pop().unwrap_or_default();
            let txs = std::mem::replace(&mut self.together_txs, next);
            self.queue.push(self.now, order, Happening::Txs(peer, txs));
        }
    }
}
