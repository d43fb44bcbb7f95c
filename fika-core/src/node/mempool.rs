//! Transactions that wait for a block.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::hash::Id;
use crate::script::Script;
use crate::tx::{Ledger, Outcome};
use crate::world::IdMap;
use crate::world::ledger::Entries;
use crate::world::transfer::FormatLedger;

/// What a mempool takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MempoolLimits {
    /// All transactions together, in bytes; above it the cheapest are dropped.
    pub max_bytes: u64,
    /// The lowest fee rate, in base units per 1,000 bytes.
    pub min_fee_rate: u64,
    /// The lowest fee.
    pub min_fee: Amount,
}

impl Default for MempoolLimits {
    fn default() -> Self {
        MempoolLimits { max_bytes: 4_000_000, min_fee_rate: 0, min_fee: Amount::ZERO }
    }
}

/// A transaction of the mempool with what it does.
#[derive(Debug)]
pub struct Pooled {
    /// The transaction.
    pub tx: Tx,
    /// What it does.
    pub outcome: Outcome,
    /// Fee in base units per 1,000 bytes.
    pub rate: u64,
    arrival: u64,
}

impl Pooled {
    /// The place in the order of preference: higher fee rate first, then earlier arrival.
    fn rank(&self) -> (Reverse<u64>, u64, Id) {
        (Reverse(self.rate), self.arrival, self.tx.hash())
    }
}

/// The mempool of one node: ordered by fee rate, without conflicts, limited in size.
#[derive(Default)]
pub struct Mempool {
    limits: MempoolLimits,
    txs: IdMap<Arc<Pooled>>,
    ranks: BTreeSet<(Reverse<u64>, u64, Id)>,
    /// Which transaction spends a ledger entry.
    spent: BTreeMap<Vec<u8>, Id>,
    /// Which transaction creates a ledger entry.
    created: BTreeMap<Vec<u8>, Id>,
    /// Other entries of the format, the latest last.
    puts: BTreeMap<Vec<u8>, Vec<Id>>,
    bytes: u64,
    arrivals: u64,
}

