//! Announcing, asking, sending: how transactions and blocks move between neighbours.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::io::{Event, PeerId};
use super::mempool::double_spend;
use super::timers::Timer;
use super::{Node, Role, Turn};
use crate::block::Tx;
use crate::hash::Id;
use crate::header::{SECOND, Time};
use crate::message::{Item, MAX_ITEMS, Message};
use crate::transport::BAN_POINTS;
use crate::world::{BadTx, IdMap};

/// How many hashes of transactions are remembered as dealt with.
const RECENT_TXS: usize = 5_000;
/// How many others are remembered that have announced something asked for.
const OTHERS: usize = 8;
/// How many things of a kind one neighbour may be asked for at the same time.
const MAX_REQUESTS: usize = 1_000;

/// How blocks and transactions spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announce {
    /// Announce with `inv`, and send to those who ask.
    #[default]
    Inv,
    /// Send everything to every neighbour at once, as in the thesis.
    Flood,
}

/// How a node spreads what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayConfig {
    /// How neighbours hear of something new.
    pub announce: Announce,
    /// Whether a block is announced also to the neighbour that it came from.
    pub to_source: bool,
    /// How long the node waits for something it asked for, in microseconds.
    pub request_timeout_us: Time,
}

impl Default for RelayConfig {
    fn default() -> Self {
        RelayConfig { announce: Announce::Inv, to_source: false, request_timeout_us: 20 * SECOND }
    }
}

/// What a node knows about a neighbour.
#[derive(Default)]
pub(super) struct Peer {
    pub(super) ready: bool,
    pub(super) points: u32,
    pub(super) banned: bool,
}

/// Something that was asked for.
struct Request {
    from: PeerId,
    /// Who has announced it too.
    others: Vec<PeerId>,
    /// When it is late.
    until: Time,
}

/// What is under way.
#[derive(Default)]
pub(super) struct Relay {
    requests: BTreeMap<Item, Request>,
    recent: IdMap<()>,
    recent_order: VecDeque<Id>,
}

impl Relay {
    /// Notes a transaction as dealt with; whether it is new.
    fn note(&mut self, hash: Id) -> bool {
        let new = self.recent.insert(hash, ()).is_none();
        if new {
            self.recent_order.push_back(hash);
        }
        if self.recent_order.len() > RECENT_TXS
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent.remove(&oldest);
        }
        new
    }

    /// A transaction that was turned down may be fine after another block.
    pub(super) fn forget(&mut self, hash: &Id) {
        if self.recent.remove(hash).is_some() {
            self.recent_order.retain(|known| known != hash);
        }
    }

    /// Ends a request; whether there was one.
    pub(super) fn arrived(&mut self, item: &Item) -> bool {
        self.requests.remove(item).is_some()
    }

    /// How many blocks are under way.
    pub(super) fn blocks_under_way(&self) -> usize {
        self.requests.keys().filter(|item| matches!(item, Item::Block(_))).count()
    }
}

impl Node {
    /// The state of a neighbour; made when it is first heard of.
    pub(super) fn peer(&mut self, id: PeerId) -> &mut Peer {
        let n = id.0 as usize;
        if self.peers.len() <= n {
            self.peers.resize_with(n + 1, Peer::default);
        }
        &mut self.peers[n]
    }

    /// Whether the node has asked a neighbour for this block and waits for the answer: until that has come or is late,
    /// another announcement only names somebody else to ask.
    pub fn awaits_block(&self, id: &Id) -> bool {
        self.relay.requests.contains_key(&Item::Block(*id))
    }

    pub(super) fn ready_peers(&self) -> Vec<PeerId> {
        let ready = self.peers.iter().enumerate().filter(|(_, peer)| peer.ready);
        ready.map(|(n, _)| PeerId(n as u32)).collect()
    }

    pub(super) fn on_connected(&mut self, turn: &mut Turn<'_>, id: PeerId) {
        let peer = self.peer(id);
        peer.ready = true;
        // The runtime keeps a banned neighbour away for as long as the ban lasts; then it starts anew.
        (peer.banned, peer.points) = (false, if peer.banned { 0 } else { peer.points });
        self.greet(turn, id);
        let waiting: Vec<Item> = match self.config.role {
            // Parents first, or the other end could do nothing with their children.
            Role::Full => {
                let txs = self.mempool.select(u64::MAX).into_iter().take(MAX_ITEMS);
                txs.map(|tx| Item::Tx(tx.hash())).collect()
            }
            Role::Wallet => Vec::new(),
        };
        if !waiting.is_empty() {
            turn.out.send(id, Message::Inv(waiting));
        }
        if self.config.role == Role::Wallet {
            self.rebroadcast(turn);
        }
    }

