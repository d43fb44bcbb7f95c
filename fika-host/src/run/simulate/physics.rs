//! Networks of cables against closed forms: how long a line and a star take, what a cable passes, and what losses do.

use std::fs;

use serde_json::Value;

use super::*;
use crate::results::Ended;

/// One node that mines blocks of 1 MB, and others that pass them on whole.
const FLOOD: &str = r#"
[experiment]
engine = "sim"
stop_height = 5
[chain]
tick = "1 ms"
block_interval = "10 min"
proof = "sampled"
[consensus.pow]
retarget = "none"
[keys]
plugin = "toy"
[relay]
mode = "flood"
[relay.charge]
block = "1 MB"
[network]
graph = { kind = "line" }
link = { latency = "30 ms", bandwidth = "1 Mbit/s" }
[[nodes]]
name = "miner"
hash_rate = "1 MH/s"
[[node_groups]]
name = "r"
count = 6
hash_rate = "0 H/s"
"#;

/// Microseconds of 1 MB at 1 Mbit/s, and of the latency.
const LENGTH: u64 = 8_000_000;
const LATENCY: u64 = 30_000;

/// Of every block, when it was where, in microseconds after its miner had it.
fn arrivals(changes: &[&str]) -> Vec<Vec<u64>> {
    let (experiment, plugins) = tests::read(FLOOD, changes);
    let (_, chain) = once(&experiment, &plugins, Path::new("unwritten"), &mut |_| None).expect("a run");
    let delays = |times: &[(usize, u64)]| times.iter().map(|(_, at_us)| at_us - times[0].1).collect();
    chain.blocks.values().filter(|block| block.height < 5).map(|block| delays(&block.arrivals)).collect()
}

fn assert_arrivals(changes: &[&str], expected: impl Fn(u64) -> u64) {
    let expected: Vec<u64> = (0..7).map(expected).collect();
    let found = arrivals(changes);
    assert_eq!(found.len(), 4);
    for found in found {
        assert_eq!(found, expected, "{changes:?}");
    }
}

#[test]
fn along_a_line_a_block_takes_its_length_and_the_latency_at_each_node() {
    assert_arrivals(&[], |hop| hop * (LENGTH + LATENCY));
    // Half the rate of the narrowest of three counts, wherever it is.
    for narrow in ["upload", "download"] {
        let change = format!("defaults.node.{narrow}=500 kbit/s");
        assert_arrivals(&[&change], |hop| hop * (2 * LENGTH + LATENCY));
    }
}

#[test]
fn from_the_centre_of_a_star_one_block_leaves_after_the_other() {
    let star = "network.graph={ kind = 'star' }";
    let none = "network.link.bandwidth=none";
    // By the centre's upload alone.
    assert_arrivals(&[star, none, "nodes.miner.upload=1 Mbit/s"], |n| n * LENGTH + n.min(1) * LATENCY);
    // By its upload, and a cable that is slower for each.
    assert_arrivals(&[star, "nodes.miner.upload=4 Mbit/s"], |n| match n {
        0 => 0,
        n => (n - 1) * LENGTH / 4 + LENGTH + LATENCY,
    });
    // By cables alone all come at once.
    assert_arrivals(&[star], |n| n.min(1) * (LENGTH + LATENCY));
}

#[test]
fn a_block_that_is_longer_than_its_interval_passes_at_the_cable_s_pace() {
    let changes = ["chain.block_interval=4 s", "experiment.stop_time=600 s", "experiment.stop_height=none"];
    let (experiment, plugins) = tests::read(FLOOD, &changes);
    let (_, chain) = once(&experiment, &plugins, Path::new("unwritten"), &mut |_| None).expect("a run");
    let times = |node: usize| {
        let had = |(of, at_us): &(usize, u64)| (*of == node).then_some(*at_us);
        let mut times: Vec<u64> =
            chain.blocks.values().filter_map(|block| block.arrivals.iter().find_map(had)).collect();
        times.sort_unstable();
        times
    };
    let (made, came) = (times(0), times(1));
    assert!(made.len() > 120, "{}", made.len());
    assert!((70..=75).contains(&came.len()), "{} MB passed", came.len());
    assert!(came.windows(2).all(|pair| pair[1] - pair[0] >= LENGTH));
}

