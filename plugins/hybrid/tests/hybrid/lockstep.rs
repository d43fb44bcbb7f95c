//! Five nodes of which some grind and all stake, in virtual time.

#[path = "../../../../fika-core/tests/lockstep/mod.rs"]
mod runtime;

use fika_core::consensus::Consensus;
use fika_core::env::Env;
use fika_core::header::SECOND;
use fika_core::node::Event;
use fika_core::plugin::Plugin;
use fika_hybrid::{Hybrid, Params, STAKE};
use fika_utxo::Utxo;
use runtime::{Lockstep, Setup};

/// Five nodes hash five million times a second and hold 500 coins; a block of each kind comes every 20 s.
fn hybrid(env: &Env) -> Box<dyn Consensus> {
    let params = Params { initial_tries: 100_000_000, initial_stake_coins: 500, ..Params::default() };
    Box::new(Hybrid::new(params, env).unwrap())
}

fn run(private: bool) -> Lockstep {
    let mut net =
        Setup { private, tx: |env| Box::new(Utxo::new(Default::default(), env).unwrap()), ..Setup::new(hybrid) }
            .start();
    for round in 1..10 {
        net.run(round * 30 * SECOND);
        net.pay((round % 5) as u32, ((round + 1) % 5) as u32, 5 * round);
    }
    net.run(3_000 * SECOND);
    net
}

#[test]
fn nodes_agree_on_blocks_of_both_kinds() {
    let shared = run(false);
    shared.assert_healthy();
    assert_eq!(shared.trace, run(true).trace);
    let tree = shared.world(0).tree();
    let kinds = shared.events.iter().filter_map(|(_, _, event)| match event {
        Event::Produced { block } => Some(tree[*block].header.version),
        _ => None,
    });
    let kinds: Vec<u32> = kinds.collect();
    let stakes = kinds.iter().filter(|version| **version == STAKE).count();
    let lowest = (0..5).map(|node| shared.height(node)).min().unwrap();
    assert!(shared.height(0) <= lowest + 2 && lowest > 200, "heights {} and {lowest}", shared.height(0));
    assert!(stakes > kinds.len() / 4 && stakes < kinds.len() * 3 / 4, "{stakes} of {} blocks by stake", kinds.len());
}
