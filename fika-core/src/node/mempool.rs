//! Transactions that wait for a block.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::slots::Slots;
use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::hash::Id;
use crate::script::Script;
use crate::tx::{Credit, Ledger, Outcome};
use crate::world::ledger::Entries;
use crate::world::transfer::FormatLedger;
use crate::world::{BlockIx, Confirmed, Judgement, Pooled, TxNo, TxTable, Use, World};

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

/// The place in the order of preference: higher fee rate first, then earlier arrival.
type Rank = (Reverse<u64>, u64, TxNo);

/// The mempool of one node: ordered by fee rate, without conflicts, limited in size.
///
/// What its transactions do is kept in a [`TxTable`], always the same one.
#[derive(Default)]
#[repr(C)]
pub struct Mempool {
    /// How many had come in when one was last taken out.
    left_at: u64,
    pub(super) slots: Slots,
    len: usize,
    bytes: u64,
    arrivals: u64,
    limits: MempoolLimits,
    /// The order of preference, once it is needed to say which is the cheapest.
    ranks: Option<BTreeSet<Rank>>,
}

impl Mempool {
    /// An empty mempool.
    pub fn new(limits: MempoolLimits) -> Mempool {
        Mempool { limits, ..Mempool::default() }
    }

    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All transactions together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The transaction with this hash.
    pub fn get<'a>(&'a self, txs: &'a TxTable, hash: &Id) -> Option<&'a Arc<Pooled>> {
        self.slots.one(txs, txs.find(hash)?)
    }

