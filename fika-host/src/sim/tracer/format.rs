//! What every way to write a run down has in common.

use std::io;

use fika_core::header::Time;
use fika_core::message::Message;
use fika_core::node::Event;

use super::super::links::{Delivery, Links};
use super::super::observer::Seen;
use crate::results::Ended;

/// One way to write a run down.
pub(super) trait Format {
    /// A message of so many bytes is about to be sent, to one neighbour or to several.
    fn message(&mut self, message: &Message, bytes: u64) -> io::Result<()>;

    /// It is sent to one neighbour.
    fn sent(&mut self, now: Time, from: u32, delivery: Delivery) -> io::Result<()>;

    /// A node did something.
    fn event(&mut self, now: Time, node: u32, event: &Event, seen: Seen<'_>, links: &Links) -> io::Result<()>;

    /// Something happened to the network from outside.
    fn happened(&mut self, _now: Time, _event: &str) -> io::Result<()> {
        Ok(())
    }

    /// A plugin did what it must not.
    fn fault(&mut self, now: Time, why: String) -> io::Result<()>;

    /// The run is over after `duration_us`. Nothing follows.
    fn ended(&mut self, now: Time, duration_us: Time, why: Ended) -> io::Result<()>;

    /// Nothing follows.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
