//! How simulated runs end.

use super::tests::{SHARED, outcome, read};
use super::*;

fn end(text: &str, changes: &[&str]) -> sim::Outcome {
    outcome(text, changes, SHARED)
}

/// Miners, and a wallet that pays once.
const WALLET: &str = r#"
[experiment]
engine = "sim"
stop_height = 12
[chain]
tick = "1 ms"
block_interval = "2 s"
proof = "sampled"
[network]
nodes = 4
link = { latency = "300 ms" }
[[nodes]]
name = "w"
role = "wallet"
coins = [10]
peers = ["n1"]
[[load]]
at = "1 s"
from = "w"
to = "n2"
amount = 3
"#;

fn produced(outcome: &sim::Outcome) -> u64 {
    outcome.chain.nodes.iter().map(|node| node.produced).sum()
}

#[test]
fn the_end_is_the_moment_of_the_stop() {
    for seed in 1..=12 {
        let outcome = end(WALLET, &[&format!("experiment.seed={seed}")]);
        assert_eq!(outcome.ended, Ended::StopHeight, "{seed}");
        let tips: Vec<_> = outcome.nodes.iter().map(|node| node.tip).collect();
        assert!(tips.iter().all(|tip| tip.is_some() && *tip == tips[0]), "{seed}: the wallet's too: {tips:?}");
        let last_us = outcome.chain.blocks.values().flat_map(|block| &block.arrivals).map(|(_, at)| *at).max();
        assert_eq!(last_us, Some(outcome.duration_us), "{seed}: the last block made them agree, and none came later");
        assert!(outcome.chain.payments[0].confirmed.is_some(), "{seed}: the wallet is told");
    }
}

#[test]
fn a_run_of_no_time_has_no_block() {
    let outcome = end(WALLET, &["experiment.stop_time=0 s"]);
    assert_eq!((outcome.ended, produced(&outcome)), (Ended::StopTime, 0));
    let outcome = end(WALLET, &["experiment.stop_height=1", "load=[]", "network.link={}"]);
    assert_eq!((outcome.ended, outcome.nodes[0].tip.map(|(_, height)| height)), (Ended::StopHeight, Some(1)));
}

#[test]
fn a_run_without_progress_ends_and_says_why() {
    // Nobody has stake.
    let outcome = end(WALLET, &["consensus.plugin=pos", "nodes=[]", "load=[]"]);
    assert_eq!((outcome.ended, produced(&outcome)), (Ended::Stalled, 0));
    let why = outcome.why.expect("a reason");
    assert!(why.starts_with("no block for 33 min 20 s (1000 block intervals); no node has work"), "{why}");
    // A time that is given ends it as well.
    let changes = ["consensus.plugin=pos", "nodes=[]", "load=[]", "experiment.stop_time=2 h"];
    assert_eq!(end(WALLET, &changes).ended, Ended::StopTime);
}

#[test]
fn a_run_ends_at_the_next_event_once_somebody_asks() {
    let (experiment, plugins) = read(WALLET, &["experiment.stop_height=1000000"]);
    let stage = Stage::new(&experiment, &plugins).expect("a stage");
    let worlds = vec![stage.world(&experiment, &plugins).expect("a world")];
    let simulation = Simulation { is_asked: || true, ..stage.simulation(&experiment, worlds, true) };
    let outcome = simulation.run(&mut |_| Some(Ended::Interrupted));
    assert_eq!((outcome.ended, outcome.duration_us), (Ended::Interrupted, 0));
}

#[test]
fn the_name_changes_nothing() {
    let hash = |name: &str| end(WALLET, &[&format!("experiment.name={name}")]).simulated.trace_hash;
    assert_eq!(hash("small"), hash("copy"));
}
