//! Asking neighbours for what they have announced, and again until it is there or no neighbour has it.
//!
//! Whoever does not answer in time is asked last: the next one that has announced the thing comes first. Whoever is alone in
//! having it is asked again, each time with more patience. Of what one neighbour owes only the oldest thing is asked for
//! again: on a slow link the rest is still under way. A neighbour that says that it does not have a thing, or is gone, is
//! not asked again; nor is one that has not answered [`MAX_LATE`] times.
//!
//! All requests share one timer: it is set while anything is under way, looks for what is late when it fires, and is set
//! again for the next. So an announcement of something that is under way costs one look.

use std::collections::BTreeSet;

use super::chain_sync::HeadersRequest;
use super::io::PeerMessage;
use super::peer::{Peer, PeerId, peer_in};
use super::requests::{Request, TX, TxRequest, key};
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use crate::hash::Id;
use crate::header::Time;
use crate::message::{InvItem, MAX_LOCATOR, Message};
use crate::world::{Tree, TxIndex};

/// So often one thing is asked for in vain. By then messages are not lost, but somebody does not want to answer.
const MAX_LATE: u8 = 20;

impl Node {
    fn wait(&self, peer: PeerId) -> Time {
        let timeout = self.config.relay.request_timeout_us;
        self.seldom.patience.wait(peer, timeout)
    }

    /// A neighbour has answered what it was asked for at this time.
    #[inline]
    pub(super) fn note_answer(&mut self, turn: &Turn<'_>, from: PeerId, asked: Time) {
        let timeout = self.config.relay.request_timeout_us;
        let took = turn.now.saturating_sub(asked);
        // Written only where it changes: most nodes have no such state.
        if self.seldom.patience.changes(from, took, timeout) {
            self.seldom.patience.note_answer(from, took, timeout);
        }
    }

    /// How an announced block is asked for.
    pub(super) fn block_item(&self, id: Id) -> InvItem {
        if self.config.relay.compact { InvItem::Compact(id) } else { InvItem::Block(id) }
    }

