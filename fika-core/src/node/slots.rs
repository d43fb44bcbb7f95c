//! What one node remembers of transactions, by their numbers in its world's table.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::io::PeerId;
use crate::world::{Pooled, TxNo, TxTable};

/// So many transactions at least, and twice as many at most, are remembered as dealt with.
const RECENT_TXS: usize = 2_500;

/// What the node remembers of one transaction.
#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    /// Neighbours with numbers below 64 that have said that they have it.
    known_to: u64,
    /// How many came into the mempool before it, above the flags.
    bits: u64,
}

/// It was asked for.
const ASKED: u64 = 1;
/// It was dealt with, in a period of one or the other kind.
const RECENT: [u64; 2] = [2, 4];
/// It waits for a block.
const WAITS: u64 = 8;
const FLAG_BITS: u32 = 4;
const FLAGS: u64 = (1 << FLAG_BITS) - 1;

impl Slot {
    /// Whether it was asked for and has not come.
    pub(super) fn is_asked(&self) -> bool {
        self.bits & ASKED != 0
    }

    /// Whether it was dealt with lately.
    pub(super) fn is_recent(&self) -> bool {
        self.bits & (RECENT[0] | RECENT[1]) != 0
    }

    /// Whether it waits for a block.
    pub(super) fn waits(&self) -> bool {
        self.bits & WAITS != 0
    }

    /// How many came into the mempool before it.
    pub(super) fn arrival(&self) -> u64 {
        self.bits >> FLAG_BITS
    }

    fn is_empty(&self) -> bool {
        self.bits & FLAGS == 0
    }
}

/// All that a node remembers of transactions.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// Those that wait for a block: beside the slots, of which most looks need no more.
    pooled: Vec<Option<Arc<Pooled>>>,
    /// The same as bits: a look at a transaction that is not of these days touches little memory.
    waiting: Vec<u64>,
    /// What neighbours with numbers from 64 on have.
    known_far: BTreeSet<(TxNo, PeerId)>,
    /// Those dealt with in this period, and in the one before.
    young: Vec<TxNo>,
    old: Vec<TxNo>,
    /// Which kind of period it is.
    period: usize,
}

/// Of what is not remembered.
static EMPTY: Slot = Slot { known_to: 0, bits: 0 };

impl Slots {
    pub(super) fn get(&self, no: TxNo) -> &Slot {
        self.slots.get(no.0 as usize).unwrap_or(&EMPTY)
    }

    /// All that wait for a block, in no order.
    pub(super) fn pooled(&self) -> impl Iterator<Item = (TxNo, &Slot, &Arc<Pooled>)> {
        let all = self.slots.iter().zip(&self.pooled).enumerate();
        all.filter_map(|(no, (slot, pooled))| Some((TxNo(no as u32), slot, pooled.as_ref()?)))
    }

    /// Whether a transaction waits for a block.
    pub(super) fn waits(&self, no: TxNo) -> bool {
        self.waiting.get(no.0 as usize / 64).is_some_and(|word| word >> (no.0 % 64) & 1 == 1)
    }

    /// The transaction, if it waits for a block.
    pub(super) fn one(&self, no: TxNo) -> Option<&Arc<Pooled>> {
        self.pooled.get(no.0 as usize)?.as_ref()
    }

    /// The serial number of what waits here of a transaction.
    pub(super) fn serial(&self, no: TxNo) -> Option<u64> {
        self.one(no).map(|pooled| pooled.serial())
    }

    /// The place of a transaction, which is remembered while there is something in it; see [`Slots::tidy`].
    fn at(&mut self, txs: &mut TxTable, no: TxNo) -> &mut Slot {
        let n = no.0 as usize;
        if self.slots.len() <= n {
            let more = n + 1 + n / 16 - self.slots.len();
            self.slots.reserve_exact(more);
            self.slots.resize(n + 1, EMPTY);
            self.pooled.reserve_exact(more);
            self.pooled.resize(n + 1, None);
            self.waiting.resize(n / 64 + 1, 0);
        }
        let slot = &mut self.slots[n];
        if slot.is_empty() {
            txs.hold_again(no);
        }
        slot
    }

    /// Forgets a transaction of which nothing is left.
    fn tidy(&mut self, txs: &mut TxTable, no: TxNo) {
        let slot = &mut self.slots[no.0 as usize];
        if slot.is_empty() {
            *slot = EMPTY;
            if !self.known_far.is_empty() {
                self.known_far.retain(|(of, _)| *of != no);
            }
            txs.release(no);
        }
    }

    /// Puts a transaction among those that wait.
    pub(super) fn put(&mut self, txs: &mut TxTable, no: TxNo, pooled: Arc<Pooled>, arrival: u64) {
        let slot = self.at(txs, no);
        slot.bits = slot.bits & FLAGS | WAITS | arrival << FLAG_BITS;
        self.pooled[no.0 as usize] = Some(pooled);
        self.waiting[no.0 as usize / 64] |= 1 << (no.0 % 64);
    }

    /// Takes a transaction out of those that wait.
    pub(super) fn take(&mut self, txs: &mut TxTable, no: TxNo) -> Option<Arc<Pooled>> {
        let pooled = self.pooled.get_mut(no.0 as usize)?.take()?;
        self.slots[no.0 as usize].bits &= !WAITS;
        self.waiting[no.0 as usize / 64] &= !(1 << (no.0 % 64));
        self.tidy(txs, no);
        Some(pooled)
    }

