//! What one node remembers of transactions, by their numbers in its world's table.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::io::PeerId;
use crate::world::{Pooled, TxNo, TxTable};

/// So many transactions at least, and twice as many at most, are remembered as dealt with.
const RECENT_TXS: usize = 2_500;

/// The flags of a transaction: each is a word for 64 transactions with neighbouring numbers.
///
/// It was asked for.
const ASKED: usize = 0;
/// It was dealt with, in a period of one or the other kind.
const RECENT: [usize; 2] = [1, 2];
/// It waits for a block.
const WAITS: usize = 3;
/// The words of neighbours, which say who has the transaction, come after those of the flags.
const FLAGS: usize = 4;
/// Neighbours with numbers from here on have no words.
const NEAR: u32 = 64;

/// All that a node remembers of transactions.
///
/// What one message needs lies close together: many nodes run in one process, and none finds its memory in the
/// machine's caches as it left it.
pub(super) struct Slots {
    /// For each 64 transactions the words of the flags, and those of the near neighbours.
    words: Vec<u64>,
    /// How many words that are.
    stride: usize,
    /// Those that wait for a block.
    pooled: Vec<Option<Arc<Pooled>>>,
    /// The same as bits: a look at a transaction that is not of these days touches little memory.
    waiting: Vec<u64>,
    /// How many came into the mempool before each of them.
    arrivals: Vec<u64>,
    /// What neighbours without words have.
    known_far: BTreeSet<(TxNo, PeerId)>,
    /// Those dealt with in this period, and in the one before.
    young: Vec<TxNo>,
    old: Vec<TxNo>,
    /// Which kind of period it is.
    period: usize,
    /// The one that was heard of last.
    newest: TxNo,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots {
            words: Vec::new(),
            stride: FLAGS + 4,
            pooled: Vec::new(),
            waiting: Vec::new(),
            arrivals: Vec::new(),
            known_far: BTreeSet::new(),
            young: Vec::new(),
            old: Vec::new(),
            period: 0,
            newest: TxNo(0),
        }
    }
}

impl Slots {
    /// Where the words of the newest transactions are, and all else that is kept of them.
    pub(super) fn newest(&self) -> [*const u8; 6] {
        let n = self.newest.0 as usize;
        // Nothing is read there, so it does not matter whether it is this node's.
        let words = |n: usize| self.words.as_ptr().wrapping_add(n / 64 * self.stride).cast();
        let (waits, young) = (self.waiting.as_ptr().wrapping_add(n / 64), self.young.as_ptr_range().end);
        let (pooled, arrival) = (self.pooled.as_ptr().wrapping_add(n), self.arrivals.as_ptr().wrapping_add(n));
        [words(n.saturating_sub(64)), words(n), waits.cast(), pooled.cast(), arrival.cast(), young.cast()]
    }

    /// Where the words of a transaction begin, and its bit in them.
    fn place(&self, no: TxNo) -> (usize, u64) {
        (no.0 as usize / 64 * self.stride, 1 << (no.0 % 64))
    }

    fn flags(&self, no: TxNo) -> Option<(&[u64], u64)> {
        let (at, bit) = self.place(no);
        Some((self.words.get(at..at + FLAGS)?, bit))
    }

    /// Whether it was asked for and has not come.
    pub(super) fn is_asked(&self, no: TxNo) -> bool {
        self.flags(no).is_some_and(|(flags, bit)| flags[ASKED] & bit != 0)
    }

    /// Whether it was dealt with lately.
    fn is_recent(&self, no: TxNo) -> bool {
        self.flags(no).is_some_and(|(flags, bit)| (flags[RECENT[0]] | flags[RECENT[1]]) & bit != 0)
    }

    /// Whether it waits for a block.
    pub(super) fn waits(&self, no: TxNo) -> bool {
        self.waiting.get(no.0 as usize / 64).is_some_and(|word| word >> (no.0 % 64) & 1 == 1)
    }

    /// Whether anything is remembered of it.
    fn is_known(&self, no: TxNo) -> bool {
        self.flags(no).is_some_and(|(flags, bit)| flags.iter().fold(0, |all, word| all | word) & bit != 0)
    }

    /// How many came into the mempool before one that waits.
    pub(super) fn arrival(&self, no: TxNo) -> u64 {
        self.arrivals.get(no.0 as usize).copied().unwrap_or(0)
    }

    /// All that wait for a block, with their arrivals, in no order.
    pub(super) fn pooled(&self) -> impl Iterator<Item = (TxNo, u64, &Arc<Pooled>)> {
        let all = self.pooled.iter().zip(&self.arrivals).enumerate();
        all.filter_map(|(no, (pooled, arrival))| Some((TxNo(no as u32), *arrival, pooled.as_ref()?)))
    }

    /// The transaction, if it waits for a block.
    pub(super) fn one(&self, no: TxNo) -> Option<&Arc<Pooled>> {
        self.pooled.get(no.0 as usize)?.as_ref()
    }

    /// The serial number of what waits here of a transaction.
    pub(super) fn serial(&self, no: TxNo) -> Option<u64> {
        self.one(no).map(|pooled| pooled.serial())
    }

    /// Sets a flag of a transaction, which is remembered while it has any; see [`Slots::unset`].
    fn set(&mut self, txs: &mut TxTable, no: TxNo, flag: usize) {
        let n = no.0 as usize;
        if self.words.len() <= n / 64 * self.stride {
            let blocks = n / 64 + 1;
            let more = blocks + blocks / 16;
            self.words.reserve_exact(more * self.stride - self.words.len());
            self.words.resize(blocks * self.stride, 0);
            self.pooled.reserve_exact(more * 64 - self.pooled.len());
            self.pooled.resize(blocks * 64, None);
            self.waiting.resize(blocks, 0);
            self.arrivals.reserve_exact(more * 64 - self.arrivals.len());
            self.arrivals.resize(blocks * 64, 0);
        }
        if !self.is_known(no) {
            txs.hold_again(no);
        }
        let (at, bit) = self.place(no);
        self.words[at + flag] |= bit;
    }

