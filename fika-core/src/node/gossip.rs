//! Messages of consensus agents: each passed on once, where the agent says so.

use std::sync::Arc;

use super::config::Role;
use super::io::Event;
use super::peer::PeerId;
use super::price;
use super::state::Node;
use super::turn::Turn;
use crate::address::Address;
use crate::message::{GossipMessage, InvItem, Message};

impl Node {
    /// The agent says something to one node, or to all.
    pub(super) fn say(&mut self, turn: &mut Turn<'_>, to: Option<Address>, bytes: Vec<u8>) {
        self.seldom.gossip.made += 1;
        // Unique after a restart too: the clock has moved on.
        let sequence = turn.now.wrapping_mul(1 << 10).wrapping_add(self.seldom.gossip.made);
        let message = Arc::new(GossipMessage { from: self.address, to, sequence, bytes });
        self.seldom.gossip.insert(&message, None, turn.now);
        turn.out.send_all(None, Message::Gossip(message));
    }

    #[inline(never)]
    pub(super) fn on_gossip(&mut self, turn: &mut Turn<'_>, from: PeerId, message: Arc<GossipMessage>) {
        if self.config.role == Role::Wallet || !self.seldom.gossip.insert(&message, Some(from), turn.now) {
            return;
        }
        if !self.requests.is_empty() {
            self.fulfil_request(turn, from, &InvItem::Gossip(message.id()));
        }
        if message.to.is_some_and(|to| to != self.address) {
            self.charge_traffic(turn, from, price::FORWARDED_GOSSIP);
        }
        let (by, bytes, me) = (&message.from, &message.bytes[..], self.address);
        let verdict = self.with_agent(turn, Some(from), |agent, _, ctx| match &message.to {
            Some(to) if *to != me => agent.on_passing(by, to, bytes, ctx),
            _ => agent.on_message(by, bytes, ctx),
        });
        if self.lets_pass(turn, from, verdict) && message.to != Some(self.address) {
            let id = message.id();
            turn.out.send_all(Some(from), Message::Gossip(message));
            turn.out.event(Event::Forwarded { id, what: "gossip" });
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
        self.lets_pass(turn, from, verdict);
    }
}
