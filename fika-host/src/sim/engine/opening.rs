//! How a run begins: all nodes start, and then each can talk to its neighbours, one after the other.

use fika_core::node::PeerId;

use super::super::order::{Class, Order};
use super::{Engine, Happening};

impl Engine<'_> {
    /// Puts the first events into the queue, in their order: there are many, and nothing else is under way.
    pub(super) fn open(&mut self) {
        let Engine { nodes, links, announcements, queue, .. } = self;
        let nodes = nodes.len() as u32;
        let ends: u32 = (0..nodes).map(|node| links.degree(node)).sum();
        let mut events = Vec::with_capacity((nodes + ends) as usize);
        let mut starts = Vec::with_capacity(nodes as usize);
        let mut peers: Vec<u32> = Vec::new();
        for node in (0..nodes).rev() {
            let mut order = |class| Order::new(0, class, node, announcements.next_event(node));
            starts.push((order(Class::Start), Happening::Start));
            // Whoever comes first among the nodes opens the links to it.
            peers.clear();
            peers.extend(0..links.degree(node));
            peers.sort_by_key(|peer| links.neighbour(node, *peer).0.min(node));
            let first = events.len();
            events.extend(peers.iter().map(|peer| (order(Class::Connect), Happening::Connect(PeerId(*peer)))));
            events[first..].reverse();
        }
        events.append(&mut starts);
        queue.begin(events.into_iter());
    }
}
