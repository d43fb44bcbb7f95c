//! What one node remembers of each transaction, by index: whether it was asked for, is in the mempool or was dealt with
//! lately, and which neighbours have it.
//!
//! What a node remembers of a transaction holds its index. What it does not remember nobody is noted to have.

use std::collections::BTreeSet;

use super::peer::PeerId;
use crate::world::{TxIndex, TxTable};

/// So many transactions at least, and twice as many at most, are remembered as dealt with.
const RECENT_TXS: usize = 2_500;

/// The flags of a transaction: each is a word for a group of 64.
///
/// It was asked for and has not come.
const REQUESTED: usize = 0;
/// It was dealt with, in a generation of one or the other kind.
const RECENT: [usize; 2] = [1, 2];
/// It is in the mempool.
const IN_MEMPOOL: usize = 3;
/// The words of neighbours, which say who has the transaction, come after those of the flags.
const FLAGS: usize = 4;
/// Neighbours with numbers from here on have no words.
const NEAR: u32 = 60;
/// Words that lie in one line of the machine's caches.
const LINE: usize = 8;

/// What was known of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    New,
    /// It was dealt with lately.
    Recent,
    InMempool,
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
pub(super) struct TxStatus {
    /// For each group the words of the flags, and those of the near neighbours.
    lines: Vec<Line>,
    /// How many lines a group has.
    stride: usize,
    /// The groups of those that were dealt with in this generation, and how many these are.
    current: Vec<u32>,
    current_count: usize,
    /// Which kind of generation it is.
    generation: usize,
    /// The groups of the generation before.
    previous: Vec<u32>,
    /// What neighbours without words have.
    far: BTreeSet<(TxIndex, PeerId)>,
}

impl Default for TxStatus {
    fn default() -> TxStatus {
        TxStatus {
            lines: Vec::new(),
            stride: 1,
            current: Vec::new(),
            current_count: 0,
            generation: 0,
            previous: Vec::new(),
            far: BTreeSet::new(),
        }
    }
}

impl TxStatus {
    /// The flags of a transaction, if there are any, and its bit in them.
    #[inline]
    fn flags(&self, tx: TxIndex) -> Option<(&[u64; LINE], u64)> {
        self.lines.get(tx.group() as usize * self.stride).map(|Line(words)| (words, tx.bit()))
    }

    /// Whether it was asked for and has not come.
    #[inline]
    pub(super) fn is_requested(&self, tx: TxIndex) -> bool {
        self.flags(tx).is_some_and(|(words, bit)| words[REQUESTED] & bit != 0)
    }

    /// Of which transactions of a group anything is remembered.
    #[inline]
    pub(super) fn remembered(&self, group: u32) -> u64 {
        self.lines.get(group as usize * self.stride).map_or(0, |Line(words)| any(words))
    }

    /// Makes room for more groups.
    #[cold]
    fn grow(&mut self, group: u32) {
        let groups = group as usize + 1;
        let more = groups + groups / 16;
        self.lines.reserve_exact(more * self.stride - self.lines.len());
        self.lines.resize(groups * self.stride, Line::default());
    }

    /// Sets a flag of a transaction.
    #[inline]
    fn set(&mut self, txs: &mut TxTable, tx: TxIndex, flag: usize) {
        let first = tx.group() as usize * self.stride;
        if first >= self.lines.len() {
            self.grow(tx.group());
        }
        let Line(words) = &mut self.lines[first];
        if any(words) & tx.bit() == 0 {
            txs.hold_again(tx);
        }
        words[flag] |= tx.bit();
    }

    /// Takes flags off the transactions of a group that `which` names. They are forgotten with the last one. Gives which had
    /// any of these.
    #[inline]
    fn unset(&mut self, txs: &mut TxTable, group: u32, which: u64, flags: &[usize]) -> u64 {
        let first = group as usize * self.stride;
        let Some(Line(words)) = self.lines.get_mut(first) else { return 0 };
        let mut had = 0;
        for flag in flags {
            had |= words[*flag] & which;
            words[*flag] &= !which;
        }
        let forgotten = had & !any(words);
        if forgotten != 0 {
            self.let_go(txs, group, forgotten);
        }
        had
    }

    /// Nothing is remembered any longer of these.
    #[cold]
    fn let_go(&mut self, txs: &mut TxTable, group: u32, which: u64) {
        self.clear_announced(group, which);
        TxIndex::each(group, which).for_each(|tx| txs.release(tx));
    }

    /// A transaction is asked for, of a neighbour that has announced it.
    #[inline]
    pub(super) fn request(&mut self, txs: &mut TxTable, tx: TxIndex, peer: PeerId) {
        self.set(txs, tx, REQUESTED);
        self.announced(tx.group(), tx.bit(), peer);
    }

    /// It is no longer asked for; whether it was.
    #[inline]
    pub(super) fn end_request(&mut self, txs: &mut TxTable, tx: TxIndex) -> bool {
        self.unset(txs, tx.group(), tx.bit(), &[REQUESTED]) != 0
    }

