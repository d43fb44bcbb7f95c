//! A transaction's way through the node: announced, asked for, received, accepted, spread.
//!
//! A node announces new transactions to all neighbours that have not announced them to it. The announcement of one may
//! wait for others, so that one `inv` carries many: the moments are multiples of [`RelayConfig::batch_us`] from a phase
//! that is drawn per node, so that not everyone speaks at once. As in Bitcoin for inbound connections, the moments are the
//! same for all neighbours: who has many connections to a node learns no more than who has one.
//!
//! With [`Announce::Flood`], and from a [wallet](Role::Wallet), which nobody asks, transactions are sent whole.

use std::sync::Arc;

use super::config::{Announce, Role};
use super::io::{Event, PeerMessage};
use super::mempool::TxReject;
use super::peer::{Peer, PeerId};
use super::price;
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use super::tx_inv::{TxInv, release_list};
use super::tx_orphanage::TxOrphan;
use super::tx_status::Status;
use crate::hash::draw;
use crate::header::Time;
use crate::message::{InvItem, MAX_ITEMS, Message};
use crate::world::TxIndex;

/// A late transaction is looked for in so many blocks.
const BLOCKS_LOOKED_AT: usize = 4;

/// The draw of the phase.
const PHASE: u64 = u64::from_be_bytes(*b"inv tick");

impl Node {
    /// A neighbour has these. It is asked for what this node does not remember.
    pub(super) fn on_tx_inv(&mut self, turn: &mut Turn<'_>, from: PeerId, inv: TxInv) {
        let mut new = Vec::new();
        for tx in inv.txs().filter(|_| self.config.role == Role::Full) {
            match self.tx_status.is_remembered(tx) {
                true => self.tx_status.announced(tx, from),
                false => new.push(tx),
            }
        }
        self.request_txs(turn, from, new);
        inv.release(turn.world.txs_mut());
    }

    /// A neighbour asks for these.
    pub(super) fn on_get_txs(&mut self, turn: &mut Turn<'_>, from: PeerId, mut txs: Vec<TxIndex>) {
        let (mut missing, mut bytes) = (Vec::new(), 0);
        txs.retain(|tx| {
            let is_here = self.mempool.contains(*tx);
            if is_here {
                bytes += turn.world.txs().tx(*tx).map_or(0, |tx| tx.bytes().len());
            } else {
                missing.push(*tx);
            }
            is_here
        });
        self.charge_traffic(turn, from, (bytes / price::BYTES) as Time);
        turn.out.send_txs(from, txs, PeerMessage::Txs);
        turn.out.send_txs(from, missing, PeerMessage::TxsNotFound);
    }

    /// A neighbour does not have these, for which it was asked.
    pub(super) fn on_txs_not_found(&mut self, turn: &mut Turn<'_>, from: PeerId, txs: Vec<TxIndex>) {
        for tx in &txs {
            if self.tx_status.is_requested(*tx) && self.requests.asked_for_tx(*tx) == Some(from) {
                self.request_tx_elsewhere(turn, *tx, true);
            }
        }
        txs.into_iter().for_each(|tx| turn.world.txs_mut().release(tx));
    }

    /// Transactions have come.
    pub(super) fn on_txs(&mut self, turn: &mut Turn<'_>, from: PeerId, txs: Vec<TxIndex>) {
        for tx in &txs {
            if self.config.role == Role::Full && !self.peers[from.0 as usize].banned {
                // The event says what became of it.
                let _ = self.accept_tx(turn, *tx, Some(from));
            }
            // Last, or the node would forget on the way which other neighbours have it.
            if let Some(request) = self.end_tx_request(turn, *tx)
                && request.from == from
            {
                self.note_answer(turn, from, request.asked);
            }
        }
        txs.into_iter().for_each(|tx| turn.world.txs_mut().release(tx));
    }

