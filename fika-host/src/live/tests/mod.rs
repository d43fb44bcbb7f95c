//! Node processes, for real: they find each other, agree, pay, are killed, and come back.

mod floods;
mod intruder;
mod light;
mod network;
mod plugins;
mod replay;
mod store;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use fika_core::amount::Amount;
use network::{NODE, Plan};

use super::control::{Reply, Request};
use super::{NodeSetup, run_node};
use crate::experiment::{Durability, Load, Parties, Role, When};
use crate::results::trace::TraceEvent;

/// What a node process of these tests runs: this binary again, with its file in the environment.
#[test]
fn node_process() {
    let Some(file) = std::env::var_os(NODE) else { return };
    let setup = NodeSetup::read(Path::new(&file)).expect("the test wrote it");
    std::process::exit(run_node(setup, &network::registry()).into());
}

/// Two miners and two wallets as in the thesis.
fn thesis() -> Plan {
    Plan::new(
        vec![
            ("server1", Role::Full, 10_000, 100),
            ("server2", Role::Full, 10_000, 100),
            ("client1", Role::Wallet, 0, 90),
            ("client2", Role::Wallet, 0, 90),
        ],
        vec![(0, 1), (2, 0), (3, 1)],
    )
}

fn pay(to: &str, amount: u64) -> Request {
    Request::Pay { to: to.into(), amount: Amount::coins(amount), fee: Amount::coins(1) }
}

#[test]
fn wallets_pay_through_servers_that_agree() {
    let mut network = thesis().lay_out();
    network.start_all();
    network.until(2, "client1 meets server1", |status| status.peers == 1);
    let Reply::Paid { hash, .. } = network.ask(2, &pay("client2", 40)) else { panic!("{}", network.log(2)) };
    // Its wallet follows the chain by itself until the payment is confirmed.
    let paid = network.until(2, "the payment is confirmed", |status| status.payments_confirmed == 1);
    assert_eq!(paid.balance, Amount::coins(49));
    assert_eq!(network.ask(3, &Request::Balance { address: None }), balance(90, 90));
    network.until(1, "server2 has the block", |status| status.height >= paid.height);
    let Reply::Status(received) = network.ask(3, &Request::Update) else { panic!("expected a status") };
    assert_eq!(received.balance, Amount::coins(130));
    let server = network.log(0);
    let step = |word: &str| server.find(&format!("{word} transaction")).unwrap_or_else(|| panic!("{word}: {server}"));
    assert!(step("received") < step("verified") && step("verified") < step("forwarded"));
    let Reply::History { payments } = network.ask(2, &Request::History) else { panic!("expected a history") };
    assert_eq!((payments[0].hash, payments[0].to.as_str()), (hash, "client2"));
    assert!(
        network.traces(2).iter().any(|event| matches!(event, TraceEvent::Confirmed { hash: it, .. } if *it == hash))
    );
    for node in 0..4 {
        assert_eq!(network.stop(node).code(), Some(0), "{}", network.log(node));
    }
}

#[test]
fn nodes_that_wait_connect_and_do_nothing_else_until_they_are_told_to_begin() {
    let mut network = thesis().lay_out();
    network.setups.iter_mut().for_each(|setup| setup.waits = true);
    network.start_all();
    for (node, peers) in [(0, 2), (1, 2), (2, 1), (3, 1)] {
        network.until(node, "it is connected", |status| status.peers == peers);
    }
    assert!(matches!(network.ask(2, &pay("client2", 40)), Reply::Error { why } if why.contains("has not begun")));
    // Long enough for blocks, had they been allowed.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let waiting = network.status(0);
    assert_eq!((waiting.waits, waiting.height, waiting.hashes), (true, 0, 0));
    assert_eq!(network.traces(0), []);

    let epoch_us = super::monotonic_us();
    (0..4).for_each(|node| assert_eq!(network.ask(node, &Request::Begin { epoch_us }), Reply::Done));
    let began = network.until(0, "it makes blocks", |status| status.height >= 3);
    assert!(!began.waits);
    let (at_us, first) = network.timed_traces(0).swap_remove(0);
    assert_eq!(first, TraceEvent::Started { height: 0 });
    assert!(at_us < 1_000_000, "the chain's time began {at_us} us before");
    assert!(matches!(network.ask(2, &pay("client2", 40)), Reply::Paid { .. }));
}

