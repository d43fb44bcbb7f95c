//! Networks of nodes under virtual time.

#![allow(missing_docs)]

mod lockstep;
mod rules;

use fika_core::amount::{Amount, COIN};
use fika_core::header::SECOND;
use fika_core::message::{Item, Message};
use fika_core::node::{Event, Input, PeerId, PeerMessage};
use fika_core::world::ledger::{Entries, Space, amount_of};
use lockstep::{Lockstep, Setup};
use rules::{FixedWork, RoundRobin};

fn work() -> Setup {
    Setup::new(|env| Box::new(FixedWork(env.clone())))
}

fn turns() -> Setup {
    Setup::new(|env| Box::new(RoundRobin(env.clone())))
}

fn busy_run(setup: Setup, seconds: u64) -> Lockstep {
    let mut net = setup.start();
    for round in 1..seconds / 50 {
        net.run(round * 50 * SECOND);
        net.pay((round % 5) as u32, ((round + 2) % 5) as u32, 1 + round % 7);
    }
    net.run(seconds * SECOND);
    net
}

/// Everyone's money adds up to the supply, and the supply to what was issued.
fn assert_supply(net: &Lockstep, node: u32) {
    let world = net.world(node);
    let state = world.state(net.nodes[node as usize].tip());
    let held: Amount = [Space::Balance, Space::Locked]
        .iter()
        .flat_map(|space| state.entries(&space.key(&[])))
        .map(|(_, value)| amount_of(Some(&value)))
        .sum();
    let issued = Amount(5 * net.setup.coins.0 + 50 * COIN.0 * net.height(node));
    assert_eq!((held, world.supply(net.nodes[node as usize].tip())), (issued, issued));
}

#[test]
fn nodes_agree_pay_and_keep_the_supply() {
    for setup in [work(), turns()] {
        let net = busy_run(setup, 2_000);
        net.assert_healthy();
        assert!(net.height(0) > 100, "height {}", net.height(0));
        let lowest = (0..5).map(|node| net.height(node)).min().unwrap();
        assert!(net.height(0) - lowest <= 2);
        let confirmed = net.events.iter().filter(|(_, _, event)| matches!(event, Event::Confirmed { .. })).count();
        assert!(confirmed >= 36, "{confirmed} payments confirmed");
        (0..5).for_each(|node| assert_supply(&net, node));
    }
}

#[test]
fn one_world_or_one_each_makes_no_difference() {
    for make in [work, turns] {
        for seed in 1..=5 {
            let shared = busy_run(Setup { seed, ..make() }, 600);
            let private = busy_run(Setup { seed, private: true, ..make() }, 600);
            assert_eq!(shared.trace, private.trace, "seed {seed}");
            let other = busy_run(Setup { seed: seed + 100, ..make() }, 600);
            assert_ne!(shared.trace, other.trace);
        }
    }
}

#[test]
fn a_partition_ends_in_one_chain_and_lost_transactions_come_back() {
    let mut net = work().start();
    net.run(300 * SECOND);
    net.cut = vec![(1, 2), (4, 0)];
    net.pay(0, 1, 7);
    net.run(2_500 * SECOND);
    assert_ne!(net.tip(0), net.tip(3), "two sides");
    net.cut.clear();
    for node in 0..5 {
        for peer in 0..2 {
            net.give(node, Input::Connected(PeerId(peer)));
        }
    }
    net.run(3_200 * SECOND);
    let common = (0..5).map(|node| net.height(node)).min().unwrap();
    assert!((0..5).all(|node| net.height(node) - common <= 1), "one chain again");
    let deepest = net.events.iter().filter_map(|(_, _, event)| match event {
        Event::Tip { reorg_depth, .. } => Some(*reorg_depth),
        _ => None,
    });
    assert!(deepest.max().unwrap() > 64, "deeper than the states that are kept at hand");
    let paid = net.nodes[0].history().iter().all(|own| own.confirmed.is_some());
    assert!(paid, "the payment of the losing or winning side is in the chain");
    (0..5).for_each(|node| assert_supply(&net, node));
    net.assert_healthy();
}

#[test]
fn what_a_node_has_not_accepted_is_invisible_to_it() {
    let mut net = turns().start();
    net.cut = vec![(0, 1), (4, 0)];
    net.run(200 * SECOND);
    assert_eq!(net.height(0), 4, "alone, node 0 fills only its own slots");
    let tip = net.tip(2);
    assert!(net.world(0).tree().find(&tip).is_some(), "the shared world knows the block");
    assert!(!net.nodes[0].has_block(net.world(0), &tip));
    net.give(0, Input::Message(PeerId(0), PeerMessage::Other(Message::GetData(vec![Item::Block(tip)]))));
    net.run(201 * SECOND);
    let accepted = |event: &Event| matches!(event, Event::BlockAccepted { from: Some(_), .. });
    assert!(net.events.iter().all(|(_, node, event)| *node != 0 || !accepted(event)));
}

#[test]
fn a_late_node_catches_up_headers_first() {
    let mut net = turns().start();
    net.cut = vec![(2, 3), (3, 4)];
    net.run(12_000 * SECOND);
    assert!(net.height(0) > 900);
    net.cut.clear();
    net.give(3, Input::Connected(PeerId(0)));
    net.run(12_105 * SECOND);
    net.assert_healthy();
    assert_eq!(net.tip(3), net.tip(0), "heights {} and {}", net.height(3), net.height(0));
}

#[test]
fn whoever_has_no_block_hears_of_them_from_those_who_greet_it() {
    let mut net = Setup { seed: 2, hash_rate: |node| if node == 3 { 1 } else { 50 }, ..work() }.start();
    net.cut = vec![(2, 3), (3, 4)];
    net.run(20 * SECOND);
    assert!(
        net.sent.iter().all(|(_, _, message)| !matches!(message, Message::GetHeaders(_))),
        "all began with nothing"
    );
    assert!(net.height(0) > 50 && net.height(3) == 0, "heights {} and {}", net.height(0), net.height(3));
    net.cut = vec![(3, 4)];
    net.give(3, Input::Connected(PeerId(0)));
    assert!(net.sent.iter().all(|(_, _, message)| !matches!(message, Message::GetHeaders(_))));
    net.give(2, Input::Connected(PeerId(1)));
    let greeted = net.now;
    net.run(greeted + 2 * SECOND);
    net.assert_healthy();
    assert!(net.height(2) - net.height(3) <= 2, "heights {} and {}", net.height(3), net.height(2));
    let (_, _, first) = net.sent.iter().find(|(from, to, _)| (*from, *to) == (3, 2)).unwrap();
    assert_eq!(*first, Message::Headers(Vec::new()), "it is asked first");
}