    /// Accepts a held transaction to the mempool and spreads it. One that was dealt with lately is left alone, unless it is
    /// the node's own.
    #[inline]
    pub(super) fn accept_tx(&mut self, turn: &mut Turn<'_>, tx: TxIndex, from: Option<PeerId>) -> Result<(), TxReject> {
        match self.tx_status.receive(turn.world.txs_mut(), tx, from) {
            Status::InMempool => {
                self.charge_sender(turn, from, price::KNOWN_TX);
                return Ok(());
            }
            Status::Recent if from.is_some() => {
                self.charge_sender(turn, from, price::KNOWN_TX);
                return Ok(());
            }
            Status::Recent | Status::New => {}
        }
        match self.accept_to_mempool(turn, tx, from) {
            Ok(_) => {
                self.spread(turn, tx, from);
                Ok(())
            }
            Err(why) => {
                self.defer_or_refuse_tx(turn, tx, from, &why);
                Err(why)
            }
        }
    }

    fn charge_sender(&mut self, turn: &mut Turn<'_>, from: Option<PeerId>, price: Time) {
        if let Some(from) = from {
            self.charge(turn, from, price);
        }
    }

    /// A transaction is not accepted: one that a neighbour has sent before its parents waits for them.
    #[cold]
    fn defer_or_refuse_tx(&mut self, turn: &mut Turn<'_>, tx: TxIndex, from: Option<PeerId>, why: &TxReject) {
        self.charge_sender(turn, from, price::REFUSED_TX);
        match from {
            Some(peer) if matches!(why, TxReject::MissingInputs { .. }) && !self.was_executed_lately(turn, tx) => {
                let orphan = TxOrphan::new(tx, peer, turn.now, self.config.relay.request_timeout_us);
                self.keep_orphan(turn, orphan, why);
            }
            _ => self.refuse_tx(turn, tx, from, why),
        }
    }

    /// Whether one of the last blocks has executed a transaction, so that what it spent is gone.
    fn was_executed_lately(&self, turn: &mut Turn<'_>, tx: TxIndex) -> bool {
        let (mut ix, hash) = (self.tip, turn.world.txs().hash(tx));
        for _ in 0..BLOCKS_LOOKED_AT {
            if !turn.world.find_in(ix, &[tx], |_| hash).is_empty() {
                return true;
            }
            ix = turn.world.tree()[ix].parent;
        }
        false
    }

    /// Keeps a transaction until its parents come.
    fn keep_orphan(&mut self, turn: &mut Turn<'_>, mut orphan: TxOrphan, why: &TxReject) {
        if self.seldom.tx_orphans.contains(orphan.tx) {
            return;
        }
        let TxReject::MissingInputs { keys, .. } = why else { return };
        (orphan.keys, orphan.why) = (keys.clone(), why.clone());
        orphan.bytes = turn.world.txs().tx(orphan.tx).map_or(0, |tx| tx.bytes().len());
        let evicted = self.seldom.tx_orphans.add(turn.world.txs_mut(), orphan);
        evicted.into_iter().for_each(|orphan| self.give_up(turn, orphan));
        self.time_orphans();
    }

    fn give_up(&mut self, turn: &mut Turn<'_>, orphan: TxOrphan) {
        self.refuse_tx(turn, orphan.tx, Some(orphan.from), &orphan.why);
        turn.world.txs_mut().release(orphan.tx);
    }

    fn time_orphans(&mut self) {
        self.timers.cancel(|timer| *timer == Timer::TxOrphans);
        if let Some(next) = self.seldom.tx_orphans.next() {
            self.timers.set(next, Timer::TxOrphans);
        }
    }

    /// What this transaction waited for has come.
    #[inline(never)]
    pub(super) fn retry_orphan(&mut self, turn: &mut Turn<'_>, orphan: TxOrphan) {
        let (tx, from) = (orphan.tx, Some(orphan.from));
        match self.accept_to_mempool(turn, tx, from) {
            Ok(_) => self.spread(turn, tx, from),
            Err(why @ TxReject::MissingInputs { .. }) => self.keep_orphan(turn, orphan, &why),
            Err(why) => self.refuse_tx(turn, tx, from, &why),
        }
        turn.world.txs_mut().release(tx);
    }

