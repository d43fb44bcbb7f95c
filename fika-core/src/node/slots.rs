//! What one node remembers of transactions, by their numbers in its world's table.

use std::collections::{BTreeMap, BTreeSet};
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

/// What was known of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    New,
    /// It was dealt with lately.
    Recent,
    /// It waits for a block.
    Waits,
}

/// What any of the flags says.
fn any(words: &[u64; LINE]) -> u64 {
    words[..FLAGS].iter().fold(0, |all, word| all | word)
}

#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Line([u64; LINE]);

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
    /// The low bits of how many came into the mempool before each of these.
    arrivals: Vec<u32>,
    /// What was judged here of those that wait, where it is not the [first](TxTable::first) judgement.
    own: BTreeMap<TxNo, Arc<Pooled>>,
    /// Where those are that were dealt with in this period, and how many.
    young: Vec<u32>,
    young_count: usize,
    /// Which kind of period it is.
    period: usize,
    /// Where those of the one before it are.
    old: Vec<u32>,
    /// What neighbours without words have.
    known_far: BTreeSet<(TxNo, PeerId)>,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots {
            lines: Vec::new(),
            stride: 1,
            waits: Vec::new(),
            arrivals: Vec::new(),
            own: BTreeMap::new(),
            young: Vec::new(),
            young_count: 0,
            period: 0,
            old: Vec::new(),
            known_far: BTreeSet::new(),
        }
    }
}

impl Slots {
    // Where things are that a message needs. Nothing is read there, so it does not matter whether it is this node's.

    /// Where the words of a group are, and their bytes.
    pub(super) fn words_of(&self, group: u32) -> (*const u8, usize) {
        let first = group as usize * self.stride;
        (self.lines.as_ptr().wrapping_add(first).cast(), self.stride * size_of::<Line>())
    }

    /// Where it stands that a transaction waits.
    pub(super) fn waits_at(&self, no: TxNo) -> *const u8 {
        self.waits.as_ptr().wrapping_add(no.0 as usize / 64).cast()
    }

    /// Where a transaction goes that comes into the mempool.
    pub(super) fn waiting_at(&self, no: TxNo) -> *const u8 {
        self.arrivals.as_ptr().wrapping_add(no.0 as usize).cast()
    }

    /// Where it is noted that one was dealt with.
    pub(super) fn young_end(&self) -> *const u8 {
        self.young.as_ptr_range().end.wrapping_sub(1).cast()
    }

    /// The first line of the words of a transaction, and its bit in them.
    fn place(&self, no: TxNo) -> (usize, u64) {
        (no.0 as usize / 64 * self.stride, no.bit())
    }

    /// Whether it was asked for and has not come.
    pub(super) fn is_asked(&self, no: TxNo) -> bool {
        let (first, bit) = self.place(no);
        self.lines.get(first).is_some_and(|Line(words)| words[ASKED] & bit != 0)
    }

    /// Whether it waits for a block.
    pub(super) fn waits(&self, no: TxNo) -> bool {
        self.waits.get(no.group() as usize).is_some_and(|word| word & no.bit() != 0)
    }

    /// The low bits of how many came into the mempool before one that waits.
    pub(super) fn arrival(&self, no: TxNo) -> u32 {
        self.arrivals.get(no.0 as usize).copied().unwrap_or(0)
    }

    /// All that wait for a block, in no order.
    pub(super) fn pooled(&self) -> impl Iterator<Item = TxNo> {
        let words = self.waits.iter().zip(0..);
        words.flat_map(|(word, group)| TxNo::each(group, *word))
    }

    /// The transaction, if it waits for a block.
    pub(super) fn one<'a>(&'a self, txs: &'a TxTable, no: TxNo) -> Option<&'a Arc<Pooled>> {
        if !self.waits(no) {
            return None;
        }
        self.own.get(&no).or_else(|| txs.first(no))
    }

    /// The serial number of what waits here of a transaction.
    pub(super) fn serial(&self, txs: &TxTable, no: TxNo) -> Option<u64> {
        self.one(txs, no).map(|pooled| pooled.serial())
    }

    /// Makes room for more transactions.
    #[cold]
    fn grow(&mut self, no: TxNo) {
        let blocks = no.0 as usize / 64 + 1;
        let more = blocks + blocks / 16;
        self.lines.reserve_exact(more * self.stride - self.lines.len());
        self.lines.resize(blocks * self.stride, Line::default());
        self.waits.resize(blocks, 0);
        self.arrivals.reserve_exact(more * 64 - self.arrivals.len());
        self.arrivals.resize(blocks * 64, 0);
    }

    /// Sets a flag of a transaction, which is remembered while it has any; see [`Slots::unset`].
    fn set(&mut self, txs: &mut TxTable, no: TxNo, flag: usize) {
        let (first, bit) = self.place(no);
        if first >= self.lines.len() {
            self.grow(no);
        }
        let Line(words) = &mut self.lines[first];
        if any(words) & bit == 0 {
            txs.hold_again(no);
        }
        words[flag] |= bit;
    }

