//! Announcements of blocks that can no longer change anything.
//!
//! A block is announced to a node by nearly all of its neighbours, but one announcement is enough: to a node that has
//! accepted the block the others say nothing new, and to one that has asked for it they only name somebody else to ask,
//! should the answer not come. Most of a run's messages are of this kind. They are counted, drawn and hashed like all
//! others when they are sent; here they wait outside of the event queue until the block is accepted, which ends them,
//! or until they matter after all.

use fika_core::header::Time;
use fika_core::prefetch::fetch;

use super::links::Delivery;
use super::pages;
use super::tournament::NEVER;

/// An announcement that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SuppressedInv {
    pub(super) at: Time,
    pub(super) sequence: u32,
    pub(super) peer: u32,
}

/// No place in the log.
const NONE: u32 = u32::MAX;

/// What one node has been told about one block. Every announcement needs it, so it is a quarter of a line of the machine's
/// cache.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Slot {
    /// The first of all that are under way, which is in the event queue: when, in the block's time.
    first: u32,
    /// The block, by its number in the run, from 1 on; 0: none.
    block: u32,
    /// All others: the last one's place in the log.
    last: u32,
    /// How many events have been made for the node.
    events: u32,
}

const EMPTY: Slot = Slot { first: 0, block: 0, last: NONE, events: 0 };

/// An announcement of the log.
#[derive(Clone, Copy)]
struct Logged {
    /// In the block's time.
    at: u32,
    sequence: u32,
    peer: u32,
    /// The place of the one before it of the same slot.
    before: u32,
}

/// One block.
struct Announced {
    /// When its time begins, which is counted with 32 bits of microseconds: what comes more than an hour later goes through
    /// the queue.
    since: Time,
    /// A bit for each node that has accepted it.
    accepted: Vec<u64>,
}

impl Logged {
    fn waiting(self, since: Time) -> SuppressedInv {
        SuppressedInv { at: since + u64::from(self.at), sequence: self.sequence, peer: self.peer }
    }
}

impl Announced {
    /// In the block's time; `None`: too late for that.
    fn time(&self, at: Time) -> Option<u32> {
        u32::try_from(at - self.since).ok()
    }
}

/// What all nodes have been told, and what they have.
#[derive(Default)]
pub(super) struct BlockAnnouncements {
    slots: Vec<Slot>,
    /// Those that wait, of all nodes, as they were sent.
    log: Vec<Logged>,
    /// How many slots have something in the log.
    in_use: u32,
    /// By number.
    blocks: Vec<Announced>,
    /// Whether any is kept out of the event queue.
    suppresses: bool,
}

/// What is to be done with an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It goes into the event queue.
    Queue,
    /// It waits here, or its receiver has the block.
    Suppressed,
    /// It never arrives.
    Lost,
}

impl Slot {
    #[inline(always)]
    fn wait(&mut self, waiting: Logged, log: &mut Vec<Logged>, in_use: &mut u32) {
        *in_use += u32::from(self.last == NONE);
        let place = log.len() as u32;
        log.push(Logged { before: std::mem::replace(&mut self.last, place), ..waiting });
    }
}

fn is_set(bits: &[u64], node: u32) -> bool {
    bits.get(node as usize / 64).is_some_and(|bits| bits >> (node % 64) & 1 == 1)
}

impl BlockAnnouncements {
    /// Of so many nodes; `suppresses`: whether announcements that can no longer change anything wait here.
    pub(super) fn new(nodes: usize, suppresses: bool) -> BlockAnnouncements {
        let mut slots = pages::list(nodes);
        slots.resize(nodes, EMPTY);
        BlockAnnouncements { slots, suppresses, ..BlockAnnouncements::default() }
    }

    /// Has the machine fetch what is known of a node.
    pub(super) fn fetch(&self, node: u32) {
        fetch(&self.slots[node as usize], 1);
    }

    /// The number of the next event that is made for a node.
    pub(super) fn next_event(&mut self, node: u32) -> u32 {
        self.next_events(node, 1)
    }

    /// The same for so many events: the first one's number, which those of the others follow.
    pub(super) fn next_events(&mut self, node: u32, count: u32) -> u32 {
        let events = &mut self.slots[node as usize].events;
        let first = events.wrapping_add(1);
        *events = events.wrapping_add(count);
        first
    }

