//! Ledger states: one flat map, with the versions of the last blocks beside it.
//!
//! Every key has a value of the *trunk*, as of its root block, and versions by later blocks. A look-up at a block takes the
//! highest version whose block is an ancestor. The root follows the tip at a distance of [`KEPT_BLOCKS`]. The changes of
//! all blocks are kept, so that older states can be read.
//!
//! A branch that leaves below the root and grows has a root of its own, with values where they differ from the trunk's.
//! It follows the branch's tip in the same way. So a block costs no more the further its branch is from the others. A branch
//! that has not grown for about as many blocks as it would take to come back to it is given up.
//!
//! Most entries are coins, and most reads are of one entry, so the map has no order. Keys that are
//! read by prefix are also kept in order, and the coins of an owner in order of amount.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::cell::{By, Cell, Site};
use super::coin_index::{CoinIndex, coin_of};
use super::diffs::Diffs;
use super::ledger::{Change, Entries, Key, KeyMap, Space, Value, visit_sorted};
use super::root::{Root, distances, keep_apart};
use super::tree::{BlockIx, Tree};
use crate::address::Address;
use crate::amount::Amount;

/// How many blocks behind the tip a state stays quick to read.
pub(super) const KEPT_BLOCKS: u64 = 64;
/// Roots move so many blocks at a time.
const STEP: u64 = 8;
/// So many branches keep their states, at most.
const MAX_BRANCHES: usize = 32;

/// Whether entries of this key's space are read by prefix.
fn is_listed(key: &[u8]) -> bool {
    ![Space::Owned, Space::Format].iter().any(|space| key.first() == Some(&(*space as u8)))
}

/// All ledger states of a world.
pub(super) struct States {
    cells: KeyMap<Cell>,
    /// The keys that are read by prefix, except those of coins.
    listed: BTreeSet<Key>,
    /// Made on first use.
    coins_by_owner: OnceLock<CoinIndex>,
    /// The trunk's.
    trunk: Root,
    branches: Vec<Root>,
    branches_made: u32,
    /// Whether the root is the tip itself, as long as nobody reads older states.
    is_close: bool,
    /// Whether somebody has read an older state.
    looked_back: AtomicBool,
}

impl States {
    /// The state after genesis.
    pub(super) fn new(genesis: &[Change]) -> States {
        let mut states = States {
            cells: KeyMap::default(),
            listed: BTreeSet::new(),
            coins_by_owner: OnceLock::new(),
            trunk: Root::new(By::Trunk, Tree::GENESIS),
            branches: Vec::new(),
            branches_made: 0,
            is_close: false,
            looked_back: AtomicBool::new(false),
        };
        genesis.iter().for_each(|change| states.cell(&change.key, &change.after).set_trunk(&change.after));
        states
    }

    /// For a chain that is validated from end to end: the root follows the tip at once, unless the rules read older
    /// states. Nothing else depends on it.
    pub(super) fn follow_closely(&mut self) {
        self.is_close = true;
    }

    /// The coins by their owners.
    fn coins_by_owner(&self) -> &CoinIndex {
        self.coins_by_owner.get_or_init(|| {
            let mut coins_by_owner = CoinIndex::new(self.trunk.block);
            for (key, cell) in &self.cells {
                coins_by_owner.list(key);
                cell.values().for_each(|value| coins_by_owner.note(key, Some(value)));
            }
            coins_by_owner
        })
    }

    /// The root from which the state after `at` can be read.
    fn root_of(&self, at: BlockIx) -> Option<&Root> {
        std::iter::once(&self.trunk).chain(&self.branches).find(|root| root.has(at))
    }

    fn root_of_mut(&mut self, at: BlockIx) -> Option<&mut Root> {
        std::iter::once(&mut self.trunk).chain(&mut self.branches).find(|root| root.has(at))
    }

    /// The cell of an entry that is to get this value.
    fn cell(&mut self, key: &Key, value: &Option<Value>) -> &mut Cell {
        let States { cells, listed, coins_by_owner, .. } = self;
        let mut coins_by_owner = coins_by_owner.get_mut();
        if let Some(coins_by_owner) = &mut coins_by_owner {
            coins_by_owner.note(key, value.as_ref());
        }
        cells.entry(key.clone()).or_insert_with(|| {
            if is_listed(key) {
                listed.insert(key.clone());
            } else if let Some(coins_by_owner) = coins_by_owner {
                coins_by_owner.list(key);
            }
            Cell::default()
        })
    }

