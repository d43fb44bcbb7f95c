//! What a node has asked for and not got yet.
//!
//! A block counts once, in whichever form it was asked for. All requests share one timer: it is
//! set while anything is under way, looks for what is late when it fires, and is set again for
//! the next. So an announcement of something that is under way costs one look.

use std::collections::{BTreeMap, VecDeque};

use super::io::PeerId;
use super::relay::{Peer, peer_in};
use super::timers::Timer;
use super::{Node, Turn};
use crate::hash::Id;
use crate::header::Time;
use crate::message::{Item, Message};
use crate::world::{TxNo, TxTable};

/// How many others are remembered that have announced something asked for.
const OTHERS: usize = 8;
/// The kind of transactions.
const TX: usize = 0;
/// How many things of a kind one neighbour may be asked for at the same time.
const MAX_REQUESTS: u16 = 1_000;

impl Peer {
    /// Counts one more thing of a kind that it is asked for, if it may be.
    fn count_request(&mut self, kind: usize) -> bool {
        let room = self.asked[kind] < MAX_REQUESTS;
        self.asked[kind] += u16::from(room);
        room
    }
}

/// A block or message that was asked for.
pub(super) struct Request {
    pub(super) from: PeerId,
    /// Whether it is a block that was asked for in its compact form.
    pub(super) compact: bool,
    /// Who has announced it too: the first `count`.
    others: [PeerId; OTHERS],
    count: u8,
    /// When it is late.
    until: Time,
}

impl Request {
    /// Who has announced it too.
    pub(super) fn others(&self) -> &[PeerId] {
        &self.others[..usize::from(self.count)]
    }

    fn add_other(&mut self, peer: PeerId) {
        if usize::from(self.count) < OTHERS && self.from != peer && !self.others().contains(&peer) {
            self.others[usize::from(self.count)] = peer;
            self.count += 1;
        }
    }
}

/// A transaction that was asked for. Who has announced it too stands with what is known of it (`slots`).
struct Asked {
    no: TxNo,
    from: PeerId,
    /// When it is late.
    until: Time,
}

/// Requests by what was asked for. Most nodes wait for one block at a time: nothing is made or freed for that.
#[derive(Default)]
pub(super) struct Open {
    first: Option<(Item, Request)>,
    others: BTreeMap<Item, Request>,
}

impl Open {
    fn get(&self, key: &Item) -> Option<&Request> {
        match &self.first {
            Some((item, request)) if item == key => Some(request),
            _ => self.others.get(key),
        }
    }

    fn get_mut(&mut self, key: &Item) -> Option<&mut Request> {
        match &mut self.first {
            Some((item, request)) if item == key => Some(request),
            _ => self.others.get_mut(key),
        }
    }

    fn insert(&mut self, key: Item, request: Request) {
        match &mut self.first {
            None => self.first = Some((key, request)),
            Some(_) => self.insert_other(key, request),
        }
    }

    #[cold]
    fn insert_other(&mut self, key: Item, request: Request) {
        self.others.insert(key, request);
    }

    fn remove(&mut self, key: &Item) -> Option<Request> {
        match self.first.take_if(|(item, _)| item == key) {
            Some((_, request)) => Some(request),
            None if self.others.is_empty() => None,
            None => self.remove_other(key),
        }
    }

    #[cold]
    fn remove_other(&mut self, key: &Item) -> Option<Request> {
        let request = self.others.remove(key)?;
        if self.others.is_empty() {
            // It would keep room for eleven, and be looked through there.
            self.others = BTreeMap::new();
        }
        Some(request)
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = (&Item, &Request)> {
        self.first.iter().map(|(item, request)| (item, request)).chain(&self.others)
    }
}

/// All requests that are under way.
#[derive(Default)]
#[repr(C)]
pub(super) struct Requests {
    /// Transactions, in the order of asking.
    txs: VecDeque<Asked>,
    /// Whether the timer is set.
    timed: bool,
    pub(super) open: Open,
    blocks: usize,
}

/// The name under which something is under way.
fn key(item: Item) -> Item {
    match item {
        Item::Compact(id) => Item::Block(id),
        other => other,
    }
}

impl Requests {
    /// Where the transaction is that was asked for first, and where the next one goes.
    pub(super) fn asked_txs(&self) -> [*const u8; 2] {
        let (early, late) = self.txs.as_slices();
        [early.as_ptr(), if late.is_empty() { early } else { late }.as_ptr_range().end].map(|asked| asked.cast())
    }

