//! Transactions by their numbers: what neighbours of one world say of them to each other.
//!
//! Where many nodes run in one process they share a [`TxTable`](crate::world::TxTable). There a transaction's number
//! says all that its hash or its bytes would say, and nothing need be looked up. The messages are those of `relay`, the
//! node does the same with them, and whether it names transactions so is the runtime's choice
//! ([`Outputs::by_number`](super::Outputs::by_number)).

use super::ahead::at;
use super::bulletin::{News, Picked};
use super::io::PeerId;
use super::relay::{Announce, peer_in};
use super::requests::Requests;
use super::{Node, Role, Turn};
use crate::env::Proof;
use crate::message::{Item, Message};
use crate::world::{TxNo, World};

/// Of so many transactions of a message it is fetched what they build on.
const FETCHED: usize = 16;
/// Of so many groups of transactions that an announcement names it is fetched what is known of them.
const GROUPS_FETCHED: usize = 4;

/// A message, or several, with transactions by their numbers. Each number is held for it: the receiver releases it, or
/// who [loses](super::Outputs::lose) it.
#[derive(Debug)]
pub enum Numbered {
    /// I have these: [`Message::Inv`](crate::message::Message::Inv).
    Inv(News),
    /// Send me these: [`Message::GetData`](crate::message::Message::GetData).
    GetData(Vec<TxNo>),
    /// Here they are: a [`Message::Tx`](crate::message::Message::Tx) for each.
    Txs(Vec<TxNo>),
}

impl Node {
    /// Names to `fetch` what a message about transactions, or the moment to announce some (`None`), needs of the node
    /// itself: addresses, and bytes from there on. A runtime of many nodes has it fetched ahead.
    #[inline]
    pub fn near_txs(&self, message: Option<&Numbered>, mut fetch: impl FnMut(*const u8, usize)) {
        // Up to what was asked for: whatever happens, timers and lists of things to do are looked at.
        fetch(at(self), std::mem::offset_of!(Node, requests) + std::mem::offset_of!(Requests, open));
        fetch(at(&self.producer.template_due), 1);
        // The mempool begins with what says who has what.
        match message {
            None => fetch(at(&self.batch), size_of_val(&self.batch) + 64),
            Some(Numbered::Txs(_)) => fetch(at(&self.batch), size_of_val(&self.batch) + size_of_val(&self.mempool)),
            Some(Numbered::Inv(_) | Numbered::GetData(_)) => fetch(at(&self.mempool), 64),
        }
        if !matches!(message, Some(Numbered::GetData(_))) {
            fetch(at(&self.config.relay), size_of_val(&self.config.relay));
        }
    }

    /// What that refers to, for a message about transactions of `world`. It need not be anybody's memory.
    #[inline]
    pub fn far_txs(&self, world: &World, message: Option<&Numbered>, mut fetch: impl FnMut(*const u8, usize)) {
        let slots = &self.mempool.slots;
        fetch(self.timers.at(), 1);
        fetch(self.peers.as_ptr().cast(), 128);
        match message {
            None => {
                let (log, bytes) = self.batch.all();
                fetch(log, bytes.min(512));
            }
            Some(Numbered::Inv(news)) => {
                let [_, last_asked] = self.requests.asked_txs();
                fetch(last_asked, 64);
                for (group, _) in news.groups().take(GROUPS_FETCHED) {
                    let (part, bytes) = slots.words_of(group);
                    fetch(part, bytes);
                }
            }
            Some(Numbered::GetData(txs)) => txs.iter().take(1).for_each(|no| fetch(slots.waits_at(*no), 1)),
            Some(Numbered::Txs(txs)) => {
                let [Some(first), Some(last)] = [txs.first(), txs.last()] else { return };
                let [first_asked, _] = self.requests.asked_txs();
                fetch(first_asked, 64);
                fetch(slots.young_end(), 1);
                fetch(self.batch.end(), 64);
                // They are nearly always of the same few minutes, and so are their numbers.
                for no in [first, last] {
                    let (part, bytes) = slots.words_of(no.group());
                    fetch(part, bytes);
                    fetch(slots.waits_at(*no), 1);
                    fetch(slots.waiting_at(*no), 1);
                }
                // Those that they build on are older.
                let beside = txs.iter().take(FETCHED).filter_map(|no| world.txs().beside(*no));
                beside.for_each(|no| fetch(slots.waits_at(no), 1));
            }
        }
    }

    /// What those transactions refer to that a neighbour is to hear of next.
    #[inline]
    pub fn farther_txs(&self, mut fetch: impl FnMut(*const u8, usize)) {
        let slots = &self.mempool.slots;
        for no in self.batch.ends().into_iter().flatten() {
            let (part, bytes) = slots.words_of(no.group());
            fetch(part, bytes);
        }
    }

