//! Which transactions go into a block.

use std::collections::BTreeMap;

use super::Mempool;
use crate::world::{TxIndex, TxTable};

/// What the selection knows of a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Its parents are being looked at.
    Open,
    Taken,
    /// It is part of a circle, or builds on one: no block can take it.
    Never,
}

impl Mempool {
    /// Transactions for a block of `max_cost`: by fee rate, but each after those it builds on.
    pub fn select(&self, txs: &TxTable, max_cost: u64) -> Vec<TxIndex> {
        self.select_arrived(txs, max_cost, self.arrived())
    }

    /// The same of the mempool's first `arrived` arrivals.
    pub(in crate::node) fn select_arrived(&self, txs: &TxTable, max_cost: u64, arrived: u64) -> Vec<TxIndex> {
        let mut selected = Vec::new();
        let mut places = BTreeMap::new();
        let mut cost = 0;
        for (_, _, tx) in self.ranked(txs).into_iter().filter(|(_, arrival, _)| *arrival <= arrived) {
            let mut stack = vec![tx];
            while let Some(tx) = stack.last().copied() {
                let place = places.get(&tx).copied();
                let entry = self.entry(txs, tx).filter(|_| !matches!(place, Some(Place::Taken | Place::Never)));
                let Some(entry) = entry else {
                    stack.pop();
                    continue;
                };
                let mut parents = self.relations(txs, tx, &entry.outcome).parents;
                parents.retain(|parent| places.get(parent) != Some(&Place::Taken));
                let never = |parent: &TxIndex| matches!(places.get(parent), Some(Place::Open | Place::Never));
                if parents.is_empty() {
                    places.insert(tx, Place::Taken);
                    cost += entry.cost;
                    selected.push(tx);
                } else if place == Some(Place::Open) || parents.iter().any(never) {
                    places.insert(tx, Place::Never);
                } else {
                    places.insert(tx, Place::Open);
                    stack.extend(parents);
                }
            }
            if cost >= max_cost {
                break;
            }
        }
        selected
    }
}