fn balance(confirmed: u64, spendable: u64) -> Reply {
    Reply::Balance { confirmed: Amount::coins(confirmed), spendable: Amount::coins(spendable), locked: Amount::ZERO }
}

#[test]
fn what_cannot_be_paid_is_an_answer_and_not_an_end() {
    let mut network = thesis().lay_out();
    network.start(0);
    let why = |reply| match reply {
        Reply::Error { why } => why,
        other => panic!("expected an error, found {other:?}"),
    };
    let poor = why(network.ask(0, &pay("client1", 1000)));
    assert!(poor.contains("100"), "{poor}");
    let nobody = why(network.ask(0, &pay("client9", 1)));
    assert_eq!(nobody, "expected the name of a node or an address, found client9");
    let status = network.status(0);
    assert_eq!((status.payments_submitted, status.payments_failed), (0, 1), "what could not be made was not sent");
    assert!(network.traces(0).iter().any(|event| matches!(event, TraceEvent::NotPaid { .. })));
}

#[test]
fn a_killed_node_goes_on_from_its_database() {
    for durability in [Durability::Block, Durability::Batch] {
        let mut network = Plan { durability, ..thesis() }.lay_out();
        network.start_all();
        network.until(1, "blocks arrive", |status| status.height >= 5);
        let Reply::Paid { hash, .. } = network.ask(1, &pay("client1", 7)) else { panic!("{}", network.log(1)) };
        let before = network.status(1);
        network.kill(1);
        network.until(0, "the other goes on alone", |status| status.height > before.height + 3);
        network.start(1);
        // What it had of itself is there at once, without any neighbour's help.
        let Reply::History { payments } = network.ask(1, &Request::History) else { panic!("expected a history") };
        assert_eq!(payments.iter().map(|payment| payment.hash).collect::<Vec<_>>(), [hash], "{durability:?}");
        if durability == Durability::Block {
            let started = network.traces(1).into_iter().rev().find_map(|event| match event {
                TraceEvent::Started { height } => Some(height),
                _ => None,
            });
            assert!(started >= Some(before.height), "{started:?} after {}", before.height);
        }
        // The blocks that it made alone before it met the other again do not matter: they agree in the end.
        let goal = network.status(0).height + 2;
        network.agree(0, 1, goal);
        network.until(1, "its payment is confirmed", |status| status.payments_confirmed == 1);
    }
}

#[test]
fn loads_pay_by_themselves_once_across_kills() {
    let load = Load {
        from: Parties::Nodes(vec![2]),
        to: Parties::Nodes(vec![3]),
        amount: (Amount::coins(1), Amount::coins(1)),
        fee: Amount(1000),
        // Ten payments a second.
        when: When::Rate { start_us: 0, per_day_thousandths: 864_000_000, count: Some(20) },
    };
    let mut network = Plan { load: vec![load], ..thesis() }.lay_out();
    network.start_all();
    for payments in [3, 8] {
        network.until(2, "it pays", |status| status.payments_submitted >= payments);
        network.kill(2);
        network.start(2);
    }
    let status = network.until(2, "all are paid", |status| status.payments_confirmed == 20);
    assert_eq!((status.payments_submitted, status.payments_to_come, status.payments_failed), (20, 0, 0));
    assert_eq!(status.balance, Amount(70 * Amount::coins(1).0 - 20_000));
}

#[test]
fn sampled_proofs_need_no_thread_and_no_hashes() {
    let mut plan = thesis();
    plan.chain.proof = fika_core::env::Proof::Sampled;
    let mut network = plan.lay_out();
    network.start(0);
    let status = network.until(0, "blocks are made", |status| status.height >= 5);
    assert_eq!(status.hashes, 0);
    assert!(!threads(network.pid(0)).contains(&"miner".to_owned()));
}

fn threads(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let name = |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.unwrap().path().join("comm"));
    tasks.map(|task| name(task).unwrap().trim().to_owned()).collect()
}

#[test]
fn a_call_that_does_not_return_ends_the_node_with_the_plugins_name() {
    let mut plan = thesis();
    plan.plugins.consensus.plugin = "hangs".into();
    plan.plugins.consensus.params.clear();
    let mut network = plan.lay_out();
    network.spawn(0);
    assert_eq!(network.wait(0).code(), Some(6));
    let log = network.log(0);
    assert!(log.contains("error: plugin hangs inside on_tip has not returned for 1 s"), "{log}");
    assert!(matches!(&network.traces(0)[..], [.., TraceEvent::Fault { why }] if why.contains("hangs")));
}

