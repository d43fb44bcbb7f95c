//! What a node has set itself for later.

use smallvec::SmallVec;

use crate::header::Time;

/// Something that comes due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// A slot of the duties of this generation.
    Slot { generation: u64, duty: u32 },
    /// The agent asked for it.
    Agent(u64),
    /// Something asked for may not have come.
    Requests,
    /// A transaction still lacks its parents.
    TxOrphans,
    /// New transactions are to be announced.
    TxInv,
    /// The block template may lack newer transactions.
    Template,
    /// A block was too early for the node's clock.
    FutureBlock,
    /// A neighbour may not have answered the call for headers.
    Sync(u64),
    /// No neighbour has said since the start whether it has newer blocks.
    Unheard,
    /// Own transactions may have been lost.
    Rebroadcast,
    /// Neighbours may not have answered a light node.
    Light,
}

/// Timers in the order of their times, and of their setting.
#[derive(Default)]
pub(super) struct Timers {
    /// The last one first. A node has few of them, and sets and ends one for every block.
    queue: SmallVec<[(Time, Timer); 2]>,
}

impl Timers {
    pub(super) fn set(&mut self, at: Time, timer: Timer) {
        // Of those of one time the one that was set first comes first.
        let place = self.queue.partition_point(|(other, _)| *other > at);
        self.queue.insert(place, (at, timer));
    }

    /// Takes out the next timer that is due at `now`.
    pub(super) fn due(&mut self, now: Time) -> Option<Timer> {
        self.next().filter(|at| *at <= now)?;
        self.queue.pop().map(|(_, timer)| timer)
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.queue.last().map(|(at, _)| *at)
    }

    /// Drops the timers that `which` names.
    pub(super) fn cancel(&mut self, which: impl Fn(&Timer) -> bool) {
        self.queue.retain(|(_, timer)| !which(timer));
    }
}
