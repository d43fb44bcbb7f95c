//! What a run writes down is what it did, and writing it changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use fika_core::node::Node;
use fika_core::testing::replay::{Call, replay};
use serde_json::Value;
use tracing::Level;
use tracing::subscriber::NoSubscriber;

use super::*;
use crate::results::Summary;
use crate::results::trace::{Trace, TraceEvent};

/// Forks, payments, wallets, lost messages, regions, whole blocks and compact ones.
const TEXT: &str = r#"
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
link = { jitter = "20 ms", message_loss = "2 %" }
regions = [
    { name = "europe", share = "50 %", latency = ["80 ms", "200 ms"] },
    { name = "japan", share = "50 %", latency = ["200 ms", "30 ms"] },
]
[relay]
compact = true
request_timeout = "1 s"
[defaults.node]
coins = [10, 10, 10]
[[nodes]]
name = "shop"
role = "wallet"
peers = ["n1"]
[[load]]
rate = "4/s"
count = 30
amount = "1..3"
fee = 1
"#;

fn run(changes: &[&str], folder: &Path) -> (Ending, Summary) {
    let (experiment, plugins) = tests::read(TEXT, changes);
    let (ending, chain) = once(&experiment, &plugins, folder, &mut |_| None).expect("a run");
    let summary = Summary::new(&experiment, &chain, &ending);
    (ending, summary)
}

fn simulated(ending: &Ending) -> &Simulated {
    ending.simulated.as_ref().expect("numbers of the simulator")
}

#[test]
fn writing_a_run_down_changes_nothing() {
    for changes in [[].as_slice(), &["relay.batch=200 ms", "consensus.plugin=pos"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let (plain, summary) = run(changes, folder.path());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        for format in ["output.trace=jsonl", "output.trace=simblock"] {
            let (traced, other) = run(&[changes, &[format]].concat(), folder.path());
            let numbers = |ending: &Ending| Simulated { elapsed_us: 0, ..simulated(ending).clone() };
            assert_eq!(numbers(&plain), numbers(&traced), "{format}");
            assert_eq!(summary.nodes, other.nodes, "{format}");
        }
    }
}

#[test]
fn lines_are_what_happened() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ending, summary) = run(&["output.trace=jsonl"], folder.path());
    let text = fs::read_to_string(folder.path().join("trace.jsonl")).expect("a trace");
    let (mut kinds, mut events) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
    let (mut bytes, mut lost, mut last_us, mut known) = (0, 0, 0, BTreeSet::new());
    let mut reorgs = 0;
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).expect(line);
        let at_us = value["at_us"].as_u64().expect("a time");
        assert!(at_us >= last_us, "{line}");
        last_us = at_us;
        let event = value["event"].as_str().expect("an event");
        *events.entry(event.into()).or_default() += 1;
        let name = |key: &str| assert!(known.contains(value[key].as_str().expect(key)), "{line}");
        match event {
            "sent" => {
                ["from", "to"].into_iter().for_each(name);
                *kinds.entry(value["kind"].as_str().expect("a kind").into()).or_default() += 1;
                bytes += value["bytes"].as_u64().expect("bytes");
                match value["arrives_us"].as_u64() {
                    Some(arrives_us) => assert!(arrives_us >= at_us, "{line}"),
                    None => lost += 1,
                }
                let ids = ["block", "tx", "proposal", "gossip"].into_iter().filter_map(|what| value[what].as_array());
                let ids: Vec<_> = ids.flatten().map(|id| id.as_str().expect("an id")).collect();
                assert!(!ids.is_empty() || value["kind"] == "headers", "{line}");
                assert!(ids.iter().all(|id| id.len() == 12), "{line}");
            }
            "link" => ["a", "b"].into_iter().for_each(name),
            "ended" => assert_eq!(value["why"], "stop_height"),
            _ => {
                // The words of a live node, and whose they are.
                let trace: Trace = serde_json::from_str(line).expect(line);
                let node = value["node"].as_str().expect("a node");
                match trace.event {
                    TraceEvent::Started { height } => assert!(height == 0 && known.insert(node.to_owned())),
                    TraceEvent::Tip { reorg_depth, .. } => reorgs += u64::from(reorg_depth > 0),
                    _ => assert!(known.contains(node), "{line}"),
                }
            }
        }
    }
    let expected: BTreeMap<_, _> =
        simulated(&ending).messages.clone().into_iter().filter(|(_, sent)| *sent > 0).collect();
    assert_eq!((kinds, bytes), (expected, simulated(&ending).bytes));
    let loss = lost as f64 / events["sent"] as f64;
    assert!((0.01..0.03).contains(&loss), "2 % of the messages are lost: {loss}");
    let sum = |of: fn(&crate::results::NodeSummary) -> u64| summary.nodes.iter().map(of).sum::<u64>();
    let found = ["started", "ended", "produced", "tx"].map(|event| events[event]);
    assert_eq!(found, [13, 1, sum(|node| node.produced), sum(|node| node.txs)]);
    assert_eq!(reorgs, sum(|node| node.reorgs));
    assert_eq!(events["paid"], summary.payments.submitted);
    assert!(events["link"] >= 24 && events["confirmed"] >= events["paid"] && events["block"] >= 12 * 12, "{events:?}");
}

