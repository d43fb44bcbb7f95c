//! What the next events need of their nodes; see [`fetch`](super::super::fetch).

use fika_core::message::{Item, Message};

use super::super::fetch::{fetch, fetch_at};
use super::{Engine, Happening};

/// How far ahead nodes are fetched, and then what they refer to, in events.
const FAR_AHEAD: usize = 6;
const AHEAD: usize = 3;
/// Bytes of each of these.
const PART_BYTES: usize = 128;
/// Bytes of a node that nearly every message needs: [`Node`](fika_core::node::Node) has them in front.
const NODE_BYTES: usize = 1_024;

impl Happening {
    /// Whether transactions, or announcements or requests of them, have come.
    fn is_about_txs(&self) -> bool {
        match self {
            Happening::Txs(..) => true,
            Happening::Arrive(_, _, Message::Inv(items) | Message::GetData(items)) => {
                // Where they are is fetched with this look; most lists are of one kind.
                items.first().is_some_and(|item| matches!(item, Item::Tx(_)))
            }
            _ => false,
        }
    }
}

impl Engine<'_> {
    /// Has the machine fetch what the next events need while this one is handled.
    pub(super) fn fetch_ahead(&mut self) {
        if self.has_txs {
            self.fetch_for_txs();
        }
        if let Some((order, _)) = self.queue.upcoming(FAR_AHEAD) {
            let node = order.node();
            let n = node as usize;
            fetch(&self.nodes[n], NODE_BYTES);
            fetch(&self.seats[n], 1);
            self.links.fetch(node);
            self.wakes.fetch(node);
            self.successes.fetch(node);
            self.announcements.fetch(node);
        }
        if let Some((order, happening)) = self.queue.upcoming(AHEAD) {
            let node = order.node();
            self.nodes[node as usize].parts().into_iter().for_each(|part| fetch_at(part, PART_BYTES));
            match happening {
                // A block, most likely to be announced.
                Happening::Arrive(_, _, Message::CompactBlock(_) | Message::Block(_) | Message::BlockTxn(_)) => {
                    self.links.fetch_neighbours(node);
                }
                Happening::Arrive(peer, ..) | Happening::Announce(peer, _) => self.links.fetch_neighbour(node, peer.0),
                _ => {}
            }
        }
    }

    fn fetch_for_txs(&mut self) {
        if let Some((order, happening)) = self.queue.upcoming(FAR_AHEAD) {
            if let Happening::Arrive(_, _, Message::Inv(items) | Message::GetData(items)) = happening {
                fetch_at(items.as_ptr().cast(), PART_BYTES);
            }
            let (part, bytes) = self.nodes[order.node() as usize].tx_part();
            fetch_at(part, bytes);
        }
        if let Some((order, happening)) = self.queue.upcoming(AHEAD)
            && happening.is_about_txs()
        {
            self.nodes[order.node() as usize].tx_parts().into_iter().for_each(|part| fetch_at(part, PART_BYTES));
        }
        // The timers are those of announcements: the node first, and what it refers to an event later.
        let (_, node) = self.wakes.first();
        let next = &self.nodes[node as usize];
        if self.next_wake.0 != node {
            self.next_wake = (node, false);
            let (part, bytes) = next.tx_part();
            fetch_at(part, bytes);
            fetch(next, NODE_BYTES);
            fetch(&self.seats[node as usize], 1);
        } else if !self.next_wake.1 {
            self.next_wake.1 = true;
            next.tx_parts().into_iter().for_each(|part| fetch_at(part, PART_BYTES));
            self.links.fetch_neighbours(node);
        }
    }
}
