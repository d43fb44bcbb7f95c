//! Announcements of transactions that wait for each other, so that one `inv` carries many.
//!
//! As in Bitcoin, every neighbour has its own moments at which it hears what is new: multiples
//! of [`RelayConfig::batch_us`](super::RelayConfig::batch_us) from a phase that is drawn per node and
//! neighbour, so that not everyone speaks at once. What a neighbour has announced itself in the
//! meantime, and what has left the mempool again, it is not told. One log per node holds what is new; a
//! neighbour only has a place in it.

use std::collections::VecDeque;

use super::io::PeerId;
use super::timers::Timer;
use super::{Node, Turn};
use crate::hash::{Id, draw};
use crate::header::Time;
use crate::message::{Item, MAX_ITEMS, Message};
use crate::world::IdMap;

/// The draw of a neighbour's phase.
const PHASE: u64 = u64::from_be_bytes(*b"inv tick");

/// A set of neighbours.
#[derive(Default)]
struct Peers(u64, Vec<u64>);

impl Peers {
    fn insert(&mut self, peer: PeerId) {
        let (word, bit) = (peer.0 as usize / 64, 1u64 << (peer.0 % 64));
        if word == 0 {
            self.0 |= bit;
            return;
        }
        if self.1.len() < word {
            self.1.resize(word, 0);
        }
        self.1[word - 1] |= bit;
    }

    fn contains(&self, peer: PeerId) -> bool {
        let (word, bit) = (peer.0 as usize / 64, 1u64 << (peer.0 % 64));
        let bits = if word == 0 { self.0 } else { self.1.get(word - 1).copied().unwrap_or(0) };
        bits & bit != 0
    }
}

/// A transaction that not everyone has been told of.
struct News {
    id: Id,
    /// Who has it without being told.
    known_to: Peers,
}

/// What is to be announced.
#[derive(Default)]
pub(super) struct Batch {
    log: VecDeque<News>,
    /// The number of the first one in the log; they are counted for ever.
    first: u64,
    numbers: IdMap<u64>,
    timer_at: Option<Time>,
    /// By neighbour: when it is to hear something.
    due: Vec<Option<Due>>,
}

impl Batch {
    /// This neighbour is gone; should it come back, it hears of all that waits.
    pub(super) fn lost(&mut self, peer: PeerId) {
        if let Some(due) = self.due.get_mut(peer.0 as usize) {
            *due = None;
        }
    }

    /// `peer` has this transaction.
    pub(super) fn known_to(&mut self, id: &Id, peer: PeerId) {
        if let Some(number) = self.numbers.get(id) {
            self.log[(number - self.first) as usize].known_to.insert(peer);
        }
    }

    /// Adds a transaction; gives its number.
    fn push(&mut self, id: Id, from: Option<PeerId>) -> u64 {
        let number = self.first + self.log.len() as u64;
        let mut known_to = Peers::default();
        from.inspect(|peer| known_to.insert(*peer));
        self.log.push_back(News { id, known_to });
        self.numbers.insert(id, number);
        number
    }

    /// Drops what stands before this number.
    fn trim(&mut self, number: u64) {
        while self.first < number
            && let Some(News { id, .. }) = self.log.pop_front()
        {
            // It may have been dropped and announced again since.
            if self.numbers.get(&id) == Some(&self.first) {
                self.numbers.remove(&id);
            }
            self.first += 1;
        }
    }
}

/// A neighbour that is to hear something.
#[derive(Clone, Copy)]
struct Due {
    at: Time,
    /// The number of the first one that it has not been told.
    next: u64,
}

impl Node {
    /// A transaction is to be announced to the neighbours but the one that it came from, each in its own time.
    pub(super) fn announce_later(&mut self, turn: &mut Turn<'_>, id: Id, from: Option<PeerId>) {
        let number = self.batch.push(id, from);
        let every = self.config.relay.batch_us.max(1);
        let mut first = Time::MAX;
        self.batch.due.resize(self.peers.len(), None);
        for (n, (peer, due)) in self.peers.iter().zip(&mut self.batch.due).enumerate() {
            let id = PeerId(n as u32);
            if peer.ready && due.is_none() && from != Some(id) {
                let phase = draw(self.config.seed, PHASE, u64::from(id.0)) % every;
                let at = turn.now + every - (turn.now % every + every - phase) % every;
                *due = Some(Due { at, next: number });
                first = first.min(at);
            }
        }
        self.set_batch_timer(first);
        if self.batch.timer_at.is_none() {
            // Nobody is to hear of it.
            self.batch.trim(u64::MAX);
        }
    }

    fn set_batch_timer(&mut self, at: Time) {
        if at < self.batch.timer_at.unwrap_or(Time::MAX) {
            if self.batch.timer_at.replace(at).is_some() {
                self.timers.cancel(|timer| *timer == Timer::Batch);
            }
            self.timers.set(at, Timer::Batch);
        }
    }

    pub(super) fn on_batch_due(&mut self, turn: &mut Turn<'_>) {
        self.batch.timer_at = None;
        let (mut first, mut keep) = (Time::MAX, u64::MAX);
        for n in 0..self.batch.due.len() {
            let Some(due) = self.batch.due[n] else { continue };
            if due.at > turn.now {
                (first, keep) = (first.min(due.at), keep.min(due.next));
                continue;
            }
            self.batch.due[n] = None;
            let id = PeerId(n as u32);
            let start = due.next.saturating_sub(self.batch.first) as usize;
            let unheard = self.batch.log.range(start.min(self.batch.log.len())..);
            let unheard = unheard.filter(|news| !news.known_to.contains(id) && self.mempool.get(&news.id).is_some());
            let items: Vec<Item> = unheard.map(|news| Item::Tx(news.id)).collect();
            if items.len() <= MAX_ITEMS {
                if !items.is_empty() {
                    turn.out.send(id, Message::Inv(items));
                }
                continue;
            }
            items.chunks(MAX_ITEMS).for_each(|part| turn.out.send(id, Message::Inv(part.to_vec())));
        }
        self.batch.trim(keep);
        self.set_batch_timer(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_neighbours_hold_any_number() {
        let mut some = Peers::default();
        let all = [0, 63, 64, 127, 128, 1_000];
        for (n, peer) in all.iter().enumerate() {
            some.insert(PeerId(*peer));
            let found: Vec<u32> = (0..1_100).filter(|peer| some.contains(PeerId(*peer))).collect();
            assert_eq!(found, all[..=n]);
        }
    }

    #[test]
    fn the_log_forgets_what_everyone_has_heard() {
        let mut batch = Batch::default();
        let name = |n: u8| Id([n; 32]);
        assert_eq!((batch.push(name(1), None), batch.push(name(2), Some(PeerId(3)))), (0, 1));
        // Dropped from the mempool and taken in again.
        assert_eq!(batch.push(name(1), None), 2);
        batch.trim(1);
        batch.known_to(&name(1), PeerId(5));
        assert!(batch.log[1].known_to.contains(PeerId(5)) && !batch.log[0].known_to.contains(PeerId(5)));
        batch.trim(u64::MAX);
        assert!(batch.log.is_empty() && batch.numbers.is_empty());
        assert_eq!(batch.push(name(4), None), 3);
    }
}