    /// Edits the cell of an entry, if there is one, and removes it when it becomes empty. The entry had the values `had`
    /// before.
    fn edit(&mut self, key: &Key, had: &[&Option<Value>], edit: impl FnOnce(&mut Cell)) {
        let Entry::Occupied(mut entry) = self.cells.entry(key.clone()) else { return };
        let cell = entry.get_mut();
        edit(cell);
        if let Some(coins_by_owner) = self.coins_by_owner.get_mut() {
            for value in had.iter().filter_map(|value| value.as_ref()) {
                if !cell.values().any(|other| other == value) {
                    coins_by_owner.forget(key, Some(value));
                }
            }
        }
        if cell.is_empty() {
            entry.remove();
            if is_listed(key) {
                self.listed.remove(key);
            } else if let Some(coins_by_owner) = self.coins_by_owner.get_mut() {
                coins_by_owner.unlist(key);
            }
        }
    }

    /// Adds the state after `block`. That after its parent must be there; see [`States::prepare`].
    pub(super) fn commit(&mut self, block: BlockIx, changes: &[Change], tree: &Tree) {
        let parent = tree[block].parent;
        let alone = self.trunk.block == parent && self.trunk.live.is_empty() && self.branches.is_empty();
        let close = self.is_close && alone && self.coins_by_owner.get().is_none();
        if close && !self.looked_back.load(Ordering::Relaxed) {
            for change in changes {
                match &change.after {
                    Some(_) => self.cell(&change.key, &change.after).set_trunk(&change.after),
                    None => self.edit(&change.key, &[], |cell| cell.set_trunk(&None)),
                }
            }
            self.trunk.block = block;
            return;
        }
        changes.iter().for_each(|change| self.cell(&change.key, &change.after).add(By::Block(block), &change.after));
        let trunk = self.trunk.block;
        if let Some(root) = self.root_of_mut(parent) {
            root.live.push(block);
            if root.base != By::Trunk {
                let (here, there) = distances(root.block, trunk, tree);
                root.expires = tree.len() as u64 + KEPT_BLOCKS + here + there;
            }
        }
    }

    /// Takes the versions of these blocks out of the cells.
    fn retract(&mut self, blocks: &[BlockIx], diffs: &dyn Diffs) {
        for block in blocks {
            for change in diffs.diff(*block).iter() {
                self.edit(&change.key, &[&change.after], |cell| cell.remove(By::Block(*block)));
            }
        }
    }

    /// A valid block is complete. When it is the heaviest of its branch and far enough ahead of the root, that moves
    /// towards it, and the versions of blocks that do not descend from the root are forgotten.
    pub(super) fn advance(&mut self, tip: BlockIx, tree: &Tree, diffs: &dyn Diffs) {
        let Some(root) = self.root_of_mut(tip) else { return };
        if tree[tip].weight <= tree[root.tip].weight {
            return;
        }
        root.tip = tip;
        let (base, from) = (root.base, root.block);
        if base == By::Trunk && self.branches.is_empty() {
            self.move_coin_index(tip, tree, diffs);
        }
        if tree[tip].height < tree[from].height + KEPT_BLOCKS + STEP {
            return;
        }
        let to = tree.ancestor(tip, tree[tip].height - KEPT_BLOCKS);
        match base {
            By::Trunk => self.move_trunk(to, tree, diffs),
            _ => self.move_branch(tip, to, tree, diffs),
        }
        self.settle_branches(tree, diffs);
    }

    fn move_coin_index(&mut self, tip: BlockIx, tree: &Tree, diffs: &dyn Diffs) {
        let States { coins_by_owner, cells, .. } = self;
        if let Some(coins_by_owner) = coins_by_owner.get_mut() {
            coins_by_owner.follow(tip, tree, diffs, |key, value, block| {
                cells.get(key).is_some_and(|cell| cell.is_made_above(tree[block].height, value, tree))
            });
        }
    }

    fn move_trunk(&mut self, to: BlockIx, tree: &Tree, diffs: &dyn Diffs) {
        let mut branches = std::mem::take(&mut self.branches);
        for block in tree.path(self.trunk.block, to) {
            for Change { key, before, after } in diffs.diff(block).iter() {
                self.edit(key, &[before, after], |cell| {
                    keep_apart(cell, key, before, &mut branches);
                    cell.remove(By::Block(block));
                    cell.set_trunk(after);
                });
            }
            self.trunk.live.retain(|live| *live != block);
        }
        self.branches = branches;
        self.trunk.block = to;
        let dead: Vec<BlockIx> = self.trunk.live.extract_if(.., |block| !tree.is_ancestor(to, *block)).collect();
        self.retract(&dead, diffs);
    }

