//! What a store on disk must do, and where the world keeps changes and older blocks.

use std::sync::Arc;

use super::diffs::Diffs;
use super::ledger::Change;
use super::tree::{BlockIx, Tree};
use crate::block::Block;
use crate::hash::Id;
use crate::target::Work;

/// A valid block as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The block, its seal included.
    pub block: Arc<Block>,
    /// Weight of the block and its ancestors.
    pub weight: Work,
    /// The state after it.
    pub state_root: Id,
    /// What it changed in the ledger.
    pub diff: Arc<[Change]>,
}

/// Keeps valid blocks and small values of the node. It may buffer writes until [`Store::flush`].
///
/// A store that fails says why in [`Store::failure`]. The runtime looks there and ends the node, so
/// the calls themselves give no errors.
pub trait Store: Send {
    /// Keeps a block. Called once per block, parents first.
    fn put(&mut self, record: &Record);
    /// The block called `id`, also when it has not been flushed.
    fn record(&self, id: &Id) -> Option<Record>;
    /// Gives all blocks, in the order in which they were put.
    fn load(&self, each: &mut dyn FnMut(Record));
    /// Keeps or removes a value of the node under a name.
    fn set(&mut self, name: &str, value: Option<&[u8]>);
    /// All names that start with `prefix`, with their values, in order.
    fn values(&self, prefix: &str) -> Vec<(String, Vec<u8>)>;
    /// Makes everything durable: after a power cut it is still there.
    fn flush(&mut self);
    /// Why the store has failed, if it has.
    fn failure(&self) -> Option<String>;
}

/// The changes and older blocks: in memory, or in a store.
pub(super) struct Archive {
    pub(super) store: Option<Box<dyn Store>>,
    diffs: Vec<Option<Arc<[Change]>>>,
    ids: Vec<Id>,
}

impl Archive {
    pub(super) fn new(store: Option<Box<dyn Store>>) -> Archive {
        Archive { store, diffs: Vec::new(), ids: Vec::new() }
    }

    /// Keeps the changes of a valid block in memory.
    pub(super) fn keep(&mut self, block: BlockIx, id: Id, diff: Arc<[Change]>) {
        let at = block.0 as usize;
        if self.diffs.len() <= at {
            self.diffs.resize(at + 1, None);
            self.ids.resize(at + 1, Id::ZERO);
        }
        self.diffs[at] = Some(diff);
        self.ids[at] = id;
    }

    /// Frees the memory of a block that the store has.
    pub(super) fn release(&mut self, block: BlockIx, tree: &mut Tree) {
        if self.store.is_some() {
            self.diffs[block.0 as usize] = None;
            tree[block].block = None;
            tree[block].spent = None;
        }
    }

    /// The whole block, from memory or from the store.
    pub(super) fn block(&self, block: BlockIx, tree: &Tree) -> Option<Arc<Block>> {
        let entry = &tree[block];
        let stored = || Some(self.store.as_ref()?.record(&entry.id)?.block);
        entry.block.clone().or_else(stored)
    }
}

impl Diffs for Archive {
    fn diff(&self, block: BlockIx) -> Arc<[Change]> {
        let at = block.0 as usize;
        let stored = || Some(self.store.as_ref()?.record(&self.ids[at])?.diff);
        // A store that cannot answer has noted its failure, and the runtime ends the node.
        self.diffs[at].clone().or_else(stored).unwrap_or_default()
    }
}
