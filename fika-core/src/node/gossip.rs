//! Messages of consensus agents: each passed on once.

use std::collections::VecDeque;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::io::{Event, PeerId};
use super::rare::Empty;
use super::{Node, Role, Turn};
use crate::address::Address;
use crate::agent::Gossip;
use crate::hash::Id;
use crate::message::{GossipMessage, Message};
use crate::world::IdMap;

/// Messages remembered, so that none goes round twice.
const REMEMBERED: usize = 4_096;
/// Of these, kept whole.
const KEPT: usize = 256;
/// Points for a message that the agent says is wrong.
const BLAME_POINTS: u32 = 20;

/// The messages that a node has met.
#[derive(Default)]
pub(super) struct Gossips {
    known: IdMap<()>,
    order: VecDeque<Id>,
    kept: VecDeque<(Id, Arc<GossipMessage>)>,
    sequence: u64,
}

impl Empty for Gossips {
    const EMPTY: &'static Gossips = &Gossips {
        known: IdMap::with_hasher(BuildHasherDefault::new()),
        order: VecDeque::new(),
        kept: VecDeque::new(),
        sequence: 0,
    };
}

impl Gossips {
    pub(super) fn knows(&self, id: &Id) -> bool {
        self.known.contains_key(id)
    }

    pub(super) fn get(&self, id: &Id) -> Option<Arc<GossipMessage>> {
        self.kept.iter().find(|(known, _)| known == id).map(|(_, message)| message.clone())
    }

    /// Notes a message; whether it is new.
    fn note(&mut self, message: &Arc<GossipMessage>) -> bool {
        let id = message.id();
        if self.known.insert(id, ()).is_some() {
            return false;
        }
        self.order.push_back(id);
        self.kept.push_back((id, message.clone()));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

impl Node {
    /// The agent says something to one node, or to all.
    pub(super) fn say(&mut self, turn: &mut Turn<'_>, to: Option<Address>, bytes: Vec<u8>) {
        self.gossip.sequence += 1;
        // Unique after a restart too: the clock has moved on.
        let sequence = turn.now.wrapping_mul(1 << 10).wrapping_add(self.gossip.sequence);
        let message = Arc::new(GossipMessage { from: self.address, to, sequence, bytes });
        self.gossip.note(&message);
        turn.out.send_all(None, Message::Gossip(message));
    }

    #[inline(never)]
    pub(super) fn on_gossip(&mut self, turn: &mut Turn<'_>, from: PeerId, message: Arc<GossipMessage>) {
        if self.config.role == Role::Wallet || !self.gossip.note(&message) {
            return;
        }
        let verdict = match message.to {
            Some(to) if to != self.address => Gossip::Forward,
            _ => {
                self.with_agent(turn, Some(from), |agent, _, ctx| agent.on_message(&message.from, &message.bytes, ctx))
            }
        };
        match verdict {
            Gossip::Forward if message.to != Some(self.address) => {
                let id = message.id();
                turn.out.send_all(Some(from), Message::Gossip(message));
                turn.out.event(Event::Forwarded { id, what: "gossip" });
            }
            Gossip::Forward | Gossip::Ignore => {}
            Gossip::Blame => {
                self.blame(turn, Some(from), BLAME_POINTS, "it passed on a consensus message that is wrong")
            }
        }
    }

    /// Bytes from this neighbour's agent for this one alone.
    #[inline(never)]
    pub(super) fn on_direct(&mut self, turn: &mut Turn<'_>, from: PeerId, bytes: &[u8]) {
        if self.config.role == Role::Wallet {
            return;
        }
        // A direct message names no sender: its content must prove whatever matters.
        let nobody = Address::default();
        let verdict = self.with_agent(turn, Some(from), |agent, _, ctx| agent.on_message(&nobody, bytes, ctx));
        if verdict == Gossip::Blame {
            self.blame(turn, Some(from), BLAME_POINTS, "it sent a consensus message that is wrong");
        }
    }
}
