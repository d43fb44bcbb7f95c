//! Nodes under floods: they go on, they keep their memory and their logs small, and they cut off who floods.

use std::fs;
use std::time::{Duration, Instant};

use fika_core::amount::Amount;
use fika_core::transport::Hello;

use super::intruder::{self, FLOODS, Flood};
use super::network::{Network, Plan};
use crate::experiment::{Load, Parties, Role, When};

/// The node that is flooded, and one that is not.
const FLOODED: usize = 0;
const QUIET: usize = 1;

/// How a flooded node fared.
#[derive(Debug)]
struct Fared {
    /// How many blocks its tip was behind that of the quiet node, at most.
    behind: u64,
    /// The longest wait for an answer of its control socket.
    slowest: Duration,
    /// How many blocks it got.
    blocks: u64,
    /// How much more memory it had than before, at most.
    grown_kib: u64,
    /// The lengths of its log and its journal.
    written: u64,
    /// How often it has banned somebody.
    bans: usize,
}

/// About a block a second and twenty payments a second; neighbours of the first node that flood.
fn network(floods: &[Flood]) -> Network {
    let names = ["m0", "m1", "m2", "m3", "m4", "m5"];
    let mut nodes = vec![
        ("server1", Role::Full, 10_000, 100),
        ("server2", Role::Full, 10_000, 100),
        ("client", Role::Wallet, 0, 1000),
    ];
    nodes.extend(names[..floods.len()].iter().map(|name| (*name, Role::Full, 0, 0)));
    let mut links = vec![(FLOODED, QUIET), (2, QUIET)];
    links.extend((0..floods.len()).map(|n| (3 + n, FLOODED)));
    let mut plan = Plan::new(nodes, links);
    plan.chain.block_interval_us = 1_000_000;
    plan.plugins.consensus.params.insert("initial_tries".into(), 20_000.into());
    plan.load = vec![Load {
        from: Parties::Nodes(vec![2]),
        to: Parties::Nodes(vec![QUIET as u32]),
        amount: (Amount(1000), Amount(1000)),
        fee: Amount(10),
        when: When::Rate { start_us: 0, per_day_thousandths: 1_728_000_000, count: None },
    }];
    plan.lay_out()
}

fn memory_kib(network: &Network, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", network.pid(FLOODED))).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Lets all of these flood for so long, each as a neighbour of its own.
#[expect(clippy::print_stdout, reason = "the figures, for whoever runs it by hand")]
fn flooded(floods: &[Flood], time: Duration, ban_s: u64) -> Fared {
    let mut network = network(floods);
    network.setups[FLOODED].ban_s = ban_s;
    (0..3).for_each(|node| network.start(node));
    network.until(FLOODED, "it has blocks", |status| status.height >= 2);
    let chain = *network.chain(FLOODED).last().unwrap();
    let before = (network.status(FLOODED).blocks, memory_kib(&network, "VmRSS"));
    let begun = Instant::now();
    let intruders: Vec<_> = (2..)
        .zip(floods)
        .map(|(link, what)| {
            let hello = Hello { chain, name: format!("m{}", link - 2) };
            intruder::start(network.folder.path().join(format!("{link}.sock")), hello, *what, time)
        })
        .collect();
    let (mut behind, mut slowest) = (0, Duration::ZERO);
    while begun.elapsed() < time {
        std::thread::sleep(Duration::from_millis(200));
        let quiet = network.status(QUIET).height;
        let asked = Instant::now();
        let flooded = network.status(FLOODED).height;
        slowest = slowest.max(asked.elapsed());
        behind = behind.max(quiet.saturating_sub(flooded));
    }
    for (what, intruder) in floods.iter().zip(intruders) {
        println!("{what:?}: {:?}", intruder.join().unwrap());
    }
    let blocks = network.status(FLOODED).blocks - before.0;
    let length = |file: &str| fs::metadata(network.path(FLOODED, file)).unwrap().len();
    Fared {
        behind,
        slowest,
        blocks,
        grown_kib: memory_kib(&network, "VmHWM").saturating_sub(before.1),
        written: length("node.log") + length("events.jsonl"),
        bans: network.log(FLOODED).matches("misbehaved too much: banned").count(),
    }
}

#[expect(clippy::print_stdout, reason = "the figures, for whoever runs it by hand")]
fn goes_on(fared: &Fared, time: Duration) {
    println!("{fared:?}");
    assert!(fared.behind <= 2, "{fared:?}");
    assert!(fared.slowest < Duration::from_secs(2), "{fared:?}");
    // Not how many: that is a draw, and the machine may be busy with other tests.
    assert!(fared.blocks > 0, "{fared:?}");
    assert!(fared.grown_kib < 100 << 10, "{fared:?}");
    // Twenty payments and a block a second are some kilobytes.
    assert!(fared.written < (1 << 20) + time.as_secs() * (32 << 10), "{fared:?}");
}

fn bears(flood: Flood) {
    let time = Duration::from_secs(12);
    let fared = flooded(&[flood], time, 600);
    goes_on(&fared, time);
    assert_eq!(fared.bans, 1, "{fared:?}");
}

#[test]
fn a_node_bears_pings() {
    bears(Flood::Pings);
}

#[test]
fn a_node_bears_requests_for_headers() {
    bears(Flood::Headers);
}

#[test]
fn a_node_bears_payments_that_spend_nothing() {
    bears(Flood::Payments);
}

#[test]
fn a_node_bears_connections() {
    bears(Flood::Connections);
}

/// All floods at once, again and again, for ten minutes, or for so many seconds as `FIKA_FLOOD_SECONDS` says. The ban is
/// short, so that there is always somebody who floods.
#[test]
#[ignore = "takes ten minutes"]
fn a_node_under_load_bears_all_floods_for_long() {
    let seconds = std::env::var("FIKA_FLOOD_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(600);
    let time = Duration::from_secs(seconds);
    let fared = flooded(&FLOODS, time, 5);
    goes_on(&fared, time);
    assert!(fared.bans as u64 >= FLOODS.len() as u64 * seconds / 60, "{fared:?}");
}