    /// What is known of a block, of which something happens at `now`.
    #[inline]
    fn announced(&mut self, block: u32, now: Time) -> &mut Announced {
        let block = block as usize;
        if self.blocks.len() <= block {
            self.blocks.resize_with(block + 1, || Announced { since: now, accepted: Vec::new() });
        }
        &mut self.blocks[block]
    }

    /// A block is announced to all of these at `now`. `each` sees each announcement, its number among the receiver's
    /// events, and what is to be done with it. One that is [`NEVER`] there gets lost.
    #[inline(always)]
    pub(super) fn send(&mut self, now: Time, block: u32, all: &[Delivery], mut each: impl FnMut(Delivery, u32, Way)) {
        self.announced(block, now);
        let BlockAnnouncements { slots, log, in_use, blocks, suppresses } = self;
        let announced = &blocks[block as usize];
        for one in all {
            let slot = &mut slots[one.to as usize];
            slot.events = slot.events.wrapping_add(1);
            let sequence = slot.events;
            let way = if one.at == NEVER {
                Way::Lost
            } else if !*suppresses {
                Way::Queue
            } else if slot.block != block && is_set(&announced.accepted, one.to) {
                Way::Suppressed
            } else if let Some(at) = announced.time(one.at).filter(|_| slot.block == block || slot.block == 0) {
                // Of one time, what was sent first comes first.
                if slot.block == block && at >= slot.first {
                    slot.wait(Logged { at, sequence, peer: one.back, before: NONE }, log, in_use);
                    Way::Suppressed
                } else {
                    (slot.block, slot.first) = (block, at);
                    Way::Queue
                }
            } else {
                Way::Queue
            };
            each(*one, sequence, way);
        }
    }

    fn wait(&mut self, node: u32, waiting: Logged) {
        self.slots[node as usize].wait(waiting, &mut self.log, &mut self.in_use);
    }

    /// An announcement has come out of the event queue: whether the node is to be told.
    pub(super) fn arrive(&mut self, node: u32, block: u32, waiting: SuppressedInv) -> bool {
        let Some(announced) = self.blocks.get(block as usize).filter(|_| self.suppresses) else { return true };
        let slot = &self.slots[node as usize];
        match announced.time(waiting.at) {
            // An earlier one has been sent after this one. Of those of one time the first was sent last, so none waits for it.
            Some(at) if slot.block == block && at > slot.first => {
                let SuppressedInv { sequence, peer, .. } = waiting;
                self.wait(node, Logged { at, sequence, peer, before: NONE });
                false
            }
            _ => !is_set(&announced.accepted, node),
        }
    }

    /// Whether an announcement that comes now comes too late to have waited here.
    pub(super) fn is_late(&self, block: u32, now: Time) -> bool {
        self.blocks.get(block as usize).is_some_and(|announced| announced.time(now).is_none())
    }

    /// A node has accepted a block at `now`.
    pub(super) fn accept(&mut self, node: u32, block: u32, now: Time) {
        if !self.suppresses {
            return;
        }
        let words = self.slots.len().div_ceil(64);
        let bits = &mut self.announced(block, now).accepted;
        if bits.is_empty() {
            bits.resize(words, 0);
        }
        bits[node as usize / 64] |= 1 << (node % 64);
        if self.slots[node as usize].block == block {
            self.take(node, |_, _| false);
            self.slots[node as usize].block = 0;
        }
    }

    /// The block that a node has been told about but not accepted, if it was told by `now`.
    pub(super) fn open(&self, node: u32, now: Time) -> Option<u32> {
        let slot = &self.slots[node as usize];
        if slot.block == 0 {
            return None;
        }
        let since = self.blocks[slot.block as usize].since;
        (since + u64::from(slot.first) <= now).then_some(slot.block)
    }

    /// Takes out the announcements that have come to a node by `now`, in their order.
    pub(super) fn take_due(&mut self, node: u32, now: Time) -> Vec<SuppressedInv> {
        let mut due = Vec::new();
        let mut later = Vec::new();
        self.take(node, |since, logged| {
            let waiting = logged.waiting(since);
            if waiting.at <= now {
                due.push(waiting)
            } else {
                later.push(logged)
            }
            true
        });
        later.into_iter().for_each(|waiting| self.wait(node, waiting));
        due.sort_unstable();
        due
    }

