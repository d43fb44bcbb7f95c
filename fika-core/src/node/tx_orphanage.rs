//! Transactions that came before what they spend.
//!
//! An orphan waits for the entries that it lacks. When a transaction or block makes them it is looked at again. A
//! neighbour that has it is asked for its ancestors meanwhile. Each waits for a limited time, and when there are too many
//! the neighbour that brought most loses its oldest: nobody pushes out what others have brought.

use std::collections::BTreeMap;

use super::mempool::TxReject;
use super::peer::PeerId;
use crate::header::Time;
use crate::world::{TxIndex, TxTable};

/// Orphans kept, at most.
const MAX_ORPHANS: usize = 200;
/// The same in bytes.
const MAX_ORPHAN_BYTES: usize = 4 << 20;
/// An orphan is given up after this many request timeouts.
const EXPIRES_AFTER: u64 = 60;
/// Ancestors are asked for after this part of the request timeout, and then ever less often: nearly always they are
/// under way.
const FIRST_ASK: u64 = 10;

/// A transaction that waits. Whoever has it holds its index.
#[derive(Clone, Debug)]
pub(super) struct TxOrphan {
    pub(super) tx: TxIndex,
    pub(super) from: PeerId,
    /// Its length.
    pub(super) bytes: usize,
    /// The entries that it waits for.
    pub(super) keys: Vec<Vec<u8>>,
    /// Why it was not accepted.
    pub(super) why: TxReject,
    /// When a neighbour is next asked for its ancestors.
    pub(super) ask_at: Time,
    /// How often that has been done.
    pub(super) asked: u32,
    pub(super) expires: Time,
}

impl TxOrphan {
    /// One that has just come.
    pub(super) fn new(tx: TxIndex, from: PeerId, now: Time, timeout: Time) -> TxOrphan {
        TxOrphan {
            tx,
            from,
            bytes: 0,
            keys: Vec::new(),
            why: TxReject::Unavailable,
            ask_at: now.saturating_add(timeout / FIRST_ASK),
            asked: 0,
            expires: now.saturating_add(timeout.saturating_mul(EXPIRES_AFTER)),
        }
    }

    /// A neighbour is being asked.
    pub(super) fn note_asked(&mut self, now: Time, timeout: Time) {
        self.asked += 1;
        let wait = (timeout / FIRST_ASK).max(1).saturating_mul(1 << self.asked.min(20));
        self.ask_at = now.saturating_add(wait);
    }
}

/// All that wait, oldest first.
#[derive(Default)]
pub(super) struct TxOrphanage(Vec<TxOrphan>);

impl TxOrphanage {
    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one waits.
    pub(super) fn contains(&self, tx: TxIndex) -> bool {
        self.0.iter().any(|orphan| orphan.tx == tx)
    }

    /// Keeps an orphan, which now holds its index; gives those that had to go for it, perhaps itself.
    pub(super) fn add(&mut self, txs: &mut TxTable, orphan: TxOrphan) -> Vec<TxOrphan> {
        txs.hold_again(orphan.tx);
        self.0.push(orphan);
        let mut evicted = Vec::new();
        while self.0.len() > MAX_ORPHANS || self.bytes() > MAX_ORPHAN_BYTES {
            let by_bytes = self.bytes() > MAX_ORPHAN_BYTES;
            let mut shares: BTreeMap<PeerId, usize> = BTreeMap::new();
            for orphan in &self.0 {
                *shares.entry(orphan.from).or_default() += if by_bytes { orphan.bytes } else { 1 };
            }
            let most = shares.into_iter().max_by_key(|(_, share)| *share).map(|(peer, _)| peer);
            let Some(oldest) = self.0.iter().position(|orphan| Some(orphan.from) == most) else { break };
            evicted.push(self.0.remove(oldest));
        }
        evicted
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|orphan| orphan.bytes).sum()
    }

    /// Takes out those for which `which` holds.
    pub(super) fn take(&mut self, which: impl Fn(&TxOrphan) -> bool) -> Vec<TxOrphan> {
        self.0.extract_if(.., |orphan| which(orphan)).collect()
    }

    /// Those of which a neighbour is to be asked for the ancestors now.
    pub(super) fn due_requests(&mut self, now: Time) -> impl Iterator<Item = &mut TxOrphan> {
        self.0.iter_mut().filter(move |orphan| orphan.ask_at <= now)
    }

    /// When one is to be asked for or given up next.
    pub(super) fn next(&self) -> Option<Time> {
        self.0.iter().map(|orphan| orphan.ask_at.min(orphan.expires)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Id;

    #[test]
    fn who_brings_most_loses_its_oldest() {
        let (mut orphanage, mut txs) = (TxOrphanage::default(), TxTable::default());
        let mut add = |n: usize, from: u32, bytes: usize| {
            let tx = txs.hold(Id(std::array::from_fn(|at| (n >> (8 * (at % 4))) as u8)));
            let orphan = TxOrphan { bytes, ..TxOrphan::new(tx, PeerId(from), 0, 20) };
            let evicted = orphanage.add(&mut txs, orphan);
            (tx, evicted.into_iter().map(|orphan| orphan.tx).collect::<Vec<_>>())
        };
        let (quiet, _) = add(0, 7, 100);
        let flood: Vec<_> = (1..400).map(|n| add(n, 3, 100)).collect();
        assert!(flood[..199].iter().all(|(_, evicted)| evicted.is_empty()));
        assert!((199..399).all(|n| flood[n].1 == [flood[n - 199].0]), "its own oldest, each time");
        let (large, evicted) = add(400, 7, MAX_ORPHAN_BYTES + 1);
        assert!(!evicted.contains(&large) || evicted.last() == Some(&large), "it does not fit");
        assert_eq!((orphanage.contains(large), orphanage.contains(quiet)), (false, false), "one of its own goes first");
        assert!(orphanage.bytes() <= MAX_ORPHAN_BYTES);
    }
}
