//! Announcements of blocks that can no longer change anything.
//!
//! A block is announced to a node by nearly all of its neighbours, but one announcement is enough: to a node that has
//! accepted the block the others say nothing new, and to one that has asked for it they only name somebody else to ask,
//! should the answer not come. Most of a run's messages are of this kind. They are counted, drawn and hashed like all
//! others when they are sent; here they wait outside of the event queue, one short list per node, until the block is
//! accepted, which ends them, or until they matter after all.

use fika_core::header::Time;

/// An announcement that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Waiting {
    pub(super) at: Time,
    pub(super) sequence: u32,
    pub(super) peer: u32,
}

/// What one node has been told about one block.
#[derive(Default)]
struct Slot {
    /// The block, by its number in the run, from 1 on; 0: none.
    block: u32,
    /// The first of all that are under way, which is in the event queue.
    first: Option<(Time, u32)>,
    /// All others.
    waiting: Vec<Waiting>,
}

/// What all nodes have been told, and what they have.
#[derive(Default)]
pub(super) struct Announcements {
    slots: Vec<Slot>,
    /// By block, a bit for each node that has accepted it.
    accepted: Vec<Vec<u64>>,
}

/// What is to be done with an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It goes into the event queue.
    Queue,
    /// It waits here, or its receiver has the block.
    Settled,
}

impl Announcements {
    pub(super) fn new(nodes: usize) -> Announcements {
        let mut slots = Vec::new();
        slots.resize_with(nodes, Slot::default);
        Announcements { slots, accepted: Vec::new() }
    }

    /// Whether a node has accepted a block.
    pub(super) fn has(&self, node: u32, block: u32) -> bool {
        let bits = self.accepted.get(block as usize);
        bits.is_some_and(|bits| bits[node as usize / 64] >> (node % 64) & 1 == 1)
    }

    /// An announcement is on its way.
    pub(super) fn send(&mut self, node: u32, block: u32, waiting: Waiting) -> Way {
        if self.has(node, block) {
            return Way::Settled;
        }
        let slot = &mut self.slots[node as usize];
        if slot.block == 0 {
            (slot.block, slot.first) = (block, Some((waiting.at, waiting.sequence)));
            return Way::Queue;
        }
        if slot.block != block {
            return Way::Queue;
        }
        if slot.first.is_some_and(|first| first > (waiting.at, waiting.sequence)) {
            slot.first = Some((waiting.at, waiting.sequence));
            return Way::Queue;
        }
        slot.waiting.push(waiting);
        Way::Settled
    }

    /// An announcement has come out of the event queue: whether the node is to be told.
    pub(super) fn arrive(&mut self, node: u32, block: u32, waiting: Waiting) -> bool {
        if self.has(node, block) {
            return false;
        }
        let slot = &mut self.slots[node as usize];
        if slot.block != block || slot.first >= Some((waiting.at, waiting.sequence)) {
            return true;
        }
        // An earlier one has been sent after this one.
        slot.waiting.push(waiting);
        false
    }

    /// A node has accepted a block.
    pub(super) fn accept(&mut self, node: u32, block: u32) {
        let words = self.slots.len().div_ceil(64);
        if self.accepted.len() <= block as usize {
            self.accepted.resize_with(block as usize + 1, Vec::new);
        }
        let bits = &mut self.accepted[block as usize];
        if bits.is_empty() {
            bits.resize(words, 0);
        }
        bits[node as usize / 64] |= 1 << (node % 64);
        let slot = &mut self.slots[node as usize];
        if slot.block == block {
            (slot.block, slot.first) = (0, None);
            slot.waiting.clear();
        }
    }

    /// The block that a node has been told about but not accepted, if it was told by `now`.
    pub(super) fn open(&self, node: u32, now: Time) -> Option<u32> {
        let slot = &self.slots[node as usize];
        (slot.block > 0 && slot.first.is_some_and(|(at, _)| at <= now)).then_some(slot.block)
    }

    /// Takes out the announcements that have come to a node by `now`, in their order.
    pub(super) fn take_due(&mut self, node: u32, now: Time) -> Vec<Waiting> {
        let waiting = &mut self.slots[node as usize].waiting;
        let mut due: Vec<Waiting> = waiting.extract_if(.., |waiting| waiting.at <= now).collect();
        due.sort_unstable();
        due
    }

    /// Gives up the slot of a node, and what waits there.
    pub(super) fn give_up(&mut self, node: u32) -> Vec<Waiting> {
        let slot = &mut self.slots[node as usize];
        (slot.block, slot.first) = (0, None);
        std::mem::take(&mut slot.waiting)
    }
}
