//! What a node knows of a neighbour.

use super::budget::Budget;
use crate::header::Time;

/// A neighbour, numbered by the runtime from 0 on. The number stays when the connection breaks and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// A neighbour is waited for at most so many times as long as its first answer may take.
const MAX_PATIENCE: Time = 64;

/// So often in a row a block of a neighbour may be late before what it has named is given up.
const MAX_LATE_BLOCKS: u8 = 7;

/// How many things of a kind one neighbour may be asked for at the same time.
const MAX_REQUESTS: u16 = 1_000;

/// The state of a neighbour.
#[derive(Default)]
pub(super) struct Peer {
    /// How many things of each kind it is being asked for.
    requested: [u16; 4],
    /// How long it is waited for, where that is longer than for others: it answers slowly, or not at all lately.
    wait: Time,
    pub(super) budget: Budget,
    pub(super) score: u32,
    pub(super) ready: bool,
    pub(super) banned: bool,
    /// How often a block was late since it gave one.
    late_blocks: u8,
}

impl Peer {
    pub(super) fn can_be_asked(&self) -> bool {
        self.ready && !self.banned
    }

    /// How long an answer may take when neighbours are given so much time.
    pub(super) fn wait(&self, timeout: Time) -> Time {
        self.wait.max(timeout)
    }

    /// An answer has taken so long: the next may take twice as long. So a slow link makes a node patient, and is not
    /// asked to carry the same again and again.
    #[inline]
    pub(super) fn note_answer(&mut self, took: Time, timeout: Time) {
        let twice = took.saturating_mul(2);
        self.wait = if twice > timeout { twice } else { 0 };
    }

    /// An answer is late.
    pub(super) fn note_late(&mut self, timeout: Time) {
        let longest = timeout.saturating_mul(MAX_PATIENCE);
        self.wait = self.wait(timeout).saturating_mul(2).min(longest).max(self.wait);
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