    fn move_branch(&mut self, tip: BlockIx, to: BlockIx, tree: &Tree, diffs: &dyn Diffs) {
        let Some(n) = self.branches.iter().position(|branch| branch.has(tip)) else { return };
        let mut branch = self.branches.remove(n);
        for block in tree.path(branch.block, to) {
            for Change { key, before, after } in diffs.diff(block).iter() {
                self.edit(key, &[before, after], |cell| {
                    if cell.by(branch.base).is_none() {
                        branch.keys.push(key.clone());
                    }
                    cell.remove(By::Block(block));
                    cell.remove(branch.base);
                    cell.add(branch.base, after);
                });
            }
            branch.live.retain(|live| *live != block);
        }
        branch.block = to;
        let dead: Vec<BlockIx> = branch.live.extract_if(.., |block| !tree.is_ancestor(to, *block)).collect();
        self.branches.push(branch);
        self.retract(&dead, diffs);
    }

    /// Gives up branches that do not grow, and makes that one the trunk which has left it behind.
    fn settle_branches(&mut self, tree: &Tree, diffs: &dyn Diffs) {
        while let Some(n) = self.branches.iter().position(|branch| branch.expires < tree.len() as u64) {
            self.give_up(n, diffs);
        }
        let trunk = &self.trunk;
        let leads = |branch: &Root| {
            // It costs as much as there is between them, so it must not come too often.
            let (here, there) = distances(branch.block, trunk.block, tree);
            tree[branch.tip].weight > tree[trunk.tip].weight && here >= there + KEPT_BLOCKS.max((here + there) / 4)
        };
        if let Some(n) = self.branches.iter().position(leads) {
            self.exchange(n, tree);
        }
    }

    /// A branch and the trunk change places.
    fn exchange(&mut self, n: usize, tree: &Tree) {
        let mut branch = self.branches.remove(n);
        for key in &branch.keys {
            let Some(cell) = self.cells.get_mut(key) else { continue };
            let old = cell.by(By::Trunk).cloned().flatten();
            let new = cell.by(branch.base).cloned().flatten();
            keep_apart(cell, key, &old, &mut self.branches);
            cell.remove(branch.base);
            cell.add(branch.base, &old);
            cell.set_trunk(&new);
        }
        let trunk = &mut self.trunk;
        std::mem::swap(&mut trunk.block, &mut branch.block);
        std::mem::swap(&mut trunk.live, &mut branch.live);
        std::mem::swap(&mut trunk.tip, &mut branch.tip);
        let (here, there) = distances(branch.block, trunk.block, tree);
        branch.expires = tree.len() as u64 + KEPT_BLOCKS + here + there;
        self.branches.push(branch);
    }

    fn give_up(&mut self, n: usize, diffs: &dyn Diffs) {
        let branch = self.branches.remove(n);
        self.retract(&branch.live, diffs);
        for key in &branch.keys {
            let value = self.cells.get(key).and_then(|cell| cell.by(branch.base)).cloned().flatten();
            self.edit(key, &[&value], |cell| cell.remove(branch.base));
        }
        if self.branches.is_empty()
            && let Some(coins_by_owner) = self.coins_by_owner.get_mut()
        {
            coins_by_owner.restart(self.trunk.block);
        }
    }

    /// Makes the state after `at`, a valid block, readable from the cells.
    pub(super) fn prepare(&mut self, at: BlockIx, tree: &Tree, diffs: &dyn Diffs) {
        if self.root_of(at).is_some() {
            return;
        }
        let fork = tree.fork_point(self.trunk.block, at);
        let lowest = tree[fork].height.max(tree[at].height.saturating_sub(KEPT_BLOCKS));
        let mut from = at;
        while self.root_of(from).is_none() {
            if tree[from].height == lowest {
                self.branch_off(from, tree, diffs);
            } else {
                from = tree[from].parent;
            }
        }
        for block in tree.path(from, at) {
            self.commit(block, &diffs.diff(block), tree);
        }
    }

    /// Makes the state after `at` the root of a new branch.
    fn branch_off(&mut self, at: BlockIx, tree: &Tree, diffs: &dyn Diffs) {
        if self.branches.is_empty() {
            // The index has forgotten what later blocks have spent.
            self.move_coin_index(self.trunk.block, tree, diffs);
        } else if self.branches.len() == MAX_BRANCHES
            && let Some((first, _)) = self.branches.iter().enumerate().min_by_key(|(_, branch)| branch.expires)
        {
            self.give_up(first, diffs);
        }
        let mut branch = Root::new(By::Branch(self.branches_made), at);
        self.branches_made += 1;
        for (key, value) in self.rewind(at, tree, diffs) {
            self.cell(&key, &value).add(branch.base, &value);
            branch.keys.push(key);
        }
        let (here, there) = distances(at, self.trunk.block, tree);
        branch.expires = tree.len() as u64 + KEPT_BLOCKS + here + there;
        self.branches.push(branch);
    }

