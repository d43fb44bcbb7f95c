//! Transactions that go the same way at the same time: one place in the queue for all of them.

use fika_core::block::Tx;
use fika_core::message::Message;
use fika_core::node::{Input, PeerId};

use super::super::order::{Class, Order};
use super::{Engine, Happening, Observer};

impl Engine<'_> {
    /// Hands over transactions until something else comes before the next one.
    pub(super) fn receive_txs(
        &mut self,
        mut order: Order,
        peer: PeerId,
        mut txs: std::vec::IntoIter<Tx>,
        observer: &mut dyn Observer,
    ) {
        let node = order.node();
        for tx in txs.by_ref() {
            if self.links.is_up(node, peer.0) {
                self.give(node, Input::Message(peer, Message::Tx(tx)), observer);
                self.look_again(node);
            }
            order = Order::new(self.now, Class::Arrive, node, order.sequence().wrapping_add(1));
            if self.wakes.first().0 <= self.now || self.queue.next().is_some_and(|first| first < order) {
                break;
            }
        }
        if !txs.as_slice().is_empty() {
            self.queue.push(self.now, order, Happening::Txs(peer, txs));
        }
    }

    /// Lets a transaction travel with those that go the same way at the same time.
    pub(super) fn put_together(&mut self, order: Order, peer: PeerId, tx: Tx) {
        let count = self.together_txs.len() as u32;
        let follows = |first: Order| {
            order == Order::new(first.at(), Class::Arrive, first.node(), first.sequence().wrapping_add(count))
        };
        if !self.together.is_some_and(|(first, to)| to == peer && follows(first)) {
            self.send_together();
            self.together = Some((order, peer));
        }
        self.together_txs.push(tx);
    }

    /// Sends what was put together, in no more memory than it needs.
    pub(super) fn send_together(&mut self) {
        if let Some((order, peer)) = self.together.take() {
            let mut txs = Vec::with_capacity(self.together_txs.len());
            txs.append(&mut self.together_txs);
            self.queue.push(self.now, order, Happening::Txs(peer, txs.into_iter()));
        }
    }
}