    /// Notes that a transaction has come, and that `peer` has it; gives what was known of it.
    #[inline]
    pub(super) fn receive(&mut self, txs: &mut TxTable, tx: TxIndex, peer: Option<PeerId>) -> Status {
        if let Some((words, bit)) = self.flags(tx) {
            if words[IN_MEMPOOL] & bit != 0 {
                return Status::InMempool;
            }
            if (words[RECENT[0]] | words[RECENT[1]]) & bit != 0 {
                return Status::Recent;
            }
        }
        if self.current_count >= RECENT_TXS {
            self.next_generation(txs);
        }
        self.set(txs, tx, RECENT[self.generation]);
        self.current_count += 1;
        // They come in the order of their indexes, nearly.
        if !self.current.iter().rev().take(3).any(|group| *group == tx.group()) {
            self.current.push(tx.group());
        }
        if let Some(peer) = peer {
            self.announced(tx.group(), tx.bit(), peer);
        }
        Status::New
    }

    /// Forgets what was dealt with in the generation before.
    #[cold]
    fn next_generation(&mut self, txs: &mut TxTable) {
        self.generation ^= 1;
        let mut expired = std::mem::replace(&mut self.previous, std::mem::take(&mut self.current));
        for group in expired.drain(..) {
            self.unset(txs, group, u64::MAX, &[RECENT[self.generation]]);
        }
        (self.current, self.current_count) = (expired, 0);
    }

    /// A transaction that was refused may be accepted after another block.
    pub(super) fn forget(&mut self, txs: &mut TxTable, tx: TxIndex) {
        self.unset(txs, tx.group(), tx.bit(), &RECENT);
    }

    /// A transaction is in the mempool now.
    #[inline]
    pub(super) fn enter_mempool(&mut self, txs: &mut TxTable, tx: TxIndex) {
        self.set(txs, tx, IN_MEMPOOL);
    }

    /// The transactions of a group that `which` names are not in the mempool any longer.
    #[inline]
    pub(super) fn leave_mempool(&mut self, txs: &mut TxTable, group: u32, which: u64) {
        self.unset(txs, group, which, &[IN_MEMPOOL]);
    }

    /// Where the word is that says which transactions of a group `peer` has: its line, and its place there. `None`: this
    /// neighbour has no words.
    #[inline]
    fn word_at(&self, group: u32, peer: PeerId) -> Option<(usize, usize)> {
        let word = FLAGS + peer.0 as usize;
        (word < self.stride * LINE).then(|| (group as usize * self.stride + word / LINE, word % LINE))
    }

    /// `peer` has those of a group that `which` names. Only what the node remembers may be among them.
    #[inline]
    pub(super) fn announced(&mut self, group: u32, which: u64, peer: PeerId) {
        debug_assert_eq!(which & !self.remembered(group), 0, "nothing is noted of what is not remembered");
        match self.word_at(group, peer) {
            Some((line, word)) if line < self.lines.len() => self.lines[line].0[word] |= which,
            _ if which == 0 => {}
            _ if peer.0 >= NEAR => self.far.extend(TxIndex::each(group, which).map(|tx| (tx, peer))),
            _ => {
                self.widen(peer);
                self.announced(group, which, peer);
            }
        }
    }

    /// Makes room for the words of more neighbours.
    #[cold]
    fn widen(&mut self, peer: PeerId) {
        let stride = (FLAGS + peer.0 as usize) / LINE + 1;
        let mut lines = Vec::with_capacity(self.lines.len() / self.stride * stride);
        for group in self.lines.chunks_exact(self.stride) {
            lines.extend_from_slice(group);
            lines.resize(lines.len() + stride - self.stride, Line::default());
        }
        (self.lines, self.stride) = (lines, stride);
    }

    /// Which of those of a group that `which` names `peer` has.
    #[inline]
    pub(super) fn announced_by(&self, peer: PeerId, group: u32, which: u64) -> u64 {
        if let Some((line, word)) = self.word_at(group, peer) {
            return self.lines.get(line).map_or(0, |Line(words)| words[word] & which);
        }
        let known = TxIndex::each(group, which).filter(|tx| self.far.contains(&(*tx, peer)));
        known.fold(0, |known, tx| known | tx.bit())
    }

    /// The neighbours that have a transaction, in the order of their numbers.
    pub(super) fn announcers(&self, tx: TxIndex) -> Vec<PeerId> {
        let near = (0..NEAR).map(PeerId).filter(|peer| self.announced_by(*peer, tx.group(), tx.bit()) != 0);
        let far = self.far.range((tx, PeerId(0))..=(tx, PeerId(u32::MAX)));
        near.chain(far.map(|(_, peer)| *peer)).collect()
    }

    /// Who had the transactions of a group that `which` names may have dropped them since.
    pub(super) fn clear_announced(&mut self, group: u32, which: u64) {
        let first = group as usize * self.stride;
        let Some(lines) = self.lines.get_mut(first..first + self.stride) else { return };
        let words = lines.iter_mut().flat_map(|Line(words)| words).skip(FLAGS);
        words.for_each(|word| *word &= !which);
        if self.far.is_empty() {
            return;
        }
        for tx in TxIndex::each(group, which) {
            let all = (tx, PeerId(0))..=(tx, PeerId(u32::MAX));
            while let Some(one) = self.far.range(all.clone()).next().copied() {
                self.far.remove(&one);
            }
        }
    }
}

#[cfg(test)]
mod tests;
