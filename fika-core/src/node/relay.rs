//! Announcing, asking, sending: how transactions and blocks move between neighbours, as Bitcoin does it.
//!
//! A node that has something new tells its neighbours, all but the one that it came from; whoever lacks it
//! asks for it, and remembers (in `requests`) who else has it, should the first not answer. How it tells them is
//! [`Announce`]:
//!
//! | mode | block | transaction |
//! |---|---|---|
//! | [`Inv`](Announce::Inv) | `inv` with its id | `inv` |
//! | [`Headers`](Announce::Headers) | `headers` with its header (BIP 130) | `inv` |
//! | [`Flood`](Announce::Flood) | the block itself | the transaction itself |
//!
//! Every node understands every mode, so nothing is agreed on before and a network may be mixed. An announced header is
//! judged before anything is asked for, and one that builds on an unknown block starts the catching up of `sync`. It
//! needs no mark that tells it from an answer to `getheaders`: a single header names one block to ask for,
//! whichever of the two it is, and an answer that was cut has more than one.
//!
//! Announcements of transactions may wait for each other (`batch`), blocks never wait. A block may
//! be asked for in its compact form (`compact`). A [wallet](Role::Wallet) does not relay: it sends its own transactions
//! whole, and asks for blocks only when its owner wants it to.

use serde::{Deserialize, Serialize};

use super::chain::Arrival;
use super::io::{Event, PeerId};
use super::mempool::double_spend;
use super::requests::Request;
use super::slots::Noted;
use super::{Node, Role, Turn};
use crate::amount::Amount;
use crate::block::Tx;
use crate::hash::Id;
use crate::header::{SECOND, Time};
use crate::message::{Item, MAX_ITEMS, Message};
use crate::transport::BAN_POINTS;
use crate::world::{BadTx, Judged, TxNo};

/// How blocks and transactions spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announce {
    /// Announce with `inv`, and send to those who ask.
    #[default]
    Inv,
    /// Announce blocks with their headers, the rest with `inv` (BIP 130).
    Headers,
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
    /// Whether blocks are asked for, and given to those who ask so, with short ids in place of transactions (BIP 152).
    pub compact: bool,
    /// How long the announcement of a transaction may wait for others, in microseconds; 0: not at all. Blocks never wait.
    pub batch_us: Time,
    /// How long the node waits for something it asked for, in microseconds.
    pub request_timeout_us: Time,
    /// For repeating published models: in so many of a million compact blocks transactions are missing, drawn by each
    /// node, and in the others none is. What is really missing is asked for all the same, so this
    /// makes sense only where blocks have no transactions but the coinbase. `None`: the mempool says it.
    pub compact_failure_ppm: Option<u32>,
}

impl Default for RelayConfig {
    fn default() -> Self {
        RelayConfig {
            announce: Announce::Inv,
            to_source: false,
            compact: false,
            batch_us: 0,
            request_timeout_us: 20 * SECOND,
            compact_failure_ppm: None,
        }
    }
}

/// What a node knows about a neighbour.
#[derive(Default)]
pub(super) struct Peer {
    /// How many things of each kind it is being asked for.
    pub(super) asked: [u16; 4],
    pub(super) points: u32,
    pub(super) ready: bool,
    pub(super) banned: bool,
}

impl Peer {
    pub(super) fn can_be_asked(&self) -> bool {
        self.ready && !self.banned
    }
}

/// A neighbour among those of a node; made when it is first heard of.
pub(super) fn peer_in(peers: &mut Vec<Peer>, id: PeerId) -> &mut Peer {
    let n = id.0 as usize;
    if peers.len() <= n {
        peers.resize_with(n + 1, Peer::default);
    }
    &mut peers[n]
}

impl Node {
    /// The state of a neighbour; made when it is first heard of.
    pub(super) fn peer(&mut self, id: PeerId) -> &mut Peer {
        peer_in(&mut self.peers, id)
    }