    /// The transaction with this hash, as it is sent to those who ask.
    pub(super) fn tx<'a>(&self, txs: &'a TxTable, hash: &Id) -> Option<&'a Tx> {
        let no = txs.find(hash).filter(|no| self.slots.waits(*no))?;
        txs.tx(no)
    }

    /// Whether a transaction waits here, and has not left since it came as the one of this number, of which these are the
    /// low bits. It is one of the last two billion.
    pub(super) fn still_has(&self, no: TxNo, arrival: u32) -> bool {
        let since_left = arrival.wrapping_sub(self.left_at as u32) as i32;
        since_left > 0 || self.slots.waits(no) && self.slots.arrival(no) == arrival
    }

    /// All transactions, the most preferred first.
    pub fn all<'a>(&'a self, txs: &'a TxTable) -> impl Iterator<Item = &'a Arc<Pooled>> {
        self.ranked(txs).into_iter().filter_map(|(_, _, no)| self.slots.one(txs, no))
    }

    fn ranked(&self, txs: &TxTable) -> Vec<Rank> {
        let mut ranks: Vec<Rank> = self.slots.pooled().filter_map(|no| self.rank(txs, no)).collect();
        ranks.sort_unstable();
        ranks
    }

    /// The place of one that waits.
    fn rank(&self, txs: &TxTable, no: TxNo) -> Option<Rank> {
        Some((Reverse(self.slots.one(txs, no)?.rate), self.arrival(no), no))
    }

    /// How many came in before one that waits, itself among them. It is one of the last four billion.
    fn arrival(&self, no: TxNo) -> u64 {
        self.arrivals - u64::from((self.arrivals as u32).wrapping_sub(self.slots.arrival(no)))
    }

    /// A waiting transaction that spends what `outcome` spends.
    pub fn conflict(&self, txs: &TxTable, outcome: &Outcome) -> Option<Id> {
        let rival = outcome.spends.iter().find_map(|spend| self.spender(txs, &spend.key));
        rival.map(|no| txs.hash(no))
    }

    /// What waits and spends the entry `key`.
    fn spender(&self, txs: &TxTable, key: &[u8]) -> Option<TxNo> {
        let spends = |pooled: &Pooled| pooled.outcome.spends.iter().any(|spend| spend.key == key);
        txs.users(key, Use::SPENDS).find(|no| self.slots.one(txs, *no).is_some_and(|one| spends(one)))
    }

    /// What waits and makes the entry `key`.
    fn maker<'a>(&'a self, txs: &'a TxTable, key: &[u8]) -> Option<(TxNo, &'a Credit)> {
        txs.users(key, Use::MAKES).find_map(|no| {
            let pooled = self.slots.one(txs, no)?;
            Some((no, pooled.outcome.credits.iter().find(|credit| credit.key == key)?))
        })
    }

    /// What waits and writes the entry `key`, the latest last.
    fn writers(&self, txs: &TxTable, key: &[u8]) -> Vec<(u64, TxNo)> {
        let writes = |pooled: &Pooled| pooled.outcome.puts.iter().any(|(put, _)| put == key);
        let writers = txs.users(key, Use::PUTS).filter(|no| self.slots.one(txs, *no).is_some_and(|one| writes(one)));
        let mut all: Vec<_> = writers.map(|no| (self.arrival(no), no)).collect();
        all.sort_unstable();
        all
    }

    /// Takes in a transaction that was judged over [`Mempool::ledger`], and gives what had to go for it: perhaps itself.
    /// `owner` says whose money a lock guards.
    ///
    /// # Errors
    /// When its fee is too low, or a transaction that waits spends the same.
    pub fn insert(
        &mut self,
        txs: &mut TxTable,
        tx: Tx,
        outcome: Outcome,
        owner: &dyn Fn(&[u8]) -> Option<Address>,
    ) -> Result<Vec<Id>, String> {
        self.judge(txs, tx, outcome, None, owner)
    }

    /// The same. `reads` as in [`TxTable::keep`].
    pub(super) fn judge(
        &mut self,
        txs: &mut TxTable,
        tx: Tx,
        outcome: Outcome,
        reads: Option<(BlockIx, Vec<Vec<u8>>)>,
        owner: &dyn Fn(&[u8]) -> Option<Address>,
    ) -> Result<Vec<Id>, String> {
        if let Some(rival) = self.conflict(txs, &outcome) {
            return Err(double_spend(&rival));
        }
        let no = txs.hold(tx.hash());
        let judged = txs.keep(no, tx, outcome, reads, owner, |txs, no| self.slots.serial(txs, no));
        let gone = self.admit(txs, no, judged);
        txs.release(no);
        gone
    }

    /// Takes in a transaction that no other one here conflicts with; as [`Mempool::insert`].
    pub(super) fn admit(&mut self, txs: &mut TxTable, no: TxNo, judged: Judgement) -> Result<Vec<Id>, String> {
        let Judgement { bytes, rate, fee, own } = judged;
        if fee < self.limits.min_fee {
            return Err(format!("expected a fee of at least {}, found {fee}", self.limits.min_fee));
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
        self.count_in(1, bytes);
        self.slots.put(txs, no, own, self.arrivals as u32);
        if let Some(ranks) = &mut self.ranks {
            ranks.insert((Reverse(rate), self.arrivals, no));
        }
        let mut gone = Vec::new();
        while self.bytes > self.limits.max_bytes {
            if self.ranks.is_none() {
                self.ranks = Some(self.ranked(txs).into_iter().collect());
            }
            let Some((_, _, cheapest)) = self.ranks.as_ref().and_then(|ranks| ranks.last().copied()) else { break };
            gone.extend(self.remove_numbered(txs, cheapest));
        }
        Ok(gone)
    }

    /// How many bytes can come in of transactions for which nothing else is to be seen to.
    pub(super) fn room(&self) -> u64 {
        if self.ranks.is_none() { self.limits.max_bytes.saturating_sub(self.bytes) } else { 0 }
    }

    /// Whether a transaction that pays so much is welcome.
    #[inline]
    pub(super) fn is_enough(&self, rate: u64, fee: Amount) -> bool {
        fee >= self.limits.min_fee && rate >= self.limits.min_fee_rate
    }

    /// The low bits of which arrival the next is.
    pub(super) fn next_arrival(&self) -> u32 {
        (self.arrivals as u32).wrapping_add(1)
    }

    /// Counts so many that come in, with these bytes.
    #[inline]
    pub(super) fn count_in(&mut self, count: usize, bytes: u64) {
        self.arrivals += count as u64;
        self.len += count;
        self.bytes += bytes;
    }

    /// The waiting transactions that must be in a block before the one called `no`.
    fn parents(&self, txs: &TxTable, no: TxNo, pooled: &Pooled) -> Vec<TxNo> {
        let arrival = self.arrival(no);
        let makers = pooled.outcome.spends.iter().filter_map(|spend| self.maker(txs, &spend.key).map(|(no, _)| no));
        let writers = pooled.outcome.puts.iter().flat_map(|(key, _)| self.writers(txs, key));
        makers.chain(writers.filter(|(other, _)| *other < arrival).map(|(_, no)| no)).collect()
    }

    /// Takes one transaction out, if it waits here; those that build on it stay.
    fn remove(&mut self, txs: &mut TxTable, no: TxNo) {
        let Some(bytes) = self.slots.one(txs, no).map(|pooled| pooled.bytes) else { return };
        self.unrank(txs, no);
        self.slots.take(txs, no);
        self.left_at = self.arrivals;
        self.len -= 1;
        self.bytes -= bytes;
    }

    /// Takes one that still waits out of the order of preference.
    fn unrank(&mut self, txs: &TxTable, no: TxNo) {
        if self.ranks.is_none() {
            return;
        }
        let rank = self.rank(txs, no);
        if let (Some(ranks), Some(rank)) = (&mut self.ranks, rank) {
            ranks.remove(&rank);
            if ranks.is_empty() {
                self.ranks = None;
            }
        }
    }

    /// Takes a transaction out, and all that build on it. Gives their hashes.
    pub fn remove_with_children(&mut self, txs: &mut TxTable, hash: &Id) -> Vec<Id> {
        txs.find(hash).map_or_else(Vec::new, |no| self.remove_numbered(txs, no))
    }

    fn remove_numbered(&mut self, txs: &mut TxTable, no: TxNo) -> Vec<Id> {
        let mut open = vec![txs.hash(no)];
        let mut gone = Vec::new();
        while let Some(hash) = open.pop() {
            // Numbers may change hands as transactions go.
            let Some(no) = txs.find(&hash) else { continue };
            let arrival = self.arrival(no);
            // Who wrote the same entry later has built on what this one wrote.
            let later = |key: &[u8]| self.writers(txs, key).into_iter().filter(|(other, _)| *other > arrival);
            let Some(pooled) = self.slots.one(txs, no).cloned() else { continue };
            let made = pooled.outcome.credits.iter().filter(|credit| !credit.key.is_empty());
            open.extend(made.filter_map(|credit| self.spender(txs, &credit.key)).map(|no| txs.hash(no)));
            open.extend(pooled.outcome.puts.iter().flat_map(|(key, _)| later(key)).map(|(_, no)| txs.hash(no)));
            self.remove(txs, no);
            gone.push(hash);
        }
        gone
    }

    /// A block was taken in: takes out what it confirms, and what can no longer be confirmed. Gives the latter.
    #[inline(never)]
    pub fn confirm(&mut self, txs: &mut TxTable, block: &Confirmed) -> Vec<Id> {
        if self.ranks.is_some() {
            block.inside.iter().for_each(|(no, _)| self.unrank(txs, *no));
        }
        let before = self.len;
        let mut inside = &block.inside[..];
        for (group, which, bytes) in &block.groups {
            let (these, rest) = inside.split_at(which.count_ones() as usize);
            inside = rest;
            let there = self.slots.take_all(txs, *group, *which);
            self.len -= there.count_ones() as usize;
            // Nearly always all of them wait, or none.
            self.bytes -= match there {
                0 => 0,
                all if all == *which => *bytes,
                some => these
                    .iter()
                    .filter(|(no, _)| some >> (no.0 % 64) & 1 == 1)
                    .map(|(_, bytes)| u64::from(*bytes))
                    .sum(),
            };
        }
        if self.len < before {
            self.left_at = self.arrivals;
            self.slots.tidy();
        }
        let rivals: Vec<Id> = block.rivals.iter().map(|no| txs.hash(*no)).collect();
        rivals.iter().flat_map(|rival| self.remove_with_children(txs, rival)).collect()
    }

    /// Empties the mempool; gives everything in the order of arrival.
    pub fn take_all(&mut self, txs: &mut TxTable) -> Vec<Tx> {
        let all = self.slots.pooled();
        let all = all.filter_map(|no| Some((self.arrival(no), no, self.slots.one(txs, no)?.tx.clone())));
        let mut all: Vec<_> = all.collect();
        all.sort_unstable_by_key(|(arrival, ..)| *arrival);
        all.iter().for_each(|(_, no, _)| self.remove(txs, *no));
        all.into_iter().map(|(_, _, tx)| tx).collect()
    }

    /// Transactions for a block of `max_bytes`: by fee rate, but each after those it builds on.
    pub fn select(&self, txs: &TxTable, max_bytes: u64) -> Vec<Tx> {
        let mut chosen = Vec::new();
        let mut taken = BTreeSet::new();
        let mut bytes = 0;
        for (_, _, no) in self.ranked(txs) {
            let mut package = vec![no];
            while let Some(no) = package.last().copied() {
                let Some(pooled) = self.slots.one(txs, no).filter(|_| !taken.contains(&no)) else {
                    package.pop();
                    continue;
                };
                let mut missing = self.parents(txs, no, pooled);
                missing.retain(|parent| !taken.contains(parent));
                if missing.is_empty() {
                    package.pop();
                    taken.insert(no);
                    bytes += pooled.bytes;
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

    /// The ledger `state` of this mempool's world with all waiting transactions carried out.
    pub fn ledger<'a>(&'a self, world: &'a World, state: &'a dyn Entries) -> PoolLedger<'a> {
        PoolLedger { pool: self, txs: world.txs(), state, script: &*world.rules().script }
    }
}

/// Why a transaction is not taken in beside `rival`.
pub(super) fn double_spend(rival: &Id) -> String {
    format!("double spend: it conflicts with {rival} in the mempool")
}

/// A ledger state with a mempool over it.
pub struct PoolLedger<'a> {
    pool: &'a Mempool,
    txs: &'a TxTable,
    state: &'a dyn Entries,
    script: &'a dyn Script,
}

impl PoolLedger<'_> {
    /// What waits and concerns `owner`.
    fn of_owner(&self, owner: &Address) -> impl Iterator<Item = &Outcome> {
        let theirs = self.txs.of_owner(owner).iter();
        theirs.filter_map(|no| self.pool.slots.one(self.txs, *no)).map(|pooled| &pooled.outcome)
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
        if let Some((_, latest)) = self.pool.writers(self.txs, key).pop()
            && let Some(pooled) = self.pool.slots.one(self.txs, latest)
        {
            return pooled.outcome.puts.iter().rev().find(|(put, _)| put == key).and_then(|(_, value)| value.clone());
        }
        FormatLedger(self.state).get(key)
    }

    fn balance(&self, owner: &Address) -> Amount {
        // The same money may move many times here: the sums can be larger than any amount.
        let (mut plus, mut minus) = (u128::from(FormatLedger(self.state).balance(owner).0), 0u128);
        let own = |lock: &[u8]| self.script.owner(lock).as_ref() == Some(owner);
        for outcome in self.of_owner(owner) {
            plus += outcome.credits.iter().filter(|c| own(&c.lock)).map(|c| u128::from(c.amount.0)).sum::<u128>();
            minus += outcome.spends.iter().filter(|s| own(&s.lock)).map(|s| u128::from(s.amount.0)).sum::<u128>();
        }
        u64::try_from(plus.saturating_sub(minus)).map_or(Amount::ZERO, Amount)
    }

    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)> {
        let confirmed = FormatLedger(self.state).coins(owner).into_iter();
        let waiting = self.of_owner(owner).flat_map(|outcome| &outcome.credits);
        let own = |lock: &[u8]| self.script.owner(lock).as_ref() == Some(owner);
        let waiting = waiting.filter(|credit| !credit.key.is_empty() && own(&credit.lock));
        // Whoever spends a coin of this owner takes from this owner.
        let spent = self.of_owner(owner).flat_map(|outcome| &outcome.spends).map(|spend| &spend.key);
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
        for credit in self.of_owner(owner).flat_map(|outcome| &outcome.credits) {
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
