//! Putting messages on their way.

use std::ops::Range;

use fika_core::hash::{Id, domain_hash};
use fika_core::header::Header;
use fika_core::message::{Item, Message};
use fika_core::node::{Dest, PeerId};

use super::super::announcements::Way;
use super::super::links::Carried;
use super::super::order::{Class, Order};
use super::super::tournament::NEVER;
use super::super::trace_hash::TraceHash;
use super::{Engine, Happening};

impl Engine<'_> {
    /// Sends a message; gives it back where nobody needed the message itself.
    pub(super) fn send(&mut self, from: u32, dest: Dest, message: Message) -> Option<Message> {
        let bytes = self.charges.bytes(from, &message, self.transport);
        if let Some(tracer) = &mut self.tracer {
            tracer.message(&message, bytes);
        }
        let block = match &message {
            Message::Inv(items) => match &items[..] {
                [Item::Block(id)] => Some(self.number(*id)),
                _ => None,
            },
            _ => None,
        };
        match dest {
            Dest::Peer(peer) if block.is_none() => {
                match self.carry_one(from, peer, message.kind(), content(&message), bytes) {
                    Some((order, back)) => {
                        self.queue.push(self.now, order, Happening::Arrive(back, bytes as u32, message));
                        None
                    }
                    None => Some(message),
                }
            }
            Dest::Peer(peer) => self.send_to_many(from, (peer.0..peer.0 + 1, None), message, bytes, block),
            Dest::AllBut(but) => {
                let all = 0..self.links.degree(from);
                self.send_to_many(from, (all, but.map(|peer| peer.0)), message, bytes, block)
            }
        }
    }

    /// Sends the same to the neighbours of these numbers, but for one.
    fn send_to_many(
        &mut self,
        from: u32,
        (peers, but): (Range<u32>, Option<u32>),
        message: Message,
        bytes: u64,
        block: Option<u32>,
    ) -> Option<Message> {
        let kind = message.kind();
        let what = in_trace(kind, content(&message), bytes);
        let mut carried = std::mem::take(&mut self.carried);
        self.links.carry(from, (peers, but), (kind, bytes), self.now, &mut carried);
        if let Some(tracer) = &mut self.tracer {
            carried.iter().for_each(|one| tracer.sent(self.now, from, *one));
        }
        self.sent[usize::from(kind)] += carried.len() as u64;
        self.sent_bytes += carried.len() as u64 * bytes;
        match block {
            Some(block) => self.announce_to(&carried, block, what),
            None => self.copy_to(&carried, &message, what, bytes),
        }
        carried.clear();
        self.carried = carried;
        Some(message)
    }

    /// Announces a block to all of these whom the announcement reaches.
    fn announce_to(&mut self, carried: &[Carried], block: u32, what: u64) {
        let Engine { queue, announcements, now, .. } = self;
        let (mut trace, mut settled) = (self.trace, 0);
        announcements.send(*now, block, carried, |one, sequence, way| {
            let Carried { to, back, at } = one;
            trace.add(at, whom(to, back), what, sequence);
            match way {
                Way::Settled => settled += 1,
                Way::Queue => {
                    let order = Order::new(at, Class::Arrive, to, sequence);
                    queue.push(*now, order, Happening::Announce(PeerId(back), block));
                }
                Way::Lost => {}
            }
        });
        self.trace = trace;
        self.events += settled;
    }

    /// Sends a message to all of these whom it reaches.
    fn copy_to(&mut self, carried: &[Carried], message: &Message, what: u64, bytes: u64) {
        for Carried { to, back, at } in carried.iter().copied() {
            let sequence = self.announcements.next_event(to);
            self.trace.add(at, whom(to, back), what, sequence);
            if at != NEVER {
                let order = Order::new(at, Class::Arrive, to, sequence);
                self.queue.push(self.now, order, Happening::Arrive(PeerId(back), bytes as u32, message.clone()));
            }
        }
    }

    /// Puts one message on its way to one neighbour. Its place there and the sender's number there; `None`: it gets lost.
    pub(super) fn carry_one(
        &mut self,
        from: u32,
        peer: PeerId,
        kind: u8,
        content: u64,
        bytes: u64,
    ) -> Option<(Order, PeerId)> {
        let Engine { links, announcements, trace, tracer, now, .. } = self;
        let one = links.carry_one(from, peer.0, (kind, bytes), *now);
        let Carried { to, back, at } = one;
        let sequence = announcements.next_event(to);
        trace.add(at, whom(to, back), in_trace(kind, content, bytes), sequence);
        if let Some(tracer) = tracer {
            tracer.sent(*now, from, one);
        }
        self.sent[usize::from(kind)] += 1;
        self.sent_bytes += bytes;
        (at != NEVER).then(|| (Order::new(at, Class::Arrive, to, sequence), PeerId(back)))
    }
}

/// What is sent, and whom it reaches, as the trace has them.
pub(super) fn in_trace(kind: u8, content: u64, bytes: u64) -> u64 {
    TraceHash::what(u64::from(kind) << 56 ^ content, bytes)
}

pub(super) fn whom(to: u32, back: u32) -> u64 {
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

/// What a list is about that has so many things, which begin so, or with such sums. Their order does not matter: it follows
/// from that in which the sender got to know them.
pub(super) fn content_of(count: usize, list: impl Iterator<Item = u64>) -> u64 {
    list.fold(count as u64, u64::wrapping_add)
}

/// What a message is about, as a number.
fn content(message: &Message) -> u64 {
    match message {
        Message::Inv(items) | Message::GetData(items) | Message::NotFound(items) => {
            content_of(items.len(), items.iter().map(|item| item.id().prefix()))
        }
        Message::Tx(tx) => tx.hash().prefix(),
        Message::Block(block) | Message::Candidate(block) => of_header(&block.head.header),
        Message::GetHeaders(locator) => locator.first().map_or(0, Id::prefix),
        Message::Headers(heads) => heads.first().map_or(0, |head| of_header(&head.header)),
        Message::Gossip(gossip) => gossip.id().prefix(),
        Message::Direct(bytes) => domain_hash("fika direct", &[bytes]).prefix(),
        Message::CompactBlock(compact) => of_header(&compact.head.header),
        Message::GetBlockTxn(request) => request.id.prefix() ^ request.indexes.len() as u64,
        Message::BlockTxn(answer) => answer.id.prefix() ^ answer.txs.len() as u64,
    }
}
