//! What a node has asked for and not got yet.
//!
//! A block counts once, in whichever form it was asked for.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::peer::{Peer, PeerId};
use crate::header::Time;
use crate::message::InvItem;
use crate::world::TxIndex;

/// How many other announcers of something asked for are remembered.
const ANNOUNCERS: usize = 8;
/// The kind of transactions.
pub(super) const TX: usize = 0;
/// The kind of blocks.
pub(super) const BLOCK: usize = 1;

/// A block or message that was asked for.
pub(super) struct Request {
    pub(super) from: PeerId,
    /// Whether it is a block that was asked for in its compact form.
    pub(super) compact: bool,
    /// Who has announced it too: the first `count`.
    others: [PeerId; ANNOUNCERS],
    count: u8,
    /// How often an answer has been late.
    pub(super) late: u8,
    /// When it was asked last.
    pub(super) asked: Time,
}

impl Request {
    /// Who has announced it too.
    pub(super) fn others(&self) -> &[PeerId] {
        &self.others[..usize::from(self.count)]
    }

    pub(super) fn add_other(&mut self, peer: PeerId) {
        if usize::from(self.count) < ANNOUNCERS && self.from != peer && !self.others().contains(&peer) {
            self.others[usize::from(self.count)] = peer;
            self.count += 1;
        }
    }
}

/// A transaction that was asked for. Who has announced it too stands in the status table.
pub(super) struct TxRequest {
    pub(super) tx: TxIndex,
    pub(super) from: PeerId,
    pub(super) asked: Time,
}

/// All requests that are under way.
#[derive(Default)]
pub(super) struct Requests {
    /// Transactions, in the order of asking.
    pub(super) txs: VecDeque<TxRequest>,
    /// All others. Most nodes wait for one block at a time.
    open: SmallVec<[(InvItem, Request); 1]>,
    /// When the timer is set to.
    pub(super) timed: Option<Time>,
}

/// The name under which something is under way.
pub(super) fn key(item: InvItem) -> InvItem {
    match item {
        InvItem::Compact(id) => InvItem::Block(id),
        other => other,
    }
}

impl Requests {
    pub(super) fn get(&self, item: &InvItem) -> Option<&Request> {
        let key = key(*item);
        self.open.iter().find(|(item, _)| *item == key).map(|(_, request)| request)
    }

    pub(super) fn get_mut(&mut self, item: &InvItem) -> Option<&mut Request> {
        let key = key(*item);
        self.open.iter_mut().find(|(item, _)| *item == key).map(|(_, request)| request)
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.txs.is_empty()
    }

    /// Whether a block is under way.
    pub(super) fn has_blocks(&self) -> bool {
        self.open.iter().any(|(item, _)| matches!(item, InvItem::Block(_)))
    }

    /// Whether a block is under way of which no answer was late.
    pub(super) fn awaits_blocks(&self) -> bool {
        self.open.iter().any(|(item, request)| matches!(item, InvItem::Block(_)) && request.late == 0)
    }

    /// Notes that `from`, which is `peer`, has `item`; whether it is to be asked for it now.
    pub(super) fn add(&mut self, peer: &mut Peer, item: InvItem, from: PeerId, now: Time) -> bool {
        let key = key(item);
        // First, so that nobody makes the list long and then has it searched again and again.
        if peer.room(key.kind()) == 0 {
            return false;
        }
        if let Some(request) = self.get_mut(&key) {
            request.add_other(from);
            return false;
        }
        peer.add_requests(key.kind(), 1);
        let compact = item != key;
        let others = [from; ANNOUNCERS];
        self.open.push((key, Request { from, compact, others, count: 0, late: 0, asked: now }));
        true
    }

    /// What is under way under this name was asked for before.
    pub(super) fn note_repeated(&mut self, item: &InvItem, late: u8) {
        if let Some(request) = self.get_mut(item) {
            request.late = late;
        }
    }

    /// Notes that a neighbour is asked for these transactions: not more than it has room for.
    #[inline]
    pub(super) fn add_txs(&mut self, peer: &mut Peer, txs: &[TxIndex], from: PeerId, asked: Time) {
        peer.add_requests(TX, txs.len());
        self.txs.extend(txs.iter().map(|tx| TxRequest { tx: *tx, from, asked }));
    }

    /// Who was asked for a transaction.
    pub(super) fn asked_for_tx(&self, tx: TxIndex) -> Option<PeerId> {
        self.txs.iter().find(|request| request.tx == tx).map(|request| request.from)
    }

    /// Ends the request of a transaction that is under way.
    #[inline]
    pub(super) fn end_tx(&mut self, peers: &mut [Peer], tx: TxIndex) -> Option<TxRequest> {
        // Most come in the order of asking.
        let request = match self.txs.front().is_some_and(|first| first.tx == tx) {
            true => self.txs.pop_front()?,
            false => self.txs.remove(self.txs.iter().position(|request| request.tx == tx)?)?,
        };
        peers[request.from.0 as usize].end_request(TX);
        if self.txs.is_empty() {
            // The next one goes where this one was, so that little memory is in use.
            self.txs.clear();
        }
        Some(request)
    }

    /// Ends a request.
    pub(super) fn end(&mut self, peers: &mut [Peer], item: &InvItem) -> Option<Request> {
        let key = key(*item);
        let at = self.open.iter().position(|(item, _)| *item == key)?;
        let (_, request) = self.open.remove(at);
        peers[request.from.0 as usize].end_request(key.kind());
        Some(request)
    }

    /// What is under way for which `which` holds, of the neighbour that was asked and the time of that. Oldest first.
    pub(super) fn find(&self, which: impl Fn(PeerId, Time) -> bool) -> (Vec<TxIndex>, Vec<InvItem>) {
        let txs = self.txs.iter().filter(|request| which(request.from, request.asked)).map(|request| request.tx);
        let others = self.open.iter().filter(|(_, request)| which(request.from, request.asked)).map(|(item, _)| *item);
        (txs.collect(), others.collect())
    }

    /// When the next one is late, if a neighbour that is asked at a time is late at `late_at`.
    pub(super) fn next_late(&self, late_at: impl Fn(PeerId, Time) -> Time) -> Option<Time> {
        let others = self.open.iter().map(|(_, request)| late_at(request.from, request.asked));
        others.chain(self.txs.iter().map(|request| late_at(request.from, request.asked))).min()
    }
}
