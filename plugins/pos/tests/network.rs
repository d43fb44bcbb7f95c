//! Nodes that lead slots under `pos` in virtual time.

use fika_core::header::SECOND;
use fika_core::plugin::Plugin;
use fika_core::testing::consensus::promises;
use fika_core::testing::{Network, Setup};
use fika_pos::{Params, Pos};

fn setup() -> Setup {
    Setup::new(|env| Pos::new(Params { epoch_slots: 10, ..Params::default() }, env))
}

fn run(setup: Setup, seconds: u64) -> Network {
    let mut net = setup.start();
    for round in 1..10 {
        net.run(round * 30 * SECOND);
        net.pay((round % 5) as u32, ((round + 1) % 5) as u32, 5 * round);
    }
    net.run(seconds * SECOND);
    net.assert_healthy();
    net.assert_supply_follows_the_schedule();
    net.assert_payments_confirmed_once();
    net
}

#[test]
fn the_promises_of_a_consensus_are_kept() {
    promises(&setup());
}

/// A slot is ten seconds: everybody has the block of the last one, and no slot stays empty.
#[test]
fn every_slot_has_its_block_in_one_world_and_in_many() {
    let shared = run(setup().shared_world(), 2_005);
    shared.assert_agreement(0);
    assert_eq!(shared.height(0), 200);
    assert_eq!(shared.trace(), run(setup(), 2_005).trace());
}

/// Nodes 3 and 4 are away for a while: the slots of either side stay empty on the other, and then all follow the
/// longer chain.
#[test]
fn a_parted_network_goes_on_and_heals() {
    let mut net = setup().start();
    net.run(305 * SECOND);
    net.partition(&[&[3, 4]]);
    // Up to slot 49, the end of epoch 4, both sides draw from the blocks before the cut.
    net.run(495 * SECOND);
    // Who leads more slots is the draw's choice.
    let (three, two) = (net.height(0), net.height(3));
    assert!(three > 30 && two > 30, "{three} and {two} blocks");
    assert_eq!(three - 30 + two - 30, 19, "each slot has a block on one side");
    net.heal();
    net.run(1_005 * SECOND);
    net.assert_healthy();
    net.assert_agreement(0);
    assert!(net.height(0) >= three.max(two) + 50, "height {} after {three} and {two}", net.height(0));
}

/// A leader that is killed in the midst of its slots signs none of them twice.
#[test]
fn a_restarted_leader_signs_no_slot_twice() {
    for seed in 1..=10 {
        let mut setup = setup().seed(seed);
        // In the very second in which slots begin, and in between.
        for n in 0..10 {
            let from = (50 + 60 * n) * SECOND + n * 300_000;
            setup = setup.crash(from..from + n * SECOND / 5, (n % 5) as u32);
        }
        let net = run(setup, 1_005);
        net.assert_agreement(0);
        assert!(net.height(0) > 90, "height {}", net.height(0));
    }
}

/// Both blocks of an equivocator's slot are valid, and all agree on one of them.
#[test]
fn an_equivocator_forks_the_chain_but_parts_nobody() {
    let net = run(setup().equivocator(2), 1_005);
    let slots: Vec<u32> = net.accepted(0).iter().map(|block| block.head.header.time).collect();
    let mut once = slots.clone();
    once.dedup();
    assert!(slots.len() > once.len() + 5, "{} blocks in {} slots", slots.len(), once.len());
    net.assert_agreement(0);
    assert_eq!(net.height(0), 100, "no slot is lost by it");
}
