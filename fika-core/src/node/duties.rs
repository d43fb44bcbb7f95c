//! The duties of a node's agent, and the work for them.

use smallvec::SmallVec;

use super::timers::{Timer, Timers};
use crate::agent::Duty;
use crate::block::Block;
use crate::env::signed_proof;
use crate::hash::Id;
use crate::header::Time;
use crate::keys::{KeyPair, KeyScheme};
use crate::world::SEAL_BYTES;

/// One piece of work that a duty asks for.
pub(super) struct Job {
    pub(super) ticket: u64,
    pub(super) duty: usize,
    /// The block whose header is being ground; `None` where time is drawn.
    pub(super) block: Option<Box<Block>>,
}

/// Of when the node's templates are: a block takes the header time of its template, and no transaction that came later.
///
/// Templates are made when the duties change, and again every `template_age_us`, as a pool sends its miners new jobs.
/// Real work is on a template that was made then. Where time is drawn, a template is made once it is needed, of what
/// was there then.
#[derive(Default)]
pub(super) struct TemplateAge {
    pub(super) time: Time,
    /// How many transactions had arrived in the mempool.
    pub(super) arrived: u64,
}

impl TemplateAge {
    /// Follows the renewals up to `now`. Nothing has arrived since the last call: `arrived` holds for all of them.
    #[inline]
    pub(super) fn renew(&mut self, now: Time, age: Time, arrived: u64) {
        let past = now.saturating_sub(self.time);
        if past >= age {
            self.time = now - past.checked_rem(age).unwrap_or(0);
            self.arrived = arrived;
        }
    }
}

/// What the node is about to produce.
#[derive(Default)]
pub(super) struct Duties {
    pub(super) duties: Vec<Duty>,
    pub(super) generation: u64,
    pub(super) jobs: SmallVec<[Job; 1]>,
    pub(super) tickets: u64,
    pub(super) extra_nonce: u64,
    /// Bytes that templates leave free for a seal, once they are known.
    pub(super) seal_bytes: Option<u32>,
    /// The work has changed and the runtime must be told.
    pub(super) changed: bool,
    pub(super) template: TemplateAge,
}

impl Duties {
    /// Replaces all duties; gives the list of the old ones, for its memory.
    pub(super) fn replace(&mut self, timers: &mut Timers, now: Time, duties: Vec<Duty>) -> Vec<Duty> {
        self.generation += 1;
        timers.cancel(|timer| matches!(timer, Timer::Slot { .. } | Timer::Template));
        for (duty, wanted) in (0..).zip(&duties) {
            if let Duty::Slot { time, .. } = wanted {
                timers.set((*time).max(now), Timer::Slot { generation: self.generation, duty });
            }
        }
        self.changed = true;
        let mut old = std::mem::replace(&mut self.duties, duties);
        old.clear();
        old
    }

    /// Where the agent has not said how long a seal is, there is room for a proof by this key, whose length may differ a
    /// little from one signature to the next.
    pub(super) fn keep_room_for_seals(&mut self, scheme: &dyn KeyScheme, keys: &KeyPair, duties: &mut [Duty]) {
        let drafts = duties.iter_mut().map(|(Duty::Grind { draft, .. } | Duty::Slot { draft, .. })| draft);
        for draft in drafts.filter(|draft| draft.seal_bytes.is_none()) {
            draft.seal_bytes = Some(*self.seal_bytes.get_or_insert_with(|| {
                let signature = scheme.sign(0, &keys.secret, &Id::ZERO).unwrap_or_default();
                (signed_proof(&keys.public, &signature).len() as u32 + 64).max(SEAL_BYTES)
            }));
        }
    }

    /// Whether the runtime has the work that it is to have.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        !self.changed
    }
}
