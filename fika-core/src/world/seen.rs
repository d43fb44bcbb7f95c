//! Views of the world: a block's ancestry for rules, what a node has accepted for agents and fork choice.

use super::ledger::{Entries, Space, amount_of};
use super::states::{State, States};
use super::store::Archive;
use super::tree::{BlockIx, Tree, Verdict};
use crate::address::Address;
use crate::amount::Amount;
use crate::env::TieBreak;
use crate::hash::{Id, draw};
use crate::reject::Missing;
use crate::target::Work;
use crate::view::{BlockView, ChainView, Coin, TreeView};

/// A set of blocks.
#[derive(Clone, Default)]
pub struct BlockSet {
    /// The bits of the newest 64 blocks: nearly every question is about one of these.
    newest: u64,
    /// The bits of all before them.
    older: Vec<u64>,
}

impl BlockSet {
    /// Adds a block. True if it is new.
    pub fn insert(&mut self, ix: BlockIx) -> bool {
        let (word, bit) = (ix.0 as usize / 64, 1u64 << (ix.0 % 64));
        if word > self.older.len() {
            self.older.push(std::mem::take(&mut self.newest));
            self.older.resize(word, 0);
        }
        let bits = self.older.get_mut(word).unwrap_or(&mut self.newest);
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }

    /// Whether the set has a block.
    pub fn contains(&self, ix: BlockIx) -> bool {
        let word = ix.0 as usize / 64;
        let bits = if word == self.older.len() { self.newest } else { self.older.get(word).copied().unwrap_or(0) };
        bits & (1 << (ix.0 % 64)) != 0
    }
}

/// Which blocks a view shows.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// This block and these references, with all their ancestors.
    Ancestry(BlockIx, &'a [BlockIx]),
    /// This block and its ancestors, but no state: what a light node knows.
    Headers(BlockIx),
    /// What a node has accepted.
    Seen(&'a BlockSet),
}

/// Blocks and states within a scope.
pub struct View<'a> {
    pub(super) tree: &'a Tree,
    pub(super) states: &'a States,
    pub(super) archive: &'a Archive,
    pub(super) scope: Scope<'a>,
}

impl View<'_> {
    fn find(&self, id: &Id) -> Result<BlockIx, Missing> {
        let shown = |ix: &BlockIx| match self.scope {
            Scope::Ancestry(tip, references) => {
                self.tree.is_ancestor(*ix, tip) || references.iter().any(|r| self.tree.is_ancestor(*ix, *r))
            }
            Scope::Headers(tip) => self.tree.is_ancestor(*ix, tip),
            Scope::Seen(seen) => seen.contains(*ix),
        };
        self.tree.find(id).filter(shown).ok_or(Missing(*id))
    }

    fn state(&self, at: &Id) -> Result<State<'_>, Missing> {
        let ix = self.find(at)?;
        match self.tree[ix].verdict {
            _ if matches!(self.scope, Scope::Headers(_)) => Err(Missing(*at)),
            Verdict::Valid => Ok(self.states.at(ix, self.tree, self.archive)),
            _ => Err(Missing(*at)),
        }
    }
}

impl ChainView for View<'_> {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        Ok(self.tree.view(self.find(id)?))
    }

    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing> {
        self.tree.ancestor_view(self.find(of)?, height).ok_or(Missing(*of))
    }

    fn balance(&self, at: &Id, who: &Address) -> Result<Amount, Missing> {
        Ok(self.state(at)?.amount(&Space::Balance.key(&[&who.0])))
    }

    fn locked(&self, at: &Id, who: &Address) -> Result<Amount, Missing> {
        Ok(self.state(at)?.amount(&Space::Locked.key(&[&who.0])))
    }

    fn stakes(&self, at: &Id) -> Result<Vec<(Address, Amount)>, Missing> {
        let state = self.state(at)?;
        let mut all = std::collections::BTreeMap::<Address, Amount>::new();
        for space in [Space::Balance, Space::Locked] {
            for (key, value) in state.entries(&space.key(&[])) {
                if let Ok(who) = key[1..].try_into() {
                    *all.entry(Address(who)).or_default() += amount_of(Some(&value));
                }
            }
        }
        Ok(all.into_iter().collect())
    }

    fn coins(&self, at: &Id, who: &Address) -> Result<Vec<Coin>, Missing> {
        Ok(self.state(at)?.owned(who))
    }

    fn get(&self, at: &Id, key: &[u8]) -> Result<Option<Vec<u8>>, Missing> {
        Ok(self.state(at)?.entry(&Space::Rules.key(&[key])).map(|value| value.to_vec()))
    }

    fn scan(&self, at: &Id, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Missing> {
        let all = self.state(at)?.entries(&Space::Rules.key(&[prefix]));
        Ok(all.into_iter().map(|(key, value)| (key[1..].to_vec(), value.to_vec())).collect())
    }
}

