//! Which payments of wallets are in the chain that the full nodes agree on.

use std::collections::BTreeSet;

use fika_core::block::Tx;
use fika_core::hash::Id;
use fika_core::world::{BlockIx, Tree, World};

/// Payments of wallets, and those of them that the full nodes have confirmed. A wallet itself learns of that when it asks.
#[derive(Default)]
pub(super) struct AgreedChain {
    /// Payments whose payers do not know them confirmed.
    open: BTreeSet<Id>,
    /// The tip up to which blocks were read.
    tip: Option<BlockIx>,
    /// Those of the payments that are in a block up to there.
    inside: BTreeSet<Id>,
    /// How many of the open ones are inside.
    count: u64,
}

impl AgreedChain {
    /// The payer does not know, or no longer, that this payment is confirmed.
    pub(super) fn unconfirmed(&mut self, hash: Id) {
        self.count += u64::from(self.open.insert(hash) && self.inside.contains(&hash));
    }

    /// The payer knows.
    pub(super) fn confirmed(&mut self, hash: &Id) {
        self.count -= u64::from(self.open.remove(hash) && self.inside.contains(hash));
    }

    /// How many payments are confirmed and their payers do not know.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are others.
    pub(super) fn waits(&self) -> bool {
        self.open.len() as u64 > self.count
    }

    /// The full nodes agree on this tip.
    pub(super) fn follow(&mut self, world: &World, tip: BlockIx) {
        if self.open.is_empty() || self.tip == Some(tip) {
            return;
        }
        let tree = world.tree();
        let old = self.tip.replace(tip).unwrap_or(Tree::GENESIS);
        let fork = tree.fork_point(old, tip);
        for ix in tree.path(fork, old) {
            world.executed(ix).txs().iter().for_each(|tx| {
                self.inside.remove(&tx.hash());
            });
        }
        for ix in tree.path(fork, tip) {
            self.inside.extend(world.executed(ix).txs().iter().map(Tx::hash));
        }
        self.count = self.open.iter().filter(|hash| self.inside.contains(*hash)).count() as u64;
    }
}
