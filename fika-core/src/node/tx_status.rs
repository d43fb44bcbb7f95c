//! What one node remembers of each transaction, by index: whether it was asked for, is in the mempool or was dealt with
//! lately, and which neighbours have it.
//!
//! What a node remembers of a transaction holds its index. What it does not remember nobody is noted to have.

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
    /// For each group the words of the flags, and those of the neighbours.
    lines: Vec<Line>,
    /// How many lines a group has.
    stride: usize,
    /// Which kind of generation it is, and how many were dealt with in it.
    generation: usize,
    current_count: usize,
}

impl Default for TxStatus {
    fn default() -> TxStatus {
        TxStatus { lines: Vec::new(), stride: 1, generation: 0, current_count: 0 }
    }
}

impl TxStatus {
    /// Whether any of these flags is set.
    #[inline]
    fn has(&self, tx: TxIndex, flags: &[usize]) -> bool {
        let words = self.lines.get(tx.group() as usize * self.stride);
        words.is_some_and(|Line(words)| flags.iter().any(|flag| words[*flag] & tx.bit() != 0))
    }

    /// Whether it was asked for and has not come.
    #[inline]
    pub(super) fn is_requested(&self, tx: TxIndex) -> bool {
        self.has(tx, &[REQUESTED])
    }

    /// Whether anything is remembered of it.
    #[inline]
    pub(super) fn is_remembered(&self, tx: TxIndex) -> bool {
        self.has(tx, &[REQUESTED, RECENT[0], RECENT[1], IN_MEMPOOL])
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

    /// Takes flags off a transaction, which is forgotten with the last one. Whether it had any of these.
    #[inline]
    fn unset(&mut self, txs: &mut TxTable, tx: TxIndex, flags: &[usize]) -> bool {
        let Some(Line(words)) = self.lines.get_mut(tx.group() as usize * self.stride) else { return false };
        let mut had = 0;
        for flag in flags {
            had |= words[*flag] & tx.bit();
            words[*flag] &= !tx.bit();
        }
        if had & !any(words) != 0 {
            self.clear_announced(tx);
            txs.release(tx);
        }
        had != 0
    }

    /// A transaction is asked for, of a neighbour that has announced it.
    #[inline]
    pub(super) fn request(&mut self, txs: &mut TxTable, tx: TxIndex, peer: PeerId) {
        self.set(txs, tx, REQUESTED);
        self.announced(tx, peer);
    }

    /// It is no longer asked for; whether it was.
    #[inline]
    pub(super) fn end_request(&mut self, txs: &mut TxTable, tx: TxIndex) -> bool {
        self.unset(txs, tx, &[REQUESTED])
    }

    /// Notes that a transaction has come, and that `peer` has it; gives what was known of it.
    #[inline]
    pub(super) fn receive(&mut self, txs: &mut TxTable, tx: TxIndex, peer: Option<PeerId>) -> Status {
        if self.has(tx, &[IN_MEMPOOL]) {
            return Status::InMempool;
        }
        if self.has(tx, &RECENT) {
            return Status::Recent;
        }
        if self.current_count >= RECENT_TXS {
            self.next_generation(txs);
        }
        self.current_count += 1;
        self.set(txs, tx, RECENT[self.generation]);
        if let Some(peer) = peer {
            self.announced(tx, peer);
        }
        Status::New
    }

    /// Forgets what was dealt with in the generation before.
    #[cold]
    fn next_generation(&mut self, txs: &mut TxTable) {
        self.generation ^= 1;
        self.current_count = 0;
        for group in 0..(self.lines.len() / self.stride) as u32 {
            let expired = self.lines[group as usize * self.stride].0[RECENT[self.generation]];
            TxIndex::each(group, expired).for_each(|tx| _ = self.unset(txs, tx, &[RECENT[self.generation]]));
        }
    }

    /// Nothing is remembered any longer.
    pub(super) fn forget_all(&mut self, txs: &mut TxTable) {
        for (group, lines) in (0..).zip(self.lines.chunks_exact(self.stride)) {
            TxIndex::each(group, any(&lines[0].0)).for_each(|tx| txs.release(tx));
        }
        *self = TxStatus::default();
    }

    /// A transaction that was refused may be accepted after another block.
    pub(super) fn forget(&mut self, txs: &mut TxTable, tx: TxIndex) {
        self.unset(txs, tx, &RECENT);
    }

    /// A transaction is in the mempool now.
    #[inline]
    pub(super) fn enter_mempool(&mut self, txs: &mut TxTable, tx: TxIndex) {
        self.set(txs, tx, IN_MEMPOOL);
    }

    /// A transaction is not in the mempool any longer.
    #[inline]
    pub(super) fn leave_mempool(&mut self, txs: &mut TxTable, tx: TxIndex) {
        self.unset(txs, tx, &[IN_MEMPOOL]);
    }

    /// Where the word is that says which transactions of a group `peer` has: its line, and its place there.
    #[inline]
    fn word_at(&self, tx: TxIndex, peer: PeerId) -> (usize, usize) {
        let word = FLAGS + peer.0 as usize;
        (tx.group() as usize * self.stride + word / LINE, word % LINE)
    }

    /// `peer` has a transaction that the node remembers.
    #[inline]
    pub(super) fn announced(&mut self, tx: TxIndex, peer: PeerId) {
        debug_assert!(self.is_remembered(tx), "nothing is noted of what is not remembered");
        if FLAGS + peer.0 as usize >= self.stride * LINE {
            self.widen(peer);
        }
        let (line, word) = self.word_at(tx, peer);
        self.lines[line].0[word] |= tx.bit();
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

    /// Whether `peer` is known to have a transaction.
    #[inline]
    pub(super) fn is_announced_by(&self, tx: TxIndex, peer: PeerId) -> bool {
        let (line, word) = self.word_at(tx, peer);
        FLAGS + (peer.0 as usize) < self.stride * LINE
            && self.lines.get(line).is_some_and(|Line(words)| words[word] & tx.bit() != 0)
    }

    /// The neighbours that have a transaction, in the order of their numbers.
    pub(super) fn announcers(&self, tx: TxIndex) -> Vec<PeerId> {
        let all = (0..(self.stride * LINE - FLAGS) as u32).map(PeerId);
        all.filter(|peer| self.is_announced_by(tx, *peer)).collect()
    }

    /// Who had the transaction may have dropped it since.
    pub(super) fn clear_announced(&mut self, tx: TxIndex) {
        let first = tx.group() as usize * self.stride;
        let Some(lines) = self.lines.get_mut(first..first + self.stride) else { return };
        // All words are cleared together, which is quicker than to leave the flags out.
        let flags: [u64; FLAGS] = std::array::from_fn(|flag| lines[0].0[flag]);
        lines.iter_mut().for_each(|Line(words)| words.iter_mut().for_each(|word| *word &= !tx.bit()));
        lines[0].0[..FLAGS].copy_from_slice(&flags);
    }
}

#[cfg(test)]
mod tests;
