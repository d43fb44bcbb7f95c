//! What a node has set itself for later.

use smallvec::SmallVec;

use super::{Node, Turn};
use crate::header::Time;

/// Something that comes due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// A slot of the duties with this generation.
    Slot { generation: u64, duty: u32 },
    /// The agent asked for it.
    Agent(u64),
    /// Something asked for may not have come.
    Requests,
    /// A neighbour is to hear of new transactions.
    Batch,
    /// The work may lack newer transactions.
    Template,
    /// A block was too early for the node's clock.
    Held,
    /// A neighbour may not have answered the call for headers.
    Sync(u64),
    /// Own transactions may have been lost.
    Rebroadcast,
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

    /// Where the next one is.
    pub(super) fn at(&self) -> *const u8 {
        self.queue.as_ptr_range().end.wrapping_sub(1).cast()
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.queue.last().map(|(at, _)| *at)
    }

    /// Drops the timers that `gone` names.
    pub(super) fn cancel(&mut self, gone: impl Fn(&Timer) -> bool) {
        self.queue.retain(|(_, timer)| !gone(timer));
    }
}

impl Node {
    #[inline(never)]
    pub(super) fn on_timer(&mut self, turn: &mut Turn<'_>, timer: Timer) {
        match timer {
            Timer::Slot { generation, duty } => self.on_slot(turn, generation, duty as usize),
            Timer::Agent(token) => self.with_agent(turn, None, |agent, _, ctx| agent.on_timer(token, ctx)),
            Timer::Requests => self.on_requests_due(turn),
            Timer::Batch => self.on_batch_due(turn),
            Timer::Template => self.producer.template_due = true,
            Timer::Held => self.release_held(turn),
            Timer::Sync(round) => self.on_sync_timeout(turn, round),
            Timer::Rebroadcast => self.rebroadcast(turn),
        }
    }
}
