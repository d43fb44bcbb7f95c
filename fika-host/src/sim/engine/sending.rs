//! Putting messages on their way.

use std::ops::Range;

use fika_core::filter::filter_hash;
use fika_core::hash::{Id, domain_hash};
use fika_core::header::Header;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Dest, PeerId, PeerMessage};
use fika_core::world::{TxIndex, WireInfo};

use super::super::block_announcements::Way;
use super::super::links::Delivery;
use super::super::order::{Class, Order};
use super::super::tournament::NEVER;
use super::super::trace_hash::TraceHash;
use super::{Engine, SimEvent};

/// The kinds of [`Message::Inv`], [`Message::GetData`], [`Message::NotFound`] and [`Message::Tx`].
const INV: u8 = 0;
const GET_DATA: u8 = 1;
const NOT_FOUND: u8 = 2;
const TX: u8 = 3;

impl Engine<'_> {
    /// Sends what a node has said, in the order in which it said it.
    pub(super) fn send_all(&mut self, from: u32) {
        // Nearly always there is one message or none.
        if self.out.messages.len() < 2 {
            if let Some((dest, message)) = self.out.messages.pop() {
                self.send(from, dest, message);
            }
            return;
        }
        let mut messages = std::mem::take(&mut self.out.messages);
        messages.drain(..).for_each(|(dest, message)| self.send(from, dest, message));
        self.out.messages = messages;
    }

    fn send(&mut self, from: u32, dest: Dest, message: PeerMessage) {
        match (dest, message) {
            (Dest::Peer(peer), PeerMessage::Txs(txs)) => self.send_txs(from, peer, txs),
            (Dest::Peer(peer), PeerMessage::Other(message)) => self.send_other(from, peer, message),
            (Dest::Peer(peer), message) => self.send_one(from, peer, message),
            (Dest::AllBut(but), PeerMessage::Other(message)) => {
                let all = 0..self.links.degree(from);
                self.send_to_many(from, (all, but.map(|peer| peer.0)), message);
            }
            // What names transactions is sent to each neighbour apart.
            (Dest::AllBut(_), message) => self.lose(from, message),
        }
    }

    /// Sends what names no transaction to one neighbour.
    fn send_other(&mut self, from: u32, peer: PeerId, message: Message) {
        match &message {
            // What is said of one block may be suppressed.
            Message::Inv(items) if matches!(items[..], [InvItem::Block(_)]) => {
                return self.send_to_many(from, (peer.0..peer.0 + 1, None), message);
            }
            Message::GetData(items) => {
                if let Some(InvItem::Block(id) | InvItem::Compact(id)) = items.last() {
                    self.last_requested = *id;
                }
            }
            _ => {}
        }
        self.send_one(from, peer, PeerMessage::Other(message));
    }

    /// Sends transactions: each is a message, and those that arrive together take one place in the queue.
    fn send_txs(&mut self, from: u32, peer: PeerId, txs: Vec<TxIndex>) {
        if !self.links.arrive_together(from, peer.0, TX) {
            return txs.into_iter().for_each(|tx| self.send_one(from, peer, PeerMessage::Txs(vec![tx])));
        }
        let count = txs.len() as u32;
        let (to, back) = self.links.neighbour(from, peer.0);
        let first = self.announcements.next_events(to, count);
        let (mut placed, mut at) = (0, self.now);
        for (tx, after) in txs.iter().zip(0..) {
            let wire = self.wire(from, *tx);
            let delivery = self.links.carry(from, peer.0, (TX, wire.bytes.into()), self.now);
            at = delivery.at;
            self.sent_bytes += u64::from(wire.bytes);
            placed += TraceHash::placed(wire.number, first.wrapping_add(after));
            if self.tracer.is_some() {
                self.show(from, &PeerMessage::Txs(vec![*tx]), wire.bytes.into(), &[delivery]);
            }
        }
        self.trace.add_all(at, whom(to, back), placed);
        self.sent[usize::from(TX)] += u64::from(count);
        let message = self.hand_on(from, to, PeerMessage::Txs(txs));
        let order = Order::new(at, Class::Arrive, to, first);
        self.queue.push(self.now, order, SimEvent::Deliver(PeerId(back), 0, message));
    }

    /// What a message with a transaction is, worked out when the first node sends it.
    fn wire(&mut self, from: u32, tx: TxIndex) -> WireInfo {
        let place = self.place(from);
        let Engine { worlds, charges, transport, .. } = self;
        worlds[place].txs_mut().wire(tx, |tx| {
            let bytes = charges.bytes(from, &Message::Tx(tx.clone()), *transport);
            WireInfo { bytes: bytes as u32, number: in_trace(TX, tx.hash().prefix(), bytes) }
        })
    }

    /// Sends a message to one neighbour.
    fn send_one(&mut self, from: u32, peer: PeerId, message: PeerMessage) {
        let txs = self.world(from).txs();
        let prefixes =
            |list: &[TxIndex]| list.iter().fold(list.len() as u64, |sum, tx| sum.wrapping_add(txs.prefix(*tx)));
        let (kind, count, content) = match &message {
            PeerMessage::TxInv(inv) => {
                let sum = inv.txs().fold(inv.count() as u64, |sum, tx| sum.wrapping_add(txs.prefix(tx)));
                (INV, inv.count(), sum)
            }
            PeerMessage::GetTxs(list) => (GET_DATA, list.len(), prefixes(list)),
            PeerMessage::TxsNotFound(list) => (NOT_FOUND, list.len(), prefixes(list)),
            PeerMessage::Txs(list) => (TX, list.len(), txs.prefix(list[0])),
            PeerMessage::Other(message) => (message.kind(), 0, content(message)),
        };
        let bytes = match &message {
            PeerMessage::Txs(list) => self.wire(from, list[0]).bytes.into(),
            PeerMessage::Other(message) => self.charges.bytes(from, message, self.transport),
            _ => self.charges.list_bytes(kind, count, self.transport),
        };
        let delivery = self.links.carry(from, peer.0, (kind, bytes), self.now);
        let Delivery { to, back, at } = delivery;
        let sequence = self.announcements.next_event(to);
        self.trace.add(at, whom(to, back), in_trace(kind, content, bytes), sequence);
        self.show(from, &message, bytes, &[delivery]);
        self.sent[usize::from(kind)] += 1;
        self.sent_bytes += bytes;
        if at == NEVER {
            return self.lose(from, message);
        }
        let message = self.hand_on(from, to, message);
        let order = Order::new(at, Class::Arrive, to, sequence);
        self.queue.push(self.now, order, SimEvent::Deliver(PeerId(back), bytes as u32, message));
    }

    /// Shows the tracer a message that is on its way to all of these.
    #[inline]
    fn show(&mut self, from: u32, message: &PeerMessage, bytes: u64, deliveries: &[Delivery]) {
        let place = self.place(from);
        if let Some(tracer) = &mut self.tracer {
            tracer.message(message, bytes, self.worlds[place].txs());
            deliveries.iter().for_each(|one| tracer.sent(self.now, from, *one));
        }
    }

    /// Sends what names no transaction to the neighbours of these numbers, but for one.
    fn send_to_many(&mut self, from: u32, (peers, but): (Range<u32>, Option<u32>), message: Message) {
        let kind = message.kind();
        let bytes = self.charges.bytes(from, &message, self.transport);
        let what = in_trace(kind, content(&message), bytes);
        let mut deliveries = std::mem::take(&mut self.deliveries);
        self.links.carry_to_many(from, (peers, but), (kind, bytes), self.now, &mut deliveries);
        self.sent[usize::from(kind)] += deliveries.len() as u64;
        self.sent_bytes += deliveries.len() as u64 * bytes;
        let message = PeerMessage::Other(message);
        self.show(from, &message, bytes, &deliveries);
        let PeerMessage::Other(message) = message else { return };
        match message {
            Message::Inv(items) if matches!(items[..], [InvItem::Block(_)]) => {
                let block = self.number(*items[0].id());
                self.announce_to(&deliveries, block, what);
                self.out.reuse_items(items);
            }
            message => self.copy_to(&deliveries, &message, what, bytes),
        }
        deliveries.clear();
        self.deliveries = deliveries;
    }

    /// Announces a block to all of these whom the announcement reaches.
    fn announce_to(&mut self, deliveries: &[Delivery], block: u32, what: u64) {
        let Engine { queue, announcements, now, .. } = self;
        let (mut trace, mut suppressed) = (self.trace, 0);
        announcements.send(*now, block, deliveries, |one, sequence, way| {
            let Delivery { to, back, at } = one;
            trace.add(at, whom(to, back), what, sequence);
            match way {
                Way::Suppressed => suppressed += 1,
                Way::Queue => {
                    let order = Order::new(at, Class::Arrive, to, sequence);
                    queue.push(*now, order, SimEvent::Announce(PeerId(back), block));
                }
                Way::Lost => {}
            }
        });
        self.trace = trace;
        self.events += suppressed;
    }

    /// Sends a message to all of these whom it reaches.
    fn copy_to(&mut self, deliveries: &[Delivery], message: &Message, what: u64, bytes: u64) {
        for Delivery { to, back, at } in deliveries.iter().copied() {
            let sequence = self.announcements.next_event(to);
            self.trace.add(at, whom(to, back), what, sequence);
            if at != NEVER {
                let order = Order::new(at, Class::Arrive, to, sequence);
                let message = PeerMessage::Other(message.clone());
                self.queue.push(self.now, order, SimEvent::Deliver(PeerId(back), bytes as u32, message));
            }
        }
    }

    /// A message reaches nobody; its indexes are those of this node's world.
    pub(super) fn lose(&mut self, node: u32, message: PeerMessage) {
        let place = self.place(node);
        message.release(self.worlds[place].txs_mut());
    }

    /// The message as its receiver takes it: with the indexes of another world, if it has one of its own.
    fn hand_on(&mut self, from: u32, to: u32, message: PeerMessage) -> PeerMessage {
        let (from, to) = (self.place(from), self.place(to));
        if from == to {
            return message;
        }
        let wire = message.to_wire(self.worlds[from].txs());
        message.release(self.worlds[from].txs_mut());
        let whole = PeerMessage::from_wire_parts(wire, self.worlds[to].txs_mut());
        whole.unwrap_or(PeerMessage::Txs(Vec::new()))
    }
}

