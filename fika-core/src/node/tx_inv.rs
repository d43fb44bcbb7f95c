//! An announcement of transactions: one list, shared by all neighbours that are told, with a mask for each.

use std::sync::Arc;

use crate::world::{TxIndex, TxTable};

/// An `inv` of transactions to one neighbour. The list holds what it names until the last one that shares it is
/// [released](TxInv::release).
#[derive(Debug)]
pub struct TxInv {
    list: Arc<Vec<TxIndex>>,
    /// Which of the list this neighbour is told: a bit for each.
    mask: Box<[u64]>,
}

impl TxInv {
    /// What `is_told` names of a list, if that is anything.
    pub(super) fn new(list: &Arc<Vec<TxIndex>>, is_told: impl Fn(TxIndex) -> bool) -> Option<TxInv> {
        let word = |txs: &[TxIndex]| txs.iter().rev().fold(0, |word, tx| word << 1 | u64::from(is_told(*tx)));
        let mask: Box<[u64]> = list.chunks(64).map(word).collect();
        mask.iter().any(|word| *word != 0).then(|| TxInv { list: list.clone(), mask })
    }

    /// How many transactions it names.
    pub fn count(&self) -> usize {
        self.mask.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Which, in the order of announcement.
    #[inline]
    pub fn txs(&self) -> impl Iterator<Item = TxIndex> {
        let told = self.mask.iter().zip(0..).flat_map(|(word, at)| TxIndex::each(at, *word));
        told.map(|place| self.list[place.0 as usize])
    }

    /// It was read, or never will be.
    pub fn release(self, txs: &mut TxTable) {
        release_list(self.list, txs);
    }
}

/// One less shares a list. With the last its transactions are released.
pub(super) fn release_list(list: Arc<Vec<TxIndex>>, txs: &mut TxTable) {
    if let Some(list) = Arc::into_inner(list) {
        list.into_iter().for_each(|tx| txs.release(tx));
    }
}
