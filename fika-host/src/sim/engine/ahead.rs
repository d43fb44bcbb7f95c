//! What the next events need of their nodes; see [`fetch`](super::super::fetch).

use fika_core::message::Message;
use fika_core::node::{Need, Numbered};

use super::super::fetch::{fetch, fetch_at};
use super::{Engine, Happening, Seat};

/// How far ahead nodes are fetched, then what they refer to, and then what that refers to, in events.
const FAR_AHEAD: usize = 6;
const AHEAD: usize = 3;
const NEXT: usize = 1;
/// Bytes of each of these.
const PART_BYTES: usize = 128;

/// What a node will most likely do.
fn need(happening: &Happening) -> Need {
    match happening {
        Happening::Announce(..) => Need::Hear,
        Happening::Arrive(_, _, message) => match message {
            Message::Inv(_) | Message::Headers(_) => Need::Hear,
            Message::GetData(_) | Message::GetBlockTxn(_) => Need::Give,
            _ => Need::Take,
        },
        _ => Need::Take,
    }
}

/// Where the part of a message is that lies outside of it, if no other message has the same.
fn outside(message: &Message) -> *const u8 {
    match message {
        Message::Inv(items) | Message::GetData(items) => items.as_ptr().cast(),
        Message::GetBlockTxn(request) => std::ptr::from_ref(&**request).cast(),
        Message::BlockTxn(answer) => std::ptr::from_ref(&**answer).cast(),
        _ => std::ptr::null(),
    }
}

impl Engine<'_> {
    /// Has the machine fetch what the next events need while this one is handled.
    pub(super) fn fetch_ahead(&mut self) {
        if self.has_txs {
            self.fetch_for_wake();
        }
        if let Some((order, happening)) = self.queue.upcoming(FAR_AHEAD) {
            let node = order.node();
            let n = node as usize;
            match happening {
                Happening::Numbered(_, message) => {
                    if let Numbered::GetData(txs) | Numbered::Txs(txs) = message {
                        fetch_at(txs.as_ptr().cast(), PART_BYTES);
                    }
                    if !self.follows_its_node(FAR_AHEAD, node) {
                        self.links.fetch(node);
                        self.wakes.fetch(node);
                        self.nodes[n].near_txs(Some(message), fetch_at);
                    }
                }
                _ => {
                    let need = need(happening);
                    self.links.fetch(node);
                    self.nodes[n].near_block(need, fetch_at);
                    self.announcements.fetch(node);
                    match need {
                        // What it asks for may be late one day.
                        Need::Hear => self.wakes.fetch(node),
                        Need::Give => {}
                        Need::Take => {
                            fetch(&self.seats[n], size_of::<Seat>());
                            self.successes.fetch(node);
                        }
                    }
                }
            }
        }
        if let Some((order, happening)) = self.queue.upcoming(AHEAD) {
            let node = order.node();
            let n = node as usize;
            match happening {
                Happening::Numbered(peer, message) => {
                    if !self.follows_its_node(AHEAD, node) {
                        self.nodes[n].far_txs(&self.worlds[0], Some(message), fetch_at);
                    }
                    return self.links.fetch_neighbour(node, peer.0);
                }
                Happening::Arrive(peer, ..) | Happening::Announce(peer, _) => {
                    let need = need(happening);
                    self.nodes[n].far_block(need, *peer, fetch_at);
                    match need {
                        // It is most likely to be announced.
                        Need::Take => self.links.fetch_neighbours(node),
                        Need::Hear | Need::Give => self.links.fetch_neighbour(node, peer.0),
                    }
                }
                _ => {}
            }
            if let Happening::Arrive(_, _, message) = happening {
                fetch_at(outside(message), 1);
            }
        }
        // The agent is asked for new duties then, and the block is announced. What was fetched names where the agent's state
        // is, and who the neighbours are.
        if let Some((order, happening @ Happening::Arrive(..))) = self.queue.upcoming(NEXT)
            && need(happening) == Need::Take
        {
            let node = order.node();
            fetch_at(self.nodes[node as usize].agent_state(), 1);
            self.links.fetched_neighbours(node).for_each(|to| self.announcements.fetch(to));
        }
    }

    /// Whether the event so many places ahead comes right after another one of its node, for which the same is fetched, nearly
    /// always: what one neighbour after the other asks a node for comes together.
    fn follows_its_node(&self, places: usize, node: u32) -> bool {
        self.queue.upcoming(places - 1).is_some_and(|(before, _)| before.node() == node)
    }

    /// The timers are those of announcements: the node first, what it refers to an event later, and then what that
    /// refers to.
    pub(super) fn fetch_for_wake(&mut self) {
        let (_, node) = self.wakes.first();
        let next = &self.nodes[node as usize];
        let (known, step) = self.next_wake;
        self.next_wake = (node, if known == node { step.saturating_add(1) } else { 0 });
        match self.next_wake.1 {
            0 => {
                next.near_txs(None, fetch_at);
                self.links.fetch(node);
            }
            1 => {
                next.far_txs(&self.worlds[0], None, fetch_at);
                self.links.fetch_neighbours(node);
            }
            2 => next.farther_txs(fetch_at),
            _ => {}
        }
    }
}