    /// Gives up the slot of a node, and what waits there.
    pub(super) fn give_up(&mut self, node: u32) -> Vec<SuppressedInv> {
        let mut all = Vec::new();
        self.take(node, |since, logged| {
            all.push(logged.waiting(since));
            true
        });
        self.slots[node as usize].block = 0;
        all
    }

    /// Empties a slot's list; `each` sees when the block's time began and the list's members, the last first, until it
    /// answers false.
    fn take(&mut self, node: u32, mut each: impl FnMut(Time, Logged) -> bool) {
        let slot = &mut self.slots[node as usize];
        let mut place = std::mem::replace(&mut slot.last, NONE);
        if place == NONE {
            return;
        }
        let since = self.blocks[slot.block as usize].since;
        while place != NONE {
            let logged = self.log[place as usize];
            if !each(since, logged) {
                break;
            }
            place = logged.before;
        }
        self.in_use -= 1;
        if self.in_use == 0 {
            self.log.clear();
        } else if self.log.len() > 64 * self.slots.len() + 1_024 {
            self.compact();
        }
    }

    /// Frees the log of what no slot refers to.
    fn compact(&mut self) {
        let old = std::mem::take(&mut self.log);
        for slot in &mut self.slots {
            let mut place = std::mem::replace(&mut slot.last, NONE);
            while place != NONE {
                let logged = old[place as usize];
                let at = self.log.len() as u32;
                self.log.push(Logged { before: std::mem::replace(&mut slot.last, at), ..logged });
                place = logged.before;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at: Time, sequence: u32) -> SuppressedInv {
        SuppressedInv { at, sequence, peer: sequence }
    }

    fn send(known: &mut BlockAnnouncements, node: u32, block: u32, at: Time) -> Way {
        let next = known.slots[node as usize].events + 1;
        let mut ways = Vec::new();
        known.send(0, block, &[Delivery { to: node, back: next, at }], |_, sequence, way| {
            assert_eq!(sequence, next);
            ways.push(way);
        });
        ways[0]
    }

    #[test]
    fn only_the_first_announcement_is_told() {
        let mut known = BlockAnnouncements::new(2, true);
        assert_eq!(send(&mut known, 0, 1, 50), Way::Queue);
        assert_eq!(send(&mut known, 0, 1, 60), Way::Suppressed);
        assert_eq!(send(&mut known, 0, 1, 40), Way::Queue, "it comes before the first");
        assert_eq!(send(&mut known, 0, 2, 45), Way::Queue, "another block");
        assert!(known.open(0, 39).is_none());
        assert!(known.arrive(0, 1, at(40, 3)));
        assert_eq!(known.open(0, 40), Some(1));
        assert!(!known.arrive(0, 1, at(50, 1)), "it waits with the others");
        assert_eq!(known.take_due(0, 55), [at(50, 1)]);
        assert_eq!(known.give_up(0), [at(60, 2)]);
        assert!(known.arrive(0, 1, at(70, 5)), "nothing was asked for");
        known.accept(0, 1, 70);
        assert!(!known.arrive(0, 1, at(80, 6)));
        assert_eq!(send(&mut known, 0, 1, 90), Way::Suppressed);
        known.accept(0, 3, 90);
        assert_eq!(send(&mut known, 0, 1, 95), Way::Suppressed, "an older block");
        assert_eq!(send(&mut known, 1, 1, 90), Way::Queue);
        assert_eq!(send(&mut known, 1, 1, NEVER), Way::Lost);
        assert_eq!(send(&mut known, 1, 1, 1 << 32), Way::Queue, "beyond the block's time");
        assert!(known.is_late(1, 1 << 32) && !known.is_late(1, (1 << 32) - 1));
        assert!(known.arrive(1, 1, at(1 << 32, 3)));
    }

    #[test]
    fn the_log_keeps_what_is_in_use() {
        let mut known = BlockAnnouncements::new(2, true);
        assert_eq!(send(&mut known, 1, 1, 5), Way::Queue);
        assert_eq!(send(&mut known, 1, 1, 6), Way::Suppressed);
        for n in 0..2_000 {
            assert_eq!(send(&mut known, 0, 2 + n, 10), Way::Queue);
            assert_eq!(send(&mut known, 0, 2 + n, 11), Way::Suppressed);
            known.accept(0, 2 + n, 10);
        }
        assert!(known.log.len() < 1_500);
        assert_eq!(known.give_up(1), [at(6, 2)]);
        assert!(known.log.is_empty());
    }
}
