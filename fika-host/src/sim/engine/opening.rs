//! How a run begins: all nodes start, and then each can talk to its neighbours, one after the other.

use fika_core::node::PeerId;

use super::super::order::{Class, Order};
use super::{Engine, Happening};

impl Engine<'_> {
    /// Puts the first events into the queue: nothing else is under way.
    pub(super) fn open(&mut self) {
        let Engine { nodes, links, announcements, queue, .. } = self;
        let nodes = nodes.len() as u32;
        let mut ends = Vec::new();
        for node in 0..nodes {
            announcements.next_events(node, 1 + links.degree(node));
            // Whoever comes first among the nodes opens the links to it.
            let first = ends.len();
            ends.extend((0..links.degree(node)).map(|peer| (node, peer)));
            ends[first..].sort_by_key(|(node, peer)| links.neighbour(*node, *peer).0.min(*node));
        }
        let starts = (0..nodes).map(|node| (Order::new(0, Class::Start, node, 1), Happening::Start));
        let mut last = (0, 1);
        let connects = ends.into_iter().map(move |(node, peer)| {
            last = (node, if last.0 == node { last.1 + 1 } else { 2 });
            (Order::new(0, Class::Connect, node, last.1), Happening::Connect(PeerId(peer)))
        });
        queue.begin(0, starts.chain(connects));
    }
}
