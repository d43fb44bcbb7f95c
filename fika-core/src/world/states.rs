//! Ledger states: one flat map, with the versions of the last blocks beside it.
//!
//! Every key has a *base* value, as of the root block, and versions by later blocks. A look-up
//! at a block takes the highest version whose block is an ancestor. The root follows the tip at
//! a distance of [`KEPT_BLOCKS`]. The changes of all blocks are kept, so that the root can go back
//! for a deep reorganisation, and older states can be read.
//!
//! Most entries are coins, and most reads are of one entry, so the map has no order. Keys that are
//! read by prefix are also kept in order, and the coins of an owner in order of amount.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;

use super::coin_index::{CoinIndex, coin_of};
use super::diffs::Diffs;
use super::ledger::{Change, Entries, Key, KeyMap, Space, Value, visit_sorted};
use super::tree::{BlockIx, Tree};
use crate::address::Address;
use crate::amount::Amount;

/// How many blocks behind the tip a state stays quick to read.
pub(super) const KEPT_BLOCKS: u64 = 64;

/// The values of one entry, each with its block. The base value, if there is one, has none. Most entries have one
/// value.
#[derive(Default)]
struct Cell(SmallVec<[(Option<BlockIx>, Option<Value>); 1]>);

impl Cell {
    fn set_base(&mut self, value: &Option<Value>) {
        self.0.retain(|(by, _)| by.is_some());
        if value.is_some() {
            self.add(None, value);
        }
        self.0.shrink_to_fit();
    }

    /// The version of a block becomes the base.
    fn make_base(&mut self, block: BlockIx, value: &Option<Value>) {
        self.remove(block);
        self.set_base(value);
    }

    fn add(&mut self, by: Option<BlockIx>, value: &Option<Value>) {
        self.0.reserve_exact(1);
        self.0.push((by, value.clone()));
    }

    fn remove(&mut self, block: BlockIx) {
        self.0.retain(|(by, _)| *by != Some(block));
    }

