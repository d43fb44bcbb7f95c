//! Compact blocks of which transactions are missing, and the last compact block that was made.

use std::sync::Arc;

use super::peer::PeerId;
use crate::block::Tx;
use crate::compact::{BlockTxn, CompactBlock, Few, Slot};
use crate::hash::Id;

/// Partial blocks kept, at most; and of one neighbour.
const MAX_PARTIAL: usize = 16;
const MAX_OF_ONE: usize = 2;

/// A compact block of which transactions are missing.
pub(super) struct PartialBlock {
    pub(super) id: Id,
    pub(super) from: PeerId,
    pub(super) compact: Arc<CompactBlock>,
    pub(super) txs: Few<Option<Tx>>,
    /// The places that were asked for, in ascending order.
    pub(super) requested: Few<u32>,
    /// Whether a transaction was taken from the mempool by its short id alone.
    pub(super) guessed: bool,
}

impl PartialBlock {
    /// Whether these are the transactions that were asked for.
    pub(super) fn is_answered_by(&self, txs: &[Tx]) -> bool {
        let slots = self.compact.slots().unwrap_or_default();
        let ids = (!self.compact.short.is_empty()).then(|| self.compact.short_ids());
        let right = |(place, tx): (&u32, &Tx)| match slots.get(*place as usize) {
            Some(Slot::Short(short)) => ids.is_some_and(|ids| ids.of(&tx.hash()) == *short),
            Some(Slot::Given(given)) => *given == tx,
            None => false,
        };
        txs.len() == self.requested.len() && self.requested.iter().zip(txs).all(right)
    }
}

/// Compact blocks on their way in and out.
#[derive(Default)]
pub(super) struct PartialBlocks {
    all: Vec<PartialBlock>,
    /// The last one made: all who ask for a block get the same.
    pub(super) made: Option<Arc<CompactBlock>>,
    pub(super) salts: u64,
    pub(super) failures: u64,
}

impl PartialBlocks {
    /// Where the first of them is.
    pub(super) fn first(&self) -> *const u8 {
        self.all.as_ptr().cast()
    }

    /// Whether transactions of the block called `id` are under way.
    pub(super) fn contains(&self, id: &Id) -> bool {
        self.all.iter().any(|partial| partial.id == *id)
    }

    /// Whether one more of this neighbour can be kept.
    pub(super) fn has_room(&self, from: PeerId) -> bool {
        let of_one = self.all.iter().filter(|partial| partial.from == from).count();
        of_one < MAX_OF_ONE && self.all.len() < MAX_PARTIAL
    }

    pub(super) fn add(&mut self, partial: PartialBlock) {
        // Nearly always it is the only one, and a list makes room for four.
        self.all.reserve_exact(1);
        self.all.push(partial);
    }

    /// Takes out what waits for this answer.
    pub(super) fn take(&mut self, from: PeerId, answer: &BlockTxn) -> Option<PartialBlock> {
        let waits = |partial: &PartialBlock| partial.id == answer.id && partial.from == from;
        self.all.iter().position(waits).map(|at| self.all.remove(at))
    }

    /// The block is no longer under way.
    pub(super) fn drop_block(&mut self, id: &Id) {
        self.all.retain(|partial| partial.id != *id);
    }
}