/// What a node has accepted, as a tree for fork choice.
pub struct SeenTree<'a> {
    pub(super) tree: &'a Tree,
    pub(super) seen: &'a BlockSet,
    pub(super) tie_break: TieBreak,
    pub(super) seed: u64,
}

impl SeenTree<'_> {
    fn find(&self, id: &Id) -> Result<BlockIx, Missing> {
        self.tree.find(id).filter(|ix| self.seen.contains(*ix)).ok_or(Missing(*id))
    }

    /// A block's own weight.
    fn own_weight(&self, ix: BlockIx) -> Work {
        let entry = &self.tree[ix];
        match entry.height {
            0 => entry.weight,
            _ => Work(entry.weight.0.saturating_sub(self.tree[entry.parent].weight.0)),
        }
    }
}

impl TreeView for SeenTree<'_> {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        Ok(self.tree.view(self.find(id)?))
    }

    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing> {
        self.tree.ancestor_view(self.find(of)?, height).ok_or(Missing(*of))
    }

    fn children(&self, id: &Id) -> Vec<Id> {
        let Ok(ix) = self.find(id) else { return Vec::new() };
        let seen = self.tree[ix].children.iter().filter(|child| self.seen.contains(**child));
        seen.map(|child| self.tree[*child].id).collect()
    }

    fn subtree_weight(&self, id: &Id) -> Work {
        let Ok(top) = self.find(id) else { return Work::ZERO };
        let mut sum = Work::ZERO;
        let mut open = vec![top];
        while let Some(ix) = open.pop() {
            sum = sum.plus(self.own_weight(ix));
            open.extend(self.tree[ix].children.iter().filter(|child| self.seen.contains(**child)));
        }
        sum
    }

    fn tie_goes_to(&self, current: &Id, new: &Id) -> bool {
        // Each tip has its lot, and the highest wins: so each of any number of them is as likely.
        let lot = |id: &Id| draw(self.seed, 0x7469_655f, id.prefix());
        self.tie_break == TieBreak::Uniform && lot(new) > lot(current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four tips, one after the other: each is the last one standing in a quarter of the nodes.
    #[test]
    fn a_drawn_tie_is_fair_among_any_number_of_tips() {
        let (tree, seen) = (Tree::new(Default::default()), BlockSet::default());
        let tips = [1, 2, 3, 4].map(|n| crate::hash::sha256d(&[&[n]]));
        let mut won = [0u32; 4];
        for seed in 0..4_000 {
            let view = SeenTree { tree: &tree, seen: &seen, tie_break: TieBreak::Uniform, seed };
            let last = (1..4).fold(0, |tip, new| if view.tie_goes_to(&tips[tip], &tips[new]) { new } else { tip });
            won[last] += 1;
        }
        // Four standard errors of 27.
        assert!(won.iter().all(|won| won.abs_diff(1_000) < 110), "{won:?}");
        let first = SeenTree { tree: &tree, seen: &seen, tie_break: TieBreak::FirstSeen, seed: 1 };
        assert!(!first.tie_goes_to(&tips[0], &tips[1]) && !first.tie_goes_to(&tips[1], &tips[0]));
    }
}