    /// The value after the block `at`.
    fn at(&self, at: BlockIx, tree: &Tree) -> Option<&Value> {
        let seen = self.0.iter().filter(|(by, _)| by.is_none_or(|by| tree.is_ancestor(by, at)));
        seen.max_by_key(|(by, _)| by.map(|by| tree[by].height)).and_then(|(_, value)| value.as_ref())
    }
}

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
    root: BlockIx,
    /// Blocks after the root whose versions are in the cells.
    live: Vec<BlockIx>,
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
            root: Tree::GENESIS,
            live: Vec::new(),
            is_close: false,
            looked_back: AtomicBool::new(false),
        };
        genesis.iter().for_each(|change| states.cell(change).set_base(&change.after));
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
            let mut coins_by_owner = CoinIndex::new(self.root);
            for (key, cell) in &self.cells {
                coins_by_owner.list(key);
                cell.0.iter().for_each(|(_, value)| coins_by_owner.note(key, value.as_ref()));
            }
            coins_by_owner
        })
    }

    /// Whether the state after `at` can be read from the cells.
    fn is_live(&self, at: BlockIx) -> bool {
        at == self.root || self.live.contains(&at)
    }

    /// The cell that a change writes to.
    fn cell(&mut self, change: &Change) -> &mut Cell {
        let States { cells, listed, coins_by_owner, .. } = self;
        let key = &change.key;
        let mut coins_by_owner = coins_by_owner.get_mut();
        if let Some(coins_by_owner) = &mut coins_by_owner {
            coins_by_owner.note(key, change.after.as_ref());
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

    /// Edits the cell of a change, if there is one, and removes it when it becomes empty.
    fn edit(&mut self, change: &Change, edit: impl FnOnce(&mut Cell)) {
        let key = &change.key;
        let Entry::Occupied(mut cell) = self.cells.entry(key.clone()) else { return };
        edit(cell.get_mut());
        if !cell.get().0.is_empty() {
            return;
        }
        cell.remove();
        if is_listed(key) {
            self.listed.remove(key);
        } else if let Some(coins_by_owner) = self.coins_by_owner.get_mut() {
            for value in [&change.before, &change.after] {
                coins_by_owner.forget(key, value.as_ref());
            }
            coins_by_owner.unlist(key);
        }
    }

    /// Adds the state after `block`. That after `parent`, its parent, must be there; see [`States::prepare`].
    pub(super) fn commit(&mut self, block: BlockIx, parent: BlockIx, changes: &[Change]) {
        let alone = self.root == parent && self.live.is_empty() && self.coins_by_owner.get().is_none();
        if self.is_close && alone && !self.looked_back.load(Ordering::Relaxed) {
            for change in changes {
                match &change.after {
                    Some(_) => self.cell(change).set_base(&change.after),
                    None => self.edit(change, |cell| cell.set_base(&None)),
                }
            }
            self.root = block;
            return;
        }
        changes.iter().for_each(|change| self.cell(change).add(Some(block), &change.after));
        self.live.push(block);
    }

    fn retract(&mut self, block: BlockIx, changes: &[Change]) {
        changes.iter().for_each(|change| self.edit(change, |cell| cell.remove(block)));
        self.live.retain(|live| *live != block);
    }

    /// Moves the root towards `tip` when it is far enough behind, and forgets the versions of
    /// blocks that do not descend from it. It moves several blocks at a time.
    pub(super) fn advance(&mut self, tip: BlockIx, tree: &Tree, diffs: &dyn Diffs) {
        const STEP: u64 = 8;
        let States { coins_by_owner, cells, .. } = self;
        if let Some(coins_by_owner) = coins_by_owner.get_mut() {
            coins_by_owner.follow(tip, tree, diffs, |key, value, block| {
                let later = |by: BlockIx| tree[by].height > tree[block].height;
                let made =
                    |(by, new): &(Option<BlockIx>, Option<Value>)| new.as_ref() == Some(value) && by.is_some_and(later);
                cells.get(key).is_some_and(|cell| cell.0.len() > 1 && cell.0.iter().any(made))
            });
        }
        if tree[tip].height < tree[self.root].height + KEPT_BLOCKS + STEP || !tree.is_ancestor(self.root, tip) {
            return;
        }
        let new_root = tree.ancestor(tip, tree[tip].height - KEPT_BLOCKS);
        for block in tree.path(self.root, new_root) {
            for change in diffs.diff(block).iter() {
                if let Some(coins_by_owner) = self.coins_by_owner.get_mut() {
                    coins_by_owner.note(&change.key, change.after.as_ref());
                }
                self.edit(change, |cell| cell.make_base(block, &change.after));
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
                let cell = self.cell(change);
                cell.set_base(&change.before);
                cell.add(Some(block), &change.after);
            }
            self.live.push(block);
            self.root = tree[block].parent;
        }
        for block in tree.path(fork, at) {
            if !self.is_live(block) {
                self.commit(block, tree[block].parent, &diffs.diff(block));
            }
        }
    }

    /// The state after the valid block `at`. All can be read; [`KEPT_BLOCKS`] says which are quick.
    pub(super) fn at<'a>(&'a self, at: BlockIx, tree: &'a Tree, diffs: &dyn Diffs) -> State<'a> {
        let mut rewound = BTreeMap::new();
        let mut from = at;
        if !self.is_live(at) {
            self.looked_back.store(true, Ordering::Relaxed);
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
        self.states.cells.get(key).and_then(|cell| cell.at(self.at, self.tree))
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
            Some((shared, cell)) => (shared.clone(), cell.at(self.at, self.tree).cloned()),
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
        let coins = self.states.coins_by_owner().worth(owner, least, self.at, self.tree);
        let Some(coins) = coins.filter(|_| self.rewound.is_empty()) else {
            return visit_sorted(self.owned(owner), least, each);
        };
        let prefix = Space::Owned.bytes(&[&owner.0]);
        for (amount, key) in coins {
            // Only another state may have the coin, or have it with this amount.
            let here = self.of_cell(key).and_then(|value| coin_of(key, value));
            if here == Some((*owner, *amount)) && !each(&key[prefix.len()..], *amount) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::ledger::owned_value;
    use super::*;
    use crate::block::{Block, Head};
    use crate::hash::{Id, draw};
    use crate::header::Header;

    impl Diffs for Vec<Arc<[Change]>> {
        fn diff(&self, block: BlockIx) -> Arc<[Change]> {
            self[block.0 as usize].clone()
        }
    }

    fn block(parent: Id, nonce: u32) -> Arc<Block> {
        let header = Header { parent, nonce, ..Header::default() };
        Arc::new(Block { head: Head { header, ..Head::default() }, txs: Vec::new() })
    }

    /// Every coin by its key: whose it is, and what it is worth.
    type Model = BTreeMap<Key, (Address, Amount)>;

    fn compare(state: &State<'_>, owner: &Address, model: &Model) {
        let mut expected: Vec<_> = model.iter().filter(|(_, (whose, _))| whose == owner).collect();
        let found: Vec<_> = state.owned(owner).iter().map(|coin| (coin.key.clone(), coin.amount)).collect();
        assert_eq!(found, expected.iter().map(|(key, (_, worth))| (key[21..].to_vec(), *worth)).collect::<Vec<_>>());
        expected.sort_by_key(|(key, (_, worth))| (*worth, (*key).clone()));
        for least in (0..6).map(Amount) {
            let mut found = Vec::new();
            state.visit_worth(owner, least, &mut |key, amount| {
                found.push((key.to_vec(), amount));
                true
            });
            let expected = expected.iter().filter(|(_, (_, worth))| *worth >= least);
            assert_eq!(found, expected.map(|(key, (_, worth))| (key[21..].to_vec(), *worth)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_coins_of_an_owner_are_in_order_of_amount_on_every_branch() {
        [false, true].into_iter().for_each(follow_a_chain);
    }

    fn follow_a_chain(closely: bool) {
        let owners = [Address([1; 20]), Address([2; 20])];
        let mut draws = 0;
        let mut below = |limit: u64| {
            draws += 1;
            draw(7, 0, draws) % limit
        };
        let mut tree = Tree::new(block(Id::ZERO, 0));
        let (mut states, mut diffs, mut models) = (States::new(&[]), vec![Arc::from([])], vec![Model::new()]);
        if closely {
            states.follow_closely();
        }
        let mut tip = Tree::GENESIS;
        for n in 1..1_500u32 {
            // At first one chain grows. Then mostly the longest does, and now and then a branch from far below.
            let back = if n < 200 {
                0
            } else if below(12) == 0 {
                below(100)
            } else {
                below(2)
            };
            let parent = tree.ancestor(tip, tree[tip].height.saturating_sub(back));
            let mut model = models[parent.0 as usize].clone();
            let mut changes = BTreeMap::new();
            for _ in 0..below(5) {
                let owner = owners[below(2) as usize];
                let key = Space::Owned.key(&[&owner.0, &[below(9) as u8]]);
                let value = |(_, amount): &(Address, Amount)| owned_value(*amount, 1, 2);
                let before = models[parent.0 as usize].get(&key).map(value);
                // The same coin may be worth another amount elsewhere.
                let new = (below(2) == 0).then(|| (owner, Amount(below(6))));
                match new {
                    Some(new) => model.insert(key.clone(), new),
                    None => model.remove(&key),
                };
                let change = Change { key: key.clone(), before, after: new.as_ref().map(value) };
                changes.insert(key, change);
            }
            let changes: Arc<[Change]> = changes.into_values().filter(|change| change.before != change.after).collect();
            let ix = tree.insert(block(tree[parent].id, n)).unwrap();
            states.prepare(parent, &tree, &diffs);
            *states.looked_back.get_mut() = false;
            states.commit(ix, parent, &changes);
            if closely && n < 200 {
                // Nobody has asked for the coins of an owner yet.
                assert_eq!(states.root, ix);
                let state = states.at(ix, &tree, &diffs);
                for key in owners.iter().flat_map(|owner| (0..9).map(|n| Space::Owned.key(&[&owner.0, &[n]]))) {
                    let expected = model.get(&key).map(|(_, amount)| owned_value(*amount, 1, 2));
                    assert_eq!(state.entry(&key), expected);
                }
                diffs.push(changes);
                models.push(model);
                tip = ix;
                continue;
            }
            diffs.push(changes);
            models.push(model);
            if tree[ix].height > tree[tip].height {
                tip = ix;
                states.advance(tip, &tree, &diffs);
            }
            for at in [ix, tip, BlockIx(below(u64::from(n) + 1) as u32)] {
                let state = states.at(at, &tree, &diffs);
                owners.iter().for_each(|owner| compare(&state, owner, &models[at.0 as usize]));
            }
        }
        let (keys, worth) = states.coins_by_owner().len();
        assert!(keys <= 2 * 9 && worth <= 2 * 9 * 6, "there are no more than that: {keys} keys, {worth} amounts");
    }
}
