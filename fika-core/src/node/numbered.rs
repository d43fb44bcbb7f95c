//! Transactions by their numbers: what neighbours of one world say of them to each other.
//!
//! Where many nodes run in one process they share a [`TxTable`](crate::world::TxTable). There a transaction's number
//! says all that its hash or its bytes would say, and nothing need be looked up. The messages are those of `relay`, the
//! node does the same with them, and whether it names transactions so is the runtime's choice
//! ([`Outputs::by_number`](super::Outputs::by_number)).

use super::ahead::at;
use super::io::PeerId;
use super::relay::peer_in;
use super::{Node, Role, Turn, requests};
use crate::env::Proof;
use crate::message::{Item, Message};
use crate::world::{TxNo, World};

/// Of so many transactions of a message it is fetched where they go.
const FETCHED: usize = 16;

/// What is said of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// I have these: [`Message::Inv`].
    Inv,
    /// Send me these: [`Message::GetData`].
    GetData,
    /// Here they are: a [`Message::Tx`] for each.
    Txs,
}

/// A message, or several, with transactions by their numbers. Each number is held for it: the receiver releases it, or
/// who loses it ([`World::release`](crate::world::World::release)).
#[derive(Debug)]
pub struct Numbered {
    /// What is said.
    pub kind: Kind,
    /// Of which transactions, in this order.
    pub txs: Vec<TxNo>,
}

impl Node {
    /// Names to `fetch` what a message about transactions, or the moment to announce some (`None`), needs of the node
    /// itself: addresses, and bytes from there on. A runtime of many nodes has it fetched ahead.
    #[inline]
    pub fn near_txs(&self, kind: Option<Kind>, mut fetch: impl FnMut(*const u8, usize)) {
        // Up to what was asked for: whatever happens, timers and lists of things to do are looked at.
        fetch(at(self), std::mem::offset_of!(Node, requests) + std::mem::offset_of!(requests::Requests, open));
        fetch(at(&self.producer.template_due), 1);
        // The mempool begins with what says who has what.
        match kind {
            None => fetch(at(&self.batch), size_of_val(&self.batch) + 64),
            Some(Kind::Txs) => fetch(at(&self.batch), size_of_val(&self.batch) + size_of_val(&self.mempool)),
            Some(Kind::Inv | Kind::GetData) => fetch(at(&self.mempool), 64),
        }
        if kind != Some(Kind::GetData) {
            fetch(at(&self.config.relay), size_of_val(&self.config.relay));
        }
    }

    /// What that refers to, for a message about these transactions of `world`. It need not be anybody's memory.
    #[inline]
    pub fn far_txs(&self, world: &World, kind: Option<Kind>, txs: &[TxNo], mut fetch: impl FnMut(*const u8, usize)) {
        let slots = &self.mempool.slots;
        fetch(self.timers.at(), 1);
        match (kind, txs) {
            (Some(kind), [first, .., last] | [first @ last]) => {
                // They are nearly always of the same few minutes, and so are their numbers.
                fetch(self.peers.as_ptr().cast(), 128);
                if kind == Kind::GetData {
                    return fetch(slots.waits_at(*first), 1);
                }
                for (part, bytes) in [slots.words_of(*first), slots.words_of(*last)] {
                    fetch(part, bytes);
                }
                let [first_asked, last_asked] = self.requests.asked_txs();
                if kind == Kind::Inv {
                    return fetch(last_asked, 64);
                }
                fetch(first_asked, 64);
                fetch(slots.waits_at(*first), 1);
                fetch(slots.young_end(), 1);
                fetch(self.batch.end(), 64);
                for no in txs.iter().take(FETCHED) {
                    fetch(slots.waiting_at(*no), 1);
                    // Those that it builds on are older.
                    world.txs().related(*no).iter().for_each(|other| fetch(slots.waits_at(*other), 1));
                }
            }
            _ => {
                let (log, bytes) = self.batch.all();
                fetch(log, bytes.min(512));
                fetch(self.peers.as_ptr().cast(), 256);
            }
        }
    }

    /// What those transactions refer to that a neighbour is to hear of next.
    #[inline]
    pub fn farther_txs(&self, mut fetch: impl FnMut(*const u8, usize)) {
        let slots = &self.mempool.slots;
        for no in self.batch.ends().into_iter().flatten() {
            let (part, bytes) = slots.words_of(no);
            fetch(part, bytes);
        }
    }

    #[inline(never)]
    pub(super) fn on_numbered(&mut self, turn: &mut Turn<'_>, from: PeerId, message: Numbered) {
        let Numbered { kind, mut txs } = message;
        let listens = !self.peer(from).banned && (kind != Kind::Inv || self.config.role == Role::Full);
        if !listens {
            txs.drain(..).for_each(|no| turn.world.release(no));
            return turn.out.give_back_numbers(txs);
        }
        match kind {
            Kind::Inv => self.on_numbered_inv(turn, from, txs),
            Kind::GetData => self.on_numbered_get_data(turn, from, txs),
            Kind::Txs => self.on_numbered_txs(turn, from, txs),
        }
    }

    fn on_numbered_inv(&mut self, turn: &mut Turn<'_>, from: PeerId, mut txs: Vec<TxNo>) {
        let until = self.late_at(turn);
        let (table, slots) = (turn.world.txs_mut(), &mut self.mempool.slots);
        let (requests, peer) = (&mut self.requests, peer_in(&mut self.peers, from));
        // Those with neighbouring numbers are looked up, and noted, together.
        let Some(mut at) = txs.first().copied() else { return turn.out.give_back_numbers(txs) };
        let (mut remembered, mut heard, mut new) = (slots.remembered(at), 0, 0);
        txs.retain(|no| {
            if no.0 / 64 != at.0 / 64 {
                slots.hear(table, at, from, heard, new);
                (at, remembered, heard, new) = (*no, slots.remembered(*no), 0, 0);
            }
            let bit = 1 << (no.0 % 64);
            // What it remembers it does not need, and only notes who else has it.
            let wanted = (remembered | new) & bit == 0;
            let asked = wanted && requests.add_tx(peer, *no, from, until);
            if asked {
                new |= bit;
            } else {
                table.release(*no);
            }
            if asked || !wanted {
                heard |= bit;
            }
            asked
        });
        slots.hear(table, at, from, heard, new);
        if !txs.is_empty() {
            self.time_requests(until);
        }
        turn.out.send_numbered(from, Kind::GetData, txs);
    }

    fn on_numbered_get_data(&mut self, turn: &mut Turn<'_>, from: PeerId, mut txs: Vec<TxNo>) {
        let mut missing = Vec::new();
        txs.retain(|no| {
            let waits = self.mempool.slots.waits(*no);
            if !waits {
                missing.push(Item::Tx(turn.world.txs().hash(*no)));
                turn.world.release(*no);
            }
            waits
        });
        turn.out.send_numbered(from, Kind::Txs, txs);
        if !missing.is_empty() {
            turn.out.send(from, Message::NotFound(missing));
        }
    }

    fn on_numbered_txs(&mut self, turn: &mut Turn<'_>, from: PeerId, txs: Vec<TxNo>) {
        let sampled = turn.world.rules().env.chain.proof == Proof::Sampled;
        for no in txs.iter().copied() {
            if !self.peer(from).banned {
                self.on_held_tx(turn, from, no, None);
                if !self.is_settled(turn, sampled) {
                    self.settle(turn);
                }
            }
            turn.world.release(no);
        }
        turn.out.give_back_numbers(txs);
    }
}
