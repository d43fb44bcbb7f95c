//! What happens to a live network from outside: by its file, and by hand.

use std::fs;

use super::session::Session;
use super::{Host, eventually, experiment, text};

/// The rows of a run's `events.csv`: kind, event, done.
fn events(host: &Host, name: &str) -> Vec<[String; 3]> {
    let path = host.folder.path().join("results").join(name).join("latest/events.csv");
    let table = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        [fields[2], fields[3], fields[4]].map(String::from)
    };
    table.lines().skip(1).map(row).collect()
}

/// Parts a live network for so many seconds.
fn parts_and_heals(name: &str, seconds: u32) {
    let host = Host::new();
    let named = format!("experiment.name='{name}'");
    let last = format!("events.0.for='{seconds} s'");
    let stop = format!("experiment.stop_time='{} s'", seconds + 40);
    let set = [
        "--set",
        &named,
        "--set",
        &last,
        "--set",
        &stop,
        "--set",
        "events.0.at='10 s'",
        "--set",
        "chain.block_interval='1 s'",
        "--set",
        "expect=[]",
        "--set",
        "load.0.count=30",
    ];
    let output = host.output(&[&set[..], &[&experiment("partition.toml")]].concat());
    if text(&output).contains("events that cut links need cables") {
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = host.summary(name);
    assert_eq!(summary["agreement"], true, "{}", text(&output));
    assert_eq!(summary["events"], serde_json::json!({"heal": 1, "partition": 1}));
    let deep: u64 = summary["reorgs"]
        .as_object()
        .expect("reorganisations")
        .iter()
        .filter(|(depth, _)| depth.parse::<u64>().is_ok_and(|depth| depth > 2))
        .map(|(_, count)| count.as_u64().unwrap_or(0))
        .sum();
    assert!(deep >= 4, "one side gives way: {summary}");
    assert_eq!(summary["payments"]["confirmed"], 30, "mempools are repaired: {summary}");
    assert_eq!(summary["coins"]["gap"], 0);
    let rows = events(&host, name);
    assert_eq!(rows[0], ["partition", "partition east-1 east-2 east-3 east-4 | west-1 west-2 west-3 west-4", "yes"]);
    assert_eq!(rows[1], ["heal", "heal", "yes"]);
    // Ten seconds after the cut, as both ends find out, and about a second after it has healed.
    let folder = host.folder.path().join("results").join(name).join("latest");
    let log = fs::read_to_string(folder.join("nodes/east-1/node.log")).unwrap();
    assert!(log.lines().any(|line| line.contains("disconnected from west-")), "connections break: {log}");
    assert!(
        fs::read_to_string(folder.join("report.html")).unwrap().contains("partition east-1"),
        "it is in the report"
    );
}

#[test]
fn both_halves_of_a_live_network_go_on_and_meet_again() {
    parts_and_heals("e2e-parted", 15);
}

#[test]
#[ignore = "takes two minutes"]
fn both_halves_of_a_live_network_meet_again_after_a_minute() {
    parts_and_heals("e2e-parted-long", 60);
}

#[test]
fn what_is_done_by_hand_is_done_and_noted() {
    let set = ["--set", "chain.block_interval='1 s'", "--set", "consensus.pow.initial_tries=60000"];
    let session = Session::start("e2e-do", &set);
    let run = session.name.clone();
    let height = |node| eventually("a height", || session.height(node));
    session.host.says(&["do", &run, "pause server2"]);
    let before = height("server1");
    eventually("the others go on", || session.height("server1").filter(|height| *height > before + 3));
    session.host.says(&["do", &run, "resume", "server2"]);
    eventually("it catches up", || session.height("server2").filter(|height| *height > before + 3));
    session.host.says(&["do", &run, "pay", "client1", "client2", "40", "1"]);
    eventually("client2 is paid", || {
        session.wallet("client2", "upbc\nbalance\nexit\n").lines().any(|line| line == "130").then_some(())
    });
    session.host.says(&["do", &run, "leave server3"]);
    eventually("it has left", || {
        session.host.output(&["logs", "--run", &run, "server3"]).status.success().then_some(())
    });
    session.host.says(&["do", &run, "join server3"]);
    let goal = height("server1");
    eventually("it is back", || session.height("server3").filter(|height| *height >= goal));
    session.host.says(&["do", &run, "hash-rate factor=0"]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    let (first, later) = (height("server1"), std::time::Duration::from_secs(6));
    std::thread::sleep(later);
    assert_eq!(height("server1"), first, "nobody mines");
    session.host.says(&["do", &run, "hash-rate server1 20 kH/s"]);
    eventually("one of them does", || session.height("server1").filter(|height| *height > first));
    for (line, why) in [
        ("kill server9", "found 'server9', which no node has"),
        ("restart server1", "expected a node that has died, found that server1 runs"),
        ("fly", "expected one of partition, heal, kill"),
        ("clock server1 offset=1s", "only the simulator sets clocks"),
    ] {
        let output = session.host.output(&["do", &run, line]);
        assert!(output.status.code() == Some(2) && text(&output).contains(why), "{line}: {}", text(&output));
    }
    session.host.says(&["down", &run]);
    let rows = events(&session.host, &run);
    let done: Vec<&str> = rows.iter().filter(|row| row[2] == "yes").map(|row| row[0].as_str()).collect();
    assert_eq!(done, ["pause", "resume", "pay", "leave", "join", "hash_rate", "hash_rate"], "{rows:?}");
}
