//! Nodes that grind and stake under `hybrid`, in virtual time.

use fika_core::header::SECOND;
use fika_core::plugin::Plugin;
use fika_core::testing::consensus::promises;
use fika_core::testing::{Network, Setup};
use fika_hybrid::{Hybrid, Params, STAKE};
use fika_utxo::Utxo;

/// Five nodes hash five million times a second and hold 500 coins; a block of each kind comes every 20 s.
fn params() -> Params {
    Params { initial_tries: 100_000_000, initial_stake_coins: 500, ..Params::default() }
}

fn setup(params: Params) -> Setup {
    Setup::new(move |env| Hybrid::new(params.clone(), env)).tx(|env| Utxo::new(Default::default(), env))
}

/// 3,000 s with a few payments.
fn run(setup: Setup) -> Network {
    let mut net = setup.start();
    for round in 1..10 {
        net.run(round * 30 * SECOND);
        net.pay((round % 5) as u32, ((round + 1) % 5) as u32, 5 * round);
    }
    net.run(3_000 * SECOND);
    net.assert_healthy();
    net.assert_agreement(2);
    net.assert_supply_follows_the_schedule();
    net.assert_payments_confirmed_once();
    net
}

/// How many blocks were made, and how many of them by stake.
fn kinds(net: &Network) -> (usize, usize) {
    let versions: Vec<u32> = net.accepted(0).iter().map(|block| block.head.header.version).collect();
    (versions.len(), versions.iter().filter(|version| **version == STAKE).count())
}

#[test]
fn the_promises_of_a_consensus_are_kept() {
    promises(&setup(params()));
}

#[test]
fn both_kinds_together_keep_the_block_interval() {
    let shared = run(setup(params()).shared_world());
    assert_eq!(shared.trace(), run(setup(params())).trace());
    let (all, stakes) = kinds(&shared);
    assert!((240..360).contains(&all), "{all} blocks in 300 intervals");
    assert!((all / 3..all * 2 / 3).contains(&stakes), "{stakes} of {all} blocks by stake");
    let world = shared.world(0);
    for block in shared.accepted(0) {
        let origin = world.origin(world.tree().find(&block.id()).unwrap());
        let by_stake = block.head.header.version == STAKE;
        assert_eq!(
            (origin.kind.as_str(), origin.coin.is_empty()),
            if by_stake { ("stake", false) } else { ("work", true) }
        );
    }
}

#[test]
fn a_chain_lives_on_stake_alone() {
    let (all, stakes) = kinds(&run(setup(Params { initial_tries: 1 << 50, ..params() }).shared_world()));
    assert_eq!(all, stakes);
    assert!((110..190).contains(&all), "{all} blocks in 150 intervals");
}

#[test]
fn a_chain_lives_on_work_alone() {
    // No coin ever becomes old enough.
    let young = Params { min_age_ms: 1_000_000_000, max_age_ms: 2_000_000_000, ..params() };
    let (all, stakes) = kinds(&run(setup(young).shared_world()));
    assert_eq!(stakes, 0);
    assert!((110..190).contains(&all), "{all} blocks in 150 intervals");
}

/// A staker that is killed right after it has signed, and restarted at once, signs no other block for that time.
#[test]
fn a_restarted_staker_signs_no_time_twice() {
    let mut net = setup(Params { initial_tries: 1 << 50, ..params() }).start();
    for _ in 0..30 {
        // As soon as somebody has made a block, before that is durable.
        let blocks = |net: &Network| (0..5).map(|node| net.produced(node).len()).collect::<Vec<_>>();
        let before = blocks(&net);
        net.run_until(net.now() + 1_000 * SECOND, |net| blocks(net) != before);
        let maker = (0..5).find(|node| blocks(&net)[*node as usize] > before[*node as usize]).unwrap();
        net.kill(maker);
        net.run(net.now() + 100_000);
        net.restart(maker);
    }
    net.run(net.now() + 100 * SECOND);
    net.assert_healthy();
    net.assert_agreement(2);
}
