//! What a node knows of a neighbour.

use super::budget::Budget;
use crate::header::Time;

/// A neighbour, numbered by the runtime from 0 on. The number stays when the connection breaks and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// A neighbour is waited for at most so many times as long as its first answer may take.
const MAX_PATIENCE: Time = 64;

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
    /// It is a light node, to which no transactions are announced.
    pub(super) is_light: bool,
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
