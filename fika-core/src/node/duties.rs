//! The duties of a node's agent, and the work for them.

use smallvec::SmallVec;

use super::timers::{Timer, Timers};
use crate::agent::Duty;
use crate::block::Block;
use crate::header::Time;

/// One piece of work that a duty asks for.
pub(super) struct Job {
    pub(super) ticket: u64,
    pub(super) duty: usize,
    /// The block whose header is being ground; `None` where time is drawn.
    pub(super) block: Option<Box<Block>>,
}

/// What the node is about to produce.
#[derive(Default)]
pub(super) struct Duties {
    pub(super) duties: Vec<Duty>,
    pub(super) generation: u64,
    pub(super) jobs: SmallVec<[Job; 1]>,
    pub(super) tickets: u64,
    pub(super) extra_nonce: u64,
    /// The work has changed and the runtime must be told.
    pub(super) changed: bool,
    /// The mempool has changed since the templates were made.
    pub(super) mempool_changed: bool,
    pub(super) template_due: bool,
    pub(super) template_time: Time,
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

    /// Whether any duty is to be ground.
    pub(super) fn grinds(&self) -> bool {
        self.duties.iter().any(|duty| matches!(duty, Duty::Grind { .. }))
    }

    /// Whether the runtime has the work that it is to have.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        !self.changed && !self.template_due && !self.mempool_changed
    }
}
