//! What blocks mean for mempools.

use std::sync::Arc;

use super::{TxNo, TxTable, Use};
use crate::block::Tx;
use crate::world::BlockIx;

/// What a block means for mempools.
#[derive(Debug, Default)]
pub struct Confirmed {
    /// Its transactions, as far as they have numbers, and their bytes.
    pub(crate) inside: Vec<(TxNo, u32)>,
    /// The same by groups of 64 with neighbouring numbers: which of them, and their bytes.
    pub(crate) groups: Vec<(u32, u64, u64)>,
    /// Others that spend what it spends, in the order of the entries.
    pub(crate) rivals: Vec<TxNo>,
}

impl Confirmed {
    /// Whether it means nothing for any of them.
    pub(crate) fn is_empty(&self) -> bool {
        self.inside.is_empty() && self.rivals.is_empty()
    }
}

impl TxTable {
    /// What a block of these transactions, which spends the entries `spent`, means for mempools.
    pub fn confirmed(&self, txs: &[Tx], spent: &[Vec<u8>]) -> Confirmed {
        let numbered = |tx: &Tx| Some((self.find(&tx.hash())?, tx.bytes().len() as u32));
        let mut inside: Vec<(TxNo, u32)> = txs.iter().filter_map(numbered).collect();
        // The order in which they lie in every node's memory.
        inside.sort_unstable();
        let spenders = spent.iter().flat_map(|key| self.users(key, Use::SPENDS));
        let rivals = spenders.filter(|no| inside.binary_search_by_key(no, |(no, _)| *no).is_err()).collect();
        let mut groups: Vec<(u32, u64, u64)> = Vec::new();
        for (no, bytes) in &inside {
            if groups.last().is_none_or(|(group, ..)| *group != no.group()) {
                groups.push((no.group(), 0, 0));
            }
            if let Some((_, which, sum)) = groups.last_mut() {
                *which |= no.bit();
                *sum += u64::from(*bytes);
            }
        }
        Confirmed { inside, groups, rivals }
    }

    /// The same for a block of the tree, worked out once for all nodes that take it in soon after each other.
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