    pub(super) fn get(&self, item: &Item) -> Option<&Request> {
        self.open.get(&key(*item))
    }

    fn get_mut(&mut self, item: &Item) -> Option<&mut Request> {
        self.open.get_mut(&key(*item))
    }

    /// Notes that `from`, which is `peer`, has `item`; whether it is to be asked for it now.
    fn add(&mut self, peer: &mut Peer, item: Item, from: PeerId, until: Time) -> bool {
        let key = key(item);
        if let Some(request) = self.open.get_mut(&key) {
            request.add_other(from);
            return false;
        }
        if !peer.count_request(key.kind()) {
            return false;
        }
        self.blocks += usize::from(matches!(key, Item::Block(_)));
        let compact = item != key;
        self.open.insert(key, Request { from, compact, others: [from; OTHERS], count: 0, until });
        true
    }

    /// Notes that a neighbour is asked for a transaction, if it may be.
    pub(super) fn add_tx(&mut self, peer: &mut Peer, no: TxNo, from: PeerId, until: Time) -> bool {
        let room = peer.count_request(TX);
        if room {
            self.txs.push_back(Asked { no, from, until });
        }
        room
    }

    /// Notes that a neighbour is asked for these transactions: not more than it may be.
    #[inline]
    pub(super) fn add_txs(&mut self, peer: &mut Peer, txs: &[TxNo], from: PeerId, until: Time) {
        peer.asked[TX] += txs.len() as u16;
        self.txs.extend(txs.iter().map(|no| Asked { no: *no, from, until }));
    }

    /// For how many more transactions a neighbour may be asked.
    pub(super) fn room_for_txs(peer: &Peer) -> usize {
        usize::from(MAX_REQUESTS - peer.asked[TX])
    }

    /// How many of `txs` are, in this order, the first that were asked for, of this neighbour.
    #[inline]
    pub(super) fn first_txs(&self, txs: &[TxNo], from: PeerId) -> usize {
        let same = |(asked, no): &(&Asked, &TxNo)| asked.no == **no && asked.from == from;
        // What lies behind the end of the ring has time until the next look.
        self.txs.as_slices().0.iter().zip(txs).take_while(same).count()
    }

    /// Ends the first requests of transactions, so many, of which this neighbour was asked.
    pub(super) fn end_first_txs(&mut self, count: usize, peer: &mut Peer) {
        self.txs.drain(..count);
        peer.asked[TX] -= count as u16;
        self.reuse();
    }

    /// The next request goes where one was before, if there is none left, so that little memory is in use.
    fn reuse(&mut self) {
        if self.txs.is_empty() {
            self.txs.clear();
        }
    }

    /// Who was asked for a transaction.
    fn asked_tx(&self, no: TxNo) -> Option<PeerId> {
        self.txs.iter().find(|asked| asked.no == no).map(|asked| asked.from)
    }

    /// Ends the request of a transaction that is under way; gives who was asked.
    fn end_tx(&mut self, peers: &mut [Peer], no: TxNo) -> Option<PeerId> {
        // Most come in the order of asking.
        let asked = match self.txs.front().is_some_and(|first| first.no == no) {
            true => self.txs.pop_front()?,
            false => self.txs.remove(self.txs.iter().position(|asked| asked.no == no)?)?,
        };
        peers[asked.from.0 as usize].asked[TX] -= 1;
        self.reuse();
        Some(asked.from)
    }

    /// Notes that `from` has something, if that is under way.
    pub(super) fn also_has(&mut self, item: &Item, from: PeerId) {
        if let Some(request) = self.get_mut(item) {
            request.add_other(from);
        }
    }

