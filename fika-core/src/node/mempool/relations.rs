//! How transactions depend on each other: which must come before, which build on it, which exclude it.

use std::collections::BTreeSet;

use super::Mempool;
use crate::hash::Id;
use crate::tx::{Credit, Outcome};
use crate::world::{MempoolEntry, TxIndex, TxTable, Use};

/// What a transaction has to do with those of a mempool.
#[derive(Debug, Default)]
pub(super) struct Relations {
    /// They must be in a block before it.
    pub(super) parents: Vec<TxIndex>,
    /// They build on it.
    pub(super) children: Vec<TxIndex>,
}

impl Mempool {
    /// What `tx`, which does `outcome`, has to do with the others of this mempool. It is not among its own relations.
    pub(super) fn relations(&self, txs: &TxTable, tx: TxIndex, outcome: &Outcome) -> Relations {
        let arrival = if self.contains(tx) { self.arrival(tx) } else { u64::MAX };
        let mut relations = Relations::default();
        let makers = outcome.spends.iter().filter_map(|spend| self.maker(txs, &spend.key).map(|(maker, _)| maker));
        relations.parents.extend(makers.filter(|maker| *maker != tx));
        let made = outcome.credits.iter().filter(|credit| !credit.key.is_empty());
        let spenders = made.filter_map(|credit| self.spender(txs, &credit.key));
        relations.children.extend(spenders.filter(|spender| *spender != tx));
        // Who writes an entry later builds on what is written there earlier.
        for (other_arrival, writer) in outcome.puts.iter().flat_map(|(key, _)| self.writers(txs, key)) {
            match other_arrival.cmp(&arrival) {
                std::cmp::Ordering::Less => relations.parents.push(writer),
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => relations.children.push(writer),
            }
        }
        relations
    }

    /// Whether `tx`, which is to do `outcome` here, would build on itself through others.
    pub(super) fn is_circular(&self, txs: &TxTable, tx: TxIndex, outcome: &Outcome) -> bool {
        let Relations { parents, children } = self.relations(txs, tx, outcome);
        if children.is_empty() {
            return false;
        }
        let (mut open, mut seen) = (parents, BTreeSet::new());
        while let Some(ancestor) = open.pop() {
            if children.contains(&ancestor) {
                return true;
            }
            if seen.insert(ancestor)
                && let Some(entry) = self.entry(txs, ancestor)
            {
                open.extend(self.relations(txs, ancestor, &entry.outcome).parents);
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
            for parent in self.relations(txs, tx, &entry.outcome).parents {
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

    /// Which ones write the entry `key`, by arrival.
    pub(super) fn writers(&self, txs: &TxTable, key: &[u8]) -> Vec<(u64, TxIndex)> {
        let writes = |entry: &MempoolEntry| entry.outcome.puts.iter().any(|(put, _)| put == key);
        let writers = txs.users(key, Use::PUTS).filter(|tx| self.entry(txs, *tx).is_some_and(|entry| writes(entry)));
        let mut all: Vec<_> = writers.map(|tx| (self.arrival(tx), tx)).collect();
        all.sort_unstable();
        all
    }
}
