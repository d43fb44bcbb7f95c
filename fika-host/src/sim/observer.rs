//! Who is told what nodes do.

use fika_core::header::Time;
use fika_core::node::{Event, Node};
use fika_core::world::World;

/// Follows a run.
pub(crate) trait Observer {
    /// A node did something at `now`.
    fn event(&mut self, now: Time, node: u32, event: &Event, seen: Seen<'_>);
}

/// What an observer may look at.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) world: &'a World,
    pub(crate) node: &'a Node,
}