impl Mempool {
    /// An empty mempool.
    pub fn new(limits: MempoolLimits) -> Mempool {
        Mempool { limits, ..Mempool::default() }
    }

    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.txs.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.txs.is_empty()
    }

    /// All transactions together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The transaction with this hash.
    pub fn get(&self, hash: &Id) -> Option<&Arc<Pooled>> {
        self.txs.get(hash)
    }

    /// All hashes, the most preferred first.
    pub fn hashes(&self) -> impl Iterator<Item = Id> + '_ {
        self.ranks.iter().map(|(_, _, hash)| *hash)
    }

    /// A waiting transaction that spends what `outcome` spends.
    pub fn conflict(&self, outcome: &Outcome) -> Option<Id> {
        outcome.spends.iter().find_map(|spend| self.spent.get(&spend.key).copied())
    }

    /// Takes in a transaction that was judged over [`Mempool::ledger`], and gives what had to go for it: perhaps itself.
    ///
    /// # Errors
    /// When its fee is too low, or a transaction that waits spends the same.
    pub fn insert(&mut self, tx: Tx, outcome: Outcome) -> Result<Vec<Id>, String> {
        let bytes = tx.bytes().len() as u64;
        let rate = u64::try_from(u128::from(outcome.fee.0) * 1_000 / u128::from(bytes.max(1))).unwrap_or(u64::MAX);
        if outcome.fee < self.limits.min_fee {
            return Err(format!("expected a fee of at least {}, found {}", self.limits.min_fee, outcome.fee));
        }
        if rate < self.limits.min_fee_rate {
            return Err(format!(
                "expected a fee rate of {} base units per 1000 bytes, found {rate}",
                self.limits.min_fee_rate
            ));
        }
        if bytes > self.limits.max_bytes {
            return Err(format!("expected at most {} bytes, found {bytes}", self.limits.max_bytes));
        }
        if let Some(rival) = self.conflict(&outcome) {
            return Err(double_spend(&rival));
        }
        let hash = tx.hash();
        self.arrivals += 1;
        let pooled = Arc::new(Pooled { tx, outcome, rate, arrival: self.arrivals });
        for spend in &pooled.outcome.spends {
            self.spent.insert(spend.key.clone(), hash);
        }
        for credit in pooled.outcome.credits.iter().filter(|credit| !credit.key.is_empty()) {
            self.created.insert(credit.key.clone(), hash);
        }
        for (key, _) in &pooled.outcome.puts {
            self.puts.entry(key.clone()).or_default().push(hash);
        }
        self.ranks.insert(pooled.rank());
        self.txs.insert(hash, pooled);
        self.bytes += bytes;
        let mut gone = Vec::new();
        while self.bytes > self.limits.max_bytes
            && let Some((_, _, cheapest)) = self.ranks.last().copied()
        {
            gone.extend(self.remove_with_children(&cheapest));
        }
        Ok(gone)
    }

    fn arrival(&self, hash: &Id) -> u64 {
        self.txs.get(hash).map_or(0, |pooled| pooled.arrival)
    }

    /// The waiting transactions that must be in a block before `pooled`.
    fn parents(&self, pooled: &Pooled) -> Vec<Id> {
        let spent = pooled.outcome.spends.iter().filter_map(|spend| self.created.get(&spend.key));
        let written = pooled.outcome.puts.iter().filter_map(|(key, _)| self.puts.get(key)).flatten();
        let earlier = written.filter(|by| self.arrival(by) < pooled.arrival);
        spent.chain(earlier).filter(|by| self.txs.contains_key(*by)).copied().collect()
    }

    /// Takes one transaction out; those that build on it stay.
    fn remove(&mut self, hash: &Id) -> Option<Arc<Pooled>> {
        let pooled = self.txs.remove(hash)?;
        self.ranks.remove(&pooled.rank());
        self.bytes -= pooled.tx.bytes().len() as u64;
        for spend in &pooled.outcome.spends {
            if self.spent.get(&spend.key) == Some(hash) {
                self.spent.remove(&spend.key);
            }
        }
        for credit in &pooled.outcome.credits {
            self.created.remove(&credit.key);
        }
        for (key, _) in &pooled.outcome.puts {
            if let Some(by) = self.puts.get_mut(key) {
                by.retain(|other| other != hash);
                if by.is_empty() {
                    self.puts.remove(key);
                }
            }
        }
        Some(pooled)
    }

    /// Takes a transaction out, and all that build on it. Gives their hashes.
    pub fn remove_with_children(&mut self, hash: &Id) -> Vec<Id> {
        let mut open = vec![*hash];
        let mut gone = Vec::new();
        while let Some(hash) = open.pop() {
            if let Some(pooled) = self.remove(&hash) {
                open.extend(pooled.outcome.credits.iter().filter_map(|credit| self.spent.get(&credit.key)));
                // Who wrote the same entry later has built on what this one wrote.
                let rewritten = pooled.outcome.puts.iter().filter_map(|(key, _)| self.puts.get(key));
                open.extend(rewritten.flatten().filter(|by| self.arrival(by) > pooled.arrival));
                gone.push(hash);
            }
        }
        gone
    }

    /// A block has confirmed `txs`, which spend the entries `keys`: takes out what is confirmed,
    /// and what can no longer be. Gives the latter.
    pub fn confirm(&mut self, txs: &[Tx], keys: &[Vec<u8>]) -> Vec<Id> {
        for tx in txs {
            self.remove(&tx.hash());
        }
        let losers: Vec<Id> = keys.iter().filter_map(|key| self.spent.get(key).copied()).collect();
        losers.iter().flat_map(|loser| self.remove_with_children(loser)).collect()
    }

    /// Empties the mempool; gives everything in the order of arrival.
    pub fn take_all(&mut self) -> Vec<Tx> {
        let mut all: Vec<_> =
            std::mem::take(&mut self.ranks).into_iter().map(|(_, arrival, hash)| (arrival, hash)).collect();
        all.sort_unstable();
        let txs = all.iter().filter_map(|(_, hash)| Some(self.txs.get(hash)?.tx.clone())).collect();
        *self = Mempool { limits: self.limits, arrivals: self.arrivals, ..Mempool::default() };
        txs
    }

    /// Transactions for a block of `max_bytes`: by fee rate, but each after those it builds on.
    pub fn select(&self, max_bytes: u64) -> Vec<Tx> {
        let mut chosen = Vec::new();
        let mut taken = IdMap::<()>::default();
        let mut bytes = 0;
        for (_, _, hash) in &self.ranks {
            let mut package = vec![*hash];
            while let Some(hash) = package.last().copied() {
                let Some(pooled) = self.txs.get(&hash).filter(|_| !taken.contains_key(&hash)) else {
                    package.pop();
                    continue;
                };
                let mut missing = self.parents(pooled);
                missing.retain(|parent| !taken.contains_key(parent));
                if missing.is_empty() {
                    package.pop();
                    taken.insert(hash, ());
                    bytes += pooled.tx.bytes().len() as u64;
                    chosen.push(pooled.tx.clone());
                } else {
                    package.extend(missing);
                }
            }
            if bytes >= max_bytes {
                break;
            }
        }
        chosen
    }

    /// The ledger `state` with all waiting transactions carried out.
    pub fn ledger<'a>(&'a self, state: &'a dyn Entries, script: &'a dyn Script) -> PoolLedger<'a> {
        PoolLedger { pool: self, state, script }
    }
}

