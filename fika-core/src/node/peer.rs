//! What a node knows of a neighbour.

use super::budget::{Bucket, FREE_WAITS, Overdraft};
use crate::header::Time;

/// A neighbour, numbered by the runtime from 0 on. The number stays when the connection breaks and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// So often in a row a block of a neighbour may be late before what it has named is given up.
const MAX_LATE_BLOCKS: u8 = 7;

/// How many things of a kind one neighbour may be asked for at the same time.
const MAX_REQUESTS: u16 = 1_000;

/// The state of a neighbour.
// Every message needs it: where many nodes run in one process, most of its cost is waiting for this piece of memory. Two
// neighbours have one cache line.
#[derive(Default)]
#[repr(align(32))]
pub(super) struct Peer {
    /// How many things of each kind it is being asked for.
    requested: [u16; 4],
    work: Bucket,
    traffic: Bucket,
    pub(super) score: u16,
    /// How often the budget for work was used up since it was last full.
    waits: u8,
    pub(super) ready: bool,
    pub(super) banned: bool,
    /// How often a block was late since it gave one.
    late_blocks: u8,
    /// It is a light node, to which no transactions are announced.
    pub(super) is_light: bool,
}

const _: () = assert!(size_of::<Peer>() == 32);

impl Peer {
    pub(super) fn can_be_asked(&self) -> bool {
        self.ready && !self.banned
    }

    /// Takes the price of some work out of its budget.
    #[inline]
    pub(super) fn take_work(&mut self, now: Time, price: Time) -> Option<Overdraft> {
        if self.work.is_full(now) {
            self.waits = 0;
        }
        let until = self.work.take(now, price)?;
        self.waits = self.waits.saturating_add(1);
        Some(Overdraft { until, is_blamed: self.waits > FREE_WAITS })
    }

    /// Takes the price of some traffic out of its budget.
    #[inline]
    pub(super) fn take_traffic(&mut self, now: Time, price: Time) -> Option<Overdraft> {
        self.traffic.take(now, price).map(|until| Overdraft { until, is_blamed: false })
    }

    /// What it did before its ban no longer counts.
    pub(super) fn forgive(&mut self) {
        *self = Peer { requested: self.requested, ready: self.ready, ..Peer::default() };
    }

    /// A block is late: whether it has been so too often for anybody to wait for the others.
    pub(super) fn note_late_block(&mut self) -> bool {
        self.late_blocks = self.late_blocks.saturating_add(1);
        self.late_blocks >= MAX_LATE_BLOCKS
    }

    /// It has given a block that was asked for.
    pub(super) fn note_block(&mut self) {
        self.late_blocks = 0;
    }

    /// Whether blocks are asked of others first.
    pub(super) fn is_late(&self) -> bool {
        self.late_blocks > 0
    }

    /// For how many things of a kind it is being asked.
    pub(super) fn requested(&self, kind: usize) -> usize {
        self.requested[kind].into()
    }

    /// For how many more things of a kind it may be asked.
    pub(super) fn room(&self, kind: usize) -> usize {
        usize::from(MAX_REQUESTS - self.requested[kind])
    }

    /// It is asked for so many more things of a kind: not more than there is [room](Peer::room) for.
    pub(super) fn add_requests(&mut self, kind: usize, count: usize) {
        self.requested[kind] += count as u16;
    }

    /// One of these requests has ended.
    pub(super) fn end_request(&mut self, kind: usize) {
        self.requested[kind] -= 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::SECOND;

    #[test]
    fn who_uses_it_up_waits_and_who_goes_on_is_blamed() {
        let mut peer = Peer::default();
        let mut now = 100 * SECOND;
        assert_eq!(peer.take_work(now, 2 * SECOND), None, "a full bucket");
        let first = peer.take_work(now, 1_000).expect("it is empty");
        assert_eq!(first, Overdraft { until: now + SECOND + 1_000, is_blamed: false });
        now = first.until;
        assert_eq!(peer.take_work(now, SECOND), None, "it is half full again");
        assert!(peer.take_work(now, 1).is_some_and(|overdraft| overdraft.is_blamed));
        now += 3 * SECOND;
        assert_eq!(peer.take_work(now, 2 * SECOND), None);
        assert!(peer.take_work(now, 1).is_some_and(|overdraft| !overdraft.is_blamed), "it was full in between");
    }

    #[test]
    fn a_steady_neighbour_within_its_budget_never_waits() {
        let mut peer = Peer::default();
        assert!((0..10_000).all(|n| peer.take_work(n * 1_000, 1_000).is_none()));
        assert!((0..10_000).any(|n| peer.take_work(10 * SECOND + n * 1_000, 1_500).is_some()));
    }

    #[test]
    fn traffic_waits_without_blame_and_leaves_work_alone() {
        let mut peer = Peer::default();
        assert!((0..100).any(|n| peer.take_traffic(n, SECOND).is_some()));
        assert!((0..100).all(|n| peer.take_traffic(n, SECOND).is_none_or(|overdraft| !overdraft.is_blamed)));
        assert_eq!(peer.take_work(0, 2 * SECOND), None);
    }
}
