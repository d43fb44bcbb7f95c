//! Roots: the states that others are read from.

use super::cell::{By, Cell, Site};
use super::ledger::{Key, Value};
use super::tree::{BlockIx, Tree};

/// A block whose state is there, and what has come after it.
pub(super) struct Root {
    pub(super) base: By,
    pub(super) block: BlockIx,
    /// Blocks after it whose versions are in the cells.
    pub(super) live: Vec<BlockIx>,
    /// The heaviest of them.
    pub(super) tip: BlockIx,
    /// The entries that the state of a branch has of its own.
    pub(super) keys: Vec<Key>,
    /// A branch that has not grown until the tree has so many blocks is given up.
    pub(super) expires: u64,
}

impl Root {
    pub(super) fn new(base: By, block: BlockIx) -> Root {
        Root { base, block, live: Vec::new(), tip: block, keys: Vec::new(), expires: 0 }
    }

    pub(super) fn has(&self, at: BlockIx) -> bool {
        at == self.block || self.live.contains(&at)
    }

    pub(super) fn site(&self, at: BlockIx, tree: &Tree) -> Site {
        Site { at, base: self.base, height: tree[self.block].height }
    }
}

/// How many blocks each is away from where they meet.
pub(super) fn distances(a: BlockIx, b: BlockIx, tree: &Tree) -> (u64, u64) {
    let fork = tree[tree.fork_point(a, b)].height;
    (tree[a].height - fork, tree[b].height - fork)
}

/// The trunk's value of an entry is about to change: branches that share it keep it.
pub(super) fn keep_apart(cell: &mut Cell, key: &Key, value: &Option<Value>, branches: &mut [Root]) {
    for branch in branches {
        if cell.by(branch.base).is_none() {
            cell.add(branch.base, value);
            branch.keys.push(key.clone());
        }
    }
}
