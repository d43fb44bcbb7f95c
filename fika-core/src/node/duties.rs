//! The duties of a node's agent, the work for them, and the blocks that the node keeps to itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use super::timers::{Timer, Timers};
use crate::agent::{Duty, Sealed};
use crate::block::Block;
use crate::hash::Id;
use crate::header::Time;
use crate::world::BlockIx;

/// Proposals kept at the same time.
const MAX_PROPOSALS: usize = 64;

/// One piece of work that a duty asks for.
pub(super) struct Job {
    pub(super) ticket: u64,
    pub(super) duty: usize,
    /// The block whose header is being ground; `None` where time is drawn.
    pub(super) block: Option<Box<Block>>,
}

/// What the node is about to produce, and what it has produced but not published.
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
    /// Proposals, the node's own and those of others.
    proposals: VecDeque<(Id, Arc<Block>)>,
    /// Own blocks that nobody else may know of.
    hidden: BTreeSet<BlockIx>,
    /// Own blocks whose time has not come, by that time.
    early: BTreeMap<(Time, Id), (Arc<Block>, Sealed)>,
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

    pub(super) fn has_proposal(&self, id: &Id) -> bool {
        self.proposals.iter().any(|(known, _)| known == id)
    }

    pub(super) fn proposal(&self, id: &Id) -> Option<Arc<Block>> {
        self.proposals.iter().find(|(known, _)| known == id).map(|(_, block)| block.clone())
    }

    pub(super) fn keep_proposal(&mut self, block: Arc<Block>) {
        self.proposals.push_back((block.id(), block));
        if self.proposals.len() > MAX_PROPOSALS {
            self.proposals.pop_front();
        }
    }

    /// Nobody else may know of this block yet.
    #[cold]
    pub(super) fn hide(&mut self, ix: BlockIx) {
        self.hidden.insert(ix);
    }

    /// The neighbours may know of it now.
    pub(super) fn reveal(&mut self, ix: BlockIx) {
        self.hidden.remove(&ix);
    }

    pub(super) fn is_hidden(&self, ix: BlockIx) -> bool {
        self.hidden.contains(&ix)
    }

    /// Keeps an own block until the node's clock says `at`.
    pub(super) fn defer(&mut self, at: Time, id: Id, block: Arc<Block>, sealed: Sealed) {
        self.early.insert((at, id), (block, sealed));
    }

    /// Takes out an own block whose time has come.
    pub(super) fn due(&mut self, now: Time) -> Option<(Arc<Block>, Sealed)> {
        self.early.first_entry().filter(|entry| entry.key().0 <= now).map(|entry| entry.remove())
    }
}