/// Why a transaction is not taken in beside `rival`.
pub(super) fn double_spend(rival: &Id) -> String {
    format!("double spend: it conflicts with {rival} in the mempool")
}

/// A ledger state with a mempool over it.
pub struct PoolLedger<'a> {
    pool: &'a Mempool,
    state: &'a dyn Entries,
    script: &'a dyn Script,
}

impl Ledger for PoolLedger<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        if self.pool.spent.contains_key(key) {
            return None;
        }
        if let Some(pooled) = self.pool.created.get(key).and_then(|by| self.pool.txs.get(by)) {
            return pooled.outcome.credits.iter().find(|credit| credit.key == key).map(|credit| credit.value.clone());
        }
        if let Some(pooled) = self.pool.puts.get(key).and_then(|by| self.pool.txs.get(by.last()?)) {
            return pooled.outcome.puts.iter().rev().find(|(put, _)| put == key).and_then(|(_, value)| value.clone());
        }
        FormatLedger(self.state).get(key)
    }

    fn balance(&self, owner: &Address) -> Amount {
        // The same money may move many times here: the sums can be larger than any amount.
        let (mut plus, mut minus) = (u128::from(FormatLedger(self.state).balance(owner).0), 0u128);
        for outcome in self.pool.txs_in_order().map(|pooled| &pooled.outcome) {
            let own = |lock: &[u8]| self.script.owner(lock).as_ref() == Some(owner);
            plus += outcome.credits.iter().filter(|c| own(&c.lock)).map(|c| u128::from(c.amount.0)).sum::<u128>();
            minus += outcome.spends.iter().filter(|s| own(&s.lock)).map(|s| u128::from(s.amount.0)).sum::<u128>();
        }
        u64::try_from(plus.saturating_sub(minus)).map_or(Amount::ZERO, Amount)
    }

    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)> {
        let confirmed = FormatLedger(self.state).coins(owner).into_iter();
        let waiting = self.pool.txs_in_order().flat_map(|pooled| &pooled.outcome.credits);
        let own = |lock: &[u8]| self.script.owner(lock).as_ref() == Some(owner);
        let waiting = waiting.filter(|credit| !credit.key.is_empty() && own(&credit.lock));
        let all = confirmed.chain(waiting.map(|credit| (credit.key.clone(), credit.amount)));
        let mut coins: Vec<_> = all.filter(|(key, _)| !self.pool.spent.contains_key(key)).collect();
        coins.sort_unstable();
        coins
    }
}

impl Mempool {
    fn txs_in_order(&self) -> impl Iterator<Item = &Arc<Pooled>> {
        self.ranks.iter().filter_map(|(_, _, hash)| self.txs.get(hash))
    }
}
