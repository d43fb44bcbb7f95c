//! What is killed comes back, or leaves nothing behind.

use std::fs;
use std::process::Command;

use super::eventually;
use super::session::Session;

/// Kills a server while blocks arrive, and starts it again: it goes on from its database and catches up.
fn survives_a_crash(name: &str, durability: &str) {
    let set = format!("defaults.node.durability='{durability}'");
    let session = Session::start(
        name,
        &["--set", &set, "--set", "chain.block_interval='1 s'", "--set", "consensus.pow.initial_tries=60000"],
    );
    let before = eventually("server2 has four blocks", || session.height("server2").filter(|height| *height >= 4));
    session.says("kill", &["server2"]);
    eventually("the others go on", || session.height("server1").filter(|height| *height >= before + 3));
    session.says("restart", &["server2"]);
    let caught_up =
        eventually("server2 catches up", || session.height("server2").filter(|height| *height >= before + 3));
    assert!(caught_up >= before, "nothing is lost");
    let log = session.says("logs", &["server2"]);
    let starts: Vec<&str> = log.lines().filter(|line| line.contains(" starts at height ")).collect();
    assert!(starts.len() >= 2, "{log}");
    let again = starts[starts.len() - 1];
    assert!(!again.contains("height 0 "), "it began from its database, not from genesis: {again}");
}

#[test]
fn a_killed_node_continues_block_by_block() {
    survives_a_crash("e2e-crash-block", "block");
}

#[test]
fn a_killed_node_continues_by_batches() {
    survives_a_crash("e2e-crash-batch", "batch");
}

#[test]
fn a_killed_host_leaves_nothing_after_clean() {
    let session = Session::start("e2e-killed", &[]);
    let pids = pids_of(&session);
    assert_eq!(pids.len(), 6, "the host and five nodes: {pids:?}");
    let host = pids[0].to_string();
    assert!(Command::new("kill").args(["-9", &host]).status().unwrap().success());
    eventually("all nodes are gone", || pids.iter().all(|pid| !runs(*pid)).then_some(()));
    session.host.says(&["clean"]);
    assert!(!session.host.says(&["ps"]).contains("e2e-killed"));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains("e2e-killed"), "{mounts}");
    assert_eq!(session.host.says(&["clean"]).trim().lines().filter(|line| line.contains("e2e-killed")).count(), 0);
}

/// The host's process, then the nodes', as `ps` shows them.
fn pids_of(session: &Session) -> Vec<u32> {
    let table = session.host.says(&["ps"]);
    let run = table.split("e2e-killed: ").nth(1).unwrap();
    let host = run.split("host process ").nth(1).unwrap().split(',').next().unwrap();
    let nodes = run.lines().skip(2).take(5).filter_map(|line| line.split_whitespace().nth(1)?.parse().ok());
    std::iter::once(host.trim().parse().unwrap()).chain(nodes).collect()
}

fn runs(pid: u32) -> bool {
    // A zombie of a test's own is gone too.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
