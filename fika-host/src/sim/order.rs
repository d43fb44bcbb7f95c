//! The order of events.

use std::cmp::Ordering;

use fika_core::header::Time;

/// What kind of event: events of one time are handled kind by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Class {
    /// A neighbour can be talked to.
    Connect = 0,
    /// A message arrives.
    Arrive = 1,
    /// The owner of a node wants something.
    Owner = 2,
}

/// The place of an event in the run: by time, then class, then node, then the order in which
/// events were made for that node. Total: no two events of a run are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    at: Time,
    /// 4 bits of class, 28 of node, 32 of sequence.
    rest: u64,
}

// By hand: as one number the two are compared at once. They are not kept as one, which would have to lie at multiples of 16
// bytes, and events would be larger.
impl Ord for Order {
    fn cmp(&self, other: &Order) -> Ordering {
        self.number().cmp(&other.number())
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Order) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn lt(&self, other: &Order) -> bool {
        self.number() < other.number()
    }
}

impl Order {
    /// The place of an event at this time, of this kind, at this node below 2^28, of this number there.
    pub(crate) fn new(at: Time, class: Class, node: u32, sequence: u32) -> Order {
        debug_assert!(node < 1 << 28);
        Order { at, rest: (class as u64) << 60 | u64::from(node) << 32 | u64::from(sequence) }
    }

    fn number(self) -> u128 {
        u128::from(self.at) << 64 | u128::from(self.rest)
    }

    /// When.
    pub(crate) fn at(self) -> Time {
        self.at
    }

    /// At which node.
    pub(crate) fn node(self) -> u32 {
        (self.rest >> 32) as u32 & 0x0fff_ffff
    }

    /// Of which number there.
    pub(crate) fn sequence(self) -> u32 {
        self.rest as u32
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
