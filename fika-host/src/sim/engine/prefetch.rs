//! What the next events need of the machine's memory; see [`fika_core::prefetch`].

use fika_core::message::Message;
use fika_core::node::{Need, PeerMessage};
use fika_core::prefetch::fetch;

use super::{Engine, SimEvent};

/// How far ahead nodes are fetched, then what they refer to, and then what that refers to, in events.
const FAR_AHEAD: usize = 6;
const AHEAD: usize = 3;
const NEXT: usize = 1;

/// What a node will most likely do. `None`: something about transactions.
fn need(event: &SimEvent) -> Option<Need> {
    match event {
        SimEvent::Announce(..) => Some(Need::Inv),
        SimEvent::Deliver(_, _, PeerMessage::Other(message)) => Some(match message {
            Message::Inv(_) | Message::Headers(_) => Need::Inv,
            Message::GetData(_) | Message::GetBlockTxn(_) => Need::GetData,
            _ => Need::Block,
        }),
        SimEvent::Deliver(..) => None,
        _ => Some(Need::Block),
    }
}

/// What of a message lies outside of it, if no other message has the same.
fn fetch_outside(message: &PeerMessage) {
    match message {
        PeerMessage::Other(Message::Inv(items) | Message::GetData(items)) => fetch(&items[..], 1),
        PeerMessage::Other(Message::GetBlockTxn(request)) => fetch(&**request, 1),
        PeerMessage::Other(Message::BlockTxn(answer)) => fetch(&**answer, 1),
        _ => {}
    }
}

impl Engine<'_> {
    /// Has the machine fetch what the next events need while this one is handled.
    pub(super) fn fetch_ahead(&self) {
        if let Some((order, event)) = self.queue.upcoming(FAR_AHEAD)
            && let Some(need) = need(event)
        {
            let node = order.node();
            self.links.fetch(node);
            self.nodes[node as usize].prefetch(need);
            self.announcements.fetch(node);
            match need {
                // What it asks for may be late one day.
                Need::Inv => self.wakes.fetch(node),
                Need::Block => {
                    fetch(&self.miners[node as usize], 1);
                    self.successes.fetch(node);
                }
                _ => {}
            }
        }
        // A block is most likely to be announced; the links are at hand by now.
        if let Some((order, event)) = self.queue.upcoming(NEXT)
            && need(event) == Some(Need::Block)
        {
            self.links.first_neighbours(order.node()).for_each(|to| self.announcements.fetch(to));
        }
        let Some((order, event)) = self.queue.upcoming(AHEAD) else { return };
        let (SimEvent::Announce(peer, _) | SimEvent::Deliver(peer, ..)) = event else { return };
        let node = order.node();
        match need(event) {
            Some(Need::Block) => {
                self.nodes[node as usize].prefetch(Need::BlockOf(*peer));
                self.links.fetch_neighbours(node);
            }
            Some(_) => {
                self.nodes[node as usize].prefetch(Need::Message(*peer));
                self.links.fetch_neighbour(node, peer.0);
            }
            None => {}
        }
        if let SimEvent::Deliver(_, _, message) = event {
            fetch_outside(message);
        }
    }
}
