//! Who writes the entries that a format keeps beside its coins, and what balances become: what formats with accounts ask for
//! each payment.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::world::{MempoolEntry, TxIndex};

/// The writers of entries and the changes of balances in a mempool.
#[derive(Default)]
pub(super) struct Writes {
    /// By key and arrival.
    writers: BTreeMap<Vec<u8>, BTreeMap<u64, TxIndex>>,
    /// What all transactions give to each owner less what they take. Kept once a validation has read balances.
    sums: Option<BTreeMap<Address, i128>>,
}

impl Writes {
    /// Whether nothing is kept here.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.writers.is_empty() && self.sums.is_none()
    }

    /// Whether balances are kept.
    pub(super) fn has_sums(&self) -> bool {
        self.sums.is_some()
    }

    /// Keeps balances from now on: those of these entries at first.
    pub(super) fn keep_sums<'a>(&mut self, entries: impl Iterator<Item = &'a MempoolEntry>) {
        self.sums = Some(BTreeMap::new());
        entries.for_each(|entry| self.count(entry, 1));
    }

    fn count(&mut self, entry: &MempoolEntry, sign: i128) {
        let Some(sums) = &mut self.sums else { return };
        for (owner, amount) in &entry.moves {
            let sum = sums.entry(*owner).or_default();
            *sum += sign * amount;
            if *sum == 0 {
                sums.remove(owner);
            }
        }
    }

    /// What the mempool gives to `owner` less what it takes, if balances are kept.
    pub(super) fn sum(&self, owner: &Address) -> Option<i128> {
        self.sums.as_ref().map(|sums| sums.get(owner).copied().unwrap_or(0))
    }

    /// A transaction has come in.
    pub(super) fn add(&mut self, arrival: u64, tx: TxIndex, entry: &MempoolEntry) {
        for (key, _) in &entry.outcome.puts {
            self.writers.entry(key.clone()).or_default().insert(arrival, tx);
        }
        self.count(entry, 1);
    }

    /// A transaction leaves.
    pub(super) fn remove(&mut self, arrival: u64, entry: &MempoolEntry) {
        for (key, _) in &entry.outcome.puts {
            if let Some(writers) = self.writers.get_mut(key) {
                writers.remove(&arrival);
                if writers.is_empty() {
                    self.writers.remove(key);
                }
            }
        }
        self.count(entry, -1);
    }

    /// The last writer of the entry `key` that arrived before.
    pub(super) fn before(&self, key: &[u8], arrival: u64) -> Option<TxIndex> {
        self.writers.get(key)?.range(..arrival).next_back().map(|(_, tx)| *tx)
    }

    /// The first writer of the entry `key` that arrived after.
    pub(super) fn after(&self, key: &[u8], arrival: u64) -> Option<TxIndex> {
        self.writers.get(key)?.range(arrival + 1..).next().map(|(_, tx)| *tx)
    }

    /// The last writer of the entry `key`.
    pub(super) fn last(&self, key: &[u8]) -> Option<TxIndex> {
        self.writers.get(key)?.last_key_value().map(|(_, tx)| *tx)
    }
}