    pub(super) fn on_disconnected(&mut self, turn: &mut Turn<'_>, id: PeerId, points: u32) {
        self.peer(id).ready = false;
        if points > 0 {
            self.blame(turn, Some(id), points, "it broke the rules of the transport");
        }
        let lost = self.relay.requests.iter().filter(|(_, request)| request.from == id);
        for item in lost.map(|(item, _)| *item).collect::<Vec<_>>() {
            self.ask_another(turn, item);
        }
        self.sync_lost(turn, id);
    }

    pub(super) fn on_message(&mut self, turn: &mut Turn<'_>, from: PeerId, message: Message) {
        if self.peer(from).banned {
            return;
        }
        match message {
            Message::Inv(items) => self.on_inv(turn, from, items),
            Message::GetData(items) => self.on_get_data(turn, from, items),
            Message::NotFound(items) => {
                for item in items {
                    if self.relay.requests.get(&item).is_some_and(|request| request.from == from) {
                        self.ask_another(turn, item);
                    }
                }
            }
            Message::Tx(tx) => {
                self.relay.arrived(&Item::Tx(tx.hash()));
                if self.config.role == Role::Full {
                    // The event says what became of it.
                    let _ = self.accept_tx(turn, tx, Some(from));
                }
            }
            Message::Block(block) => {
                let asked = self.relay.arrived(&Item::Block(block.id()));
                if asked || self.config.role == Role::Full {
                    self.arrived.push_back((block, Some(from)));
                }
            }
            Message::Candidate(block) => {
                self.relay.arrived(&Item::Candidate(block.id()));
                self.on_candidate(turn, from, block);
            }
            Message::GetHeaders(locator) => self.on_get_headers(turn, from, &locator),
            Message::Headers(heads) => self.on_headers(turn, from, heads),
            Message::Gossip(gossip) => self.on_gossip(turn, from, gossip),
            Message::Direct(bytes) => self.on_direct(turn, from, &bytes),
        }
    }

    fn on_inv(&mut self, turn: &mut Turn<'_>, from: PeerId, items: Vec<Item>) {
        if self.config.role == Role::Wallet {
            return;
        }
        let mut wanted = Vec::new();
        for item in items {
            let known = match &item {
                Item::Tx(hash) => self.mempool.get(hash).is_some() || self.relay.recent.contains_key(hash),
                Item::Block(id) => self.knows_block(turn, id),
                Item::Candidate(id) => self.knows_block(turn, id) || self.producer.has_candidate(id),
                Item::Gossip(id) => self.gossip.knows(id),
            };
            if known {
                continue;
            }
            wanted.push(item);
        }
        self.ask(turn, from, wanted);
    }

    /// Asks a neighbour for things. What is under way already it is asked for when the one before it fails.
    pub(super) fn ask(&mut self, turn: &mut Turn<'_>, from: PeerId, mut items: Vec<Item>) {
        let until = turn.now + self.config.relay.request_timeout_us;
        let asked = self.relay.requests.iter().filter(|(_, request)| request.from == from);
        let mut room = [MAX_REQUESTS; 4];
        asked.for_each(|(item, _)| room[item.kind()] = room[item.kind()].saturating_sub(1));
        items.retain(|item| match self.relay.requests.get_mut(item) {
            Some(request) => {
                if request.others.len() < OTHERS && request.from != from && !request.others.contains(&from) {
                    request.others.push(from);
                }
                false
            }
            None if room[item.kind()] > 0 => {
                room[item.kind()] -= 1;
                self.relay.requests.insert(*item, Request { from, others: Vec::new(), until });
                self.timers.set(until, Timer::Request(*item));
                true
            }
            None => false,
        });
        if !items.is_empty() {
            turn.out.send(from, Message::GetData(items));
        }
    }

    pub(super) fn on_request_timeout(&mut self, turn: &mut Turn<'_>, item: Item) {
        if self.relay.requests.get(&item).is_some_and(|request| request.until <= turn.now) {
            self.ask_another(turn, item);
        }
    }

