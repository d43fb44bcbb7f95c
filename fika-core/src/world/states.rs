//! Ledger states: one flat map, with the versions of the last blocks beside it.
//!
//! Every key has a *base* value, as of the root block, and versions by later blocks. A look-up
//! at a block takes the highest version whose block is an ancestor. The root follows the tip at
//! a distance of [`KEPT_BLOCKS`]; the differences of all blocks are kept, so that the root can
//! go back for a deep reorganisation, and older states can be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ledger::{Change, Entries, Key, Value, with_prefix};
use super::tree::{BlockIx, Tree};

/// How many blocks behind the tip a state stays quick to read.
pub(super) const KEPT_BLOCKS: u64 = 64;

#[derive(Default)]
struct Cell {
    base: Option<Value>,
    versions: Vec<(BlockIx, Option<Value>)>,
}

impl Cell {
    fn is_empty(&self) -> bool {
        self.base.is_none() && self.versions.is_empty()
    }
}

/// The differences that blocks made, wherever they are kept.
pub(super) trait Diffs {
    /// What `block`, which is valid, changed.
    fn diff(&self, block: BlockIx) -> Arc<[Change]>;
}

/// All ledger states of a world.
pub(super) struct States {
    cells: BTreeMap<Key, Cell>,
    root: BlockIx,
    /// Blocks after the root whose versions are in the cells.
    live: Vec<BlockIx>,
}

impl States {
    /// The state after genesis.
    pub(super) fn new(genesis: &[Change]) -> States {
        let cell = |value: &Option<Value>| Cell { base: value.clone(), versions: Vec::new() };
        let cells = genesis.iter().map(|change| (change.key.clone(), cell(&change.after))).collect();
        States { cells, root: Tree::GENESIS, live: Vec::new() }
    }

    /// Whether the state after `at` can be read from the cells.
    fn is_live(&self, at: BlockIx) -> bool {
        at == self.root || self.live.contains(&at)
    }

    /// Adds the state after `block`; its parent's is there (see [`States::prepare`]).
    pub(super) fn commit(&mut self, block: BlockIx, changes: &[Change]) {
        for change in changes {
            let versions = &mut self.cells.entry(change.key.clone()).or_default().versions;
            // Most entries are written once: a vector's usual first step is room for four.
            versions.reserve_exact(1);
            versions.push((block, change.after.clone()));
        }
        self.live.push(block);
    }

    fn retract(&mut self, block: BlockIx, changes: &[Change]) {
        for change in changes {
            if let Some(cell) = self.cells.get_mut(&change.key) {
                cell.versions.retain(|(by, _)| *by != block);
                if cell.is_empty() {
                    self.cells.remove(&change.key);
                }
            }
        }
        self.live.retain(|live| *live != block);
    }

    /// Moves the root towards `tip` when it is far enough behind, and forgets the versions of
    /// blocks that do not descend from it. Done some blocks at a time.
    pub(super) fn advance(&mut self, tip: BlockIx, tree: &Tree, diffs: &dyn Diffs) {
        const STEP: u64 = 8;
        if tree[tip].height < tree[self.root].height + KEPT_BLOCKS + STEP || !tree.is_ancestor(self.root, tip) {
            return;
        }
        let new_root = tree.ancestor(tip, tree[tip].height - KEPT_BLOCKS);
        for block in tree.path(self.root, new_root) {
            for change in diffs.diff(block).iter() {
                let cell = self.cells.entry(change.key.clone()).or_default();
                cell.base = change.after.clone();
                cell.versions.retain(|(by, _)| *by != block);
                if cell.is_empty() {
                    self.cells.remove(&change.key);
                }
            }
            self.live.retain(|live| *live != block);
        }
        self.root = new_root;
        let dead: Vec<BlockIx> = self.live.iter().copied().filter(|b| !tree.is_ancestor(new_root, *b)).collect();
        for block in dead {
            self.retract(block, &diffs.diff(block));
        }
    }

    /// Makes the state after `at`, a valid block, readable from the cells.
    pub(super) fn prepare(&mut self, at: BlockIx, tree: &Tree, diffs: &dyn Diffs) {
        if self.is_live(at) {
            return;
        }
        let fork = tree.fork_point(self.root, at);
        while self.root != fork {
            let block = self.root;
            for change in diffs.diff(block).iter() {
                let cell = self.cells.entry(change.key.clone()).or_default();
                cell.base = change.before.clone();
                cell.versions.push((block, change.after.clone()));
            }
            self.live.push(block);
            self.root = tree[block].parent;
        }
        for block in tree.path(fork, at) {
            if !self.is_live(block) {
                self.commit(block, &diffs.diff(block));
            }
        }
    }

    /// The state after `at`, a valid block. Any will do; see [`KEPT_BLOCKS`] for which are quick.
    pub(super) fn at<'a>(&'a self, at: BlockIx, tree: &'a Tree, diffs: &dyn Diffs) -> State<'a> {
        let mut rewound = BTreeMap::new();
        let mut from = at;
        if !self.is_live(at) {
            // Below the root, or on a branch that left below it: undo down to where they meet, redo up to the block.
            let fork = tree.fork_point(self.root, at);
            for block in tree.path(fork, self.root).into_iter().rev() {
                rewound.extend(diffs.diff(block).iter().map(|change| (change.key.clone(), change.before.clone())));
            }
            for block in tree.path(fork, at) {
                rewound.extend(diffs.diff(block).iter().map(|change| (change.key.clone(), change.after.clone())));
            }
            from = self.root;
        }
        State { states: self, tree, at: from, rewound }
    }
}

/// The ledger after one block.
pub struct State<'a> {
    states: &'a States,
    tree: &'a Tree,
    at: BlockIx,
    rewound: BTreeMap<Key, Option<Value>>,
}

impl State<'_> {
    fn of_cell<'c>(&self, cell: &'c Cell) -> Option<&'c Value> {
        let seen = cell.versions.iter().filter(|(by, _)| self.tree.is_ancestor(*by, self.at));
        match seen.max_by_key(|(by, _)| self.tree[*by].height) {
            Some((_, value)) => value.as_ref(),
            None => cell.base.as_ref(),
        }
    }
}

impl Entries for State<'_> {
    fn entry(&self, key: &[u8]) -> Option<Value> {
        match self.rewound.get(key) {
            Some(value) => value.clone(),
            None => self.states.cells.get(key).and_then(|cell| self.of_cell(cell)).cloned(),
        }
    }

    fn entries(&self, prefix: &[u8]) -> Vec<(Key, Value)> {
        let cells = with_prefix(&self.states.cells, prefix);
        let here = cells.filter_map(|(key, cell)| Some((key.clone(), self.of_cell(cell)?.clone())));
        if self.rewound.is_empty() {
            return here.collect();
        }
        let mut all: BTreeMap<Key, Value> = here.collect();
        for (key, value) in with_prefix(&self.rewound, prefix) {
            match value {
                Some(value) => all.insert(key.clone(), value.clone()),
                None => all.remove(key),
            };
        }
        all.into_iter().collect()
    }

    fn visit(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) {
        if !self.rewound.is_empty() {
            return self.entries(prefix).iter().for_each(|(key, value)| each(key, value));
        }
        for (key, cell) in with_prefix(&self.states.cells, prefix) {
            if let Some(value) = self.of_cell(cell) {
                each(key, value);
            }
        }
    }
}
