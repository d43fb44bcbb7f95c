//! Announcements of transactions that wait for each other, so that one `inv` carries many.
//!
//! A node announces at certain moments what is new: multiples of
//! [`RelayConfig::batch_us`](super::RelayConfig::batch_us) from a phase that is drawn per node, so that not everyone
//! speaks at once. As in Bitcoin for those who have dialled in, the moments are the same for all neighbours: who has
//! many connections to a node learns no more than who has one. What a neighbour has announced itself in the
//! meantime, and what has left the mempool again, it is not told.

use super::io::PeerId;
use super::numbered::Kind;
use super::timers::Timer;
use super::{Node, Turn};
use crate::hash::draw;
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
        if self.batch.log.is_empty() {
            let every = self.config.relay.batch_us.max(1);
            let phase = draw(self.config.seed, PHASE, 0) % every;
            let at = turn.now + every - (turn.now % every + every - phase) % every;
            self.timers.set(at, Timer::Batch);
        }
        self.batch.log.push((no, self.mempool.slots.arrival(no)));
    }

    pub(super) fn on_batch_due(&mut self, turn: &mut Turn<'_>) {
        let mut log = std::mem::take(&mut self.batch.log);
        log.retain(|(no, arrival)| self.mempool.still_has(*no, *arrival));
        for n in (0..self.peers.len()).filter(|n| self.peers[*n].ready) {
            let peer = PeerId(n as u32);
            let mut news = turn.out.numbers();
            let mut known = self.mempool.slots.known_by(peer);
            news.extend(log.iter().map(|(no, _)| *no).filter(|no| !known(*no)));
            announce(turn, peer, news);
        }
        log.clear();
        self.batch.log = log;
    }
}

/// Announces transactions to a neighbour.
fn announce(turn: &mut Turn<'_>, to: PeerId, mut txs: Vec<TxNo>) {
    while txs.len() > MAX_ITEMS {
        let rest = txs.split_off(MAX_ITEMS);
        announce(turn, to, std::mem::replace(&mut txs, rest));
    }
    if turn.out.by_number {
        txs.iter().for_each(|no| turn.world.txs_mut().hold_again(*no));
        return turn.out.send_numbered(to, Kind::Inv, txs);
    }
    if !txs.is_empty() {
        let mut items = turn.out.list();
        items.extend(txs.iter().map(|no| Item::Tx(turn.world.txs().hash(*no))));
        turn.out.send(to, Message::Inv(items));
    }
    turn.out.give_back_numbers(txs);
}
