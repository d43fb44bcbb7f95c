//! The mempool: valid transactions that are not in a block yet.

mod ledger;
mod reject;
mod relations;
mod select;
mod writes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::tx::Outcome;
use crate::world::{BlockIx, Confirmed, MempoolEntry, TxIndex, TxTable, Use, Validation};
pub use ledger::PoolLedger;
pub use reject::TxReject;
use writes::Writes;

/// What a mempool accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MempoolLimits {
    /// All transactions together, in bytes; above it the cheapest are evicted.
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

/// The order of preference: higher fee rate first, then earlier arrival. Arrivals differ, so indexes decide nothing.
type Rank = (Reverse<u64>, u64, TxIndex);

/// The mempool of one node: ordered by fee rate, without conflicts, limited in size.
///
/// It holds the index of each of its transactions in a [`TxTable`], always the same one, which keeps what they do.
#[derive(Default)]
pub struct Mempool {
    /// Which transactions are in, a word for each group.
    members: Vec<u64>,
    /// By index, the low bits of how many had arrived.
    arrivals: Vec<u32>,
    /// What was found here, where it is not the transaction's [first](TxTable::first) validation.
    own: BTreeMap<TxIndex, Arc<MempoolEntry>>,
    len: usize,
    cost: u64,
    /// How many have arrived so far.
    arrived: u64,
    limits: MempoolLimits,
    writes: Writes,
    /// The order of preference, once it is needed to say which is the cheapest.
    ranks: Option<BTreeSet<Rank>>,
}

impl Mempool {
    /// An empty mempool.
    pub fn new(limits: MempoolLimits) -> Mempool {
        Mempool { limits, ..Mempool::default() }
    }