    /// Ends a request.
    pub(super) fn end(&mut self, peers: &mut [Peer], item: &Item) -> Option<Request> {
        let key = key(*item);
        let request = self.open.remove(&key)?;
        peers[request.from.0 as usize].asked[key.kind()] -= 1;
        self.blocks -= usize::from(matches!(key, Item::Block(_)));
        Some(request)
    }

    /// How many blocks are under way.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// What the neighbour of this number was asked for.
    pub(super) fn of(&self, peer: PeerId, txs: &TxTable) -> Vec<Item> {
        let asked = self.txs.iter().filter(|asked| asked.from == peer).map(|asked| Item::Tx(txs.hash(asked.no)));
        let open = self.open.iter().filter(|(_, request)| request.from == peer).map(|(item, _)| *item);
        asked.chain(open).collect()
    }
}

impl Node {
    pub(super) fn late_at(&self, turn: &Turn<'_>) -> Time {
        turn.now.saturating_add(self.config.relay.request_timeout_us)
    }

    /// Asks a neighbour for things. What is under way already it is asked for when the one before it fails.
    pub(super) fn ask(&mut self, turn: &mut Turn<'_>, from: PeerId, mut items: Vec<Item>) {
        let until = self.late_at(turn);
        items.retain(|item| self.is_to_ask(turn, item, from, until));
        self.send_requests(turn, from, items, until);
    }

    /// Notes that `from` has `item`; whether it is to be asked for it now.
    pub(super) fn is_to_ask(&mut self, turn: &mut Turn<'_>, item: &Item, from: PeerId, until: Time) -> bool {
        match item {
            Item::Tx(hash) => self.ask_tx(turn, *hash, from, until),
            other => self.requests.add(peer_in(&mut self.peers, from), *other, from, until),
        }
    }

    /// Asks a neighbour for what was noted.
    pub(super) fn send_requests(&mut self, turn: &mut Turn<'_>, from: PeerId, items: Vec<Item>, until: Time) {
        if items.is_empty() {
            return turn.out.give_back(items);
        }
        self.time_requests(until);
        turn.out.send(from, Message::GetData(items));
    }

    /// A neighbour has announced a transaction; whether it is to be asked for it now.
    pub(super) fn hear_of_tx(&mut self, turn: &mut Turn<'_>, hash: &Id, from: PeerId, until: Time) -> bool {
        let known = turn.world.txs().find(hash);
        if known.is_some_and(|no| self.mempool.slots.known_to(no, from)) {
            return false;
        }
        self.ask_tx(turn, *hash, from, until)
    }

    /// Notes that a transaction is asked for; whether it is to be.
    fn ask_tx(&mut self, turn: &mut Turn<'_>, hash: Id, from: PeerId, until: Time) -> bool {
        let no = turn.world.txs_mut().hold(hash);
        let new = self.ask_numbered(turn, no, from, until);
        turn.world.txs_mut().release(no);
        new
    }

    /// The same for a transaction whose number is held.
    pub(super) fn ask_numbered(&mut self, turn: &mut Turn<'_>, no: TxNo, from: PeerId, until: Time) -> bool {
        let (txs, slots, peer) = (turn.world.txs_mut(), &mut self.mempool.slots, peer_in(&mut self.peers, from));
        let new = !slots.is_asked(no);
        match new {
            true if !self.requests.add_tx(peer, no, from, until) => return false,
            true => slots.ask(txs, no),
            false => {}
        }
        slots.known_to(no, from);
        new
    }

    /// Sees to it that what is late is asked for elsewhere.
    pub(super) fn time_requests(&mut self, until: Time) {
        if !self.requests.timed {
            self.requests.timed = true;
            self.timers.set(until, Timer::Requests);
        }
    }

