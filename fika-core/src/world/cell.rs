//! The values that one ledger entry has in the states of several blocks.

use smallvec::SmallVec;

use super::ledger::Value;
use super::tree::{BlockIx, Tree};

/// Whose value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The state after the root of the trunk.
    Trunk,
    /// The state after the root of a branch, where it is not that of the trunk.
    Branch(u32),
    /// A block after one of these roots has given it.
    Block(BlockIx),
}

/// What a state is read from: a root, and the blocks after it.
#[derive(Clone, Copy)]
pub(super) struct Site {
    /// The block after which the state is.
    pub(super) at: BlockIx,
    /// Its root.
    pub(super) base: By,
    /// The height of that root.
    pub(super) height: u64,
}

/// The values of one entry. Most entries have one. The trunk's is left out where the entry is not there.
#[derive(Default)]
pub(super) struct Cell(SmallVec<[(By, Option<Value>); 1]>);

impl Cell {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn set_trunk(&mut self, value: &Option<Value>) {
        self.remove(By::Trunk);
        if value.is_some() {
            self.add(By::Trunk, value);
        }
        self.0.shrink_to_fit();
    }

    /// What there is not yet.
    pub(super) fn add(&mut self, by: By, value: &Option<Value>) {
        self.0.reserve_exact(1);
        self.0.push((by, value.clone()));
    }

    pub(super) fn remove(&mut self, by: By) {
        self.0.retain(|(other, _)| *other != by);
    }

    /// What there is by this one; `None` where nothing is.
    pub(super) fn by(&self, by: By) -> Option<&Option<Value>> {
        self.0.iter().find(|(other, _)| *other == by).map(|(_, value)| value)
    }

    /// All values.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter_map(|(_, value)| value.as_ref())
    }

    /// Whether a block above this height has given the entry this value.
    pub(super) fn is_made_above(&self, height: u64, value: &Value, tree: &Tree) -> bool {
        let later = |by: &By| matches!(by, By::Block(by) if tree[*by].height > height);
        self.0.len() > 1 && self.0.iter().any(|(by, new)| new.as_ref() == Some(value) && later(by))
    }

    /// The value in a state.
    pub(super) fn at(&self, site: Site, tree: &Tree) -> Option<&Value> {
        // A block's value comes before that of the root, and the highest block's first.
        let rank = |by: By| match by {
            By::Trunk => Some(0),
            By::Branch(_) => (by == site.base).then_some(1),
            By::Block(block) => {
                let height = tree[block].height;
                (height > site.height && tree.is_ancestor(block, site.at)).then_some(height + 1)
            }
        };
        let ranked = self.0.iter().filter_map(|(by, value)| Some((rank(*by)?, value)));
        ranked.max_by_key(|(rank, _)| *rank).and_then(|(_, value)| value.as_ref())
    }
}
