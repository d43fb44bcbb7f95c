//! Transactions by their numbers, between nodes of one world; see [`Numbered`].

use fika_core::hash::Id;
use fika_core::message::{Item, Message};
use fika_core::node::{Input, Kind, Numbered, PeerId};
use fika_core::world::TxNo;

use super::super::links::Carried;
use super::super::order::{Class, Order};
use super::sending::{content_of, in_trace, whom};
use super::{Engine, Happening, Observer, Seen};

/// The kind of [`Message::Tx`].
const TX: u8 = 3;

impl Engine<'_> {
    /// Hands over a message about transactions.
    #[inline(never)]
    pub(super) fn receive_numbered(&mut self, node: u32, peer: PeerId, message: Numbered, observer: &mut dyn Observer) {
        if !self.links.is_up(node, peer.0) {
            return self.lose(message.txs);
        }
        if message.kind == Kind::Txs {
            // Each is an event.
            self.events += message.txs.len() as u64 - 1;
        }
        // It makes nobody give up a block.
        self.give(node, Input::Numbered(peer, message), observer);
    }

    /// Notes what a node has taken into its mempool.
    #[inline(never)]
    pub(super) fn note_taken_in(&mut self, node: u32, observer: &mut dyn Observer) {
        let Engine { worlds, nodes, out, now, trace, .. } = self;
        let txs = worlds[0].txs();
        trace.taken_in(*now, node, out.taken_in.iter().map(|(no, fee)| (txs.hash(*no).prefix(), *fee)));
        observer.taken_in(*now, node, &out.taken_in, Seen { world: &worlds[0], node: &nodes[node as usize] });
        out.taken_in.clear();
    }

    /// Sends what is said of transactions, as [`send`](Engine::send) would send the messages that it stands for.
    pub(super) fn send_numbered(&mut self, from: u32, peer: PeerId, message: Numbered) {
        self.has_txs = true;
        match message.kind {
            Kind::Inv => self.send_list(from, peer, message, Message::Inv),
            Kind::GetData => self.send_list(from, peer, message, Message::GetData),
            Kind::Txs => self.send_txs(from, peer, message.txs),
        }
    }

    fn send_list(&mut self, from: u32, peer: PeerId, numbered: Numbered, message: fn(Vec<Item>) -> Message) {
        let count = numbered.txs.len();
        let sizes = &mut self.list_bytes[usize::from(numbered.kind == Kind::GetData)];
        if sizes.len() <= count {
            sizes.resize(count + 1, None);
        }
        let (kind, bytes) = *sizes[count].get_or_insert_with(|| {
            let message = message(vec![Item::Tx(Id::ZERO); count]);
            (message.kind(), self.charges.bytes(from, &message, self.transport))
        });
        let txs = self.worlds[0].txs();
        let content = content_of(numbered.txs.iter().map(|no| txs.hash(*no).prefix()));
        match self.carry_one(from, peer, kind, content, bytes) {
            Some((order, back)) => self.queue.push(self.now, order, Happening::Numbered(back, numbered)),
            None => self.lose(numbered.txs),
        }
    }

    /// Sends transactions: each is a message, and those that arrive together take one place in the queue.
    fn send_txs(&mut self, from: u32, peer: PeerId, txs: Vec<TxNo>) {
        let Engine { links, announcements, worlds, charges, transport, trace, sent, sent_bytes, now, .. } = self;
        let count = txs.len();
        let Some(Carried { to, back, at }) = links.carry_together(from, peer.0, TX, count as u64, *now) else {
            return self.send_each(from, peer, txs);
        };
        let first = announcements.next_events(to, count as u32);
        let messages = txs.iter().zip(0..).map(|(no, after)| {
            let bytes = worlds[0].wire_bytes(*no, |tx| charges.bytes(from, &Message::Tx(tx.clone()), *transport));
            *sent_bytes += bytes;
            let content = worlds[0].txs().hash(*no).prefix();
            (in_trace(TX, content), bytes << 32 | u64::from(first.wrapping_add(after)))
        });
        trace.add_all(at, whom(to, back), messages);
        sent[usize::from(TX)] += count as u64;
        self.send_together(Some((Order::new(at, Class::Arrive, to, first), PeerId(back), txs)));
    }

    /// The same where not all arrive together.
    fn send_each(&mut self, from: u32, peer: PeerId, mut txs: Vec<TxNo>) {
        let mut together: Option<(Order, PeerId, Vec<TxNo>)> = None;
        for no in txs.drain(..) {
            let Engine { worlds, charges, transport, .. } = self;
            let bytes = worlds[0].wire_bytes(no, |tx| charges.bytes(from, &Message::Tx(tx.clone()), *transport));
            let name = worlds[0].txs().hash(no).prefix();
            let Some((order, back)) = self.carry_one(from, peer, TX, name, bytes) else {
                self.worlds[0].release(no);
                continue;
            };
            match &mut together {
                Some((first, _, list)) if order == follower(*first, list.len()) => list.push(no),
                _ => {
                    self.send_together(together.take());
                    let mut list = self.out.numbers();
                    list.push(no);
                    together = Some((order, back, list));
                }
            }
        }
        self.send_together(together);
        self.out.give_back_numbers(txs);
    }

    fn send_together(&mut self, together: Option<(Order, PeerId, Vec<TxNo>)>) {
        if let Some((order, peer, txs)) = together {
            self.queue.push(self.now, order, Happening::Numbered(peer, Numbered { kind: Kind::Txs, txs }));
        }
    }

    /// A message gets lost.
    fn lose(&mut self, txs: Vec<TxNo>) {
        txs.iter().for_each(|no| self.worlds[0].release(*no));
        self.out.give_back_numbers(txs);
    }
}

/// The place of the message that is sent so many after the first, at the same time to the same node.
fn follower(first: Order, after: usize) -> Order {
    Order::new(first.at(), Class::Arrive, first.node(), first.sequence().wrapping_add(after as u32))
}
