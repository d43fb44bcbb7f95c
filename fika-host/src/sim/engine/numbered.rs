//! Transactions by their numbers, between nodes of one world; see [`Numbered`].

use fika_core::amount::Amount;
use fika_core::block::Tx;
use fika_core::hash::Id;
use fika_core::message::{Item, Message};
use fika_core::node::{Input, Numbered, PeerId};
use fika_core::transport::Transport;
use fika_core::world::{OnWire, TxNo};

use super::super::charge::Charges;
use super::super::links::Carried;
use super::super::order::{Class, Order};
use super::super::trace_hash::TraceHash;
use super::sending::{content_of, in_trace, whom};
use super::{Engine, Happening, Observer, Seen};

/// The kinds of [`Message::Inv`], [`Message::GetData`] and [`Message::Tx`].
const INV: u8 = 0;
const GET_DATA: u8 = 1;
const TX: u8 = 3;

/// The bytes of messages of one kind that name so many transactions, as far as these are known.
#[derive(Default)]
pub(super) struct Lists(Vec<Option<u64>>);

impl Lists {
    /// The bytes of one that names `count`, which are asked for once.
    fn bytes(&mut self, count: usize, ask: impl FnOnce(Vec<Item>) -> u64) -> u64 {
        let Lists(bytes) = self;
        if bytes.len() <= count {
            bytes.resize(count + 1, None);
        }
        *bytes[count].get_or_insert_with(|| ask(vec![Item::Tx(Id::ZERO); count]))
    }
}

/// What is made of a transaction of this fee when a node sends it.
fn on_wire(from: u32, tx: &Tx, fee: Amount, charges: &mut Charges, transport: &dyn Transport) -> OnWire {
    let bytes = charges.bytes(from, &Message::Tx(tx.clone()), transport);
    let prefix = tx.hash().prefix();
    OnWire {
        bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        sent: in_trace(TX, prefix, bytes),
        taken_in: TraceHash::taken_in(prefix, fee),
    }
}

impl Engine<'_> {
    /// Hands over a message about transactions.
    #[inline(never)]
    pub(super) fn receive_numbered(&mut self, node: u32, peer: PeerId, message: Numbered, observer: &mut dyn Observer) {
        if !self.links.is_up(node, peer.0) {
            return self.lose(message);
        }
        if let Numbered::Txs(txs) = &message {
            // Each is an event.
            self.events += txs.len() as u64 - 1;
        }
        // It makes nobody give up a block.
        self.give(node, Input::Numbered(peer, message), observer);
    }

    /// Notes what a node has taken into its mempool.
    #[inline(never)]
    pub(super) fn note_taken_in(&mut self, node: u32, observer: &mut dyn Observer) {
        let Engine { worlds, nodes, out, now, trace, charges, transport, .. } = self;
        let mut sum = 0u128;
        for (no, fee) in &out.taken_in {
            let (wire, first_fee) = worlds[0].on_wire(*no, |tx, fee| on_wire(node, tx, fee, charges, *transport));
            sum += u128::from(match *fee == first_fee {
                true => wire.taken_in,
                false => TraceHash::taken_in(worlds[0].txs().prefix(*no), *fee),
            });
        }
        trace.add_all(*now, u64::from(node), sum);
        observer.taken_in(*now, node, &out.taken_in, Seen { world: &worlds[0], node: &nodes[node as usize] });
        out.taken_in.clear();
    }

    /// Sends what is said of transactions, as [`send`](Engine::send) would send the messages that it stands for.
    pub(super) fn send_numbered(&mut self, from: u32, peer: PeerId, message: Numbered) {
        self.has_txs = true;
        let Engine { worlds, lists, charges, transport, .. } = self;
        let txs = worlds[0].txs();
        let mut ask = |message: Message| charges.bytes(from, &message, *transport);
        let (kind, content, bytes) = match message {
            Numbered::Txs(list) => return self.send_txs(from, peer, list),
            Numbered::Inv(ref news) => {
                let (count, sums) = (news.count(), news.groups().map(|(group, told)| txs.sum_of_prefixes(group, told)));
                (INV, content_of(count, sums), lists[0].bytes(count, |items| ask(Message::Inv(items))))
            }
            Numbered::GetData(ref list) => {
                let (count, prefixes) = (list.len(), list.iter().map(|no| txs.prefix(*no)));
                (GET_DATA, content_of(count, prefixes), lists[1].bytes(count, |items| ask(Message::GetData(items))))
            }
        };
        match self.carry_one(from, peer, kind, content, bytes) {
            Some((order, back)) => self.queue.push(self.now, order, Happening::Numbered(back, message)),
            None => self.lose(message),
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
        let mut placed = 0;
        for (no, after) in txs.iter().zip(0..) {
            let (wire, _) = worlds[0].on_wire(*no, |tx, fee| on_wire(from, tx, fee, charges, *transport));
            *sent_bytes += u64::from(wire.bytes);
            placed += TraceHash::placed(wire.sent, first.wrapping_add(after));
        }
        trace.add_all(at, whom(to, back), placed);
        sent[usize::from(TX)] += count as u64;
        self.send_together(Some((Order::new(at, Class::Arrive, to, first), PeerId(back), txs)));
    }

    /// The same where not all arrive together.
    fn send_each(&mut self, from: u32, peer: PeerId, mut txs: Vec<TxNo>) {
        let mut together: Option<(Order, PeerId, Vec<TxNo>)> = None;
        for no in txs.drain(..) {
            let Engine { worlds, charges, transport, .. } = self;
            let (wire, _) = worlds[0].on_wire(no, |tx, fee| on_wire(from, tx, fee, charges, *transport));
            let name = worlds[0].txs().prefix(no);
            let Some((order, back)) = self.carry_one(from, peer, TX, name, wire.bytes.into()) else {
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
            self.queue.push(self.now, order, Happening::Numbered(peer, Numbered::Txs(txs)));
        }
    }

    /// A message gets lost.
    fn lose(&mut self, message: Numbered) {
        self.out.lose(message, &mut self.worlds[0]);
    }
}

/// The place of the message that is sent so many after the first, at the same time to the same node.
fn follower(first: Order, after: usize) -> Order {
    Order::new(first.at(), Class::Arrive, first.node(), first.sequence().wrapping_add(after as u32))
}
