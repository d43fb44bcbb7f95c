//! Nodes that mine under `pow` in virtual time.

use fika_core::env::Proof;
use fika_core::header::SECOND;
use fika_core::plugin::Plugin;
use fika_core::testing::adversary::Delaying;
use fika_core::testing::consensus::promises;
use fika_core::testing::{Network, Setup};
use fika_pow::{Params, Pow, Retarget};

/// Five nodes find a block every ten seconds when it costs this many tries.
const TRIES: u64 = 50_000_000;

fn pow(initial_tries: u64, retarget: Retarget) -> Setup {
    let params = Params { initial_tries, retarget, retarget_interval: 40, half_life_blocks: 8, ..Params::default() };
    Setup::new(move |env| Pow::new(params.clone(), env))
}

fn run(setup: Setup, seconds: u64) -> Network {
    let mut net = setup.start();
    for n in 0..5 {
        net.run((10 + u64::from(n)) * SECOND);
        net.pay(n, (n + 1) % 5, 3);
    }
    net.run(seconds * SECOND);
    net.assert_healthy();
    net.assert_agreement(2);
    net.assert_supply_follows_the_schedule();
    net.assert_payments_confirmed_once();
    net
}

#[test]
fn the_promises_of_a_consensus_are_kept() {
    for retarget in [Retarget::Bitcoin, Retarget::PerBlock, Retarget::None] {
        promises(&pow(TRIES, retarget));
    }
}

#[test]
fn miners_agree_in_one_world_and_in_many() {
    let shared = run(pow(TRIES, Retarget::Bitcoin).shared_world(), 1_000);
    let private = run(pow(TRIES, Retarget::Bitcoin), 1_000);
    assert_eq!(shared.trace(), private.trace());
    assert!((60..150).contains(&shared.height(0)), "height {}", shared.height(0));
}

#[test]
fn both_retargets_find_the_interval_from_a_wrong_start() {
    for retarget in [Retarget::Bitcoin, Retarget::PerBlock] {
        // Ten times too easy.
        let mut net = run(pow(TRIES / 10, retarget).shared_world(), 2_000);
        let settled = net.height(0);
        net.run(6_000 * SECOND);
        let grown = net.height(0) - settled;
        assert!((300..500).contains(&grown), "{grown} blocks in 4,000 s");
    }
}

/// Nonces are searched, and every node checks them.
#[test]
fn real_work_is_found_and_checked() {
    let setup = pow(2_000, Retarget::None).chain(|chain| chain.proof = Proof::Real).hash_rate(|_| 40);
    let net = run(setup, 600);
    assert!((30..100).contains(&net.height(0)), "height {}", net.height(0));
    for block in net.chain(0).iter().skip(1) {
        let header = &block.head.header;
        assert_eq!(net.world(0).rules().consensus.check_work(header), Ok(()));
    }
}

/// A miner that publishes late wastes its own work above all, and harms nobody's ledger.
#[test]
fn a_miner_that_publishes_late_loses_blocks() {
    let net = run(pow(TRIES, Retarget::None).attack(0, Delaying { by_us: 8 * SECOND }), 4_000);
    let stale = |node| {
        let chain: Vec<_> = net.chain(1).iter().map(|block| block.id()).collect();
        let made = net.produced(node);
        (made.iter().filter(|(_, id)| !chain.contains(id)).count(), made.len())
    };
    let ((late, of), (prompt, of_prompt)) = (stale(0), stale(2));
    assert!(late * of_prompt > 2 * prompt * of, "{late} of {of} stale, and {prompt} of {of_prompt}");
}
