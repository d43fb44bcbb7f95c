//! The order of events, and the queue that keeps it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use fika_core::header::Time;

/// What kind of event: events of one time are handled kind by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Class {
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
pub(crate) struct Order(u128);

impl Order {
    pub(crate) fn new(at: Time, class: Class, node: u32, sequence: u32) -> Order {
        // 64 bits of time, 4 of class, 28 of node, 32 of sequence.
        debug_assert!(node < 1 << 28);
        Order(u128::from(at) << 64 | (class as u128) << 60 | u128::from(node) << 32 | u128::from(sequence))
    }

    pub(crate) fn at(self) -> Time {
        (self.0 >> 64) as Time
    }

    pub(crate) fn node(self) -> u32 {
        (self.0 >> 32) as u32 & 0x0fff_ffff
    }

    pub(crate) fn sequence(self) -> u32 {
        self.0 as u32
    }
}

/// Events in their order.
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Queued<T>>,
}

struct Queued<T> {
    order: Order,
    event: T,
}

impl<T> PartialEq for Queued<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<T> Eq for Queued<T> {}

impl<T> PartialOrd for Queued<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Queued<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first.
        other.order.cmp(&self.order)
    }
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue { heap: BinaryHeap::new() }
    }

    pub(crate) fn push(&mut self, order: Order, event: T) {
        self.heap.push(Queued { order, event });
    }

    /// The place of the next event.
    pub(crate) fn next(&self) -> Option<Order> {
        self.heap.peek().map(|queued| queued.order)
    }

    /// When the next event is.
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|queued| queued.order.at())
    }

    pub(crate) fn pop(&mut self) -> Option<(Order, T)> {
        self.heap.pop().map(|queued| (queued.order, queued.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_class_then_node_then_sequence() {
        let mut queue = Queue::new();
        let orders = [
            Order::new(5, Class::Arrive, 1, 0),
            Order::new(5, Class::Arrive, 0, 9),
            Order::new(5, Class::Connect, 9, 0),
            Order::new(4, Class::Owner, 9, 9),
            Order::new(5, Class::Arrive, 1, 1),
        ];
        orders.iter().enumerate().for_each(|(n, order)| queue.push(*order, n));
        let popped: Vec<usize> = std::iter::from_fn(|| queue.pop()).map(|(_, n)| n).collect();
        assert_eq!(popped, [3, 2, 1, 0, 4]);
    }

    #[test]
    fn an_order_gives_back_its_time_and_node() {
        let order = Order::new(u64::MAX, Class::Owner, (1 << 28) - 1, u32::MAX);
        assert_eq!((order.at(), order.node()), (u64::MAX, (1 << 28) - 1));
    }
}
