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
use crate::hash::draw;
use crate::header::Time;
use crate::message::{Item, MAX_ITEMS, Message};
use crate::world::TxNo;

/// The draw of a neighbour's phase.
const PHASE: u64 = u64::from_be_bytes(*b"inv tick");

/// What is to be announced.
#[derive(Default)]
pub(super) struct Batch {
    /// Transactions, with their arrival in the mempool: one that has left it since is another one.
    log: VecDeque<(TxNo, u64)>,
    /// The number of the first one in the log; they are counted for ever.
    first: u64,
    timer_at: Option<Time>,
    /// By neighbour: when it is to hear something.
    due: Vec<Option<Due>>,
    /// The neighbours that can be talked to are all to hear something, but perhaps the one from which the last
    /// transaction came.
    all_but: Option<Option<PeerId>>,
}

impl Batch {
    /// Where the next moments and the end of the log are.
    pub(super) fn newest(&self) -> [*const u8; 2] {
        [self.due.as_ptr().cast(), self.log.back().map_or(std::ptr::null(), |last| std::ptr::from_ref(last).cast())]
    }

    /// This neighbour is gone; should it come back, it hears of all that waits.
    pub(super) fn lost(&mut self, peer: PeerId) {
        if let Some(due) = self.due.get_mut(peer.0 as usize) {
            *due = None;
        }
        self.all_but = None;
    }

    /// There is a neighbour more.
    pub(super) fn joined(&mut self) {
        self.all_but = None;
    }

    /// Adds a transaction; gives its place in the log.
    fn push(&mut self, no: TxNo, arrival: u64) -> u64 {
        self.log.push_back((no, arrival));
        self.first + self.log.len() as u64 - 1
    }

    /// Drops what stands before this place.
    fn trim(&mut self, place: u64) {
        let gone = usize::try_from(place - self.first).map_or(self.log.len(), |gone| gone.min(self.log.len()));
        self.log.drain(..gone);
        self.first += gone as u64;
    }
}

/// A neighbour that is to hear something.
#[derive(Clone, Copy)]
struct Due {
    at: Time,
    /// The place in the log of the first one that it has not been told.
    next: u64,
}

impl Node {
    /// A transaction is to be announced to the neighbours but the one that it came from, each in its own time.
    pub(super) fn announce_later(&mut self, turn: &mut Turn<'_>, no: TxNo, from: Option<PeerId>) {
        let place = self.batch.push(no, self.mempool.slots.arrival(no));
        if self.batch.all_but == Some(from) {
            return;
        }
        let every = self.config.relay.batch_us.max(1);
        let mut first = Time::MAX;
        self.batch.due.resize(self.peers.len(), None);
        for (n, (peer, due)) in self.peers.iter().zip(&mut self.batch.due).enumerate() {
            let id = PeerId(n as u32);
            if peer.ready && due.is_none() && from != Some(id) {
                let phase = draw(self.config.seed, PHASE, u64::from(id.0)) % every;
                let at = turn.now + every - (turn.now % every + every - phase) % every;
                *due = Some(Due { at, next: place });
                first = first.min(at);
            }
        }
        self.set_batch_timer(first);
        self.batch.all_but = Some(from).filter(|_| self.batch.timer_at.is_some());
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
        (self.batch.timer_at, self.batch.all_but) = (None, None);
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
            let mut items = turn.out.list();
            for (no, arrival) in unheard {
                if !self.mempool.slots.is_known_to(*no, id) && self.mempool.still_has(*no, *arrival) {
                    items.push(Item::Tx(turn.world.txs().hash(*no)));
                    if items.len() == MAX_ITEMS {
                        let full = std::mem::replace(&mut items, turn.out.list());
                        turn.out.send(id, Message::Inv(full));
                    }
                }
            }
            match items.is_empty() {
                true => turn.out.give_back(items),
                false => turn.out.send(id, Message::Inv(items)),
            }
        }
        self.batch.trim(keep);
        self.set_batch_timer(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_forgets_what_everyone_has_heard() {
        let mut batch = Batch::default();
        assert_eq!((batch.push(TxNo(1), 1), batch.push(TxNo(2), 2), batch.push(TxNo(1), 3)), (0, 1, 2));
        batch.trim(1);
        assert_eq!(batch.log, [(TxNo(2), 2), (TxNo(1), 3)]);
        batch.trim(u64::MAX);
        assert!(batch.log.is_empty());
        assert_eq!(batch.push(TxNo(4), 4), 3);
    }
}