    /// How many transactions are in.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All transactions together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.cost
    }

    /// How many have arrived so far.
    #[inline]
    pub(super) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Whether a transaction is in.
    #[inline]
    pub fn contains(&self, tx: TxIndex) -> bool {
        self.members.get(tx.group() as usize).is_some_and(|word| word & tx.bit() != 0)
    }

    /// What is known of a transaction that is in.
    pub fn entry<'a>(&'a self, txs: &'a TxTable, tx: TxIndex) -> Option<&'a Arc<MempoolEntry>> {
        if !self.contains(tx) {
            return None;
        }
        self.own.get(&tx).or_else(|| txs.first(tx))
    }

    /// The serial number of the validation by which a transaction is in.
    pub(super) fn serial(&self, txs: &TxTable, tx: TxIndex) -> Option<u64> {
        self.entry(txs, tx).map(|entry| entry.serial())
    }

    /// How many had arrived with one that is in. It is one of the last four billion.
    fn arrival(&self, tx: TxIndex) -> u64 {
        self.arrived - u64::from((self.arrived as u32).wrapping_sub(self.arrivals[tx.0 as usize]))
    }

    /// All that are in, in no order.
    fn members(&self) -> impl Iterator<Item = TxIndex> {
        self.members.iter().zip(0..).flat_map(|(word, group)| TxIndex::each(group, *word))
    }

    /// All entries, the most preferred first.
    pub fn entries<'a>(&'a self, txs: &'a TxTable) -> impl Iterator<Item = &'a Arc<MempoolEntry>> {
        self.ranked(txs).into_iter().filter_map(|(_, _, tx)| self.entry(txs, tx))
    }

    fn ranked(&self, txs: &TxTable) -> Vec<Rank> {
        let mut ranks: Vec<Rank> = self.members().filter_map(|tx| self.rank(txs, tx)).collect();
        ranks.sort_unstable();
        ranks
    }

    fn rank(&self, txs: &TxTable, tx: TxIndex) -> Option<Rank> {
        Some((Reverse(self.entry(txs, tx)?.rate), self.arrival(tx), tx))
    }

    /// Adds a transaction that was validated over [`Mempool::ledger`], and gives what was evicted for it: perhaps itself.
    /// `owner` says whose money a lock guards.
    ///
    /// # Errors
    /// As the limits say, or when a transaction of the mempool spends the same.
    pub fn insert(
        &mut self,
        txs: &mut TxTable,
        tx: &Tx,
        outcome: Outcome,
        owner: &dyn Fn(&[u8]) -> Option<Address>,
    ) -> Result<Vec<TxIndex>, TxReject> {
        let index = txs.hold_tx(tx);
        let added = self.validated(txs, index, tx, outcome, None, owner).and_then(|new| self.add(txs, index, new));
        txs.release(index);
        added
    }

    /// Keeps a fresh validation of the transaction `index` for all nodes. `reads` as in [`TxTable::keep`].
    pub(super) fn validated(
        &self,
        txs: &mut TxTable,
        index: TxIndex,
        tx: &Tx,
        outcome: Outcome,
        reads: Option<(BlockIx, Vec<Vec<u8>>)>,
        owner: &dyn Fn(&[u8]) -> Option<Address>,
    ) -> Result<Validation, TxReject> {
        if let Some(conflict) = self.conflict(txs, &outcome) {
            return Err(TxReject::Conflict(txs.hash(conflict)));
        }
        if self.is_circular(txs, index, &outcome) {
            return Err(TxReject::Circular);
        }
        Ok(txs.keep(index, tx.clone(), outcome, reads, owner, |txs, other| self.serial(txs, other)))
    }

    /// Whether the limits let a transaction in that conflicts with none.
    #[inline]
    fn admit(&self, new: &Validation) -> Result<(), TxReject> {
        let MempoolLimits { max_bytes, min_fee_rate, min_fee } = self.limits;
        if new.fee < min_fee {
            return Err(TxReject::MinFee { min: min_fee, found: new.fee });
        }
        if new.rate < min_fee_rate {
            return Err(TxReject::MinFeeRate { min: min_fee_rate, found: new.rate });
        }
        if new.cost > max_bytes {
            return Err(TxReject::TooLarge { max: max_bytes, found: new.cost });
        }
        Ok(())
    }

    /// Adds a validated transaction that conflicts with none; as [`Mempool::insert`].
    #[inline]
    pub(super) fn add(&mut self, txs: &mut TxTable, tx: TxIndex, new: Validation) -> Result<Vec<TxIndex>, TxReject> {
        self.admit(&new)?;
        let Validation { cost, rate, is_simple, own, .. } = new;
        if tx.0 as usize >= self.arrivals.len() {
            self.grow(tx);
        }
        txs.hold_again(tx);
        self.arrived += 1;
        self.len += 1;
        self.cost += cost;
        self.members[tx.group() as usize] |= tx.bit();
        self.arrivals[tx.0 as usize] = self.arrived as u32;
        if let Some(own) = own {
            self.own.insert(tx, own);
        }
        if let Some(ranks) = &mut self.ranks {
            ranks.insert((Reverse(rate), self.arrived, tx));
        }
        if !is_simple || self.writes.has_sums() {
            self.note_writes(txs, tx);
        }
        if self.cost > self.limits.max_bytes { Ok(self.evict(txs)) } else { Ok(Vec::new()) }
    }

    /// Notes what a transaction writes that has just come in.
    #[cold]
    fn note_writes(&mut self, txs: &TxTable, tx: TxIndex) {
        let Some(entry) = self.entry(txs, tx).cloned() else { return };
        if !entry.reads_entries && !self.writes.has_sums() {
            let mut writes = std::mem::take(&mut self.writes);
            let others = self.members().filter(|other| *other != tx);
            writes.keep_sums(others.filter_map(|other| self.entry(txs, other)).map(|entry| &**entry));
            self.writes = writes;
        }
        self.writes.add(self.arrived, tx, &entry);
    }

    /// Makes room for more transactions.
    #[cold]
    fn grow(&mut self, tx: TxIndex) {
        let groups = tx.group() as usize + 1;
        let more = groups + groups / 16;
        self.members.resize(groups, 0);
        self.arrivals.reserve_exact(more * 64 - self.arrivals.len());
        self.arrivals.resize(groups * 64, 0);
    }

    /// Removes the cheapest transactions, and those that build on them, until the limit holds.
    #[cold]
    fn evict(&mut self, txs: &mut TxTable) -> Vec<TxIndex> {
        let mut evicted = Vec::new();
        while self.cost > self.limits.max_bytes {
            if self.ranks.is_none() {
                self.ranks = Some(self.ranked(txs).into_iter().collect());
            }
            let Some((_, _, cheapest)) = self.ranks.as_ref().and_then(|ranks| ranks.last().copied()) else { break };
            evicted.extend(self.remove_with_descendants(txs, cheapest));
        }
        evicted
    }

    /// Removes one transaction, if it is in; those that build on it stay.
    pub(super) fn remove(&mut self, txs: &mut TxTable, tx: TxIndex) {
        let Some(cost) = self.entry(txs, tx).map(|entry| entry.cost) else { return };
        self.unrank(txs, tx);
        self.take_out(txs, tx, cost);
    }

    /// Removes all.
    pub(super) fn clear(&mut self, txs: &mut TxTable) {
        self.members().collect::<Vec<_>>().into_iter().for_each(|tx| self.remove(txs, tx));
    }

    fn take_out(&mut self, txs: &mut TxTable, tx: TxIndex, cost: u64) {
        if !self.writes.is_empty()
            && let Some(entry) = self.entry(txs, tx).cloned()
        {
            self.writes.remove(self.arrival(tx), &entry);
        }
        if !self.own.is_empty() {
            self.own.remove(&tx);
        }
        self.members[tx.group() as usize] &= !tx.bit();
        self.len -= 1;
        self.cost -= cost;
        txs.release(tx);
    }

    /// Takes one that is still in out of the order of preference.
    fn unrank(&mut self, txs: &TxTable, tx: TxIndex) {
        if self.ranks.is_none() {
            return;
        }
        let rank = self.rank(txs, tx);
        if let (Some(ranks), Some(rank)) = (&mut self.ranks, rank) {
            ranks.remove(&rank);
            if ranks.is_empty() {
                self.ranks = None;
            }
        }
    }

    /// Removes a transaction, and all that build on it; gives those that were in.
    pub fn remove_with_descendants(&mut self, txs: &mut TxTable, tx: TxIndex) -> Vec<TxIndex> {
        let Some(entry) = self.entry(txs, tx).cloned() else { return Vec::new() };
        let mut removed = vec![tx];
        removed.extend(self.remove_descendants(txs, tx, &entry.outcome));
        self.remove(txs, tx);
        removed
    }

    /// Removes all that build on `tx`, which does `outcome`; gives them.
    pub(super) fn remove_descendants(&mut self, txs: &mut TxTable, tx: TxIndex, outcome: &Outcome) -> Vec<TxIndex> {
        let mut open = self.children(txs, tx, outcome);
        let mut removed = Vec::new();
        while let Some(tx) = open.pop() {
            let Some(entry) = self.entry(txs, tx).cloned() else { continue };
            open.extend(self.children(txs, tx, &entry.outcome));
            self.remove(txs, tx);
            removed.push(tx);
        }
        removed
    }

    /// A block was accepted: removes what it confirms, and what can no longer be confirmed. Gives the latter.
    #[inline(never)]
    pub fn confirm(&mut self, txs: &mut TxTable, block: &Confirmed) -> Vec<TxIndex> {
        for (tx, cost) in &block.inside {
            if self.contains(*tx) {
                self.unrank(txs, *tx);
                self.take_out(txs, *tx, u64::from(*cost));
            }
        }
        block.conflicts.iter().flat_map(|conflict| self.remove_with_descendants(txs, *conflict)).collect()
    }

    /// Which transactions use any of these entries, or have looked at more than entries, in the order of arrival.
    pub(super) fn affected<'a>(&self, txs: &TxTable, keys: impl Iterator<Item = &'a [u8]>) -> Vec<TxIndex> {
        let users = keys.flat_map(|key| txs.users(key, Use::ANY)).filter(|tx| self.contains(*tx));
        let mut affected: BTreeSet<(u64, TxIndex)> = users.map(|tx| (self.arrival(tx), tx)).collect();
        let by_balance = self.members().filter(|tx| self.entry(txs, *tx).is_some_and(|entry| !entry.reads_entries));
        affected.extend(by_balance.map(|tx| (self.arrival(tx), tx)));
        affected.into_iter().map(|(_, tx)| tx).collect()
    }
}
