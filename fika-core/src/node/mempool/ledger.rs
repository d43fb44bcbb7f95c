//! The ledger as it will be when a mempool is confirmed: what new transactions are validated over.

use std::collections::BTreeSet;

use super::Mempool;
use crate::address::Address;
use crate::amount::Amount;
use crate::script::Script;
use crate::tx::Ledger;
use crate::world::ledger::Entries;
use crate::world::transfer::FormatLedger;
use crate::world::{MempoolEntry, TxTable, World};

impl Mempool {
    /// The ledger `state` of this mempool's world with all transactions of the mempool applied.
    pub fn ledger<'a>(&'a self, world: &'a World, state: &'a dyn Entries) -> PoolLedger<'a> {
        PoolLedger { pool: self, txs: world.txs(), state, script: &*world.rules().script }
    }
}

/// A ledger state with a mempool over it.
pub struct PoolLedger<'a> {
    pool: &'a Mempool,
    txs: &'a TxTable,
    state: &'a dyn Entries,
    script: &'a dyn Script,
}

impl PoolLedger<'_> {
    /// What is in the mempool and concerns `owner`.
    fn of_owner(&self, owner: &Address) -> impl Iterator<Item = &MempoolEntry> {
        self.txs.of_owner(owner).filter_map(|tx| self.pool.entry(self.txs, tx)).map(|entry| &**entry)
    }

    /// Whether a transaction of the mempool spends the entry `key`.
    pub(in crate::node) fn is_spent(&self, key: &[u8]) -> bool {
        self.pool.spender(self.txs, key).is_some()
    }

    /// What the mempool gives to `owner` less what it takes.
    fn moved(&self, owner: &Address) -> i128 {
        self.pool.writes.sum(owner).unwrap_or_else(|| {
            let moves = self.of_owner(owner).flat_map(|entry| &entry.moves);
            moves.filter(|(who, _)| who == owner).map(|(_, amount)| amount).sum()
        })
    }
}

impl Ledger for PoolLedger<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        if self.pool.spender(self.txs, key).is_some() {
            return None;
        }
        if let Some((_, credit)) = self.pool.maker(self.txs, key) {
            return Some(credit.value.clone());
        }
        if let Some(latest) = self.pool.writes.last(key)
            && let Some(entry) = self.pool.entry(self.txs, latest)
        {
            return entry.outcome.puts.iter().rev().find(|(put, _)| put == key).and_then(|(_, value)| value.clone());
        }
        FormatLedger(self.state).get(key)
    }

    fn balance(&self, owner: &Address) -> Amount {
        // The same money may move many times here: the sums can be larger than any amount.
        let after = i128::from(FormatLedger(self.state).balance(owner).0) + self.moved(owner);
        u64::try_from(after.max(0)).map_or(Amount::ZERO, Amount)
    }

    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)> {
        let confirmed = FormatLedger(self.state).coins(owner).into_iter();
        let waiting = self.of_owner(owner).flat_map(|entry| &entry.outcome.credits);
        let own = |lock: &[u8]| self.script.owner(lock).as_ref() == Some(owner);
        let waiting = waiting.filter(|credit| !credit.key.is_empty() && own(&credit.lock));
        // Whoever spends a coin of this owner takes from this owner.
        let spent = self.of_owner(owner).flat_map(|entry| &entry.outcome.spends).map(|spend| &spend.key);
        let spent: BTreeSet<&Vec<u8>> = spent.collect();
        let all = confirmed.chain(waiting.map(|credit| (credit.key.clone(), credit.amount)));
        let mut coins: Vec<_> = all.filter(|(key, _)| !spent.contains(key)).collect();
        // Those of the state are in order.
        coins.sort();
        coins
    }

    fn coin_worth(&self, owner: &Address, least: Amount) -> Option<(Vec<u8>, Amount)> {
        let spent = |key: &[u8]| self.pool.spender(self.txs, key).is_some();
        let mut cheapest = None;
        self.state.visit_worth(owner, least, &mut |key, amount| {
            let found = !spent(key);
            cheapest = found.then(|| (amount, key.to_vec()));
            !found
        });
        for credit in self.of_owner(owner).flat_map(|entry| &entry.outcome.credits) {
            let this = (credit.amount, &credit.key);
            let better = credit.amount >= least && cheapest.as_ref().is_none_or(|(amount, key)| this < (*amount, key));
            let own = || self.script.owner(&credit.lock).as_ref() == Some(owner);
            if better && !credit.key.is_empty() && own() && !spent(&credit.key) {
                cheapest = Some((credit.amount, credit.key.clone()));
            }
        }
        cheapest.map(|(amount, key)| (key, amount))
    }
}
