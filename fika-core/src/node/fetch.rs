//! Asking neighbours for what they have announced, and the next one when the first does not answer.
//!
//! All requests share one timer: it is set while anything is under way, looks for what is late when it fires, and is set
//! again for the next. So an announcement of something that is under way costs one look.

use super::io::PeerMessage;
use super::peer::{Peer, PeerId, peer_in};
use super::requests::{Request, TX, key};
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use crate::hash::Id;
use crate::header::Time;
use crate::message::{InvItem, Message};
use crate::world::TxIndex;

impl Node {
    fn late_at(&self, turn: &Turn<'_>) -> Time {
        turn.now.saturating_add(self.config.relay.request_timeout_us)
    }

    /// How an announced block is asked for.
    pub(super) fn block_item(&self, id: Id) -> InvItem {
        if self.config.relay.compact { InvItem::Compact(id) } else { InvItem::Block(id) }
    }

    /// Asks a neighbour for things. What is under way already it is asked for when the one before it fails.
    pub(super) fn request(&mut self, turn: &mut Turn<'_>, from: PeerId, mut items: Vec<InvItem>) {
        let until = self.late_at(turn);
        items.retain(|item| self.requests.add(peer_in(&mut self.peers, from), *item, from, until));
        if !items.is_empty() {
            self.time_requests(until);
            turn.out.send_other(from, Message::GetData(items));
        }
    }

    /// These neighbours have announced a block for which the node waits.
    pub(super) fn on_also_announced(&mut self, block: &Id, peers: &[PeerId]) {
        for peer in peers.iter().filter(|peer| self.peers.get(peer.0 as usize).is_none_or(|peer| !peer.banned)) {
            if let Some(request) = self.requests.get_mut(&InvItem::Block(*block)) {
                request.add_other(*peer);
            }
        }
    }

    /// Asks a neighbour for transactions that it has announced, as far as it may be asked. A list of indexes becomes a
    /// message, which holds them.
    pub(super) fn request_txs(&mut self, turn: &mut Turn<'_>, from: PeerId, mut list: Vec<TxIndex>) {
        let until = self.late_at(turn);
        let (peer, txs) = (peer_in(&mut self.peers, from), turn.world.txs_mut());
        list.truncate(peer.room(TX));
        list.retain(|tx| {
            let is_new = !self.tx_status.is_requested(*tx);
            if is_new {
                self.tx_status.request(txs, *tx, from);
                txs.hold_again(*tx);
            }
            is_new
        });
        self.requests.add_txs(peer, &list, from, until);
        if !list.is_empty() {
            self.time_requests(until);
        }
        turn.out.send_txs(from, list, PeerMessage::GetTxs);
    }

    /// Sees to it that what is late is asked for elsewhere.
    fn time_requests(&mut self, until: Time) {
        if !self.requests.timed {
            self.requests.timed = true;
            self.timers.set(until, Timer::Requests);
        }
    }

    /// Ends what is under way under this name.
    pub(super) fn end_request(&mut self, turn: &mut Turn<'_>, item: &InvItem) -> Option<Request> {
        let request = self.requests.end(&mut self.peers, item)?;
        if let InvItem::Block(id) | InvItem::Compact(id) = item {
            turn.out.ended_requests.push(*id);
            self.partial_blocks.drop_block(id);
            // Blocks are far apart, so it pays to end the timer; between transactions it is left to fire in vain once in a
            // while.
            if self.requests.timed && self.requests.is_empty() {
                self.requests.timed = false;
                self.timers.cancel(|timer| *timer == Timer::Requests);
            }
        }
        Some(request)
    }

    /// A transaction is no longer asked for; gives who was.
    #[inline]
    pub(super) fn end_tx_request(&mut self, turn: &mut Turn<'_>, tx: TxIndex) -> Option<PeerId> {
        if !self.tx_status.end_request(turn.world.txs_mut(), tx) {
            return None;
        }
        self.requests.end_tx(&mut self.peers, tx)
    }

    /// Whoever was asked for a block is at work on it: it gets time for the next step, which asks for the full block
    /// or for transactions of the compact one.
    pub(super) fn extend_request(&mut self, turn: &Turn<'_>, item: &InvItem, compact: bool) {
        let until = self.late_at(turn);
        if let Some(request) = self.requests.get_mut(item) {
            (request.until, request.compact) = (until, compact);
        }
    }

    pub(super) fn on_requests_due(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        self.request_elsewhere(turn, |_, until| until <= now);
        let next = self.requests.next_late();
        self.requests.timed = next.is_some();
        if let Some(next) = next {
            self.timers.set(next, Timer::Requests);
        }
    }

    /// Asks others for what is under way for which `which` holds.
    pub(super) fn request_elsewhere(&mut self, turn: &mut Turn<'_>, which: impl Fn(PeerId, Time) -> bool) {
        let (txs, items) = self.requests.find(which);
        txs.into_iter().for_each(|tx| self.request_tx_elsewhere(turn, tx));
        items.into_iter().for_each(|item| self.request_item_elsewhere(turn, item));
    }

    fn can_be_asked(&self, peer: PeerId) -> bool {
        self.peers.get(peer.0 as usize).is_some_and(Peer::can_be_asked)
    }

    /// Asks the next neighbour that has announced `item`, if there is one; for a block in full this time.
    pub(super) fn request_item_elsewhere(&mut self, turn: &mut Turn<'_>, item: InvItem) {
        let Some(request) = self.end_request(turn, &item) else { return };
        let mut others = request.others().iter().copied().filter(|peer| self.can_be_asked(*peer));
        if let Some(next) = others.next() {
            let rest: Vec<PeerId> = others.collect();
            let key = key(item);
            self.request(turn, next, vec![key]);
            if let Some(request) = self.requests.get_mut(&key) {
                rest.into_iter().for_each(|peer| request.add_other(peer));
            }
        } else if matches!(item, InvItem::Block(_) | InvItem::Compact(_)) {
            turn.out.pending.useless.push(request.from);
        }
    }

    /// Asks the next neighbour that has announced a transaction, if there is one.
    pub(super) fn request_tx_elsewhere(&mut self, turn: &mut Turn<'_>, tx: TxIndex) {
        let announcers = self.tx_status.announcers(tx);
        // Nothing else may hold it.
        turn.world.txs_mut().hold_again(tx);
        if let Some(from) = self.end_tx_request(turn, tx) {
            let others = announcers.into_iter().filter(|peer| *peer != from && self.can_be_asked(*peer));
            let others: Vec<PeerId> = others.collect();
            if let Some(next) = others.first() {
                self.request_txs(turn, *next, vec![tx]);
                if self.tx_status.is_requested(tx) {
                    others.iter().for_each(|peer| self.tx_status.announced(tx, *peer));
                }
            }
        }
        turn.world.txs_mut().release(tx);
    }
}