#[test]
fn payments_over_a_narrow_cable_take_their_bytes() {
    let coins = vec!["10"; 100].join(", ");
    let text = format!(
        r#"
[experiment]
engine = "sim"
stop_time = "3 min"
[chain]
block_interval = "1 h"
proof = "sampled"
[keys]
plugin = "toy"
[relay]
request_timeout = "10 min"
[network]
link = {{ latency = "10 ms", bandwidth = "8 kbit/s" }}
[defaults.node]
hash_rate = "0 H/s"
[[nodes]]
name = "a"
peers = ["b"]
coins = [{coins}]
[[nodes]]
name = "b"
[[load]]
at = "1 s"
rate = "100 /s"
count = 100
from = "a"
to = "b"
amount = 1
[output]
trace = "jsonl"
"#
    );
    let folder = tempfile::tempdir().expect("a folder");
    let (experiment, plugins) = tests::read(&text, &[] as &[&str]);
    once(&experiment, &plugins, folder.path(), &mut |_| None).expect("a run");
    let trace = fs::read_to_string(folder.path().join("trace.jsonl")).expect("a trace");
    let events: Vec<Value> = trace.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let sent: Vec<&Value> = events.iter().filter(|event| event["event"] == "sent" && event["from"] == "a").collect();
    let number = |event: &Value, key: &str| event[key].as_u64().expect(key);
    let bytes: u64 = sent.iter().map(|event| number(event, "bytes")).sum();
    let first = sent.iter().map(|event| number(event, "at_us")).min().expect("messages");
    let last = sent.iter().map(|event| number(event, "arrives_us")).max().expect("messages");
    assert_eq!(events.iter().filter(|event| event["event"] == "tx" && event["node"] == "b").count(), 100);
    // 8 kbit/s are a byte a millisecond. The cable waits for the first request, and once for a longer one.
    let (took, needed) = ((last - first) as f64, bytes as f64 * 1e3);
    assert!((24_000..25_000).contains(&bytes), "{bytes}");
    assert!(took >= needed && took < 1.1 * needed, "{took} us for {bytes} bytes");
}

#[test]
fn lost_packets_delay_blocks_along_a_line_and_keep_nobody_behind() {
    for (percent, share) in [(0, 0.0), (1, 0.01), (10, 0.1)] {
        let mut times = Vec::new();
        for seed in 1..=4 {
            let link = format!("network.link={{ latency = '100 ms', bandwidth = '8 Mbit/s', loss = '{percent} %' }}");
            let seed = format!("experiment.seed={seed}");
            let changes = [&link, &seed, "experiment.stop_height=40", "relay.mode=inv", "relay.charge.block=none"];
            let (experiment, plugins) = tests::read(FLOOD, &changes);
            let (ending, chain) = once(&experiment, &plugins, Path::new("unwritten"), &mut |_| None).expect("a run");
            assert_eq!(ending.ended, Ended::StopHeight);
            for block in chain.blocks.values().filter(|block| block.height < 40) {
                assert_eq!(block.arrivals.len(), 7, "{percent} %, {seed}");
                times.push((block.arrivals[6].1 - block.arrivals[0].1) as f64 / 1e6);
            }
        }
        assert_eq!(times.len(), 4 * 39);
        // An announcement, a request and a block over each of six cables, each in one packet. The timer is of 400 ms:
        // the mean delay of a packet is the sum of (2^r - 1) p^r (1 - p) of them, p / (1 - 2 p).
        let expected = 18.0 * (0.1 + 0.4 * share / (1.0 - 2.0 * share));
        let found = times.iter().sum::<f64>() / times.len() as f64;
        // Packets and blocks have 6 ms to pass. One block is off by 0.85 s at 10 %, and by 0.18 s at 1 %.
        let error = 0.85 * f64::sqrt(share / 0.1 / times.len() as f64);
        assert!((found - expected - 0.003).abs() < 0.005 + 3.0 * error, "{percent} %: {expected} s, found {found}");
    }
}
