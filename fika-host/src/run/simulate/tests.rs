use fika_core::hash::Id;

use super::*;
use crate::Registry;
use crate::experiment::Override;
use crate::results::{Chain, Ended, Simulated};

/// How a run is made, which must not matter.
#[derive(Clone, Copy)]
pub(super) struct Way {
    /// A world for each node, so that nothing is validated once for all.
    pub(super) private: bool,
    pub(super) suppress: bool,
}

pub(super) const SHARED: Way = Way { private: false, suppress: true };

/// An experiment with some of its keys changed.
pub(super) fn read(text: &str, changes: &[impl AsRef<str>]) -> (Experiment, ResolvedPlugins) {
    let overrides = changes.iter().map(|change| Override::set(change.as_ref()).expect("an override"));
    let overrides: Vec<Override> = overrides.collect();
    let experiment = Experiment::parse("test.toml", text, &overrides).unwrap_or_else(|errors| panic!("{errors}"));
    let plugins = ResolvedPlugins::new(&experiment, &Registry::stock()).expect("stock plugins");
    (experiment, plugins)
}

/// Runs it until it ends.
pub(super) fn outcome(text: &str, changes: &[&str], way: Way) -> sim::Outcome {
    let (experiment, plugins) = read(text, changes);
    let stage = Stage::new(&experiment, &plugins).expect("a stage");
    let worlds = if way.private { experiment.nodes.len() } else { 1 };
    let worlds = (0..worlds).map(|_| stage.world(&experiment, &plugins).expect("a world")).collect();
    stage.simulation(&experiment, worlds, way.suppress).run(&mut |_| None)
}

fn run(text: &str, changes: &[&str], way: Way) -> (Simulated, Chain) {
    let outcome = outcome(text, changes, way);
    assert_eq!(outcome.ended, Ended::StopHeight, "{changes:?}");
    (outcome.simulated, outcome.chain)
}

fn hash(text: &str, changes: &[&str], way: Way) -> Id {
    run(text, changes, way).0.trace_hash
}

/// A network in which much happens at once: forks, payments, clocks that are wrong, messages that are lost.
const BUSY: &str = r#"
[experiment]
engine = "sim"
stop_height = 12
[chain]
block_interval = "2 s"
proof = "sampled"
tick = "1 ms"
[network]
nodes = 12
graph = { kind = "random_regular", degree = 4 }
link = { latency = { model = "pareto", mean = "80 ms" }, jitter = "20 ms", bandwidth = "2 Mbit/s", loss = "2 %", message_loss = "2 %" }
[relay]
request_timeout = "1 s"
[defaults.node]
clock_drift = "50 ppm"
coins = [10, 10, 10]
[[load]]
rate = "4/s"
count = 30
amount = "1..3"
fee = 1
"#;

const CONSENSUS: [&str; 3] = ["pow", "pos", "hybrid"];

#[test]
fn a_run_is_its_file_and_its_seed() {
    for consensus in CONSENSUS {
        let plugin = format!("consensus.plugin={consensus}");
        let mut hashes = std::collections::BTreeSet::new();
        for seed in 0..25 {
            let seed = format!("experiment.seed={seed}");
            let first = hash(BUSY, &[&plugin, &seed], SHARED);
            assert_eq!(first, hash(BUSY, &[&plugin, &seed], SHARED), "{consensus} {seed}");
            hashes.insert(first);
        }
        assert_eq!(hashes.len(), 25, "each seed gives another run");
    }
}

#[test]
fn workers_do_not_matter() {
    for consensus in CONSENSUS {
        let plugin = format!("consensus.plugin={consensus}");
        let one = hash(BUSY, &[&plugin, "experiment.workers=1"], SHARED);
        assert_eq!(one, hash(BUSY, &[&plugin, "experiment.workers=2"], SHARED), "{consensus}");
    }
}

#[test]
fn what_is_validated_once_for_all_is_validated_alike_by_each() {
    for consensus in CONSENSUS {
        let changes = [&format!("consensus.plugin={consensus}"), "network.nodes=50", "experiment.stop_height=6"];
        let shared = hash(BUSY, &changes, SHARED);
        assert_eq!(shared, hash(BUSY, &changes, Way { private: true, ..SHARED }), "{consensus}");
    }
}

#[test]
fn announcements_suppressed_when_sent_change_nothing() {
    for seed in 0..10 {
        let seed = format!("experiment.seed={seed}");
        for relay in ["relay.to_source=true", "relay.compact=true", "relay.mode=headers", "relay.batch=200 ms"] {
            let (suppressed, chain) = run(BUSY, &[&seed, relay], SHARED);
            let (queued, other) = run(BUSY, &[&seed, relay], Way { suppress: false, ..SHARED });
            assert_eq!(suppressed.trace_hash, queued.trace_hash, "{seed} {relay}");
            assert_eq!((suppressed.messages, suppressed.bytes), (queued.messages, queued.bytes), "{seed} {relay}");
            assert_eq!(chain.blocks, other.blocks);
        }
    }
}

#[test]
fn one_changed_payment_changes_the_hash() {
    let base = hash(BUSY, &[], SHARED);
    assert_ne!(base, hash(BUSY, &["load.0.amount=2..3"], SHARED));
}

