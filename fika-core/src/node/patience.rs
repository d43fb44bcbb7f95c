//! How long slow neighbours are waited for.

use std::collections::BTreeMap;

use super::peer::PeerId;
use crate::header::Time;

/// A neighbour is waited for at most so many times as long as its first answer may take.
const MAX_PATIENCE: Time = 64;

/// The neighbours that answer slowly, or not at all lately, and how long each is waited for.
#[derive(Default)]
pub(super) struct Patience(BTreeMap<PeerId, Time>);

impl Patience {
    /// How long an answer may take when neighbours are given so much time.
    #[inline]
    pub(super) fn wait(&self, peer: PeerId, timeout: Time) -> Time {
        if self.0.is_empty() { timeout } else { self.0.get(&peer).map_or(timeout, |wait| timeout.max(*wait)) }
    }

    /// Whether there is anything to [note](Patience::note_answer) of an answer that has taken so long.
    #[inline]
    pub(super) fn changes(&self, peer: PeerId, took: Time, timeout: Time) -> bool {
        took.saturating_mul(2) > timeout || (!self.0.is_empty() && self.0.contains_key(&peer))
    }

    /// An answer has taken so long: the next may take twice as long. So a slow link makes a node patient, and is not
    /// asked to carry the same again and again.
    #[cold]
    pub(super) fn note_answer(&mut self, peer: PeerId, took: Time, timeout: Time) {
        let twice = took.saturating_mul(2);
        if twice > timeout {
            self.0.insert(peer, twice);
        } else {
            self.0.remove(&peer);
        }
    }

    /// An answer is late.
    pub(super) fn note_late(&mut self, peer: PeerId, timeout: Time) {
        let (wait, longest) = (self.wait(peer, timeout), timeout.saturating_mul(MAX_PATIENCE));
        self.0.insert(peer, wait.saturating_mul(2).min(longest).max(wait));
    }
}