    /// Takes flags off a transaction; it is forgotten with the last one. Whether it had any of them.
    fn unset(&mut self, txs: &mut TxTable, no: TxNo, flags: &[usize]) -> bool {
        let (at, bit) = self.place(no);
        let Some(words) = self.words.get_mut(at..at + self.stride) else { return false };
        let mut had = 0;
        for flag in flags {
            had |= words[*flag] & bit;
            words[*flag] &= !bit;
        }
        if had != 0 && words[..FLAGS].iter().all(|word| word & bit == 0) {
            words[FLAGS..].iter_mut().for_each(|word| *word &= !bit);
            self.forget_far(no);
            txs.release(no);
        }
        had != 0
    }

    /// Puts a transaction among those that wait.
    pub(super) fn put(&mut self, txs: &mut TxTable, no: TxNo, pooled: Arc<Pooled>, arrival: u64) {
        self.set(txs, no, WAITS);
        self.waiting[no.0 as usize / 64] |= 1 << (no.0 % 64);
        self.pooled[no.0 as usize] = Some(pooled);
        self.arrivals[no.0 as usize] = arrival;
    }

    /// Takes a transaction out of those that wait.
    pub(super) fn take(&mut self, txs: &mut TxTable, no: TxNo) -> Option<Arc<Pooled>> {
        let pooled = self.pooled.get_mut(no.0 as usize)?.take()?;
        self.waiting[no.0 as usize / 64] &= !(1 << (no.0 % 64));
        self.unset(txs, no, &[WAITS]);
        Some(pooled)
    }

    /// Notes that a transaction was asked for.
    pub(super) fn ask(&mut self, txs: &mut TxTable, no: TxNo) {
        self.newest = no;
        self.set(txs, no, ASKED);
    }

    /// It is no longer asked for; whether it was.
    pub(super) fn end_ask(&mut self, txs: &mut TxTable, no: TxNo) -> bool {
        self.unset(txs, no, &[ASKED])
    }

    /// Notes a transaction as dealt with; whether it is new.
    pub(super) fn note(&mut self, txs: &mut TxTable, no: TxNo) -> bool {
        if self.is_recent(no) {
            return false;
        }
        if self.young.len() >= RECENT_TXS {
            self.period ^= 1;
            let expired = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            for no in &expired {
                self.unset(txs, *no, &[RECENT[self.period]]);
            }
            self.young = expired;
            self.young.clear();
        }
        self.set(txs, no, RECENT[self.period]);
        self.young.push(no);
        true
    }

    /// A transaction that was turned down may be fine after another block.
    pub(super) fn forget(&mut self, txs: &mut TxTable, no: TxNo) {
        self.unset(txs, no, &RECENT);
    }

    /// `peer` has this transaction. Nothing is noted of what the node does not remember; gives whether it does: whether
    /// the transaction waits, was asked for, or was dealt with lately.
    pub(super) fn known_to(&mut self, no: TxNo, peer: PeerId) -> bool {
        if !self.is_known(no) {
            return false;
        }
        if peer.0 >= NEAR {
            self.known_far.insert((no, peer));
            return true;
        }
        let word = FLAGS + peer.0 as usize;
        if word >= self.stride {
            self.widen(word + 1);
        }
        let (at, bit) = self.place(no);
        self.words[at + word] |= bit;
        true
    }

    /// Makes room for the words of more neighbours.
    #[cold]
    fn widen(&mut self, stride: usize) {
        let stride = stride.next_multiple_of(4);
        let blocks = self.words.len() / self.stride;
        let mut words = Vec::with_capacity(blocks * stride);
        for block in self.words.chunks_exact(self.stride) {
            words.extend_from_slice(block);
            words.resize(words.len() + stride - self.stride, 0);
        }
        (self.words, self.stride) = (words, stride);
    }

    /// Whether `peer` has said that it has this transaction.
    pub(super) fn is_known_to(&self, no: TxNo, peer: PeerId) -> bool {
        if peer.0 >= NEAR {
            return self.known_far.contains(&(no, peer));
        }
        let word = FLAGS + peer.0 as usize;
        let (at, bit) = self.place(no);
        word < self.stride && self.words.get(at + word).is_some_and(|word| word & bit != 0)
    }

    /// The neighbours that have said that they have this transaction.
    pub(super) fn who_has(&self, no: TxNo) -> Vec<PeerId> {
        let near = (0..NEAR).map(PeerId).filter(|peer| self.is_known_to(no, *peer));
        let far = self.known_far.range((no, PeerId(0))..=(no, PeerId(u32::MAX)));
        near.chain(far.map(|(_, peer)| *peer)).collect()
    }

    /// Who had the transaction may have dropped it since.
    pub(super) fn known_to_nobody(&mut self, no: TxNo) {
        let (at, bit) = self.place(no);
        if let Some(words) = self.words.get_mut(at + FLAGS..at + self.stride) {
            words.iter_mut().for_each(|word| *word &= !bit);
            self.forget_far(no);
        }
    }

    /// Forgets which of the neighbours without a bit have a transaction.
    fn forget_far(&mut self, no: TxNo) {
        let all = (no, PeerId(0))..=(no, PeerId(u32::MAX));
        while let Some(one) = self.known_far.range(all.clone()).next().copied() {
            self.known_far.remove(&one);
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
        assert!(slots.pooled.len() <= 2 * RECENT_TXS + 2 + 64, "numbers are used again");
    }
}