#[test]
fn a_panic_in_a_plugin_ends_the_node_with_that_line() {
    let mut plan = thesis();
    plan.plugins.consensus.plugin = "panics".into();
    plan.plugins.consensus.params.clear();
    let mut network = plan.lay_out();
    network.spawn(0);
    assert_eq!(network.wait(0).code(), Some(6));
    let log = network.log(0);
    assert!(log.contains("error: plugin panics failed in on_tip: a broken agent"), "{log}");
    let fault = |event: &TraceEvent| matches!(event, TraceEvent::Fault { why } if why.contains("a broken agent"));
    assert!(network.traces(0).iter().any(fault), "{log}");
}

#[test]
fn what_is_wrong_at_the_start_is_one_line_and_a_code() {
    let one_line = |mut network: network::Network, code, wanted: &str| {
        network.spawn(0);
        assert_eq!(network.wait(0).code(), Some(code));
        let log = network.log(0);
        let errors: Vec<&str> = log.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(matches!(errors[..], [line] if line.contains(wanted)), "{wanted}: {log}");
    };
    let mut plan = thesis();
    plan.plugins.consensus.plugin = "nothing".into();
    one_line(plan.lay_out(), 2, "expected a consensus plugin");
    let network = thesis().lay_out();
    std::fs::write(&network.setups[0].database, "a text file, and no database at all").unwrap();
    one_line(network, 2, "world.redb: expected a database of a node");
    let network = thesis().lay_out();
    std::fs::write(&network.setups[0].key, "no key").unwrap();
    std::fs::set_permissions(&network.setups[0].key, std::fs::Permissions::from_mode(0o600)).unwrap();
    one_line(network, 2, "key.pem: ");
    let mut network = thesis().lay_out();
    network.start(0);
    network.stop(0);
    std::fs::write(network.path(0, "node.log"), "").unwrap();
    network.setups[0].chain.name = "another".into();
    one_line(network, 2, "the database belongs to another chain");
    let mut network = thesis().lay_out();
    network.setups[0].control = "/nowhere/control.sock".into();
    one_line(network, 3, "/nowhere/control.sock");
}

#[test]
fn signals_end_a_node_cleanly() {
    let mut network = thesis().lay_out();
    network.start(0);
    network.until(0, "a block is made", |status| status.height >= 1);
    let pid = rustix::process::Pid::from_raw(network.pid(0) as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let status = network.wait(0);
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&network.setups[0].key), 0o600);
    assert_eq!(mode(&network.setups[0].control), 0o600);
}

#[test]
fn garbage_from_a_neighbour_is_reported_and_keeps_it_away() {
    let mut network = thesis().lay_out();
    // Server2 listens at the first link, where server1 would dial.
    network.start(1);
    let _socket = network.intrude(0, &[0xff; 4096]);
    network.until(1, "it goes on", |status| status.height >= 2);
    let misbehaved = |event: &TraceEvent| matches!(event, TraceEvent::Misbehaved { peer, .. } if peer == "server1");
    assert!(network.traces(1).iter().any(misbehaved), "{}", network.log(1));
    assert!(network.log(1).contains("server1 misbehaved too much: banned"), "{}", network.log(1));
    network.start(0);
    network.until(0, "it is there", |status| status.height >= 2);
    assert_eq!(network.status(1).peers, 0);
}

#[test]
fn the_control_socket_bears_with_its_clients() {
    use std::io::{BufRead, BufReader, Read, Write};
    let mut network = thesis().lay_out();
    network.start(0);
    let connect = || std::os::unix::net::UnixStream::connect(&network.setups[0].control).unwrap();
    // More than have a place: who has asked for nothing for the longest time loses it.
    let mut idle: Vec<_> = (0..40).map(|_| connect()).collect();
    let ask = |stream: &mut std::os::unix::net::UnixStream, line: &[u8]| {
        // What is too long is refused before it has been read to its end.
        let _ = stream.write_all(line);
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        serde_json::from_str::<Reply>(&answer).unwrap()
    };
    for line in [&b"hello\n"[..], b"{\"do\":\"dance\"}\n", &[b'x'; 20 << 10]] {
        assert!(matches!(ask(&mut connect(), line), Reply::Error { .. }));
    }
    assert!(matches!(ask(&mut idle[39], b"{\"do\":\"status\"}\n"), Reply::Status(_)));
    assert_eq!(idle[0].read(&mut [0]).unwrap(), 0, "it had to go");
}