    /// A neighbour has announced a block that the node [awaits](Node::awaits_block): what its `inv` would have said.
    pub fn also_has_block(&mut self, from: PeerId, id: &Id) {
        if !self.peer(from).banned {
            self.requests.also_has(&Item::Block(*id), from);
        }
    }

    /// Whether the node has asked a neighbour for this block and waits for the answer: until that has come or is late,
    /// another announcement only names somebody else to ask.
    pub fn awaits_block(&self, id: &Id) -> bool {
        self.requests.get(&Item::Block(*id)).is_some()
    }

    pub(super) fn ready_peers(&self) -> Vec<PeerId> {
        let ready = self.peers.iter().enumerate().filter(|(_, peer)| peer.ready);
        ready.map(|(n, _)| PeerId(n as u32)).collect()
    }

    #[inline(never)]
    pub(super) fn on_connected(&mut self, turn: &mut Turn<'_>, id: PeerId) {
        let peer = self.peer(id);
        peer.ready = true;
        // The runtime keeps a banned neighbour away for as long as the ban lasts; then it starts anew.
        (peer.banned, peer.points) = (false, if peer.banned { 0 } else { peer.points });
        self.greet(turn, id);
        let waiting: Vec<Item> = match self.config.role {
            // Parents first, or the other end could do nothing with their children.
            Role::Full => {
                let txs = self.mempool.select(turn.world.txs(), u64::MAX).into_iter().take(MAX_ITEMS);
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

    #[cold]
    pub(super) fn on_disconnected(&mut self, turn: &mut Turn<'_>, id: PeerId, points: u32) {
        self.peer(id).ready = false;
        if points > 0 {
            self.blame(turn, Some(id), points, "it broke the rules of the transport");
        }
        for item in self.requests.of(id, turn.world.txs()) {
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
            Message::NotFound(items) => self.on_not_found(turn, from, items),
            Message::Tx(tx) => {
                let held = turn.world.txs_mut().hold(tx.hash());
                self.on_held_tx(turn, from, held, Some(&tx));
                turn.world.txs_mut().release(held);
            }
            Message::Block(block) => {
                let id = turn.world.tree().name(&block.head.header);
                let asked = self.end_request(&Item::Block(id));
                if asked.is_some() || self.config.role == Role::Full {
                    turn.out.arrived.push_back(Arrival { id, block, from: Some(from) });
                }
            }
            Message::Candidate(block) => self.on_candidate(turn, from, block),
            Message::GetHeaders(locator) => self.on_get_headers(turn, from, &locator),
            Message::Headers(heads) => self.on_headers(turn, from, heads),
            Message::Gossip(gossip) => self.on_gossip(turn, from, gossip),
            Message::Direct(bytes) => self.on_direct(turn, from, &bytes),
            Message::CompactBlock(compact) => self.on_compact(turn, from, compact),
            Message::GetBlockTxn(request) => self.on_get_block_txn(turn, from, &request),
            Message::BlockTxn(answer) => self.on_block_txn(turn, from, *answer),
        }
    }

    #[inline(never)]
    fn on_not_found(&mut self, turn: &mut Turn<'_>, from: PeerId, items: Vec<Item>) {
        for item in items {
            if self.asked_of(turn, &item) == Some(from) {
                self.ask_another(turn, item);
            }
        }
    }

    /// A transaction has come whose number is held; `None`: the one that was judged under this number.
    pub(super) fn on_held_tx(&mut self, turn: &mut Turn<'_>, from: PeerId, no: TxNo, tx: Option<&Tx>) {
        if self.config.role == Role::Full {
            // The event says what became of it.
            let _ = self.accept_held(turn, no, tx, Some(from));
        }
        // Last, or the node would forget on the way which other neighbours have it.
        self.end_tx_request(turn, no);
    }

    /// Ends what is under way under this name.
    pub(super) fn end_request(&mut self, item: &Item) -> Option<Request> {
        let request = self.requests.end(&mut self.peers, item)?;
        if let Item::Block(id) | Item::Compact(id) = item {
            self.compacts.drop_unfinished(id);
            self.requests_idle();
        }
        Some(request)
    }

    fn on_inv(&mut self, turn: &mut Turn<'_>, from: PeerId, mut items: Vec<Item>) {
        if self.config.role == Role::Wallet {
            return;
        }
        let until = self.late_at(turn);
        items.retain_mut(|item| {
            let wanted = match item {
                Item::Tx(hash) => return self.hear_of_tx(turn, hash, from, until),
                Item::Block(id) => {
                    let unknown = !self.knows_block(turn, id);
                    *item = self.block_item(*id);
                    unknown
                }
                Item::Candidate(id) => !self.knows_block(turn, id) && !self.producer.has_candidate(id),
                Item::Gossip(id) => !self.gossip.knows(id),
                // Nobody has a block in this form alone.
                Item::Compact(_) => false,
            };
            wanted && self.is_to_ask(turn, item, from, until)
        });
        self.send_requests(turn, from, items, until);
    }

    fn on_get_data(&mut self, turn: &mut Turn<'_>, from: PeerId, mut items: Vec<Item>) {
        let mut missing = Vec::new();
        for item in items.drain(..) {
            let found = match &item {
                Item::Tx(hash) => self.mempool.tx(turn.world.txs(), hash).cloned().map(Message::Tx),
                Item::Block(id) => self.public_block(turn, id).map(Message::Block),
                Item::Candidate(id) => self.producer.candidate(id).map(Message::Candidate),
                Item::Gossip(id) => self.gossip.get(id).map(Message::Gossip),
                Item::Compact(id) => self.public_block(turn, id).map(|block| self.compact_form(block)),
            };
            match found {
                Some(message) => turn.out.send(from, message),
                None => missing.push(item),
            }
        }
        turn.out.give_back(items);
        if !missing.is_empty() {
            turn.out.send(from, Message::NotFound(missing));
        }
    }

    /// Takes a transaction into the mempool and passes it on. Whether it is in now.
    pub(super) fn accept_tx(&mut self, turn: &mut Turn<'_>, tx: Tx, from: Option<PeerId>) -> Result<(), String> {
        let held = turn.world.txs_mut().hold(tx.hash());
        let accepted = self.accept_held(turn, held, Some(&tx), from);
        turn.world.txs_mut().release(held);
        accepted
    }

    /// The same for a transaction whose number is held; `None`: the one that was judged under this number.
    pub(super) fn accept_held(
        &mut self,
        turn: &mut Turn<'_>,
        no: TxNo,
        tx: Option<&Tx>,
        from: Option<PeerId>,
    ) -> Result<(), String> {
        match self.mempool.slots.note(turn.world.txs_mut(), no, from) {
            Noted::Waits => return Ok(()),
            Noted::Recent if from.is_some() => return Ok(()),
            Noted::Recent | Noted::New => {}
        }
        match self.try_pool_held(turn, no, tx, from) {
            Ok(fee) => {
                self.producer.mempool_changed = true;
                self.pass_on(turn, no, tx, from);
                if turn.out.by_number && from.is_some() {
                    turn.out.taken_in.push((no, fee));
                } else {
                    let hash = turn.world.txs().hash(no);
                    turn.out.event(Event::TxAccepted { hash, from, fee });
                    turn.out.event(Event::Forwarded { id: hash, what: "tx" });
                }
                Ok(())
            }
            Err(why) => {
                let hash = turn.world.txs().hash(no);
                // It may be fine here once its parents are.
                self.mempool.slots.forget(turn.world.txs_mut(), no);
                turn.out.event(Event::TxRejected { hash, from, why: why.clone() });
                Err(why)
            }
        }
    }

    /// Judges a transaction over the mempool and puts it in.
    pub(super) fn try_pool(&mut self, turn: &mut Turn<'_>, tx: Tx, from: Option<PeerId>) -> Result<(), String> {
        let held = turn.world.txs_mut().hold(tx.hash());
        let pooled = self.try_pool_held(turn, held, Some(&tx), from);
        turn.world.txs_mut().release(held);
        let hash = tx.hash();
        pooled.map(|fee| turn.out.event(Event::TxAccepted { hash, from, fee }))
    }

    /// The same for a transaction whose number is held, without the event. Gives its fee.
    fn try_pool_held(
        &mut self,
        turn: &mut Turn<'_>,
        no: TxNo,
        tx: Option<&Tx>,
        from: Option<PeerId>,
    ) -> Result<Amount, String> {
        let (pool, tip) = (&mut self.mempool, self.tip);
        let txs = turn.world.txs();
        let (gone, fee) = match txs.judged(no, tip, |no| pool.slots.waits(no), |no| pool.slots.serial(txs, no)) {
            Some(judged) => {
                let fee = judged.fee;
                (pool.admit(turn.world.txs_mut(), no, judged)?, fee)
            }
            None => {
                let tx = &tx.or(turn.world.txs().tx(no)).cloned().ok_or("nobody has this transaction")?;
                let (outcome, reads) = self.judge_tx(turn, tx, from)?;
                let (fee, reads) = (outcome.fee, reads.map(|reads| (tip, reads)));
                let (txs, script) = turn.world.txs_and_script();
                let gone = self.mempool.judge(txs, tx.clone(), outcome, reads, &|lock| script.owner(lock))?;
                turn.world.remember_proven(tx.hash());
                (gone, fee)
            }
        };
        if gone.is_empty() {
            return Ok(fee);
        }
        let hash = turn.world.txs().hash(no);
        const FULL: &str = "the mempool is full of transactions with higher fees";
        for hash in gone.iter().copied().filter(|gone| *gone != hash) {
            turn.out.event(Event::TxDropped { hash, why: FULL.into() });
        }
        if gone.contains(&hash) {
            return Err(FULL.into());
        }
        Ok(fee)
    }

    /// Judges a transaction over the mempool; as [`World::check_tx_reading`](crate::world::World).
    fn judge_tx(&mut self, turn: &mut Turn<'_>, tx: &Tx, from: Option<PeerId>) -> Result<Judged, String> {
        let place = turn.world.next_place(self.tip);
        let state = turn.world.state(self.tip);
        match turn.world.check_tx_reading(tx, place, &self.mempool.ledger(turn.world, &state)) {
            Ok(judged) => Ok(judged),
            Err(BadTx::Unproven(why)) => {
                self.blame(turn, from, BAN_POINTS / 2, "it passed on a transaction whose scripts do not hold");
                Err(why)
            }
            Err(BadTx::Refused(why)) => {
                // Alone it may be fine: then what it spends is spent by a transaction that waits.
                let alone = turn.world.check_tx(tx, place, &crate::world::transfer::FormatLedger(&state));
                let rival = alone.ok().and_then(|outcome| self.mempool.conflict(turn.world.txs(), &outcome));
                Err(rival.map_or(why, |rival| double_spend(&rival)))
            }
        }
    }

    /// Announces or sends a transaction to the neighbours but the one that it came from.
    pub(super) fn pass_on(&mut self, turn: &mut Turn<'_>, no: TxNo, tx: Option<&Tx>, from: Option<PeerId>) {
        // A wallet does not relay; what it sends is its own, and nobody asks a wallet.
        let flood = self.config.relay.announce == Announce::Flood || self.config.role == Role::Wallet;
        match flood {
            true => {
                let tx = tx.or(turn.world.txs().tx(no)).cloned();
                tx.into_iter().for_each(|tx| turn.out.send_all(from, Message::Tx(tx)));
            }
            false if self.config.relay.batch_us > 0 => self.announce_later(turn, no),
            false => turn.out.send_all(from, Message::Inv(vec![Item::Tx(turn.world.txs().hash(no))])),
        }
    }
}
