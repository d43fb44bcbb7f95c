//! GHOST: the tip lies in the heaviest subtree at every fork (Sompolinsky and Zohar 2015).

use fika_core::address::Address;
use fika_core::agent::Agent;
use fika_core::consensus::Consensus;
use fika_core::hash::Id;
use fika_core::reject::Reject;
use fika_core::view::{BlockView, ChainView, TreeView};

use super::quiet::Quiet;

#[derive(Clone)]
pub struct Ghost;

impl Consensus for Ghost {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        Quiet.check(block, parent, past)
    }

    fn choose(&self, current: &BlockView<'_>, new: &BlockView<'_>, tree: &dyn TreeView) -> Id {
        let at = |of: &Id, height| tree.ancestor(of, height).map(|block| block.id).unwrap_or_default();
        let mut height = current.height.min(new.height);
        while at(&current.id, height) != at(&new.id, height) {
            height -= 1;
        }
        let mut best = at(&current.id, height);
        // Ties go to the side of the current tip, then to the smaller id.
        let on_current = |id: &Id| tree.block(id).is_ok_and(|block| at(&current.id, block.height) == *id);
        while let Some(next) = tree
            .children(&best)
            .into_iter()
            .max_by_key(|id| (tree.subtree_weight(id), on_current(id), std::cmp::Reverse(*id)))
        {
            best = next;
        }
        best
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(Quiet)
    }
}