    /// Takes flags off those that `which` names of the transactions of a group; they are forgotten with the last one.
    /// Which had any of them.
    #[inline]
    fn unset(&mut self, txs: &mut TxTable, group: u32, which: u64, flags: &[usize]) -> u64 {
        let first = group as usize * self.stride;
        let Some(Line(words)) = self.lines.get_mut(first) else { return 0 };
        let mut had = 0;
        for flag in flags {
            had |= words[*flag] & which;
            words[*flag] &= !which;
        }
        let gone = had & !any(words);
        if gone != 0 {
            self.let_go(txs, group, gone);
        }
        had
    }

    /// Nothing is remembered any longer of these.
    #[cold]
    fn let_go(&mut self, txs: &mut TxTable, group: u32, which: u64) {
        self.known_to_no_peer(group, which);
        TxNo::each(group, which).for_each(|no| txs.release(no));
    }

    /// Puts a transaction among those that wait. `own`: as it was judged here, if that is not the first judgement.
    pub(super) fn put(&mut self, txs: &mut TxTable, no: TxNo, own: Option<Arc<Pooled>>, arrival: u32) {
        self.set(txs, no, WAITS);
        self.waits[no.0 as usize / 64] |= no.bit();
        self.arrivals[no.0 as usize] = arrival;
        if let Some(own) = own {
            self.own.insert(no, own);
        }
    }

    /// Takes a transaction out of those that wait.
    pub(super) fn take(&mut self, txs: &mut TxTable, no: TxNo) {
        self.own.remove(&no);
        self.take_all(txs, no.group(), no.bit());
    }

    /// Takes those out that `which` names of a group; which had waited. To be followed by [`Slots::tidy`].
    pub(super) fn take_all(&mut self, txs: &mut TxTable, group: u32, which: u64) -> u64 {
        let Some(word) = self.waits.get_mut(group as usize) else { return 0 };
        let there = *word & which;
        if there != 0 {
            *word &= !which;
            self.unset(txs, group, there, &[WAITS]);
        }
        there
    }

    /// Drops the judgements of those that were taken out.
    pub(super) fn tidy(&mut self) {
        let waits = &self.waits;
        self.own.retain(|no, _| waits[no.group() as usize] & no.bit() != 0);
    }

    /// Notes that a transaction was asked for.
    pub(super) fn ask(&mut self, txs: &mut TxTable, no: TxNo) {
        self.set(txs, no, ASKED);
    }

    /// It is no longer asked for; whether it was.
    pub(super) fn end_ask(&mut self, txs: &mut TxTable, no: TxNo) -> bool {
        self.unset(txs, no.group(), no.bit(), &[ASKED]) != 0
    }

    /// Notes a transaction as dealt with that does not wait, and that it came from `peer`; what was known of it.
    pub(super) fn note(&mut self, txs: &mut TxTable, no: TxNo, peer: Option<PeerId>) -> Noted {
        let (first, bit) = self.place(no);
        if let Some(Line(words)) = self.lines.get(first) {
            if words[WAITS] & bit != 0 {
                return Noted::Waits;
            }
            if (words[RECENT[0]] | words[RECENT[1]]) & bit != 0 {
                return Noted::Recent;
            }
        }
        if self.young_count >= RECENT_TXS {
            self.begin_period(txs);
        }
        self.set(txs, no, RECENT[self.period]);
        self.dealt_with(no.group());
        if let Some(peer) = peer {
            self.known_to(no, peer);
        }
        Noted::New
    }

    /// Forgets what was dealt with in the period before.
    #[cold]
    fn begin_period(&mut self, txs: &mut TxTable) {
        self.period ^= 1;
        let mut expired = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        for group in expired.drain(..) {
            self.unset(txs, group, u64::MAX, &[RECENT[self.period]]);
        }
        (self.young, self.young_count) = (expired, 0);
    }

    /// A transaction that was turned down may be fine after another block.
    pub(super) fn forget(&mut self, txs: &mut TxTable, no: TxNo) {
        self.unset(txs, no.group(), no.bit(), &RECENT);
    }

