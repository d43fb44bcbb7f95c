//! Which consensus messages a node passes on: those that its agent lets through.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx, Gossip};
use fika_core::message::{GossipMessage, Message};
use fika_core::node::{Dest, Event, PeerId};
use fika_core::testing::Setup;
use rules::quiet::Quiet;
use solo::Solo;

/// Sorts messages by their first byte, wherever they go.
struct Sorting;

impl Attack for Sorting {
    fn agent(&self, _: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Sorting)
    }
}

fn verdict(bytes: &[u8]) -> Gossip {
    match bytes[0] {
        0 => Gossip::Forward,
        1 => Gossip::Ignore,
        _ => Gossip::Penalize,
    }
}

impl Agent for Sorting {
    fn on_message(&mut self, _: &Address, bytes: &[u8], _: &mut Ctx<'_>) -> Gossip {
        verdict(bytes)
    }

    fn on_passing(&mut self, _: &Address, _: &Address, bytes: &[u8], _: &mut Ctx<'_>) -> Gossip {
        verdict(bytes)
    }
}

/// Whether the node passes a message on, and whether it blames the neighbour that brought it.
fn fate(solo: &mut Solo, to: Option<Address>, byte: u8) -> (bool, bool) {
    let message = GossipMessage { from: Address([7; 20]), to, sequence: 1, bytes: vec![byte] };
    let answer = solo.hear(1, Message::Gossip(Arc::new(message)));
    let is_passed_on = |(dest, message): &(Dest, Message)| {
        matches!((dest, message), (Dest::AllBut(Some(PeerId(1))), Message::Gossip(_)))
    };
    let is_blamed = |event: &Event| matches!(event, Event::Misbehaved { peer: PeerId(1), .. });
    (answer.messages.iter().any(is_passed_on), answer.events.iter().any(is_blamed))
}

#[test]
fn what_the_agent_refuses_is_not_passed_on_to_anybody() {
    let mut solo = Solo::new(Setup::new(|_| Ok(Quiet)).attack(0, Sorting));
    for to in [None, Some(Address([9; 20]))] {
        assert_eq!(fate(&mut solo, to, 0), (true, false), "{to:?}");
        assert_eq!(fate(&mut solo, to, 1), (false, false), "{to:?}");
        assert_eq!(fate(&mut solo, to, 2), (false, true), "{to:?}");
    }
}

#[test]
fn a_chain_whose_agents_say_nothing_relays_nothing() {
    let mut solo = Solo::new(Setup::new(|_| Ok(Quiet)));
    for to in [None, Some(Address([9; 20]))] {
        assert_eq!(fate(&mut solo, to, 0), (false, false), "{to:?}");
    }
}
