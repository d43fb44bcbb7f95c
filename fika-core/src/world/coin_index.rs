//! The coins of each owner by amount, to find quickly one that pays for something.

use std::collections::{BTreeMap, BTreeSet};

use super::diffs::Diffs;
use super::ledger::{Change, Key, Space, Value, owned_coin};
use super::tree::{BlockIx, Tree};
use crate::address::Address;
use crate::amount::Amount;

/// How many blocks behind the tip a spent coin leaves the coins by amount.
const SPENT_KEPT_BLOCKS: u64 = 4;

/// The coins of one owner.
#[derive(Default)]
struct Coins {
    /// All that some state has.
    keys: BTreeSet<Key>,
    /// At least those of the states after the root and its descendants. There may be others: ask the state whether it
    /// has the coin.
    worth: BTreeSet<(Amount, Key)>,
}

/// The coins that some state has, by owner.
pub(super) struct CoinIndex {
    owners: BTreeMap<Address, Coins>,
    root: BlockIx,
}

fn owner_of(key: &[u8]) -> Option<(Address, &[u8])> {
    let (owner, coin) = key.strip_prefix(&[Space::Owned as u8])?.split_first_chunk()?;
    Some((Address(*owner), coin))
}

/// Whose coin an entry is, and what it is worth.
pub(super) fn coin_of(key: &[u8], value: &[u8]) -> Option<(Address, Amount)> {
    let (owner, coin) = owner_of(key)?;
    Some((owner, owned_coin(coin, value)?.amount))
}

impl CoinIndex {
    /// An empty index. The caller lists and notes all coins of the states from `root` on.
    pub(super) fn new(root: BlockIx) -> CoinIndex {
        CoinIndex { owners: BTreeMap::new(), root }
    }

    /// The caller has noted all coins of the states from `root` on.
    pub(super) fn restart(&mut self, root: BlockIx) {
        self.root = root;
    }

    /// Some state has this entry from now on.
    pub(super) fn list(&mut self, key: &Key) {
        if let Some((owner, _)) = owner_of(key) {
            self.owners.entry(owner).or_default().keys.insert(key.clone());
        }
    }

    /// No state has it any more.
    pub(super) fn unlist(&mut self, key: &Key) {
        let Some((owner, _)) = owner_of(key) else { return };
        let Some(coins) = self.owners.get_mut(&owner) else { return };
        coins.keys.remove(key);
        if coins.keys.is_empty() {
            self.owners.remove(&owner);
        }
    }

    /// The entry has this value in some state.
    pub(super) fn note(&mut self, key: &Key, value: Option<&Value>) {
        if let Some((owner, amount)) = value.and_then(|value| coin_of(key, value)) {
            self.owners.entry(owner).or_default().worth.insert((amount, key.clone()));
        }
    }

    /// It no longer has it in any state from the root on.
    pub(super) fn forget(&mut self, key: &Key, value: Option<&Value>) {
        if let Some((owner, amount)) = value.and_then(|value| coin_of(key, value))
            && let Some(coins) = self.owners.get_mut(&owner)
        {
            coins.worth.remove(&(amount, key.clone()));
        }
    }

    /// Moves the root towards `tip`. `made_after` says whether an entry got a value again after a block.
    pub(super) fn follow(
        &mut self,
        tip: BlockIx,
        tree: &Tree,
        diffs: &dyn Diffs,
        made_after: impl Fn(&Key, &Value, BlockIx) -> bool,
    ) {
        while !tree.is_ancestor(self.root, tip) {
            for Change { key, before, .. } in diffs.diff(self.root).iter() {
                self.note(key, before.as_ref());
            }
            self.root = tree[self.root].parent;
        }
        let root = tree.ancestor(tip, tree[tip].height.saturating_sub(SPENT_KEPT_BLOCKS).max(tree[self.root].height));
        for block in tree.path(self.root, root) {
            for Change { key, before, .. } in diffs.diff(block).iter() {
                if before.as_ref().is_some_and(|before| !made_after(key, before, block)) {
                    self.forget(key, before.as_ref());
                }
            }
        }
        self.root = root;
    }

    /// The keys of the coins that `owner` has in some state, in order.
    pub(super) fn keys(&self, owner: &Address) -> impl Iterator<Item = &Key> {
        self.owners.get(owner).into_iter().flat_map(|coins| &coins.keys)
    }

    /// Whether none of the coins of the state after `at` is missing.
    pub(super) fn covers(&self, at: BlockIx, tree: &Tree) -> bool {
        tree.is_ancestor(self.root, at)
    }

    /// The coins of `owner` from `least` on, by amount and then by key.
    pub(super) fn worth(&self, owner: &Address, least: Amount) -> impl Iterator<Item = &(Amount, Key)> {
        let coins = self.owners.get(owner).into_iter();
        coins.flat_map(move |coins| coins.worth.range((least, Key::default())..))
    }

    /// How many coins there are, by key and by amount.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        let lens = self.owners.values().map(|coins| (coins.keys.len(), coins.worth.len()));
        lens.fold((0, 0), |(keys, worth), (k, w)| (keys + k, worth + w))
    }
}
