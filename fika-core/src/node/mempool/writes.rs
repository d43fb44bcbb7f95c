//! Who writes the entries that a format keeps beside its coins, and what balances become: what formats with accounts ask for
//! each payment.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::world::{MempoolEntry, TxIndex};

/// The writers of entries and the changes of balances in a mempool; one word of memory where nobody asks for either.
#[derive(Default)]
pub(super) struct Writes(Option<Box<Tables>>);

#[derive(Default)]
struct Tables {
    /// By key and arrival.
    writers: BTreeMap<Vec<u8>, BTreeMap<u64, TxIndex>>,
    /// What all transactions give to each owner less what they take. Kept once a validation has read balances.
    sums: Option<BTreeMap<Address, i128>>,
}

impl Writes {
    /// Whether nothing is kept here.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|tables| tables.writers.is_empty() && tables.sums.is_none())
    }

    /// Whether balances are kept.
    #[inline]
    pub(super) fn has_sums(&self) -> bool {
        self.sums().is_some()
    }

    fn sums(&self) -> Option<&BTreeMap<Address, i128>> {
        self.0.as_ref()?.sums.as_ref()
    }

    fn writers(&self, key: &[u8]) -> Option<&BTreeMap<u64, TxIndex>> {
        self.0.as_ref()?.writers.get(key)
    }

    /// Keeps balances from now on: those of these entries at first.
    pub(super) fn keep_sums<'a>(&mut self, entries: impl Iterator<Item = &'a MempoolEntry>) {
        self.0.get_or_insert_default().sums = Some(BTreeMap::new());
        entries.for_each(|entry| self.count(entry, 1));
    }

    fn count(&mut self, entry: &MempoolEntry, sign: i128) {
        let Some(sums) = self.0.as_mut().and_then(|tables| tables.sums.as_mut()) else { return };
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
        self.sums().map(|sums| sums.get(owner).copied().unwrap_or(0))
    }

    /// A transaction has come in.
    pub(super) fn add(&mut self, arrival: u64, tx: TxIndex, entry: &MempoolEntry) {
        for (key, _) in &entry.outcome.puts {
            let writers = &mut self.0.get_or_insert_default().writers;
            writers.entry(key.clone()).or_default().insert(arrival, tx);
        }
        self.count(entry, 1);
    }

    /// A transaction leaves.
    pub(super) fn remove(&mut self, arrival: u64, entry: &MempoolEntry) {
        for (key, _) in &entry.outcome.puts {
            let Some(tables) = &mut self.0 else { continue };
            if let Some(writers) = tables.writers.get_mut(key) {
                writers.remove(&arrival);
                if writers.is_empty() {
                    tables.writers.remove(key);
                }
            }
        }
        self.count(entry, -1);
    }

    /// The last writer of the entry `key` that arrived before.
    pub(super) fn before(&self, key: &[u8], arrival: u64) -> Option<TxIndex> {
        self.writers(key)?.range(..arrival).next_back().map(|(_, tx)| *tx)
    }

    /// The first writer of the entry `key` that arrived after.
    pub(super) fn after(&self, key: &[u8], arrival: u64) -> Option<TxIndex> {
        self.writers(key)?.range(arrival + 1..).next().map(|(_, tx)| *tx)
    }

    /// The last writer of the entry `key`.
    pub(super) fn last(&self, key: &[u8]) -> Option<TxIndex> {
        self.writers(key)?.last_key_value().map(|(_, tx)| *tx)
    }
}
