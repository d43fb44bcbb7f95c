//! Validations of transactions, and for which nodes they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::TxTable;
use super::entry::{Brief, CachedValidation, Known, MempoolEntry, NO_TIP, NO_TX, Use, Validation};
use super::index::TxIndex;
use crate::address::Address;
use crate::block::Tx;
use crate::tx::Outcome;
use crate::world::tree::BlockIx;

/// How many cached validations of one transaction are kept.
const CACHED_KEPT: usize = 4;

impl TxTable {
    /// A validation of the transaction over `tip` that holds for the mempool with the transactions of `is_in`. `serial`
    /// says which validation of each the mempool has.
    #[inline]
    pub(crate) fn cached(
        &self,
        tx: TxIndex,
        tip: BlockIx,
        is_in: impl Fn(TxIndex) -> bool,
        serial: impl Fn(TxIndex) -> Option<u64>,
    ) -> Option<Validation> {
        let brief = &self.briefs[tx.0 as usize];
        if brief.over == tip && (brief.beside == NO_TX || is_in(brief.beside) == brief.beside_is_in) {
            // No other validation is in a brief.
            let is_simple = true;
            return Some(Validation {
                cost: brief.cost.into(),
                rate: brief.rate,
                fee: brief.fee,
                is_simple,
                own: None,
            });
        }
        self.find_cached(tx, tip, is_in, serial)
    }

    /// The same where the brief does not have it.
    #[inline(never)]
    fn find_cached(
        &self,
        tx: TxIndex,
        tip: BlockIx,
        is_in: impl Fn(TxIndex) -> bool,
        serial: impl Fn(TxIndex) -> Option<u64>,
    ) -> Option<Validation> {
        let Known { cached, related, .. } = &self.all[tx.0 as usize];
        // A transaction that was validated once has only that validation.
        let same = |other: TxIndex, expected: u64| {
            self.all[other.0 as usize].validations == 1 || serial(other) == Some(expected)
        };
        let holds = |CachedValidation { over, beside, .. }: &&CachedValidation| {
            let mut here = related.iter().filter(|other| is_in(**other));
            *over == tip
                && here.clone().count() == beside.len()
                && here.all(|other| beside.iter().any(|(one, of)| one == other && same(*one, *of)))
        };
        cached.iter().rev().find(holds).map(|one| self.validation(tx, &one.entry))
    }

    fn validation(&self, tx: TxIndex, entry: &Arc<MempoolEntry>) -> Validation {
        let is_first = self.first(tx).is_some_and(|first| Arc::ptr_eq(first, entry));
        Validation::new(entry, is_first)
    }

    /// The first validation of a transaction.
    pub(crate) fn first(&self, tx: TxIndex) -> Option<&Arc<MempoolEntry>> {
        self.all[tx.0 as usize].first.as_ref()
    }

    /// Keeps a validation of the transaction `tx`; one that equals the first is not kept twice. `reads` is the tip that
    /// it was made over and the entries that it read, or `None` if it read anything else. `serial` is as in
    /// [`cached`](TxTable::cached), for the mempool that it was made with.
    pub(crate) fn keep(
        &mut self,
        index: TxIndex,
        tx: Tx,
        outcome: Outcome,
        reads: Option<(BlockIx, Vec<Vec<u8>>)>,
        owner: &dyn Fn(&[u8]) -> Option<Address>,
        serial: impl Fn(&TxTable, TxIndex) -> Option<u64>,
    ) -> Validation {
        let reads_entries = reads.is_some();
        let (tip, reads) = reads.unzip();
        self.note_uses(index, &outcome, reads.as_deref().unwrap_or_default());
        let beside = |tip| {
            let related = &self.all[index.0 as usize].related;
            let here: Vec<_> = related.iter().filter_map(|other| Some((*other, serial(self, *other)?))).collect();
            // If several transactions write an entry, its value depends on their order.
            let writes = |other: TxIndex| {
                let known = &self.all[other.0 as usize];
                known.keys.iter().any(|key| self.users(key, Use::PUTS).any(|user| user == other))
            };
            (outcome.puts.is_empty() && !here.iter().any(|(other, _)| writes(*other))).then_some((tip, here))
        };
        let over = tip.and_then(beside);
        // Another tip nearly always changes nothing.
        let known = self.first(index).filter(|first| first.outcome == outcome).cloned();
        let entry = known.unwrap_or_else(|| self.keep_new(index, tx, outcome, reads_entries, owner));
        self.note_owners(index, &entry);
        self.briefs[index.0 as usize].over = NO_TIP;
        if let Some((over, beside)) = over {
            self.note_in_brief(index, over, &beside);
            let cached = &mut self.all[index.0 as usize].cached;
            if cached.len() == CACHED_KEPT {
                cached.remove(0);
            }
            cached.push(CachedValidation { over, beside, entry: entry.clone() });
        }
        self.validation(index, &entry)
    }