/// What is sent, and whom it reaches, as the trace has them.
fn in_trace(kind: u8, content: u64, bytes: u64) -> u64 {
    TraceHash::what(u64::from(kind) << 56 ^ content, bytes)
}

fn whom(to: u32, back: u32) -> u64 {
    u64::from(to) << 32 | u64::from(back)
}

/// A number for a header: its id would be one too, at the price of a hash.
fn of_header(header: &Header) -> u64 {
    header.parent.prefix()
        ^ header.root.prefix().rotate_left(32)
        ^ u64::from(header.nonce)
        ^ u64::from(header.time) << 32
        ^ u64::from(header.bits).rotate_left(16)
}

/// What a message is about, as a number.
fn content(message: &Message) -> u64 {
    match message {
        // The order in a list follows from that in which the sender got to know the things.
        Message::Inv(items) | Message::GetData(items) | Message::NotFound(items) => {
            items.iter().fold(items.len() as u64, |sum, item| sum.wrapping_add(item.id().prefix()))
        }
        Message::Tx(tx) => tx.hash().prefix(),
        Message::Block(block) | Message::Proposal(block) => of_header(&block.head.header),
        Message::GetHeaders(locator) => locator.first().map_or(0, Id::prefix),
        Message::Headers(heads) => heads.first().map_or(0, |head| of_header(&head.header)),
        Message::Gossip(gossip) => gossip.id().prefix(),
        Message::Direct(bytes) => domain_hash("fika direct", &[bytes]).prefix(),
        Message::CompactBlock(compact) => of_header(&compact.head.header),
        Message::GetBlockTxn(request) => request.id.prefix() ^ request.indexes.len() as u64,
        Message::BlockTxn(answer) => answer.id.prefix() ^ answer.txs.len() as u64,
        Message::GetCfHeaders(range) | Message::GetCFilters(range) => range.stop.prefix() ^ range.start,
        Message::CfHeaders(answer) => {
            answer.hashes.iter().fold(answer.stop.prefix(), |sum, hash| sum.wrapping_add(hash.prefix()))
        }
        Message::CFilter(answer) => answer.block.prefix() ^ filter_hash(&answer.filter).prefix(),
        Message::GetMerkle(request) => request.block.prefix() ^ request.elements.len() as u64,
        Message::MerkleBlock(answer) => {
            answer.txs.iter().fold(answer.block.prefix(), |sum, (_, tx)| sum.wrapping_add(tx.hash().prefix()))
        }
    }
}
