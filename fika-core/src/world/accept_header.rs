//! Headers without blocks: what light nodes follow.

use super::World;
use super::seen::Scope;
use super::tree::BlockIx;
use crate::block::Head;
use crate::header::Time;
use crate::reject::{Reason, Reject};
use crate::target::Work;
use crate::view::BlockView;

/// Why a header is not accepted.
#[derive(Debug)]
pub(crate) enum BadHeader {
    /// Its parent is not known.
    Orphan,
    /// Its time has not come.
    Early,
    /// It breaks a rule.
    Invalid(Reason),
    /// A plugin failed: nothing is said about it.
    Undecided(String),
}

impl World {
    /// Checks a header as far as that can be done without states (its work, its bits, and its seal where that needs none)
    /// and adds it to the tree. What needs a state is believed.
    ///
    /// # Errors
    /// [`BadHeader`].
    pub(crate) fn accept_header(&mut self, head: &Head, now: Time) -> Result<BlockIx, BadHeader> {
        let id = self.tree.name(&head.header);
        let parent = self.tree.find(&head.header.parent).ok_or(BadHeader::Orphan)?;
        match self.earliest(&id, &head.header).map_err(BadHeader::Undecided)? {
            earliest if earliest > now => return Err(BadHeader::Early),
            _ => {}
        }
        let before = self.rules.faults.count();
        let weight = self.examine_header(head, parent);
        if let Some(fault) = self.rules.faults.since(before) {
            return Err(BadHeader::Undecided(fault));
        }
        let own = weight.map_err(|reject| BadHeader::Invalid(reject.into_reason()))?;
        let ix = self.tree.insert_head(id, head).ok_or(BadHeader::Orphan)?;
        if self.tree[ix].weight == Work::ZERO {
            self.tree[ix].weight = self.tree[parent].weight.plus(own);
        }
        Ok(ix)
    }

    /// The weight of a header that is fine.
    fn examine_header(&self, head: &Head, parent: BlockIx) -> Result<Work, Reject> {
        self.check_work(&head.header)?;
        let before = self.tree.view(parent);
        let view = BlockView {
            id: head.header.id(),
            header: head.header,
            height: before.height + 1,
            weight: before.weight,
            extra: &head.extra,
        };
        let past = self.view_of(Scope::Headers(parent));
        let consensus = &self.rules.consensus;
        for verdict in [consensus.check(&view, &before, &past), consensus.check_seal(&view, &head.seal, &past)] {
            match verdict {
                // It asked for a state.
                Ok(()) | Err(Reject::NotYet(_)) => {}
                Err(reject) => return Err(reject),
            }
        }
        Ok(consensus.weight(&view))
    }
}