    /// A transaction is no longer asked for; gives who was.
    pub(super) fn end_tx_request(&mut self, turn: &mut Turn<'_>, no: TxNo) -> Option<PeerId> {
        if !self.mempool.slots.end_ask(turn.world.txs_mut(), no) {
            return None;
        }
        self.requests.end_tx(&mut self.peers, no)
    }

    /// Who was asked for this.
    pub(super) fn asked_of(&self, turn: &Turn<'_>, item: &Item) -> Option<PeerId> {
        match item {
            Item::Tx(hash) => {
                let no = turn.world.txs().find(hash)?;
                self.mempool.slots.is_asked(no).then(|| self.requests.asked_tx(no)).flatten()
            }
            other => self.requests.get(other).map(|request| request.from),
        }
    }

    /// Whoever was asked for a block is at work on it: it gets time for the next step, which asks for the full block
    /// or for transactions of the compact one.
    pub(super) fn extend_request(&mut self, turn: &Turn<'_>, item: &Item, compact: bool) {
        let until = self.late_at(turn);
        if let Some(request) = self.requests.get_mut(item) {
            (request.until, request.compact) = (until, compact);
        }
    }

    /// Ends the timer when nothing is under way. Blocks are far apart, so it pays; between transactions the timer is
    /// left to fire in vain once in a while.
    pub(super) fn requests_idle(&mut self) {
        if self.requests.timed && self.requests.open.is_empty() && self.requests.txs.is_empty() {
            self.requests.timed = false;
            self.timers.cancel(|timer| *timer == Timer::Requests);
        }
    }

    pub(super) fn on_requests_due(&mut self, turn: &mut Turn<'_>) {
        let late = self.requests.open.iter().filter(|(_, request)| request.until <= turn.now);
        let late: Vec<Item> = late.map(|(item, _)| *item).collect();
        let late_txs = self.requests.txs.iter().filter(|asked| asked.until <= turn.now);
        let late_txs: Vec<Item> = late_txs.map(|asked| Item::Tx(turn.world.txs().hash(asked.no))).collect();
        for item in late_txs.into_iter().chain(late) {
            self.ask_another(turn, item);
        }
        let next = self.requests.open.iter().map(|(_, request)| request.until);
        let next = next.chain(self.requests.txs.iter().map(|asked| asked.until)).min();
        self.requests.timed = next.is_some();
        if let Some(next) = next {
            self.timers.set(next, Timer::Requests);
        }
    }

    /// Asks the next neighbour that has announced `item`, if there is one; a block in full this time.
    pub(super) fn ask_another(&mut self, turn: &mut Turn<'_>, item: Item) {
        if let Item::Tx(hash) = item {
            return self.ask_another_for_tx(turn, hash);
        }
        let Some(request) = self.end_request(&item) else { return };
        let ready = |peer: &&PeerId| self.peers.get(peer.0 as usize).is_some_and(Peer::can_be_asked);
        let mut others = request.others().iter().filter(ready).copied();
        if let Some(next) = others.next() {
            let rest: Vec<PeerId> = others.collect();
            let key = key(item);
            self.ask(turn, next, vec![key]);
            if let Some(request) = self.requests.get_mut(&key) {
                rest.into_iter().for_each(|peer| request.add_other(peer));
            }
        } else if matches!(item, Item::Block(_) | Item::Compact(_)) {
            self.chain_not_found(turn, request.from);
        }
    }

    fn ask_another_for_tx(&mut self, turn: &mut Turn<'_>, hash: Id) {
        let no = turn.world.txs_mut().hold(hash);
        let who = self.mempool.slots.who_has(no);
        if let Some(from) = self.end_tx_request(turn, no) {
            let ready = |peer: &PeerId| self.peers.get(peer.0 as usize).is_some_and(Peer::can_be_asked);
            let others: Vec<PeerId> = who.into_iter().filter(|peer| *peer != from && ready(peer)).collect();
            if let Some(next) = others.first() {
                self.ask(turn, *next, vec![Item::Tx(hash)]);
                for peer in others {
                    self.mempool.slots.known_to(no, peer);
                }
            }
        }
        turn.world.txs_mut().release(no);
    }
}
