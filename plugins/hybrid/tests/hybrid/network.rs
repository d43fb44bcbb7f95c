//! Five nodes that grind and stake under `hybrid`, in virtual time.

#[allow(clippy::disallowed_methods, reason = "virtual networks of tests run on one machine")]
#[path = "../../../../fika-core/tests/lockstep/mod.rs"]
mod lockstep;

use fika_core::consensus::Consensus;
use fika_core::env::Env;
use fika_core::header::SECOND;
use fika_core::node::Event;
use fika_core::plugin::Plugin;
use fika_hybrid::{Hybrid, Params, STAKE};
use fika_utxo::Utxo;
use lockstep::{Lockstep, Setup};

/// Five nodes hash five million times a second and hold 500 coins; a block of each kind comes every 20 s.
fn params() -> Params {
    Params { initial_tries: 100_000_000, initial_stake_coins: 500, ..Params::default() }
}

fn hybrid(params: Params, env: &Env) -> Box<dyn Consensus> {
    Box::new(Hybrid::new(params, env).unwrap())
}

/// 3,000 s with a few payments.
fn run(consensus: fn(&Env) -> Box<dyn Consensus>, private: bool) -> Lockstep {
    let tx = |env: &Env| -> Box<dyn fika_core::tx::TxFormat> { Box::new(Utxo::new(Default::default(), env).unwrap()) };
    let mut net = Setup { private, tx, ..Setup::new(consensus) }.start();
    for round in 1..10 {
        net.run(round * 30 * SECOND);
        net.pay((round % 5) as u32, ((round + 1) % 5) as u32, 5 * round);
    }
    net.run(3_000 * SECOND);
    net.assert_healthy();
    let lowest = (0..5).map(|node| net.height(node)).min().unwrap();
    assert!(net.height(0) <= lowest + 2, "heights {} and {lowest}", net.height(0));
    net
}

/// How many blocks were made, and how many of them by stake.
fn kinds(net: &Lockstep) -> (usize, usize) {
    let tree = net.world(0).tree();
    let versions = net.events.iter().filter_map(|(_, _, event)| match event {
        Event::Produced { block } => Some(tree[*block].header.version),
        _ => None,
    });
    let versions: Vec<u32> = versions.collect();
    (versions.len(), versions.iter().filter(|version| **version == STAKE).count())
}

#[test]
fn both_kinds_together_keep_the_block_interval() {
    let consensus = |env: &Env| hybrid(params(), env);
    let shared = run(consensus, false);
    assert_eq!(shared.trace, run(consensus, true).trace);
    let (all, stakes) = kinds(&shared);
    assert!((240..360).contains(&all), "{all} blocks in 300 intervals");
    assert!((all / 3..all * 2 / 3).contains(&stakes), "{stakes} of {all} blocks by stake");
}

#[test]
fn a_chain_lives_on_stake_alone() {
    let (all, stakes) = kinds(&run(|env| hybrid(Params { initial_tries: 1 << 50, ..params() }, env), false));
    assert_eq!(all, stakes);
    assert!((110..190).contains(&all), "{all} blocks in 150 intervals");
}

#[test]
fn a_chain_lives_on_work_alone() {
    let consensus = |env: &Env| {
        // No coin ever becomes old enough.
        hybrid(Params { min_age_ms: 1_000_000_000, max_age_ms: 2_000_000_000, ..params() }, env)
    };
    let (all, stakes) = kinds(&run(consensus, false));
    assert_eq!(stakes, 0);
    assert!((110..190).contains(&all), "{all} blocks in 150 intervals");
}
