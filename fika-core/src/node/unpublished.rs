//! Blocks that a node has made or been shown but that are not public.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::agent::Sealed;
use crate::block::Block;
use crate::hash::Id;
use crate::header::Time;
use crate::world::BlockIx;

/// Proposals kept at the same time.
const MAX_PROPOSALS: usize = 64;

/// Proposals, held blocks, and own blocks that are too early.
#[derive(Default)]
pub(super) struct Unpublished {
    /// Proposals, the node's own and those of others.
    proposals: VecDeque<(Id, Arc<Block>)>,
    /// Own blocks that nobody else may know of.
    hidden: BTreeSet<BlockIx>,
    /// Own blocks whose time has not come, by that time.
    early: BTreeMap<(Time, Id), (Arc<Block>, Sealed)>,
}

impl Unpublished {
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
