//! One call of a node: the world, the time, and where the answers go.

use super::io::{Event, Outputs};
use crate::header::Time;
use crate::world::World;

/// One call of [`Node::handle`](super::Node::handle).
pub(super) struct Turn<'a> {
    pub(super) world: &'a mut World,
    pub(super) now: Time,
    pub(super) out: &'a mut Outputs,
}

impl Turn<'_> {
    /// A plugin or this node did what it must not.
    #[cold]
    pub(super) fn fault(&mut self, why: String) {
        self.out.event(Event::Fault { why });
    }
}