    #[inline(never)]
    pub(super) fn on_numbered(&mut self, turn: &mut Turn<'_>, from: PeerId, message: Numbered) {
        let is_inv = matches!(message, Numbered::Inv(_));
        if self.peer(from).banned || is_inv && self.config.role != Role::Full {
            return turn.out.lose(message, turn.world);
        }
        match message {
            Numbered::Inv(news) => self.on_news(turn, from, news),
            Numbered::GetData(txs) => self.on_numbered_get_data(turn, from, txs),
            Numbered::Txs(txs) => self.on_numbered_txs(turn, from, txs),
        }
    }

    fn on_news(&mut self, turn: &mut Turn<'_>, from: PeerId, news: News) {
        let until = self.late_at(turn);
        let mut txs = turn.out.numbers();
        let (table, slots) = (turn.world.txs_mut(), &mut self.mempool.slots);
        let peer = peer_in(&mut self.peers, from);
        if news.count() <= Requests::room_for_txs(peer) {
            let mut picked = Picked::default();
            for (at, (group, told)) in news.groups().enumerate() {
                // What it remembers it does not need, and only notes who else has it.
                let new = told & !slots.remembered(group);
                slots.hear(table, group, from, told, new);
                news.pick(&mut picked, at, new);
            }
            news.picked(&picked, |no| txs.push(no));
            self.requests.add_txs(peer, &txs, from, until);
        } else {
            self.hear_in_part(turn, from, &news, &mut txs);
        }
        turn.out.bulletins.end(news, turn.world.txs_mut());
        if txs.is_empty() {
            return turn.out.give_back_numbers(txs);
        }
        self.time_requests(until);
        turn.out.send_numbered(from, txs, Numbered::GetData);
    }

    /// Hears of transactions, not all of which it may be able to ask this neighbour for; what it may not ask for it has not
    /// heard of.
    #[cold]
    fn hear_in_part(&mut self, turn: &mut Turn<'_>, from: PeerId, news: &News, txs: &mut Vec<TxNo>) {
        let until = self.late_at(turn);
        let mut picked = Picked::default();
        news.groups().enumerate().for_each(|(at, (_, told))| news.pick(&mut picked, at, told));
        news.picked(&picked, |no| {
            if !self.mempool.slots.known_to(no, from) && self.ask_numbered(turn, no, from, until) {
                turn.world.txs_mut().hold_again(no);
                txs.push(no);
            }
        });
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
        turn.out.send_numbered(from, txs, Numbered::Txs);
        if !missing.is_empty() {
            turn.out.send(from, Message::NotFound(missing));
        }
    }

    fn on_numbered_txs(&mut self, turn: &mut Turn<'_>, from: PeerId, txs: Vec<TxNo>) {
        let mut left = &txs[..];
        while !left.is_empty() {
            left = &left[self.take_in_together(turn, from, left)..];
            let Some((no, rest)) = left.split_first() else { break };
            self.on_numbered_tx(turn, from, *no);
            left = rest;
        }
        turn.out.give_back_numbers(txs);
    }

    #[inline(never)]
    fn on_numbered_tx(&mut self, turn: &mut Turn<'_>, from: PeerId, no: TxNo) {
        if !self.peer(from).banned {
            self.on_held_tx(turn, from, no, None);
            if !self.is_settled(turn, is_sampled(turn)) {
                self.settle(turn);
            }
        }
        turn.world.release(no);
    }

    /// Takes in the first of `txs` as far as they are like nearly all: asked for, not known, judged already, and welcome. Gives
    /// how many these are. The next needs a closer look.
    fn take_in_together(&mut self, turn: &mut Turn<'_>, from: PeerId, txs: &[TxNo]) -> usize {
        let relay = &self.config.relay;
        let announces_later = relay.announce != Announce::Flood && relay.batch_us > 0;
        let is_plain = self.config.role == Role::Full && announces_later && is_sampled(turn);
        if !is_plain || self.peer(from).banned || !self.is_settled(turn, true) {
            return 0;
        }
        let Node { mempool, requests, peers, tip, .. } = self;
        let most = requests.first_txs(txs, from).min(mempool.slots.room());
        let (table, room, first) = (turn.world.txs_mut(), mempool.room(), mempool.next_arrival());
        let (mut bytes_in, mut count) = (0, 0);
        for (no, arrival) in txs[..most].iter().zip((0..).map(|after| first.wrapping_add(after))) {
            let judged = table.judged_at_hand(*no, *tip, |other| mempool.slots.waits(other));
            let Some((bytes, rate, fee)) = judged else { break };
            let is_welcome = bytes <= room - bytes_in && mempool.is_enough(rate, fee);
            if !is_welcome || !mempool.slots.take_in(*no, from, arrival) {
                break;
            }
            bytes_in += bytes;
            count += 1;
            turn.out.taken_in.push((*no, fee));
            table.release(*no);
        }
        if count > 0 {
            mempool.count_in(count, bytes_in);
            requests.end_first_txs(count, &mut peers[from.0 as usize]);
            self.announce_all_later(turn.now, &txs[..count], first);
        }
        count
    }
}

/// Whether work is drawn: nobody grinds a block that each new transaction belongs into.
fn is_sampled(turn: &Turn<'_>) -> bool {
    turn.world.rules().env.chain.proof == Proof::Sampled
}