    /// Asks the next neighbour that has announced `item`, if there is one.
    fn ask_another(&mut self, turn: &mut Turn<'_>, item: Item) {
        let Some(request) = self.relay.requests.remove(&item) else { return };
        let ready = |peer: &PeerId| self.peers.get(peer.0 as usize).is_some_and(|peer| peer.ready);
        let mut others = request.others.into_iter().filter(ready);
        if let Some(next) = others.next() {
            let rest = others.collect();
            self.ask(turn, next, vec![item]);
            if let Some(request) = self.relay.requests.get_mut(&item) {
                request.others = rest;
            }
        } else if matches!(item, Item::Block(_)) {
            self.chain_not_found(turn, request.from);
        }
    }

    fn on_get_data(&mut self, turn: &mut Turn<'_>, from: PeerId, items: Vec<Item>) {
        let mut missing = Vec::new();
        for item in items {
            let found = match &item {
                Item::Tx(hash) => self.mempool.get(hash).map(|pooled| Message::Tx(pooled.tx.clone())),
                Item::Block(id) => self.public_block(turn, id).map(Message::Block),
                Item::Candidate(id) => self.producer.candidate(id).map(Message::Candidate),
                Item::Gossip(id) => self.gossip.get(id).map(Message::Gossip),
            };
            match found {
                Some(message) => turn.out.send(from, message),
                None => missing.push(item),
            }
        }
        if !missing.is_empty() {
            turn.out.send(from, Message::NotFound(missing));
        }
    }

    /// Takes a transaction into the mempool and passes it on. Whether it is in now.
    pub(super) fn accept_tx(&mut self, turn: &mut Turn<'_>, tx: Tx, from: Option<PeerId>) -> Result<(), String> {
        let hash = tx.hash();
        if self.mempool.get(&hash).is_some() {
            return Ok(());
        }
        if !self.relay.note(hash) && from.is_some() {
            return Ok(());
        }
        match self.try_pool(turn, tx.clone(), from) {
            Ok(()) => {
                self.pass_on(turn, tx, from);
                self.producer.mempool_changed = true;
                Ok(())
            }
            Err(why) => {
                // It may be fine here once its parents are.
                self.relay.forget(&hash);
                turn.out.event(Event::TxRejected { hash, from, why: why.clone() });
                Err(why)
            }
        }
    }

    /// Judges a transaction over the mempool and puts it in.
    pub(super) fn try_pool(&mut self, turn: &mut Turn<'_>, tx: Tx, from: Option<PeerId>) -> Result<(), String> {
        let hash = tx.hash();
        let place = turn.world.next_place(self.tip);
        let state = turn.world.state(self.tip);
        let script = &*turn.world.rules().script;
        let judged = turn.world.check_tx(&tx, place, &self.mempool.ledger(&state, script));
        let outcome = match judged {
            Ok(outcome) => outcome,
            Err(BadTx::Unproven(why)) => {
                self.blame(turn, from, BAN_POINTS / 2, "it passed on a transaction whose scripts do not hold");
                return Err(why);
            }
            Err(BadTx::Refused(why)) => {
                // Alone it may be fine: then what it spends is spent by a transaction that waits.
                let alone = turn.world.check_tx(&tx, place, &crate::world::transfer::FormatLedger(&state));
                let rival = alone.ok().and_then(|outcome| self.mempool.conflict(&outcome));
                return Err(rival.map_or(why, |rival| double_spend(&rival)));
            }
        };
        drop(state);
        let fee = outcome.fee;
        let gone = self.mempool.insert(tx, outcome)?;
        const FULL: &str = "the mempool is full of transactions with higher fees";
        for hash in gone.iter().copied().filter(|gone| *gone != hash) {
            turn.out.event(Event::TxDropped { hash, why: FULL.into() });
        }
        if gone.contains(&hash) {
            return Err(FULL.into());
        }
        turn.world.remember_proven(hash);
        turn.out.event(Event::TxAccepted { hash, from, fee });
        Ok(())
    }

    /// Announces or sends a transaction to the neighbours but the one that it came from.
    pub(super) fn pass_on(&mut self, turn: &mut Turn<'_>, tx: Tx, from: Option<PeerId>) {
        let id = tx.hash();
        // A wallet does not relay; what it sends is its own, and nobody asks a wallet.
        let flood = self.config.relay.announce == Announce::Flood || self.config.role == Role::Wallet;
        turn.out.send_all(from, if flood { Message::Tx(tx) } else { Message::Inv(vec![Item::Tx(id)]) });
        turn.out.event(Event::Forwarded { id, what: "tx" });
    }
}
