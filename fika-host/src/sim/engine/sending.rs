//! Putting messages on their way.

use fika_core::hash::{Id, domain_hash};
use fika_core::header::Header;
use fika_core::message::{Item, Message};
use fika_core::node::{Dest, PeerId};

use super::super::announcements::{Waiting, Way};
use super::super::links::Carried;
use super::super::order::{Class, Order};
use super::super::tournament::NEVER;
use super::{Engine, Happening};

impl Engine<'_> {
    /// Sends a message; gives it back where nobody needed the message itself.
    pub(super) fn send(&mut self, from: u32, dest: Dest, message: Message) -> Option<Message> {
        let kind = message.kind();
        let bytes = self.charges.bytes(from, &message, self.transport);
        let what = u64::from(kind) << 56 ^ content(&message);
        let block = match &message {
            Message::Inv(items) => match &items[..] {
                [Item::Block(id)] => Some(self.number(*id)),
                _ => None,
            },
            _ => None,
        };
        if let Some(tracer) = &mut self.tracer {
            tracer.message(&message, bytes);
        }
        let (peers, but) = match dest {
            Dest::Peer(peer) => (peer.0..peer.0 + 1, None),
            Dest::AllBut(but) => (0..self.links.degree(from), but.map(|peer| peer.0)),
        };
        if block.is_some() {
            self.links.neighbours(from, peers.clone()).for_each(|to| self.announcements.fetch(to));
        }
        let Engine { links, carried, tracer, queue, announcements, now, .. } = self;
        let (now, mut settled) = (*now, 0);
        let mut trace = self.trace;
        // A message to one neighbour need not be copied.
        let to_one = matches!(dest, Dest::Peer(_));
        let mut message = Some(message);
        links.carry(from, (peers, but), (kind, bytes), now, carried);
        for one in &carried[..] {
            let Carried { to, back, at } = *one;
            let sequence = announcements.next_event(to);
            let whom = u64::from(to) << 32 | u64::from(back);
            trace.add(at.unwrap_or(NEVER), whom, what, bytes << 32 | u64::from(sequence));
            if let Some(tracer) = tracer {
                tracer.sent(now, from, *one);
            }
            let Some(at) = at else { continue };
            if let Some(block) = block
                && announcements.send(to, block, Waiting { at, sequence, peer: back }) == Way::Settled
            {
                settled += 1;
                continue;
            }
            let (order, peer) = (Order::new(at, Class::Arrive, to, sequence), PeerId(back));
            let mut message = || if to_one { message.take() } else { message.clone() };
            let happening = match block {
                Some(block) => Happening::Announce(peer, block),
                None => match message() {
                    Some(message) => Happening::Arrive(peer, bytes as u32, message),
                    None => continue,
                },
            };
            queue.push(now, order, happening);
        }
        self.trace = trace;
        self.sent[usize::from(kind)] += self.carried.len() as u64;
        self.sent_bytes += self.carried.len() as u64 * bytes;
        self.carried.clear();
        self.events += settled;
        message
    }
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
pub(super) fn content(message: &Message) -> u64 {
    match message {
        Message::Inv(items) | Message::GetData(items) | Message::NotFound(items) => {
            items.iter().fold(items.len() as u64, |sum, one| sum.rotate_left(7) ^ one.id().prefix())
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