    /// Asks neighbours that have orphans for the ancestors, one after the other, and gives up what has waited too long.
    #[inline(never)]
    pub(super) fn on_tx_orphans_due(&mut self, turn: &mut Turn<'_>) {
        let (now, timeout) = (turn.now, self.config.relay.request_timeout_us);
        let expired = self.seldom.tx_orphans.take(|orphan| orphan.expires <= now);
        expired.into_iter().for_each(|orphan| self.give_up(turn, orphan));
        for orphan in self.seldom.tx_orphans.due_requests(now) {
            let mut having = self.tx_status.announcers(orphan.tx);
            having.retain(|peer| *peer != orphan.from);
            having.insert(0, orphan.from);
            having.retain(|peer| self.peers.get(peer.0 as usize).is_some_and(Peer::can_be_asked));
            if let Some(peer) = having.get(orphan.asked as usize % having.len().max(1)) {
                let hash = turn.world.txs().hash(orphan.tx);
                turn.out.send_other(*peer, Message::GetData(vec![InvItem::Ancestors(hash)]));
            }
            orphan.note_asked(now, timeout);
        }
        self.time_orphans();
    }

    #[cold]
    fn refuse_tx(&mut self, turn: &mut Turn<'_>, tx: TxIndex, from: Option<PeerId>, why: &TxReject) {
        // It may be valid here once its parents are.
        self.tx_status.forget(turn.world.txs_mut(), tx);
        turn.out.event(Event::TxRejected { tx, from, why: why.clone() });
    }

    /// Spreads a transaction of the mempool to the neighbours, as the relay's configuration says how and when; but not to
    /// the one that it came from.
    #[inline]
    pub(super) fn spread(&mut self, turn: &mut Turn<'_>, tx: TxIndex, but: Option<PeerId>) {
        let whole = self.config.relay.announce == Announce::Flood || self.config.role == Role::Wallet;
        if whole {
            return self.send_tx(turn, tx, but);
        }
        turn.world.txs_mut().hold_again(tx);
        self.to_announce.push(tx);
        if self.config.relay.batch_us == 0 {
            self.announce_txs(turn);
        } else if self.to_announce.len() == 1 {
            self.time_announcement(turn);
        }
    }

    /// Sends a transaction whole.
    pub(super) fn send_tx(&mut self, turn: &mut Turn<'_>, tx: TxIndex, but: Option<PeerId>) {
        for peer in self.ready_peers().into_iter().filter(|peer| Some(*peer) != but) {
            turn.world.txs_mut().hold_again(tx);
            turn.out.send(peer, PeerMessage::Txs(vec![tx]));
        }
    }

    #[inline(never)]
    fn time_announcement(&mut self, turn: &Turn<'_>) {
        let every = self.config.relay.batch_us;
        let phase = draw(self.config.seed, PHASE, 0) % every;
        self.timers.set(turn.now + every - (turn.now % every + every - phase) % every, Timer::TxInv);
    }

    /// Announces what waits for it and is still in the mempool, to each neighbour what this one has not announced itself.
    pub(super) fn announce_txs(&mut self, turn: &mut Turn<'_>) {
        let mut all = std::mem::take(&mut self.to_announce);
        for part in all.chunks(MAX_ITEMS) {
            let (here, left) = part.iter().partition::<Vec<TxIndex>, _>(|tx| self.mempool.contains(**tx));
            left.into_iter().for_each(|tx| turn.world.txs_mut().release(tx));
            let ready = self.peers.iter().zip(0..).filter(|(peer, _)| peer.ready && !peer.is_light);
            let ready = ready.map(|(_, peer)| PeerId(peer));
            send_inv(turn, here, ready, |tx, peer| !self.tx_status.is_announced_by(tx, peer));
        }
        all.clear();
        self.to_announce = all;
    }

    /// Announces the whole mempool to a neighbour that has just connected: parents first, or the other end could do
    /// nothing with their children.
    pub(super) fn announce_mempool(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        let txs = turn.world.txs_mut();
        let mut all = self.mempool.select(txs, u64::MAX);
        all.truncate(MAX_ITEMS);
        all.iter().for_each(|tx| txs.hold_again(*tx));
        send_inv(turn, all, [peer], |_, _| true);
    }
}

/// Announces held transactions: to each of these neighbours what `is_told` names.
fn send_inv(
    turn: &mut Turn<'_>,
    txs: Vec<TxIndex>,
    to: impl IntoIterator<Item = PeerId>,
    is_told: impl Fn(TxIndex, PeerId) -> bool,
) {
    let list = Arc::new(txs);
    for peer in to {
        if let Some(inv) = TxInv::new(&list, |tx| is_told(tx, peer)) {
            turn.out.send(peer, PeerMessage::TxInv(inv));
        }
    }
    release_list(list, turn.world.txs_mut());
}