    /// Asks a neighbour for things. What is under way already it is asked for when the one before it fails.
    pub(super) fn request(&mut self, turn: &mut Turn<'_>, from: PeerId, mut items: Vec<InvItem>) {
        items.retain(|item| self.requests.add(peer_in(&mut self.peers, from), *item, from, turn.now));
        if !items.is_empty() {
            self.time_requests(turn, from);
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
        self.requests.add_txs(peer, &list, from, turn.now);
        if !list.is_empty() {
            self.time_requests(turn, from);
        }
        turn.out.send_txs(from, list, PeerMessage::GetTxs);
    }

    /// Asks a neighbour whether it has newer blocks.
    pub(super) fn ask_headers(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        let locator = self.locator(turn);
        self.ask_headers_after(turn, peer, locator);
    }

    /// The same, after one of these blocks.
    pub(super) fn ask_headers_after(&mut self, turn: &mut Turn<'_>, from: PeerId, locator: Vec<Id>) {
        let asked = turn.now;
        match self.seldom.sync.asked.iter_mut().find(|request| request.from == from) {
            Some(request) => request.asked = asked,
            None => self.seldom.sync.asked.push(HeadersRequest { from, asked, late: 0 }),
        }
        self.time_requests(turn, from);
        turn.out.send_other(from, Message::GetHeaders(locator));
    }

    /// Blocks of the node's chain, ever sparser towards genesis, so that the other end finds the last common one.
    pub(super) fn locator(&self, turn: &Turn<'_>) -> Vec<Id> {
        let tree = turn.world.tree();
        let tip = self.public_tip(tree);
        let mut height = tree[tip].height;
        let mut step = 1;
        let mut ids = Vec::new();
        while height > 0 && ids.len() < MAX_LOCATOR - 1 {
            ids.push(tree[tree.ancestor(tip, height)].id);
            step *= if ids.len() > 10 { 2 } else { 1 };
            height = height.saturating_sub(step);
        }
        ids.push(tree[Tree::GENESIS].id);
        ids
    }

    /// A neighbour has sent headers.
    pub(super) fn end_headers_request(&mut self, turn: &Turn<'_>, from: PeerId) {
        if let Some(at) = self.seldom.sync.asked.iter().position(|request| request.from == from) {
            let request = self.seldom.sync.asked.remove(at);
            self.note_answer(turn, from, request.asked);
            self.end_timer();
        }
    }

    /// Sees to it that what this neighbour is asked for now is asked for again when it is late.
    fn time_requests(&mut self, turn: &Turn<'_>, from: PeerId) {
        self.set_timer(turn.now.saturating_add(self.wait(from)));
    }

    fn set_timer(&mut self, at: Time) {
        if self.requests.timed.is_some_and(|timed| timed <= at) {
            return;
        }
        if self.requests.timed.is_some() {
            self.timers.cancel(|timer| *timer == Timer::Requests);
        }
        self.requests.timed = Some(at);
        self.timers.set(at, Timer::Requests);
    }

    /// Nothing may be late any longer.
    fn end_timer(&mut self) {
        if self.requests.timed.is_some() && self.requests.is_empty() && self.seldom.sync.asked.is_empty() {
            self.requests.timed = None;
            self.timers.cancel(|timer| *timer == Timer::Requests);
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
            self.end_timer();
        }
        Some(request)
    }

    /// What was asked for has come from this neighbour. Whether it was asked for.
    pub(super) fn fulfil_request(&mut self, turn: &mut Turn<'_>, from: PeerId, item: &InvItem) -> bool {
        let Some(request) = self.end_request(turn, item) else { return false };
        if matches!(item, InvItem::Block(_)) {
            self.peer(from).note_block();
        }
        if request.from == from {
            self.note_answer(turn, from, request.asked);
        }
        true
    }

    /// A transaction is no longer asked for; gives what was under way.
    #[inline]
    pub(super) fn end_tx_request(&mut self, turn: &mut Turn<'_>, tx: TxIndex) -> Option<TxRequest> {
        if !self.tx_status.end_request(turn.world.txs_mut(), tx) {
            return None;
        }
        self.requests.end_tx(&mut self.peers, tx)
    }

    /// Whoever was asked for a block is at work on it: it gets time for the next step, which asks for the full block
    /// or for transactions of the compact one.
    pub(super) fn extend_request(&mut self, turn: &Turn<'_>, item: &InvItem, compact: bool) {
        if let Some(request) = self.requests.get_mut(item) {
            (request.asked, request.compact) = (turn.now, compact);
        }
    }

    /// Asks again for what is late.
    pub(super) fn on_requests_due(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        self.requests.timed = None;
        let (txs, items) = self.requests.find(|from, asked| asked.saturating_add(self.wait(from)) <= now);
        let headers = self.seldom.sync.asked.iter().filter(|request| request.asked + self.wait(request.from) <= now);
        let headers: Vec<PeerId> = headers.map(|request| request.from).collect();
        // Who is late, and who has been asked for something again.
        let (mut slow, mut asked, mut late) = (headers.clone(), Vec::new(), BTreeSet::new());
        for item in items {
            if let Some(from) = self.requests.get(&item).map(|request| request.from) {
                slow.push(from);
                if matches!(item, InvItem::Block(_)) && late.insert(from) && self.peer(from).note_late_block() {
                    turn.out.pending.useless.extend(self.seldom.sync.names_more(from).then_some(from));
                }
                let others = self.requests.get(&item).map_or(&[][..], |request| request.others());
                let is_alone = !others.iter().any(|peer| self.can_be_asked(*peer));
                if !is_alone || may_repeat(&mut asked, from) {
                    self.request_item_elsewhere(turn, item, false);
                }
            }
        }
        for tx in txs {
            let Some(from) = self.requests.asked_for_tx(tx) else { continue };
            slow.push(from);
            let having = self.tx_status.announcers(tx);
            let is_alone = !having.into_iter().any(|peer| peer != from && self.can_be_asked(peer));
            if !is_alone || may_repeat(&mut asked, from) {
                self.request_tx_elsewhere(turn, tx, false);
            }
        }
        for peer in headers {
            if may_repeat(&mut asked, peer) {
                self.ask_headers_again(turn, peer);
            }
        }
        slow.sort_unstable();
        slow.dedup();
        let timeout = self.config.relay.request_timeout_us;
        slow.into_iter().for_each(|peer| self.seldom.patience.note_late(peer, timeout));
        let late_at = |from, asked: Time| asked.saturating_add(self.wait(from));
        let headers = self.seldom.sync.asked.iter().map(|request| late_at(request.from, request.asked));
        if let Some(next) = headers.chain(self.requests.next_late(late_at)).min() {
            self.set_timer(next);
        }
    }

    fn ask_headers_again(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        let can_be_asked = self.can_be_asked(peer);
        let Some(request) = self.seldom.sync.asked.iter_mut().find(|request| request.from == peer) else { return };
        request.late += 1;
        if can_be_asked && request.late < MAX_LATE {
            self.ask_headers(turn, peer);
        } else {
            turn.out.pending.useless.push(peer);
        }
    }

    /// A neighbour is gone: others are asked for what it owes.
    pub(super) fn request_all_elsewhere(&mut self, turn: &mut Turn<'_>, gone: PeerId) {
        let (txs, items) = self.requests.find(|from, _| from == gone);
        txs.into_iter().for_each(|tx| self.request_tx_elsewhere(turn, tx, true));
        items.into_iter().for_each(|item| self.request_item_elsewhere(turn, item, true));
    }

    fn can_be_asked(&self, peer: PeerId) -> bool {
        self.peers.get(peer.0 as usize).is_some_and(Peer::can_be_asked)
    }

    /// Asks the next neighbour that has announced `item`, if there is one; for a block in full this time. `lacking`:
    /// whoever was asked does not have it; otherwise it comes last.
    pub(super) fn request_item_elsewhere(&mut self, turn: &mut Turn<'_>, item: InvItem, lacking: bool) {
        let Some(request) = self.end_request(turn, &item) else { return };
        let late = request.late.saturating_add(1);
        let again = (!lacking && late < MAX_LATE).then_some(request.from);
        let having = request.others().iter().copied().chain(again);
        let key = key(item);
        let has_room = |peer: PeerId| self.peers[peer.0 as usize].room(key.kind()) > 0;
        let having = having.filter(|peer| self.can_be_asked(*peer) && has_room(*peer));
        let mut having = having.collect::<Vec<_>>().into_iter();
        if let Some(next) = having.next() {
            self.request(turn, next, vec![key]);
            self.requests.note_repeated(&key, if lacking { request.late } else { late });
            if let Some(new) = self.requests.get_mut(&key) {
                having.for_each(|peer| new.add_other(peer));
            }
        } else if matches!(item, InvItem::Block(_) | InvItem::Compact(_)) {
            turn.out.pending.useless.push(request.from);
        }
    }

    /// A neighbour has named a block that another one was asked for. Whether it is asked for it now: the other one is late.
    pub(super) fn take_over(&mut self, turn: &mut Turn<'_>, item: InvItem, peer: PeerId) -> bool {
        let is_late = |peer: PeerId| self.peers[peer.0 as usize].is_late();
        let late = self.requests.get(&item).is_some_and(|request| is_late(request.from)) && !is_late(peer);
        if let Some(request) = self.requests.get_mut(&item) {
            request.add_other(peer);
        }
        if late {
            self.request_item_elsewhere(turn, item, false);
        }
        late
    }

    /// Asks the next neighbour that has announced a transaction, if there is one. `lacking`: whoever was asked does not
    /// have it.
    pub(super) fn request_tx_elsewhere(&mut self, turn: &mut Turn<'_>, tx: TxIndex, lacking: bool) {
        let mut having = self.tx_status.announcers(tx);
        // Nothing else may hold it.
        turn.world.txs_mut().hold_again(tx);
        if let Some(TxRequest { from, .. }) = self.end_tx_request(turn, tx) {
            having.retain(|peer| !(lacking && *peer == from) && self.can_be_asked(*peer));
            // One after the other, in the order of their numbers.
            let next = having.iter().position(|peer| *peer > from).unwrap_or(0);
            if let Some(next) = having.get(next) {
                self.request_txs(turn, *next, vec![tx]);
                if self.tx_status.is_requested(tx) {
                    having.iter().for_each(|peer| self.tx_status.announced(tx, *peer));
                }
            }
        }
        turn.world.txs_mut().release(tx);
    }
}

/// Whether a neighbour may be asked for something again: once at a time.
fn may_repeat(asked: &mut Vec<PeerId>, peer: PeerId) -> bool {
    let is_first = !asked.contains(&peer);
    if is_first {
        asked.push(peer);
    }
    is_first
}