#[test]
fn a_file_for_the_visualiser_is_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ending, _) = run(&["output.trace=simblock"], folder.path());
    let text = fs::read_to_string(folder.path().join("output.json")).expect("a trace");
    let events: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let (mut nodes, mut blocks, mut holders) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    let (mut last_ms, mut links, mut flows) = (0, 0, 0_usize);
    for event in &events[..events.len() - 1] {
        let number = |key: &str| event["content"][key].as_u64().expect(key);
        let flow = event["kind"] == "flow-block";
        let at_ms = number(if flow { "reception-timestamp" } else { "timestamp" });
        assert!(at_ms >= last_ms, "{event}");
        last_ms = at_ms;
        let ends = |nodes: &BTreeMap<u64, u64>| {
            ["begin-node-id", "end-node-id"].into_iter().all(|end| nodes.contains_key(&number(end)))
        };
        match event["kind"].as_str().expect("a kind") {
            "add-node" => assert_eq!(nodes.insert(number("node-id"), number("region-id")), None),
            "add-link" => links += u64::from(ends(&nodes)),
            "add-block" => {
                assert!(nodes.contains_key(&number("node-id")));
                blocks.insert(number("block-id"));
                holders.insert((number("node-id"), number("block-id")));
            }
            "flow-block" => {
                assert!(ends(&nodes) && blocks.contains(&number("block-id")), "{event}");
                assert!(number("transmission-timestamp") <= at_ms);
                flows += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(nodes.keys().copied().collect::<Vec<_>>(), (1..=13).collect::<Vec<_>>());
    assert_eq!(nodes.values().collect::<BTreeSet<_>>(), [&1, &4].into(), "europe and japan");
    assert_eq!(links % 2, 0);
    let last = &events[events.len() - 1];
    assert_eq!(
        (last["kind"].as_str(), last["content"]["timestamp"].as_u64()),
        (Some("simulation-end"), Some(ending.duration_us / 1_000))
    );
    let (ending, _) = run(&["output.trace=jsonl"], folder.path());
    let text = fs::read_to_string(folder.path().join("trace.jsonl")).expect("a trace");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let carries = |line: &Value| {
        let arrived = line["arrives_us"].as_u64().is_some_and(|arrives_us| arrives_us <= ending.duration_us);
        arrived && ["block", "compactblock", "blocktxn"].iter().any(|kind| line["kind"] == *kind)
    };
    let expected = lines.take_while(|line| line["event"] != "ended").filter(carries).count();
    assert_eq!(flows, expected, "of the messages with blocks that arrived");
    // Every tip came over a link, but for those that the node itself made.
    assert!(holders.len() >= 12 * 12 && blocks.len() >= 12, "{}", holders.len());
}

#[test]
fn a_full_disk_ends_the_run_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for (format, name) in [("jsonl", "trace.jsonl"), ("simblock", "output.json")] {
        std::os::unix::fs::symlink("/dev/full", folder.path().join(name)).expect("a link");
        let trace = format!("output.trace={format}");
        let (experiment, plugins) = tests::read(TEXT, &[&trace, "experiment.stop_height=1000000"]);
        let failed = once(&experiment, &plugins, folder.path(), &mut |_| None).map(drop);
        let Err(RunError::Environment(why)) = failed else { panic!("expected a failure of the machine: {failed:?}") };
        assert!(why.contains(name) && why.contains("No space left") && !why.contains('\n'), "{why}");
    }
}

/// The calls of all nodes of a run.
fn calls(changes: &[&str]) -> Vec<Call> {
    let folder = tempfile::tempdir().expect("a folder");
    // Another test may reach a line of the log first. Tracing then asks that thread alone who listens, unless there are two
    // listeners.
    let _second = tracing::Dispatch::new(NoSubscriber::new());
    let path = folder.path().join("calls.log");
    let file = Arc::new(fs::File::create(&path).expect("a file"));
    let log = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false).with_writer(file).finish();
    tracing::subscriber::with_default(log, || run(changes, folder.path()));
    fs::read_to_string(path).expect("a log").lines().filter_map(Call::parse).collect()
}

#[test]
fn a_traced_run_makes_the_calls_of_an_untraced_one_and_each_node_answers_alone_the_same() {
    let changes = ["relay.batch=200 ms"];
    let plain = calls(&changes);
    assert_eq!(plain, calls(&[changes[0], "output.trace=jsonl"]));
    let (experiment, plugins) = tests::read(TEXT, &changes);
    let stage = Stage::new(&experiment, &plugins).expect("a stage");
    let mut count = 0;
    for (n, keys) in stage.keys.iter().enumerate() {
        let mut world = stage.world(&experiment, &plugins).expect("a world");
        let mut node = Node::new(sim::node_config(&experiment, n, keys.clone()), &mut world, None);
        count += replay(&plain, &mut node, &mut world).unwrap_or_else(|why| panic!("node {n}: {why}"));
    }
    assert_eq!(count, plain.len());
    assert!(count > 2_000, "{count} calls are a run");
}
