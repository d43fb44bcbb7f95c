//! A transaction's way through the node: announced, asked for, received, accepted, spread.
//!
//! A node announces new transactions to all neighbours that have not announced them to it. The announcement of one may
//! wait for others, so that one `inv` carries many: the moments are multiples of [`RelayConfig::batch_us`] from a phase
//! that is drawn per node, so that not everyone speaks at once. As in Bitcoin for inbound connections, the moments are the
//! same for all neighbours: who has many connections to a node learns no more than who has one.
//!
//! With [`Announce::Flood`], and from a [wallet](Role::Wallet), which nobody asks, transactions are sent whole.

use super::config::{Announce, Role};
use super::io::{Event, PeerMessage};
use super::mempool::TxReject;
use super::peer::PeerId;
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use super::tx_inv::{Picked, TxInv};
use super::tx_status::Status;
use crate::hash::draw;
use crate::message::MAX_ITEMS;
use crate::world::TxIndex;

/// The draw of the phase.
const PHASE: u64 = u64::from_be_bytes(*b"inv tick");

impl Node {
    /// A neighbour has these. It is asked for what this node does not remember.
    pub(super) fn on_tx_inv(&mut self, turn: &mut Turn<'_>, from: PeerId, inv: TxInv) {
        if self.config.role == Role::Full {
            let mut new = turn.out.tx_list();
            let mut picked = Picked::default();
            for (at, (group, told)) in inv.groups().enumerate() {
                let known = told & self.tx_status.remembered(group);
                self.tx_status.announced(group, known, from);
                inv.pick(&mut picked, at, told & !known);
            }
            inv.picked(&picked, |tx| new.push(tx));
            self.request_txs(turn, from, new);
        }
        PeerMessage::TxInv(inv).release(turn.world.txs_mut(), turn.out);
    }

    /// A neighbour asks for these.
    pub(super) fn on_get_txs(&mut self, turn: &mut Turn<'_>, from: PeerId, mut txs: Vec<TxIndex>) {
        let mut missing = turn.out.tx_list();
        txs.retain(|tx| {
            let is_here = self.mempool.contains(*tx);
            if !is_here {
                missing.push(*tx);
            }
            is_here
        });
        turn.out.send_txs(from, txs, PeerMessage::Txs);
        turn.out.send_txs(from, missing, PeerMessage::TxsNotFound);
    }

    /// A neighbour does not have these, for which it was asked.
    pub(super) fn on_txs_not_found(&mut self, turn: &mut Turn<'_>, from: PeerId, txs: Vec<TxIndex>) {
        for tx in &txs {
            if self.tx_status.is_requested(*tx) && self.requests.asked_for_tx(*tx) == Some(from) {
                self.request_tx_elsewhere(turn, *tx);
            }
        }
        PeerMessage::TxsNotFound(txs).release(turn.world.txs_mut(), turn.out);
    }

    /// Transactions have come.
    pub(super) fn on_txs(&mut self, turn: &mut Turn<'_>, from: PeerId, txs: Vec<TxIndex>) {
        for tx in &txs {
            if self.config.role == Role::Full && !self.peers[from.0 as usize].banned {
                // The event says what became of it.
                let _ = self.accept_tx(turn, *tx, Some(from));
            }
            // Last, or the node would forget on the way which other neighbours have it.
            self.end_tx_request(turn, *tx);
        }
        PeerMessage::Txs(txs).release(turn.world.txs_mut(), turn.out);
    }

    /// Accepts a held transaction to the mempool and spreads it. One that was dealt with lately is left alone, unless it is
    /// the node's own.
    #[inline]
    pub(super) fn accept_tx(&mut self, turn: &mut Turn<'_>, tx: TxIndex, from: Option<PeerId>) -> Result<(), TxReject> {
        match self.tx_status.receive(turn.world.txs_mut(), tx, from) {
            Status::InMempool => return Ok(()),
            Status::Recent if from.is_some() => return Ok(()),
            Status::Recent | Status::New => {}
        }
        match self.accept_to_mempool(turn, tx, from) {
            Ok(_) => {
                self.spread(turn, tx, from);
                Ok(())
            }
            Err(why) => {
                self.refuse_tx(turn, tx, from, &why);
                Err(why)
            }
        }
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
    fn send_tx(&mut self, turn: &mut Turn<'_>, tx: TxIndex, but: Option<PeerId>) {
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
        let txs = turn.world.txs_mut();
        let out = &mut *turn.out;
        for part in self.to_announce.chunks(MAX_ITEMS) {
            let mut list = out.inv_lists.new_list();
            for tx in part {
                if !self.mempool.contains(*tx) || !list.add(*tx) {
                    txs.release(*tx);
                }
            }
            for (n, _) in self.peers.iter().enumerate().filter(|(_, peer)| peer.ready) {
                let peer = PeerId(n as u32);
                list.tell(peer, |group, which| which & !self.tx_status.announced_by(peer, group, which));
            }
            out.send_invs(list, txs);
        }
        self.to_announce.clear();
    }

    /// Announces the whole mempool to a neighbour that has just connected: parents first, or the other end could do
    /// nothing with their children.
    pub(super) fn announce_mempool(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        let txs = turn.world.txs_mut();
        let mut list = turn.out.inv_lists.new_list();
        for tx in self.mempool.select(txs, u64::MAX).into_iter().take(MAX_ITEMS) {
            txs.hold_again(tx);
            list.add(tx);
        }
        list.tell(peer, |_, which| which);
        turn.out.send_invs(list, txs);
    }
}
