//! Blocks that cannot be accepted yet: their parents or their time are to come.
//!
//! When there are too many, the neighbour that brought most loses one: nobody pushes out what others have brought.

use std::collections::{BTreeMap, VecDeque};

use super::peer::PeerId;
use super::pending::ReceivedBlock;
use crate::codec::Encode;
use crate::hash::Id;
use crate::header::Time;
use crate::world::IdMap;

/// Orphans kept, at most.
const MAX_ORPHANS: usize = 200;
/// Future blocks kept, at most.
const MAX_FUTURE: usize = 64;
/// Both in bytes.
const MAX_BYTES: usize = 32 << 20;

/// An orphan in the order of arrival.
struct Place {
    missing: Id,
    id: Id,
    from: Option<PeerId>,
    bytes: usize,
}

/// Who has brought most of these.
fn largest(shares: impl Iterator<Item = (Option<PeerId>, usize)>) -> Option<PeerId> {
    let mut sums: BTreeMap<Option<PeerId>, usize> = BTreeMap::new();
    shares.for_each(|(from, share)| *sums.entry(from).or_default() += share);
    sums.into_iter().max_by_key(|(_, sum)| *sum).and_then(|(from, _)| from)
}

/// Orphan blocks and future blocks.
#[derive(Default)]
pub(super) struct OrphanBlocks {
    /// By the block that they wait for.
    orphans: BTreeMap<Id, Vec<ReceivedBlock>>,
    /// By arrival.
    order: VecDeque<Place>,
    /// What each orphan waits for.
    known: IdMap<Id>,
    bytes: usize,
    /// By the time from which this node may accept them.
    future: BTreeMap<(Time, Id), ReceivedBlock>,
}

impl OrphanBlocks {
    /// Whether any block waits for another one.
    pub(super) fn has_orphans(&self) -> bool {
        !self.orphans.is_empty()
    }

    /// Whether the block called `id` is here.
    pub(super) fn contains(&self, id: &Id) -> bool {
        self.known.contains_key(id) || self.future.keys().any(|(_, future)| future == id)
    }

    /// What a block lacks at last: itself, or, if it is an orphan, what the one that it waits for lacks.
    pub(super) fn root(&self, id: &Id) -> Id {
        let mut root = *id;
        while let Some(missing) = self.known.get(&root) {
            root = *missing;
        }
        root
    }

    /// Keeps an orphan. When there are too many, the oldest of the neighbour with most goes.
    pub(super) fn add(&mut self, missing: Id, block: ReceivedBlock) {
        let (id, from, bytes) = (block.id, block.from, block.block.encoded_len());
        if self.known.contains_key(&id) {
            return;
        }
        self.known.insert(id, missing);
        self.orphans.entry(missing).or_default().push(block);
        self.order.push_back(Place { missing, id, from, bytes });
        self.bytes += bytes;
        while self.order.len() > MAX_ORPHANS || self.bytes > MAX_BYTES {
            let by_bytes = self.bytes > MAX_BYTES;
            let most = largest(self.order.iter().map(|place| (place.from, if by_bytes { place.bytes } else { 1 })));
            let oldest = self.order.iter().position(|place| place.from == most);
            let Some(Place { missing, id, bytes, .. }) = oldest.and_then(|at| self.order.remove(at)) else { break };
            self.bytes -= bytes;
            self.known.remove(&id);
            if let Some(queue) = self.orphans.get_mut(&missing) {
                queue.retain(|block| block.id != id);
                if queue.is_empty() {
                    self.orphans.remove(&missing);
                }
            }
        }
    }

    /// Takes out the orphans that wait for this block.
    #[cold]
    pub(super) fn take(&mut self, arrived: &Id) -> Vec<ReceivedBlock> {
        let Some(queue) = self.orphans.remove(arrived) else { return Vec::new() };
        self.order.retain(|place| {
            let taken = place.missing == *arrived;
            if taken {
                self.bytes -= place.bytes;
                self.known.remove(&place.id);
            }
            !taken
        });
        queue
    }

    /// Keeps a block until the node's clock says `at`. When there are too many, the one furthest in the future of the
    /// neighbour with most goes.
    pub(super) fn defer(&mut self, at: Time, block: ReceivedBlock) {
        self.future.insert((at, block.id), block);
        while let bytes = self.future.values().map(|block| block.block.encoded_len()).sum::<usize>()
            && (self.future.len() > MAX_FUTURE || bytes > MAX_BYTES)
        {
            let share = |block: &ReceivedBlock| if bytes > MAX_BYTES { block.block.encoded_len() } else { 1 };
            let most = largest(self.future.values().map(|block| (block.from, share(block))));
            let furthest = self.future.iter().rev().find(|(_, block)| block.from == most).map(|(key, _)| *key);
            furthest.and_then(|key| self.future.remove(&key));
        }
    }

    /// Takes out a future block whose time has come.
    pub(super) fn due(&mut self, now: Time) -> Option<ReceivedBlock> {
        self.future.first_entry().filter(|entry| entry.key().0 <= now).map(|entry| entry.remove())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::block::{Block, Head, Tx};
    use crate::header::Header;

    fn received(n: u32, from: u32, bytes: usize) -> ReceivedBlock {
        let head = Head { header: Header { nonce: n, ..Header::default() }, ..Head::default() };
        let block = Arc::new(Block { head, txs: vec![Tx::new(vec![0; bytes])] });
        ReceivedBlock { id: block.id(), block, from: Some(PeerId(from)) }
    }

    #[test]
    fn who_floods_with_orphans_pushes_out_its_own() {
        for bytes in [10, 1 << 20] {
            let mut orphans = OrphanBlocks::default();
            let quiet = received(0, 1, 10);
            orphans.add(Id([1; 32]), quiet.clone());
            let flood: Vec<_> = (1..1000).map(|n| received(n, 2, bytes)).collect();
            flood.iter().for_each(|block| orphans.add(Id([2; 32]), block.clone()));
            assert!(orphans.contains(&quiet.id), "of another neighbour");
            assert!(orphans.contains(&flood[998].id) && !orphans.contains(&flood[0].id), "the oldest go");
            assert!(orphans.order.len() <= MAX_ORPHANS && orphans.bytes <= MAX_BYTES);
            let kept = orphans.order.len();
            assert_eq!(orphans.take(&Id([2; 32])).len(), kept - 1);
            assert_eq!((orphans.order.len(), orphans.known.len()), (1, 1));
        }
    }

    #[test]
    fn who_floods_with_future_blocks_pushes_out_its_own() {
        for bytes in [10, 1 << 20] {
            let mut orphans = OrphanBlocks::default();
            let quiet = received(0, 1, 10);
            orphans.defer(1_000_000, quiet.clone());
            (1..1000).for_each(|n| orphans.defer(Time::from(n), received(n, 2, bytes)));
            assert!(orphans.contains(&quiet.id), "of another neighbour, though it is furthest away");
            assert!(orphans.future.len() <= MAX_FUTURE);
            assert!(orphans.due(1).is_some(), "the nearest are kept");
        }
    }
}