#[test]
fn real_work_is_found_at_the_pace_of_the_hash_rate() {
    let text = BUSY.replace("proof = \"sampled\"", "proof = \"real\"");
    let text = text.replace(", degree = 4", "").replace("random_regular", "full");
    let (_, chain) = run(&text, &["experiment.stop_height=100", "network.nodes=3", "load=[]"], SHARED);
    let last_us = chain.blocks.values().map(|block| block.first_seen_us()).max().expect("blocks");
    // Exponential intervals: the mean of a hundred is off by a third once in a thousand runs, and the seed is fixed.
    let mean_us = last_us / 100;
    assert!((1_300_000..2_700_000).contains(&mean_us), "expected about 2 s a block, found {mean_us} us");
}

/// Many payments, announced in batches, over chains that leave each other often.
const TRAFFIC: &str = r#"
[experiment]
engine = "sim"
stop_time = "8 min"
replay = 3
[chain]
block_interval = "20 s"
proof = "sampled"
[consensus.pow]
retarget = "none"
[network]
nodes = 10
graph = { kind = "random_regular", degree = 4 }
link = { latency = "500 ms" }
[relay]
batch = "2 s"
[defaults.node]
coins = [100, 100, 100]
[[load]]
rate = "14/s"
amount = "1..9"
fee = 1
"#;

fn traffic(private: bool, changes: &[&str]) -> (sim::Outcome, World, Vec<Address>) {
    let overrides: Vec<Override> = changes.iter().map(|change| Override::set(change).expect("an override")).collect();
    let experiment = Experiment::parse("test.toml", TRAFFIC, &overrides).expect("an experiment");
    let plugins = ResolvedPlugins::new(&experiment, &Registry::stock()).expect("stock plugins");
    let stage = Stage::new(&experiment, &plugins).expect("a stage");
    let world = || stage.world(&experiment, &plugins).expect("a world");
    let worlds = (0..if private { experiment.nodes.len() } else { 1 }).map(|_| world()).collect();
    let outcome = stage.simulation(&experiment, worlds, true).run(&mut |_| None);
    (outcome, world(), stage.addresses)
}

#[test]
fn validating_payments_once_for_all_nodes_changes_nothing() {
    // The small mempool makes payments leave, and come again.
    for mempool in ["64 MB", "40 kB"] {
        let mempool = format!("mempool.max_bytes={mempool}");
        let (shared, ..) = traffic(false, &[&mempool]);
        let (private, ..) = traffic(true, &[&mempool]);
        assert!(shared.simulated.messages["tx"] > 30_000, "{:?}", shared.simulated);
        assert!(shared.chain.blocks.len() as u64 > shared.nodes[0].tip.expect("blocks").1, "chains left each other");
        assert_eq!(shared.simulated.trace_hash, private.simulated.trace_hash, "{mempool}");
    }
}

/// Ways of payments beside those of [`TRAFFIC`], with what there has to be of it in the end.
const OTHER_WAYS: [(&str, &[&str]); 5] = [
    (
        "messages get lost and overtake each other",
        &[
            "network.link={ latency = \"500 ms\", jitter = \"900 ms\", loss = \"2 %\", message_loss = \"2 %\" }",
            "relay.request_timeout=5 s",
            "experiment.stop_time=3 min",
        ],
    ),
    ("more neighbours than have a place in the first line", &["network.nodes=12", "network.graph.degree=9"]),
    (
        "more neighbours than have words",
        &["network.nodes=70", "network.graph={ kind = \"full\" }", "experiment.stop_time=50 s"],
    ),
    // A moment of a node has some 2,000 of them: two announcements, of which the second is more than may be asked for.
    (
        "more payments at once than a neighbour may be asked for",
        &[
            "experiment.seed=1",
            "load.0.rate=1000/s",
            "experiment.stop_time=12 s",
            "chain.block_interval=2 s",
            "network.nodes=4",
            "network.graph.degree=3",
            "mempool.max_bytes=64 MB",
            "defaults.node.coins=[9000, 9000, 9000, 9000]",
        ],
    ),
    ("real work", &["chain.proof=real", "chain.block_interval=5 s", "experiment.stop_time=1 min", "network.nodes=5"]),
];

#[test]
fn transactions_by_number_take_every_way_that_messages_take() {
    for (way, changes) in OTHER_WAYS {
        let changes = [&["keys.plugin=toy"], changes].concat();
        let (shared, ..) = traffic(false, &changes);
        let (private, ..) = traffic(true, &changes);
        assert_eq!(shared.simulated.messages, private.simulated.messages, "{way}");
        assert_eq!(shared.simulated.trace_hash, private.simulated.trace_hash, "{way}");
        assert!(
            !shared.chain.blocks.is_empty() && shared.simulated.messages["tx"] > 1_000,
            "{way}: {:?}",
            shared.simulated
        );
    }
}

#[test]
fn replayed_chains_give_every_balance_and_the_supply() {
    let (outcome, mut fresh, addresses) = traffic(false, &[]);
    assert_eq!(outcome.replays.len(), 3);
    for replay in &outcome.replays {
        assert_eq!(replay.check(&mut fresh, &addresses), Ok(()));
    }
    let other: Vec<Address> = addresses.iter().rev().copied().collect();
    assert!(outcome.replays[0].check(&mut fresh, &other).is_err(), "the balances are compared");
}
