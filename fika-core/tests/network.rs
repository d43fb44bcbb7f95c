//! Networks of nodes under virtual time.

#![allow(missing_docs)]

mod rules;

use fika_core::hash::Id;
use fika_core::header::SECOND;
use fika_core::keys::{KeyPair, KeyScheme, NoKeys};
use fika_core::message::{InvItem, Message};
use fika_core::node::{Event, Input, PeerId, PeerMessage};
use fika_core::testing::{Network, Setup};
use rules::{FixedWork, RoundRobin};

fn work() -> Setup {
    Setup::new(|env| Ok(FixedWork(env.clone())))
}

fn turns() -> Setup {
    Setup::new(|env| Ok(RoundRobin(env.clone())))
}

fn busy_run(setup: Setup, seconds: u64) -> Network {
    let mut net = setup.start();
    for round in 1..seconds / 50 {
        net.run(round * 50 * SECOND);
        net.pay((round % 5) as u32, ((round + 2) % 5) as u32, 1 + round % 7);
    }
    net.run(seconds * SECOND);
    net
}

#[test]
fn nodes_agree_pay_and_keep_the_supply() {
    for setup in [work(), turns()] {
        let net = busy_run(setup, 2_000);
        net.assert_healthy();
        assert!(net.height(0) > 100, "height {}", net.height(0));
        net.assert_agreement(2);
        net.assert_payments_confirmed_once();
        net.assert_supply_follows_the_schedule();
    }
}

#[test]
fn one_world_or_one_each_makes_no_difference() {
    for make in [work, turns] {
        for seed in 1..=5 {
            let shared = busy_run(make().seed(seed).shared_world(), 600);
            let private = busy_run(make().seed(seed), 600);
            assert_eq!(shared.trace(), private.trace(), "seed {seed}");
            let other = busy_run(make().seed(seed + 100), 600);
            assert_ne!(shared.trace(), other.trace());
        }
    }
}

#[test]
fn a_partition_ends_in_one_chain_and_lost_transactions_come_back() {
    let mut net = work().start();
    net.run(300 * SECOND);
    net.partition(&[&[0, 1]]);
    net.pay(0, 1, 7);
    net.run(2_500 * SECOND);
    assert_ne!(net.tip(0), net.tip(3), "two sides");
    net.heal();
    net.run(3_200 * SECOND);
    net.assert_agreement(1);
    let deepest = net.events().iter().filter_map(|(_, _, event)| match event {
        Event::Tip { reorg_depth, .. } => Some(*reorg_depth),
        _ => None,
    });
    assert!(deepest.max().unwrap() > 64, "deeper than the states that are kept at hand");
    net.assert_payments_confirmed_once();
    net.assert_supply_follows_the_schedule();
    net.assert_healthy();
}

#[test]
fn what_a_node_has_not_accepted_is_invisible_to_it() {
    let mut net = turns().shared_world().start();
    net.lose(&[(0, 1), (4, 0)]);
    net.run(200 * SECOND);
    assert_eq!(net.height(0), 4, "alone, node 0 fills only its own slots");
    let tip = net.tip(2);
    assert!(net.world(0).tree().find(&tip).is_some(), "the shared world knows the block");
    assert!(!net.node(0).has_block(net.world(0), &tip));
    net.give(0, Input::Message(PeerId(0), PeerMessage::Other(Message::GetData(vec![InvItem::Block(tip)]))));
    net.run(201 * SECOND);
    let accepted = |event: &Event| matches!(event, Event::BlockAccepted { from: Some(_), .. });
    assert!(net.events().iter().all(|(_, node, event)| *node != 0 || !accepted(event)));
}

#[test]
fn a_late_node_catches_up_headers_first() {
    let mut net = turns().shared_world().start();
    net.lose(&[(2, 3), (3, 4)]);
    net.run(12_000 * SECOND);
    assert!(net.height(0) > 900);
    net.lose(&[]);
    net.give(3, Input::Connected(PeerId(0)));
    net.run(12_105 * SECOND);
    net.assert_healthy();
    assert_eq!(net.tip(3), net.tip(0), "heights {} and {}", net.height(3), net.height(0));
}

#[test]
fn whoever_has_no_block_hears_of_them_from_those_who_greet_it() {
    let rate = |node| if node == 3 { 0 } else { 50_000_000 };
    let mut net = work().seed(2).hash_rate(rate).start();
    net.lose(&[(2, 3), (3, 4)]);
    net.run(20 * SECOND);
    assert!(
        net.sent().iter().all(|(_, _, message)| !matches!(message, Message::GetHeaders(_))),
        "all began with nothing"
    );
    assert!(net.height(0) > 50 && net.height(3) == 0, "heights {} and {}", net.height(0), net.height(3));
    net.lose(&[(3, 4)]);
    net.give(3, Input::Connected(PeerId(0)));
    assert!(net.sent().iter().all(|(_, _, message)| !matches!(message, Message::GetHeaders(_))));
    net.give(2, Input::Connected(PeerId(1)));
    let greeted = net.now();
    net.run(greeted + 2 * SECOND);
    net.assert_healthy();
    assert!(net.height(2) - net.height(3) <= 2, "heights {} and {}", net.height(3), net.height(2));
    let (_, _, first) = net.sent().iter().find(|(from, to, _)| (*from, *to) == (3, 2)).unwrap();
    assert_eq!(*first, Message::Headers(Vec::new()), "it is asked first");
}

/// Keys whose signatures are as long as those of hash-based schemes.
struct LongSignatures;

const LONG: usize = 4_000;

impl KeyScheme for LongSignatures {
    fn generate(&self, seed: &Id) -> KeyPair {
        NoKeys.generate(seed)
    }

    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
        Ok([NoKeys.sign(kind, secret, digest)?, vec![0; LONG]].concat())
    }

    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        let short = signature.len().checked_sub(LONG).and_then(|short| signature.get(..short));
        short.is_some_and(|signature| NoKeys.verify(kind, key, digest, signature))
    }

    fn to_pem(&self, pair: &KeyPair) -> String {
        NoKeys.to_pem(pair)
    }

    fn from_pem(&self, pem: &str) -> Result<KeyPair, String> {
        NoKeys.from_pem(pem)
    }
}

#[test]
fn a_block_has_room_for_the_seal_that_its_producers_key_makes() {
    // Two payments and no seal, or one and a seal.
    let mut net = turns().keys(|_| Ok(LongSignatures)).chain(|chain| chain.max_block_bytes = 9_000).start();
    (0..5).for_each(|node| net.pay(node, (node + 1) % 5, 1));
    net.run(300 * SECOND);
    net.assert_healthy();
    assert!(net.height(0) > 20, "height {}", net.height(0));
    net.assert_payments_confirmed_once();
    let most = net.chain(0).iter().map(|block| block.txs.len()).max();
    assert_eq!(most, Some(2), "a coinbase and a payment");
}
