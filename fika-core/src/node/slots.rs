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
const NEAR: u32 = 60;
/// Words that lie in one line of the machine's caches.
const LINE: usize = 8;

#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Line([u64; LINE]);

/// A transaction that waits for a block.
#[derive(Clone, Default)]
struct Waiting {
    pooled: Option<Arc<Pooled>>,
    /// How many came into the mempool before it.
    arrival: u64,
}

/// All that a node remembers of transactions.
///
/// What one message needs lies close together: many nodes run in one process, and none finds its memory in the
/// machine's caches as it left it.
#[repr(C)]
pub(super) struct Slots {
    /// For each 64 transactions the words of the flags, and those of the near neighbours.
    lines: Vec<Line>,
    /// How many lines that are.
    stride: usize,
    /// Which of them wait for a block, as bits: a look at a transaction that is not of these days touches little memory.
    waits: Vec<u64>,
    /// Those that do.
    waiting: Vec<Waiting>,
    /// Those dealt with in this period, and in the one before.
    young: Vec<TxNo>,
    /// Which kind of period it is.
    period: usize,
    old: Vec<TxNo>,
    /// What neighbours without words have.
    known_far: BTreeSet<(TxNo, PeerId)>,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots {
            lines: Vec::new(),
            stride: 1,
            waits: Vec::new(),
            waiting: Vec::new(),
            young: Vec::new(),
            period: 0,
            old: Vec::new(),
            known_far: BTreeSet::new(),
        }
    }
}

impl Slots {
    // Where things are that a message needs. Nothing is read there, so it does not matter whether it is this node's.

    /// Where the words of a transaction are, and their bytes.
    pub(super) fn words_of(&self, no: TxNo) -> (*const u8, usize) {
        let (first, _) = self.place(no);
        (self.lines.as_ptr().wrapping_add(first).cast(), self.stride * size_of::<Line>())
    }

    /// Where it stands that a transaction waits.
    pub(super) fn waits_at(&self, no: TxNo) -> *const u8 {
        self.waits.as_ptr().wrapping_add(no.0 as usize / 64).cast()
    }

    /// Where a transaction goes that comes into the mempool.
    pub(super) fn waiting_at(&self, no: TxNo) -> *const u8 {
        self.waiting.as_ptr().wrapping_add(no.0 as usize).cast()
    }

    /// Where the next one goes that is dealt with.
    pub(super) fn young_end(&self) -> *const u8 {
        self.young.as_ptr_range().end.cast()
    }

    /// The first line of the words of a transaction, and its bit in them.
    fn place(&self, no: TxNo) -> (usize, u64) {
        (no.0 as usize / 64 * self.stride, 1 << (no.0 % 64))
    }

    /// Those of the flags that `which` names which are set.
    fn has(&self, no: TxNo, which: &[usize]) -> bool {
        let (first, bit) = self.place(no);
        self.lines.get(first).is_some_and(|Line(words)| which.iter().fold(0, |all, flag| all | words[*flag]) & bit != 0)
    }

    /// Whether it was asked for and has not come.
    pub(super) fn is_asked(&self, no: TxNo) -> bool {
        self.has(no, &[ASKED])
    }

    /// Whether it was dealt with lately.
    fn is_recent(&self, no: TxNo) -> bool {
        self.has(no, &RECENT)
    }

    /// Whether it waits for a block.
    pub(super) fn waits(&self, no: TxNo) -> bool {
        self.waits.get(no.0 as usize / 64).is_some_and(|word| word >> (no.0 % 64) & 1 == 1)
    }

    /// How many came into the mempool before one that waits.
    pub(super) fn arrival(&self, no: TxNo) -> u64 {
        self.waiting.get(no.0 as usize).map_or(0, |waiting| waiting.arrival)
    }

    /// All that wait for a block, with their arrivals, in no order.
    pub(super) fn pooled(&self) -> impl Iterator<Item = (TxNo, u64, &Arc<Pooled>)> {
        let all = self.waiting.iter().enumerate();
        all.filter_map(|(no, waiting)| Some((TxNo(no as u32), waiting.arrival, waiting.pooled.as_ref()?)))
    }

    /// The transaction, if it waits for a block.
    pub(super) fn one(&self, no: TxNo) -> Option<&Arc<Pooled>> {
        self.waiting.get(no.0 as usize)?.pooled.as_ref()
    }

    /// The serial number of what waits here of a transaction.
    pub(super) fn serial(&self, no: TxNo) -> Option<u64> {
        self.one(no).map(|pooled| pooled.serial())
    }

    /// Makes room for more transactions.
    #[cold]
    fn grow(&mut self, no: TxNo) {
        let blocks = no.0 as usize / 64 + 1;
        let more = blocks + blocks / 16;
        self.lines.reserve_exact(more * self.stride - self.lines.len());
        self.lines.resize(blocks * self.stride, Line::default());
        self.waits.resize(blocks, 0);
        self.waiting.reserve_exact(more * 64 - self.waiting.len());
        self.waiting.resize(blocks * 64, Waiting::default());
    }

