//! Nodes that mine under `pow` in virtual time.

use std::collections::BTreeMap;

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

/// One clock is an hour ahead and one 50 minutes behind. Each block has the first time from its producer's own clock on that
/// lies above the median of eleven: the fast clock drags nobody, and the slow one does what the rule wants and no more.
#[test]
fn each_header_has_its_producers_own_time() {
    let offsets = |node| [3_600_000, -3_000_000, 0, 0, 0][node as usize];
    let interval = |chain: &mut fika_core::env::ChainParams| chain.block_interval_us = 600 * SECOND;
    for proof in [Proof::Sampled, Proof::Real] {
        // Real work costs less, so that all clocks reach the same height.
        let (tries, rate) = if proof == Proof::Real { (3_000, 1) } else { (3_000_000_000, 1_000_000) };
        let setup = pow(tries, Retarget::None).chain(interval).chain(|chain| chain.proof = proof);
        let setup = setup.config(|_, config| config.template_age_us = 20 * SECOND);
        let setup = setup.hash_rate(move |_| rate).clock(0, 3_600_000_000).clock(1, -3_000_000_000);
        let mut net = setup.start();
        net.run(130_000 * SECOND);
        net.assert_healthy();
        let blocks = net.accepted(2);
        let headers: BTreeMap<_, _> = blocks.iter().map(|block| (block.id(), block.head.header)).collect();
        let median = |mut parent| {
            let mut times = Vec::new();
            while let Some(header) = headers.get(&parent).filter(|_| times.len() < 11) {
                times.push(header.time);
                parent = header.parent;
            }
            // Genesis is at 0.
            times.resize(times.len() + usize::from(times.len() < 11), 0);
            times.sort_unstable();
            times[times.len() / 2]
        };
        let (mut checked, mut by_median) = (0, 0);
        for node in 0..5 {
            for (at, id) in net.produced(node) {
                let Some(header) = headers.get(id) else { continue };
                // Ticks are milliseconds, and a template is up to 20 s old.
                let clock = (*at / 1_000) as i64 + offsets(node);
                let (after, found) = (i64::from(median(header.parent)) + 1, i64::from(header.time));
                let right = after.max(clock - 20_000)..=after.max(clock);
                assert!(right.contains(&found), "node {node} made {found} and not {right:?}");
                checked += 1;
                by_median += usize::from(after > clock);
            }
        }
        assert!(checked > 150 && by_median > 10, "{checked} blocks, {by_median} by the median");
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