    /// Keeps a validation that differs from the first, or is the first.
    fn keep_new(
        &mut self,
        index: TxIndex,
        tx: Tx,
        outcome: Outcome,
        reads_entries: bool,
        owner: &dyn Fn(&[u8]) -> Option<Address>,
    ) -> Arc<MempoolEntry> {
        self.serials += 1;
        let moves = moves(&outcome, owner);
        let (fee, cost) = (outcome.fee, tx.bytes().len() as u64);
        let rate = u128::from(fee.0) * 1_000 / u128::from(cost).max(1);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        let new = Arc::new(MempoolEntry { rate, fee, cost, reads_entries, serial: self.serials, tx, outcome, moves });
        let known = &mut self.all[index.0 as usize];
        known.validations += 1;
        match known.validations {
            1 => known.first = Some(new.clone()),
            2 => self.validated_twice(index),
            _ => {}
        }
        new
    }

    /// Notes the only validation of a transaction in its brief, if it depends on at most one other transaction. Any
    /// other validation is looked up each time.
    fn note_in_brief(&mut self, tx: TxIndex, over: BlockIx, beside: &[(TxIndex, u64)]) {
        let Known { first: Some(first), validations: 1, related, .. } = &self.all[tx.0 as usize] else { return };
        let Ok(cost) = u32::try_from(first.cost) else { return };
        let (beside, beside_is_in) = match (&related[..], beside) {
            ([], []) => (NO_TX, false),
            ([one], []) => (*one, false),
            ([one], [_]) if self.all[one.0 as usize].validations == 1 => (*one, true),
            _ => return,
        };
        let (rate, fee) = (first.rate, first.fee);
        let brief = &mut self.briefs[tx.0 as usize];
        *brief = Brief { over, rate, fee, cost, beside, beside_is_in, ..brief.clone() };
    }

    /// A transaction has a second validation now, so the briefs that depend on it no longer say enough.
    fn validated_twice(&mut self, tx: TxIndex) {
        for key in &self.all[tx.0 as usize].keys {
            for (user, _) in self.uses.get(key).into_iter().flatten() {
                let brief = &mut self.briefs[user.0 as usize];
                if brief.beside == tx {
                    brief.over = NO_TIP;
                }
            }
        }
    }
}

/// What an outcome gives to each owner less what it takes.
fn moves(outcome: &Outcome, owner: &dyn Fn(&[u8]) -> Option<Address>) -> Box<[(Address, i128)]> {
    let taken = outcome.spends.iter().map(|spend| (&spend.lock, -i128::from(spend.amount.0)));
    let given = outcome.credits.iter().map(|credit| (&credit.lock, i128::from(credit.amount.0)));
    let mut moves: BTreeMap<Address, i128> = BTreeMap::new();
    for (owner, amount) in taken.chain(given).filter_map(|(lock, amount)| Some((owner(lock)?, amount))) {
        *moves.entry(owner).or_default() += amount;
    }
    moves.into_iter().collect()
}

#[cfg(test)]
mod tests;
