//! How a run begins: all nodes start, and then each can talk to its neighbours, one after the other.

use fika_core::node::PeerId;

use super::super::order::{Class, Order};
use super::{Engine, SimEvent};

impl Engine<'_> {
    /// Tells the queue of the first events: nothing else is under way.
    pub(super) fn open(&mut self) {
        let Engine { nodes, links, announcements, queue, .. } = self;
        let nodes = nodes.len() as u32;
        let mut ends = Vec::with_capacity((0..nodes).map(|node| links.degree(node) as usize).sum());
        for node in 0..nodes {
            // A node's start is its event 1; those of its links follow.
            announcements.next_events(node, 1 + links.degree(node));
            // Whoever comes first among the nodes opens the links to it.
            let first = ends.len();
            ends.extend((0..links.degree(node)).map(|peer| (node, peer)));
            ends[first..].sort_by_key(|(node, peer)| links.neighbour(*node, *peer).0.min(*node));
        }
        let starts = (0..nodes).map(|node| (Order::new(0, Class::Start, node, 1), SimEvent::Start));
        let (mut of, mut sequence) = (0, 1);
        let connects = ends.into_iter().map(move |(node, peer)| {
            sequence = if node == of { sequence + 1 } else { 2 };
            of = node;
            (Order::new(0, Class::Connect, node, sequence), SimEvent::Connect(PeerId(peer)))
        });
        queue.begin(0, starts.chain(connects));
    }
}
