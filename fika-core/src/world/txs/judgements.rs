//! What was found of transactions, and where it holds.

use std::sync::Arc;

use super::{Brief, Known, NO_TIP, NO_TX, Pooled, TxNo, TxTable, Use};
use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::tx::Outcome;
use crate::world::BlockIx;

/// What a mempool is to know of a transaction that it takes in.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    pub(crate) bytes: u64,
    pub(crate) rate: u64,
    pub(crate) fee: Amount,
    /// The judgement itself, if it is not the [first](TxTable::first) one.
    pub(crate) own: Option<Arc<Pooled>>,
}

/// Where a judgement holds.
pub(super) struct Held {
    /// The tip that it was made over.
    over: BlockIx,
    /// What has to wait beside it of what touches the entries that it reads, by which judgements.
    touching: Vec<(TxNo, u64)>,
    judged: Arc<Pooled>,
}

impl Held {
    /// Whether it holds only where this one waits.
    pub(super) fn depends_on(&self, no: TxNo) -> bool {
        self.touching.iter().any(|(one, _)| *one == no)
    }
}

/// So many of these are kept of one transaction.
const HELD_KEPT: usize = 4;

impl TxTable {
    /// A judgement of the transaction over `tip` that holds in a mempool in which the transactions wait that `waits`
    /// names, with the judgements whose serial numbers `serial` gives.
    pub(crate) fn judged(
        &self,
        no: TxNo,
        tip: BlockIx,
        waits: impl Fn(TxNo) -> bool,
        serial: impl Fn(TxNo) -> Option<u64>,
    ) -> Option<Judgement> {
        if let Some((bytes, rate, fee)) = self.judged_at_hand(no, tip, &waits) {
            return Some(Judgement { bytes, rate, fee, own: None });
        }
        let Known { held, related, .. } = &self.all[no.0 as usize];
        // Of a transaction that was judged once there is no other judgement.
        let same =
            |other: TxNo, expected: u64| self.all[other.0 as usize].judgements == 1 || serial(other) == Some(expected);
        let holds = |Held { over, touching, .. }: &&Held| {
            let mut here = related.iter().filter(|other| waits(**other));
            *over == tip
                && here.clone().count() == touching.len()
                && here.all(|other| touching.iter().any(|(one, of)| one == other && same(*one, *of)))
        };
        held.iter().rev().find(holds).map(|one| self.judgement(no, &one.judged))
    }

    /// The same if it is at hand: the bytes, fee rate and fee. It is the first judgement.
    #[inline]
    pub(crate) fn judged_at_hand(
        &self,
        no: TxNo,
        tip: BlockIx,
        waits: impl Fn(TxNo) -> bool,
    ) -> Option<(u64, u64, Amount)> {
        let brief = &self.briefs[no.0 as usize];
        let holds = brief.over == tip && (brief.beside == NO_TX || waits(brief.beside) == brief.beside_waits);
        holds.then(|| (brief.bytes.into(), brief.rate, brief.fee))
    }

    fn judgement(&self, no: TxNo, one: &Arc<Pooled>) -> Judgement {
        let is_first = self.first(no).is_some_and(|first| Arc::ptr_eq(first, one));
        Judgement { bytes: one.bytes, rate: one.rate, fee: one.fee, own: (!is_first).then(|| one.clone()) }
    }

    /// The first judgement of a transaction.
    pub(crate) fn first(&self, no: TxNo) -> Option<&Arc<Pooled>> {
        self.all[no.0 as usize].first.as_ref()
    }

    /// Keeps a judgement; one that is like the first is that. `reads`: the tip that it was made over and the entries that
    /// were read, where nothing else was; `serial` as in [`judged`](TxTable::judged), of the mempool that it was made in.
    pub(crate) fn keep(
        &mut self,
        no: TxNo,
        tx: Tx,
        outcome: Outcome,
        reads: Option<(BlockIx, Vec<Vec<u8>>)>,
        owner: &dyn Fn(&[u8]) -> Option<Address>,
        serial: impl Fn(&TxTable, TxNo) -> Option<u64>,
    ) -> Judgement {
        self.all[no.0 as usize].tx = Some(tx.clone());
        let (tip, reads) = reads.unzip();
        self.note_uses(no, &outcome, reads.as_deref().unwrap_or_default());
        self.note_owners(no, &outcome, owner);
        let touching = |tip| {
            let related = &self.all[no.0 as usize].related;
            let here: Vec<_> = related.iter().filter_map(|other| Some((*other, serial(self, *other)?))).collect();
            // The value of what several have written depends on their order.
            let writes = |other: TxNo| {
                let known = &self.all[other.0 as usize];
                known.keys.iter().any(|key| self.users(key, Use::PUTS).any(|user| user == other))
            };
            (outcome.puts.is_empty() && !here.iter().any(|(other, _)| writes(*other))).then_some((tip, here))
        };
        let over = tip.and_then(touching);
        // Nearly always another tip changes nothing.
        let known = self.first(no).filter(|first| first.outcome == outcome).cloned();
        let judged = known.unwrap_or_else(|| self.keep_new(no, tx, outcome));
        self.briefs[no.0 as usize].over = NO_TIP;
        if let Some((over, touching)) = over {
            self.have_at_hand(no, over, &touching);
            let held = &mut self.all[no.0 as usize].held;
            if held.len() == HELD_KEPT {
                held.remove(0);
            }
            held.push(Held { over, touching, judged: judged.clone() });
        }
        self.judgement(no, &judged)
    }

    /// Keeps a judgement that is unlike the first one, or is that.
    fn keep_new(&mut self, no: TxNo, tx: Tx, outcome: Outcome) -> Arc<Pooled> {
        self.serials += 1;
        let (fee, bytes) = (outcome.fee, tx.bytes().len() as u64);
        let rate = u128::from(fee.0) * 1_000 / u128::from(bytes).max(1);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        let new = Arc::new(Pooled { rate, fee, bytes, serial: self.serials, tx, outcome });
        let known = &mut self.all[no.0 as usize];
        known.judgements += 1;
        match known.judgements {
            1 => known.first = Some(new.clone()),
            2 => self.judged_twice(no),
            _ => {}
        }
        new
    }

    /// Has the only judgement of a transaction at hand, if it depends on one other at most. What does not fit is looked up each
    /// time.
    fn have_at_hand(&mut self, no: TxNo, over: BlockIx, touching: &[(TxNo, u64)]) {
        let Known { first: Some(first), judgements: 1, related, .. } = &self.all[no.0 as usize] else { return };
        let Ok(bytes) = u32::try_from(first.bytes) else { return };
        let (beside, beside_waits) = match (&related[..], touching) {
            ([], []) => (NO_TX, false),
            ([one], []) => (*one, false),
            ([one], [_]) if self.all[one.0 as usize].judgements == 1 => (*one, true),
            _ => return,
        };
        let (rate, fee) = (first.rate, first.fee);
        let brief = &mut self.briefs[no.0 as usize];
        *brief = Brief { over, rate, fee, bytes, beside, beside_waits, ..brief.clone() };
    }

    /// Where one was judged in two ways, what was found of those beside it is no longer all that there is to say.
    fn judged_twice(&mut self, no: TxNo) {
        for key in &self.all[no.0 as usize].keys {
            for (user, _) in self.uses.get(key).into_iter().flatten() {
                let brief = &mut self.briefs[user.0 as usize];
                if brief.beside == no {
                    brief.over = NO_TIP;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
