//! Announcements of transactions that wait for each other, so that one `inv` carries many.
//!
//! A node announces at certain moments what is new: multiples of
//! [`RelayConfig::batch_us`](super::RelayConfig::batch_us) from a phase that is drawn per node, so that not everyone
//! speaks at once. As in Bitcoin for those who have dialled in, the moments are the same for all neighbours: who has
//! many connections to a node learns no more than who has one. What a neighbour has announced itself in the
//! meantime, and what has left the mempool again, it is not told.

use super::bulletin::Bulletin;
use super::io::{Dest, Outputs, PeerId};
use super::numbered::Numbered;
use super::timers::Timer;
use super::{Node, Turn};
use crate::hash::draw;
use crate::header::Time;
use crate::message::{Item, MAX_ITEMS, Message};
use crate::world::TxNo;

/// The draw of the phase.
const PHASE: u64 = u64::from_be_bytes(*b"inv tick");

/// What is to be announced.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Batch {
    /// Transactions, with the low bits of their arrival in the mempool: one that has left it since is another one.
    log: Vec<(TxNo, u32)>,
}

impl Batch {
    /// Where the next one goes.
    pub(super) fn end(&self) -> *const u8 {
        self.log.as_ptr_range().end.cast()
    }

    /// Where all are, and their bytes.
    pub(super) fn all(&self) -> (*const u8, usize) {
        (self.log.as_ptr().cast(), size_of_val(&self.log[..]))
    }

    /// The first and the last one.
    pub(super) fn ends(&self) -> [Option<TxNo>; 2] {
        [self.log.first(), self.log.last()].map(|entry| entry.map(|(no, _)| *no))
    }
}

impl Node {
    /// A transaction is to be announced at the next moment.
    pub(super) fn announce_later(&mut self, turn: &Turn<'_>, no: TxNo) {
        let arrival = self.mempool.slots.arrival(no);
        self.announce_all_later(turn.now, &[no], arrival);
    }

    /// The same for several, of which the first has this arrival in the mempool, and those after it the next.
    #[inline]
    pub(super) fn announce_all_later(&mut self, now: Time, txs: &[TxNo], arrival: u32) {
        if self.batch.log.is_empty() && !txs.is_empty() {
            self.time_batch(now);
        }
        let arrivals = (0..).map(|after| arrival.wrapping_add(after));
        self.batch.log.extend(txs.iter().copied().zip(arrivals));
    }

    #[inline(never)]
    fn time_batch(&mut self, now: Time) {
        let every = self.config.relay.batch_us.max(1);
        let phase = draw(self.config.seed, PHASE, 0) % every;
        self.timers.set(now + every - (now % every + every - phase) % every, Timer::Batch);
    }

    pub(super) fn on_batch_due(&mut self, turn: &mut Turn<'_>) {
        let mut log = std::mem::take(&mut self.batch.log);
        log.retain(|(no, arrival)| self.mempool.still_has(*no, *arrival));
        for part in log.chunks(MAX_ITEMS) {
            let mut bulletin = turn.out.bulletins.new_one();
            part.iter().for_each(|(no, _)| bulletin.add(*no));
            for n in (0..self.peers.len()).filter(|n| self.peers[*n].ready) {
                let peer = PeerId(n as u32);
                bulletin.tell(peer, |group, which| which & !self.mempool.slots.known_by(peer, group, which));
            }
            announce(turn, bulletin);
        }
        log.clear();
        self.batch.log = log;
    }
}

/// Announces transactions to the readers of a bulletin.
fn announce(turn: &mut Turn<'_>, bulletin: Bulletin) {
    let Outputs { bulletins, messages, numbered, by_number, .. } = &mut *turn.out;
    if *by_number {
        let at = messages.len();
        return bulletins.publish(bulletin, turn.world.txs_mut(), |peer, news| {
            numbered.push((at, peer, Numbered::Inv(news)));
        });
    }
    bulletin.read(|peer, told| {
        let items = told.into_iter().map(|no| Item::Tx(turn.world.txs().hash(no))).collect();
        messages.push((Dest::Peer(peer), Message::Inv(items)));
    });
    bulletins.give_back(bulletin);
}