    /// Sets a flag of a transaction, which is remembered while it has any; see [`Slots::unset`].
    fn set(&mut self, txs: &mut TxTable, no: TxNo, flag: usize) {
        let (first, bit) = self.place(no);
        if first >= self.lines.len() {
            self.grow(no);
        }
        let Line(words) = &mut self.lines[first];
        if words[..FLAGS].iter().fold(0, |all, word| all | word) & bit == 0 {
            txs.hold_again(no);
        }
        words[flag] |= bit;
    }

    /// Takes flags off a transaction; it is forgotten with the last one. Whether it had any of them.
    fn unset(&mut self, txs: &mut TxTable, no: TxNo, flags: &[usize]) -> bool {
        let (first, bit) = self.place(no);
        let Some(Line(words)) = self.lines.get_mut(first) else { return false };
        let mut had = 0;
        for flag in flags {
            had |= words[*flag] & bit;
            words[*flag] &= !bit;
        }
        if had != 0 && words[..FLAGS].iter().fold(0, |all, word| all | word) & bit == 0 {
            self.known_to_nobody(no);
            txs.release(no);
        }
        had != 0
    }

    /// Puts a transaction among those that wait.
    pub(super) fn put(&mut self, txs: &mut TxTable, no: TxNo, pooled: Arc<Pooled>, arrival: u64) {
        self.set(txs, no, WAITS);
        self.waits[no.0 as usize / 64] |= 1 << (no.0 % 64);
        self.waiting[no.0 as usize] = Waiting { pooled: Some(pooled), arrival };
    }

    /// Takes a transaction out of those that wait.
    pub(super) fn take(&mut self, txs: &mut TxTable, no: TxNo) -> Option<Arc<Pooled>> {
        let pooled = self.waiting.get_mut(no.0 as usize)?.pooled.take()?;
        self.waits[no.0 as usize / 64] &= !(1 << (no.0 % 64));
        self.unset(txs, no, &[WAITS]);
        Some(pooled)
    }

    /// Notes that a transaction was asked for.
    pub(super) fn ask(&mut self, txs: &mut TxTable, no: TxNo) {
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
        let (first, bit) = self.place(no);
        let Some(Line(words)) = self.lines.get_mut(first) else { return false };
        if words[..FLAGS].iter().fold(0, |all, word| all | word) & bit == 0 {
            return false;
        }
        let word = FLAGS + peer.0 as usize;
        if word < LINE {
            words[word] |= bit;
        } else if word < self.stride * LINE {
            self.lines[first + word / LINE].0[word % LINE] |= bit;
        } else {
            self.known_to_farther(no, peer);
        }
        true
    }

    #[cold]
    fn known_to_farther(&mut self, no: TxNo, peer: PeerId) {
        if peer.0 >= NEAR {
            self.known_far.insert((no, peer));
            return;
        }
        // Room for the words of more neighbours.
        let word = FLAGS + peer.0 as usize;
        let stride = word / LINE + 1;
        let blocks = self.lines.len() / self.stride;
        let mut lines = Vec::with_capacity(blocks * stride);
        for block in self.lines.chunks_exact(self.stride) {
            lines.extend_from_slice(block);
            lines.resize(lines.len() + stride - self.stride, Line::default());
        }
        (self.lines, self.stride) = (lines, stride);
        let (first, bit) = self.place(no);
        self.lines[first + word / LINE].0[word % LINE] |= bit;
    }

    /// Whether `peer` has said that it has this transaction.
    pub(super) fn is_known_to(&self, no: TxNo, peer: PeerId) -> bool {
        let word = FLAGS + peer.0 as usize;
        let (first, bit) = self.place(no);
        match word < self.stride * LINE {
            true => self.lines.get(first + word / LINE).is_some_and(|Line(words)| words[word % LINE] & bit != 0),
            false => self.known_far.contains(&(no, peer)),
        }
    }

    /// The neighbours that have said that they have this transaction.
    pub(super) fn who_has(&self, no: TxNo) -> Vec<PeerId> {
        let near = (0..NEAR).map(PeerId).filter(|peer| self.is_known_to(no, *peer));
        let far = self.known_far.range((no, PeerId(0))..=(no, PeerId(u32::MAX)));
        near.chain(far.map(|(_, peer)| *peer)).collect()
    }

    /// Who had the transaction may have dropped it since.
    pub(super) fn known_to_nobody(&mut self, no: TxNo) {
        let (first, bit) = self.place(no);
        let Some(lines) = self.lines.get_mut(first..first + self.stride) else { return };
        let words = lines.iter_mut().flat_map(|Line(words)| words).skip(FLAGS);
        words.for_each(|word| *word &= !bit);
        // And those without words.
        if self.known_far.is_empty() {
            return;
        }
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
        assert!(slots.waiting.len() <= 2 * RECENT_TXS + 2 + 64, "numbers are used again");
    }
}