    /// Notes that a transaction was asked for.
    pub(super) fn ask(&mut self, txs: &mut TxTable, no: TxNo) {
        self.at(txs, no).bits |= ASKED;
    }

    /// It is no longer asked for; whether it was.
    pub(super) fn end_ask(&mut self, txs: &mut TxTable, no: TxNo) -> bool {
        let asked = self.get(no).is_asked();
        if asked {
            self.slots[no.0 as usize].bits &= !ASKED;
            self.tidy(txs, no);
        }
        asked
    }

    /// Notes a transaction as dealt with; whether it is new.
    pub(super) fn note(&mut self, txs: &mut TxTable, no: TxNo) -> bool {
        if self.get(no).is_recent() {
            return false;
        }
        if self.young.len() >= RECENT_TXS {
            self.period ^= 1;
            let expired = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            let kind = RECENT[self.period];
            for no in &expired {
                let slot = &mut self.slots[no.0 as usize];
                if slot.bits & kind != 0 {
                    slot.bits &= !kind;
                    self.tidy(txs, *no);
                }
            }
            self.young = expired;
            self.young.clear();
        }
        let kind = RECENT[self.period];
        self.at(txs, no).bits |= kind;
        self.young.push(no);
        true
    }

    /// A transaction that was turned down may be fine after another block.
    pub(super) fn forget(&mut self, txs: &mut TxTable, no: TxNo) {
        if self.get(no).is_recent() {
            self.slots[no.0 as usize].bits &= !(RECENT[0] | RECENT[1]);
            self.tidy(txs, no);
        }
    }

    /// `peer` has this transaction. Nothing is noted of what the node does not remember.
    pub(super) fn known_to(&mut self, no: TxNo, peer: PeerId) {
        let Some(slot) = self.slots.get_mut(no.0 as usize).filter(|slot| !slot.is_empty()) else { return };
        match peer.0 {
            near @ 0..64 => slot.known_to |= 1 << near,
            _ => drop(self.known_far.insert((no, peer))),
        }
    }

    /// Whether `peer` has said that it has this transaction.
    pub(super) fn is_known_to(&self, no: TxNo, peer: PeerId) -> bool {
        match peer.0 {
            near @ 0..64 => self.get(no).known_to >> near & 1 == 1,
            _ => self.known_far.contains(&(no, peer)),
        }
    }

    /// The neighbours that have said that they have this transaction.
    pub(super) fn who_has(&self, no: TxNo) -> Vec<PeerId> {
        let near = (0..64).map(PeerId).filter(|peer| self.is_known_to(no, *peer));
        let far = self.known_far.range((no, PeerId(0))..=(no, PeerId(u32::MAX)));
        near.chain(far.map(|(_, peer)| *peer)).collect()
    }

    /// Who had the transaction may have dropped it since.
    pub(super) fn known_to_nobody(&mut self, no: TxNo) {
        if let Some(slot) = self.slots.get_mut(no.0 as usize) {
            slot.known_to = 0;
            self.known_far.retain(|(of, _)| *of != no);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Id;

    fn name(n: u32) -> Id {
        let mut id = Id::ZERO;
        id.0[..4].copy_from_slice(&n.to_le_bytes());
        id
    }

    /// The number of a transaction that nothing holds yet but `slots` will.
    fn note(slots: &mut Slots, txs: &mut TxTable, n: u32) -> bool {
        let no = txs.hold(name(n));
        let new = slots.note(txs, no);
        txs.release(no);
        new
    }

    #[test]
    fn any_number_of_neighbours_can_have_it() {
        let (mut slots, mut txs) = (Slots::default(), TxTable::default());
        let no = txs.hold(name(1));
        slots.known_to(no, PeerId(3));
        assert!(slots.who_has(no).is_empty(), "nothing is noted of what is not remembered");
        slots.ask(&mut txs, no);
        let all = [0, 63, 64, 127, 128, 1_000].map(PeerId);
        for (n, peer) in all.iter().enumerate() {
            slots.known_to(no, *peer);
            assert_eq!(slots.who_has(no), all[..=n]);
        }
        assert!(slots.end_ask(&mut txs, no) && !slots.end_ask(&mut txs, no));
        assert!(slots.who_has(no).is_empty(), "forgotten with the transaction");
    }

    #[test]
    fn what_was_dealt_with_is_remembered_for_a_while_and_then_no_number_is_held() {
        let (mut slots, mut txs) = (Slots::default(), TxTable::default());
        let most = RECENT_TXS as u32;
        assert!((0..2 * most).all(|n| note(&mut slots, &mut txs, n)));
        assert!(!(0..2 * most).any(|n| note(&mut slots, &mut txs, n)));
        // The third period begins: the first is forgotten.
        assert!(note(&mut slots, &mut txs, 2 * most));
        assert!(txs.find(&name(0)).is_none() && txs.find(&name(most - 1)).is_none());
        assert!((most..=2 * most).all(|n| !note(&mut slots, &mut txs, n)));
        let no = txs.find(&name(most)).unwrap();
        slots.forget(&mut txs, no);
        assert!(txs.find(&name(most)).is_none());
        assert!((3 * most..9 * most).all(|n| note(&mut slots, &mut txs, n)));
        assert!(slots.slots.len() <= 2 * RECENT_TXS + 2, "numbers are used again");
    }
}
