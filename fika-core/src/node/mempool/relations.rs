//! How transactions depend on each other: which must come before, which build on it, which exclude it.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::Mempool;
use crate::hash::Id;
use crate::tx::{Credit, Outcome};
use crate::world::{MempoolEntry, TxIndex, TxTable, Use};

impl Mempool {
    /// Which transactions must be in a block before `tx`, which does `outcome`. It is not among them.
    pub(super) fn parents(&self, txs: &TxTable, tx: TxIndex, outcome: &Outcome) -> SmallVec<[TxIndex; 2]> {
        let makers = outcome.spends.iter().filter_map(|spend| self.maker(txs, &spend.key).map(|(maker, _)| maker));
        let mut parents: SmallVec<[TxIndex; 2]> = makers.filter(|maker| *maker != tx).collect();
        // Who writes an entry later builds on what was written there last.
        let at = self.arrival_or_next(tx);
        parents.extend(outcome.puts.iter().filter_map(|(key, _)| self.writes.before(key, at)));
        parents
    }

    /// Which transactions build on `tx`, which does `outcome`. It is not among them.
    pub(super) fn children(&self, txs: &TxTable, tx: TxIndex, outcome: &Outcome) -> Vec<TxIndex> {
        let made = outcome.credits.iter().filter(|credit| !credit.key.is_empty());
        let spenders = made.filter_map(|credit| self.spender(txs, &credit.key));
        let mut children: Vec<TxIndex> = spenders.filter(|spender| *spender != tx).collect();
        let at = self.arrival_or_next(tx);
        children.extend(outcome.puts.iter().filter_map(|(key, _)| self.writes.after(key, at)));
        children
    }

    /// When a transaction arrived, or would arrive now.
    fn arrival_or_next(&self, tx: TxIndex) -> u64 {
        if self.contains(tx) { self.arrival(tx) } else { self.arrived + 1 }
    }

    /// Whether `tx`, which is to do `outcome` here, would build on itself through others.
    pub(super) fn is_circular(&self, txs: &TxTable, tx: TxIndex, outcome: &Outcome) -> bool {
        let children: BTreeSet<TxIndex> = self.children(txs, tx, outcome).into_iter().collect();
        if children.is_empty() {
            return false;
        }
        let (mut open, mut seen) = (self.parents(txs, tx, outcome), BTreeSet::new());
        while let Some(ancestor) = open.pop() {
            if children.contains(&ancestor) {
                return true;
            }
            if seen.insert(ancestor)
                && let Some(entry) = self.entry(txs, ancestor)
            {
                open.extend(self.parents(txs, ancestor, &entry.outcome));
            }
        }
        false
    }

    /// Those of the mempool on which the transaction called `hash` builds: the `most` nearest, parents first.
    pub(in crate::node) fn ancestors_of(&self, txs: &TxTable, hash: &Id, most: usize) -> Vec<TxIndex> {
        let Some(tx) = txs.find(hash).filter(|tx| self.contains(*tx)) else { return Vec::new() };
        let (mut nearest, mut looked) = (vec![tx], 0);
        while looked < nearest.len() && nearest.len() <= most {
            let tx = nearest[looked];
            looked += 1;
            let Some(entry) = self.entry(txs, tx) else { continue };
            for parent in self.parents(txs, tx, &entry.outcome) {
                if !nearest.contains(&parent) {
                    nearest.push(parent);
                }
            }
        }
        nearest.truncate(most + 1);
        // Arrivals are in the order of validation.
        nearest.remove(0);
        nearest.sort_by_key(|tx| self.arrival(*tx));
        nearest
    }

    /// A transaction of the mempool that spends what `outcome` spends.
    pub fn conflict(&self, txs: &TxTable, outcome: &Outcome) -> Option<TxIndex> {
        outcome.spends.iter().find_map(|spend| self.spender(txs, &spend.key))
    }

    /// Which one spends the entry `key`.
    pub(in crate::node) fn spender(&self, txs: &TxTable, key: &[u8]) -> Option<TxIndex> {
        let spends = |entry: &MempoolEntry| entry.outcome.spends.iter().any(|spend| spend.key == key);
        txs.users(key, Use::SPENDS).find(|tx| self.entry(txs, *tx).is_some_and(|entry| spends(entry)))
    }

    /// Which one makes the entry `key`.
    pub(super) fn maker<'a>(&'a self, txs: &'a TxTable, key: &[u8]) -> Option<(TxIndex, &'a Credit)> {
        txs.users(key, Use::MAKES).find_map(|tx| {
            let entry = self.entry(txs, tx)?;
            Some((tx, entry.outcome.credits.iter().find(|credit| credit.key == key)?))
        })
    }
}
