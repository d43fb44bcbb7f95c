//! The order of events.

use fika_core::header::Time;

/// What kind of event: events of one time are handled kind by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// A node begins.
    Start = 0,
    /// A neighbour can be talked to.
    Connect = 1,
    /// A message arrives.
    Arrive = 2,
    /// The owner of a node wants something.
    Owner = 3,
}

/// The place of an event in the run: by time, then class, then node, then the order in which
/// events were made for that node. Total: no two events of a run are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order(u128);

impl Order {
    /// The place of an event at this time, of this kind, at this node below 2^28, of this number there.
    pub fn new(at: Time, class: Class, node: u32, sequence: u32) -> Order {
        // 64 bits of time, 4 of class, 28 of node, 32 of sequence.
        debug_assert!(node < 1 << 28);
        Order(u128::from(at) << 64 | (class as u128) << 60 | u128::from(node) << 32 | u128::from(sequence))
    }

    /// When.
    pub fn at(self) -> Time {
        (self.0 >> 64) as Time
    }

    /// At which node.
    pub fn node(self) -> u32 {
        (self.0 >> 32) as u32 & 0x0fff_ffff
    }

    /// Of which number there.
    pub fn sequence(self) -> u32 {
        self.0 as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_gives_back_its_time_and_node() {
        let order = Order::new(u64::MAX, Class::Owner, (1 << 28) - 1, u32::MAX);
        assert_eq!((order.at(), order.node()), (u64::MAX, (1 << 28) - 1));
    }
}
