//! Blocks that cannot be accepted yet: their parents or their time are to come.

use std::collections::{BTreeMap, VecDeque};

use super::pending::ReceivedBlock;
use crate::codec::Encode;
use crate::hash::Id;
use crate::header::Time;
use crate::world::IdMap;

/// Orphans kept, at most.
const MAX_ORPHANS: usize = 200;
/// The same in bytes.
const MAX_ORPHAN_BYTES: usize = 32 << 20;
/// Future blocks kept, at most.
const MAX_FUTURE: usize = 64;

/// Orphan blocks and future blocks.
#[derive(Default)]
pub(super) struct OrphanBlocks {
    /// By the block that they wait for.
    orphans: BTreeMap<Id, Vec<ReceivedBlock>>,
    /// By arrival: the missing block, the orphan's id, and its bytes.
    order: VecDeque<(Id, Id, usize)>,
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

    /// Keeps an orphan. When there are too many, the oldest go.
    pub(super) fn add(&mut self, missing: Id, block: ReceivedBlock) {
        let (id, bytes) = (block.id, block.block.encoded_len());
        if self.known.contains_key(&id) {
            return;
        }
        self.known.insert(id, missing);
        self.orphans.entry(missing).or_default().push(block);
        self.order.push_back((missing, id, bytes));
        self.bytes += bytes;
        while (self.order.len() > MAX_ORPHANS || self.bytes > MAX_ORPHAN_BYTES)
            && let Some((missing, oldest, bytes)) = self.order.pop_front()
        {
            self.bytes -= bytes;
            self.known.remove(&oldest);
            if let Some(queue) = self.orphans.get_mut(&missing) {
                queue.retain(|block| block.id != oldest);
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
        self.order.retain(|(missing, id, bytes)| {
            let taken = missing == arrived;
            if taken {
                self.bytes -= bytes;
                self.known.remove(id);
            }
            !taken
        });
        queue
    }

    /// Keeps a block until the node's clock says `at`. When there are too many, those furthest in the future go.
    pub(super) fn defer(&mut self, at: Time, block: ReceivedBlock) {
        self.future.insert((at, block.id), block);
        if self.future.len() > MAX_FUTURE {
            self.future.pop_last();
        }
    }

    /// Takes out a future block whose time has come.
    pub(super) fn due(&mut self, now: Time) -> Option<ReceivedBlock> {
        self.future.first_entry().filter(|entry| entry.key().0 <= now).map(|entry| entry.remove())
    }
}