    /// `peer` has this transaction. Nothing is noted of what the node does not remember; gives whether it does: whether
    /// the transaction waits, was asked for, or was dealt with lately.
    pub(super) fn known_to(&mut self, no: TxNo, peer: PeerId) -> bool {
        if self.remembered(no.group()) & no.bit() == 0 {
            return false;
        }
        match self.word_of(no.group(), peer) {
            Some(word) => *word |= no.bit(),
            None => self.known_to_farther(no, peer),
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

    /// Of which transactions of a group anything is remembered.
    #[inline]
    pub(super) fn remembered(&self, group: u32) -> u64 {
        self.lines.get(group as usize * self.stride).map_or(0, |Line(words)| any(words))
    }

    /// Where the word is that says which transactions of a group `peer` has: its line, and its place there. `None`: there are
    /// no such words of this neighbour.
    #[inline]
    fn word_at(&self, group: u32, peer: PeerId) -> Option<(usize, usize)> {
        let word = FLAGS + peer.0 as usize;
        (word < self.stride * LINE).then(|| (group as usize * self.stride + word / LINE, word % LINE))
    }

    /// That word, if there is one.
    #[inline]
    fn word_of(&mut self, group: u32, peer: PeerId) -> Option<&mut u64> {
        let (line, word) = self.word_at(group, peer)?;
        self.lines.get_mut(line).map(|Line(words)| &mut words[word])
    }

    /// `peer` has those of a group that `which` names. Nothing is remembered yet of `new` ones: they are asked for now, and
    /// held once more, for the message that does so.
    #[inline]
    pub(super) fn hear(&mut self, txs: &mut TxTable, group: u32, peer: PeerId, which: u64, new: u64) {
        if new != 0 {
            let first = group as usize * self.stride;
            if first >= self.lines.len() {
                self.grow(TxNo(64 * group));
            }
            self.lines[first].0[ASKED] |= new;
            TxNo::each(group, new).for_each(|no| txs.hold_twice(no));
        }
        match self.word_of(group, peer) {
            Some(word) => *word |= which,
            None => TxNo::each(group, which).for_each(|no| _ = self.known_to(no, peer)),
        }
    }

    /// Which of those of a group that `which` names `peer` has.
    pub(super) fn known_by(&self, peer: PeerId, group: u32, which: u64) -> u64 {
        if let Some((line, word)) = self.word_at(group, peer) {
            return self.lines.get(line).map_or(0, |Line(words)| words[word] & which);
        }
        let known = TxNo::each(group, which).filter(|no| self.known_far.contains(&(*no, peer)));
        known.fold(0, |known, no| known | no.bit())
    }

    /// How many can be noted as dealt with before others are forgotten for it.
    pub(super) fn room(&self) -> usize {
        RECENT_TXS - self.young_count
    }

    /// A transaction has come from `peer`, with this arrival in the mempool: it waits for a block, and was dealt with. Nothing
    /// is done, and false given, if it is not one that was asked for and of which nothing else is remembered. Needs
    /// [room](Slots::room).
    #[inline]
    pub(super) fn take_in(&mut self, no: TxNo, peer: PeerId, arrival: u32) -> bool {
        let (first, bit) = self.place(no);
        let Some((line, word)) = self.word_at(no.group(), peer) else { return false };
        let Line(flags) = &mut self.lines[first];
        if flags[ASKED] & !(flags[WAITS] | flags[RECENT[0]] | flags[RECENT[1]]) & bit == 0 {
            return false;
        }
        flags[ASKED] &= !bit;
        flags[RECENT[self.period]] |= bit;
        flags[WAITS] |= bit;
        self.lines[line].0[word] |= bit;
        self.waits[no.group() as usize] |= bit;
        self.arrivals[no.0 as usize] = arrival;
        self.dealt_with(no.group());
        true
    }

    /// One more of a group was dealt with in this period.
    #[inline]
    fn dealt_with(&mut self, group: u32) {
        self.young_count += 1;
        // They come in the order of their numbers, nearly.
        if !self.young.iter().rev().take(3).any(|other| *other == group) {
            self.young.push(group);
        }
    }

    /// Whether `peer` has said that it has this transaction.
    pub(super) fn is_known_to(&self, no: TxNo, peer: PeerId) -> bool {
        self.known_by(peer, no.group(), no.bit()) != 0
    }

    /// The neighbours that have said that they have this transaction.
    pub(super) fn who_has(&self, no: TxNo) -> Vec<PeerId> {
        let near = (0..NEAR).map(PeerId).filter(|peer| self.is_known_to(no, *peer));
        let far = self.known_far.range((no, PeerId(0))..=(no, PeerId(u32::MAX)));
        near.chain(far.map(|(_, peer)| *peer)).collect()
    }

    /// Who had the transaction may have dropped it since.
    pub(super) fn known_to_nobody(&mut self, no: TxNo) {
        self.known_to_no_peer(no.group(), no.bit());
    }

    fn known_to_no_peer(&mut self, group: u32, which: u64) {
        let first = group as usize * self.stride;
        let Some(lines) = self.lines.get_mut(first..first + self.stride) else { return };
        let words = lines.iter_mut().flat_map(|Line(words)| words).skip(FLAGS);
        words.for_each(|word| *word &= !which);
        // And those without words.
        if self.known_far.is_empty() {
            return;
        }
        for no in TxNo::each(group, which) {
            let all = (no, PeerId(0))..=(no, PeerId(u32::MAX));
            while let Some(one) = self.known_far.range(all.clone()).next().copied() {
                self.known_far.remove(&one);
            }
        }
    }
}

#[cfg(test)]
mod tests;
