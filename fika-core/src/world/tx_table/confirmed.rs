//! What blocks mean for mempools.

use std::sync::Arc;

use super::TxTable;
use super::entry::{Confirmed, Use};
use super::index::TxIndex;
use crate::block::Tx;
use crate::world::tree::BlockIx;

impl TxTable {
    /// What a block of these transactions, which spends the entries `spent`, means for mempools.
    pub fn confirmed(&self, txs: &[Tx], spent: &[Vec<u8>]) -> Confirmed {
        let indexed = |tx: &Tx| Some((self.find(&tx.hash())?, tx.bytes().len() as u32));
        let mut inside: Vec<(TxIndex, u32)> = txs.iter().filter_map(indexed).collect();
        // The order in which they lie in every node's memory.
        inside.sort_unstable();
        let spenders = spent.iter().flat_map(|key| self.users(key, Use::SPENDS));
        let conflicts = spenders.filter(|tx| inside.binary_search_by_key(tx, |(tx, _)| *tx).is_err()).collect();
        Confirmed { inside, conflicts }
    }

    /// The same for a block of the tree, worked out once for all nodes that accept it soon after each other.
    pub(crate) fn confirmed_by(&mut self, ix: BlockIx, txs: &[Tx], spent: &[Vec<u8>]) -> Arc<Confirmed> {
        if let Some((known, changes, confirmed)) = &self.confirmed
            && (*known, *changes) == (ix, self.changes)
        {
            return confirmed.clone();
        }
        let confirmed = Arc::new(self.confirmed(txs, spent));
        self.confirmed = Some((ix, self.changes, confirmed.clone()));
        confirmed
    }
}