    /// The entries that the state after `at` may have otherwise than that of the trunk's root: all blocks down to where
    /// they meet are undone, and those up to the block done.
    fn rewind(&self, at: BlockIx, tree: &Tree, diffs: &dyn Diffs) -> BTreeMap<Key, Option<Value>> {
        let mut rewound = BTreeMap::new();
        let fork = tree.fork_point(self.trunk.block, at);
        for block in tree.path(fork, self.trunk.block).into_iter().rev() {
            rewound.extend(diffs.diff(block).iter().map(|change| (change.key.clone(), change.before.clone())));
        }
        for block in tree.path(fork, at) {
            rewound.extend(diffs.diff(block).iter().map(|change| (change.key.clone(), change.after.clone())));
        }
        rewound
    }

    /// The state after the valid block `at`. All can be read; [`KEPT_BLOCKS`] says which are quick.
    pub(super) fn at<'a>(&'a self, at: BlockIx, tree: &'a Tree, diffs: &dyn Diffs) -> State<'a> {
        if let Some(root) = self.root_of(at) {
            return State { states: self, tree, site: root.site(at, tree), rewound: BTreeMap::new() };
        }
        self.looked_back.store(true, Ordering::Relaxed);
        let site = self.trunk.site(self.trunk.block, tree);
        State { states: self, tree, site, rewound: self.rewind(at, tree, diffs) }
    }
}

/// The ledger after one block.
pub struct State<'a> {
    states: &'a States,
    tree: &'a Tree,
    site: Site,
    rewound: BTreeMap<Key, Option<Value>>,
}

impl State<'_> {
    /// The keys that start with `prefix`, in order, of all that is in the cells.
    fn keys(&self, prefix: &[u8]) -> Vec<&Key> {
        let fits = |key: &&Key| key.starts_with(prefix);
        let from = (Bound::Included(prefix), Bound::Unbounded);
        if !prefix.is_empty() && is_listed(prefix) {
            return self.states.listed.range::<[u8], _>(from).take_while(fits).collect();
        }
        let owner = prefix.strip_prefix(&[Space::Owned as u8]).and_then(|rest| rest.first_chunk());
        if let Some(owner) = owner {
            return self.states.coins_by_owner().keys(&Address(*owner)).filter(fits).collect();
        }
        let mut keys: Vec<&Key> = self.states.cells.keys().filter(fits).collect();
        keys.sort_unstable();
        keys
    }

    /// The entry as the cells have it.
    fn of_cell(&self, key: &[u8]) -> Option<&Value> {
        self.states.cells.get(key).and_then(|cell| cell.at(self.site, self.tree))
    }
}

impl Entries for State<'_> {
    fn entry(&self, key: &[u8]) -> Option<Value> {
        match self.rewound.get(key) {
            Some(value) => value.clone(),
            None => self.of_cell(key).cloned(),
        }
    }

    fn keyed_entry(&self, key: Key) -> (Key, Option<Value>) {
        if let Some(value) = self.rewound.get(&key) {
            return (key, value.clone());
        }
        match self.states.cells.get_key_value(&key) {
            Some((shared, cell)) => (shared.clone(), cell.at(self.site, self.tree).cloned()),
            None => (key, None),
        }
    }

    fn entries(&self, prefix: &[u8]) -> Vec<(Key, Value)> {
        let keys = self.keys(prefix).into_iter();
        let here = keys.filter_map(|key| Some((key.clone(), self.of_cell(key)?.clone())));
        if self.rewound.is_empty() {
            return here.collect();
        }
        let mut all: BTreeMap<Key, Value> = here.collect();
        for (key, value) in self.rewound.iter().filter(|(key, _)| key.starts_with(prefix)) {
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
        for key in self.keys(prefix) {
            if let Some(value) = self.of_cell(key) {
                each(key, value);
            }
        }
    }

    fn visit_worth(&self, owner: &Address, least: Amount, each: &mut dyn FnMut(&[u8], Amount) -> bool) {
        let coins_by_owner = self.states.coins_by_owner();
        // As long as there are branches, it forgets nothing that one of them has.
        let covered = !self.states.branches.is_empty() || coins_by_owner.covers(self.site.at, self.tree);
        if !covered || !self.rewound.is_empty() {
            return visit_sorted(self.owned(owner), least, each);
        }
        let prefix = Space::Owned.bytes(&[&owner.0]);
        for (amount, key) in coins_by_owner.worth(owner, least) {
            // Only another state may have the coin, or have it with this amount.
            let here = self.of_cell(key).and_then(|value| coin_of(key, value));
            if here == Some((*owner, *amount)) && !each(&key[prefix.len()..], *amount) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
