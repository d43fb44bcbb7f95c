//! What is checked inside a host process of its own; the host's nodes meet and tell it in their logs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::isolation::{
    Endpoint, Engine, Error, Lab, Launch, Link, Physics, Port, ProcessId, Record, Side, Signal, command_in, runs,
};
use super::physics::{Cable, Latency};
use super::{ARGUMENT, ROLE, cables, output, this_binary, until};

pub(crate) type Check = fn(Engine, &Path);
pub(crate) const CHECKS: [(&str, Check); 10] = [
    ("neighbours", neighbours),
    ("restarts", restarts),
    ("ends", ends),
    ("many", many),
    ("commands", commands),
    ("running", running),
    ("large", large),
    ("physics", cables::physics),
    ("changes", cables::changes),
    ("exact", cables::exact),
];

/// Neighbours meet, and each node sees its own network, processes and name only.
fn neighbours(engine: Engine, directory: &Path) {
    let lab = row(engine, directory);
    for (node, neighbour) in [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")] {
        met(directory, node, neighbour, 1);
    }
    assert_eq!(lab.ports(1).iter().map(|port| (port.link, port.neighbour)).collect::<Vec<_>>(), [(0, 0), (1, 2)]);
    if engine == Engine::Netns {
        let interfaces = |node| {
            let table = inside(&lab, node, "cat /proc/net/dev");
            table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect::<BTreeSet<_>>()
        };
        assert_eq!(interfaces(0), BTreeSet::from(["lo".into(), "eth0".into()]));
        assert_eq!(interfaces(1), BTreeSet::from(["lo".into(), "eth0".into(), "eth1".into()]));
        assert_eq!(inside(&lab, 2, "cat /proc/sys/kernel/hostname"), "c\n");
        assert!(fs::read_to_string(directory.join("b.log")).expect("logs").contains("i am b, number 1\n"));
        let processes = inside(&lab, 0, "cd /proc; ls -d [0-9]*");
        assert_eq!(processes.lines().filter(|pid| *pid == "1").count(), 1);
        assert!(processes.lines().count() <= 3, "the node, the shell and ls: {processes}");
        let pinned = inside(&lab, 0, "cat /proc/net/arp");
        assert!(pinned.contains("192.168.1.2") && pinned.contains("0x6") && pinned.lines().count() == 2, "{pinned}");
        assert_eq!(inside(&lab, 1, "cat /proc/net/if_inet6 2>/dev/null || true"), "", "no address but IPv4");
        assert_eq!(inside(&lab, 1, "cat /proc/sys/net/ipv4/ip_forward"), "0\n");
        let routes = inside(&lab, 0, "cat /proc/net/route");
        assert_eq!(routes.lines().count(), 2, "the title and its own cable: {routes}");
    } else {
        let socket = directory.join("row/.link-0.sock");
        assert_eq!(
            fs::metadata(socket.parent().expect("has one")).expect("is there").permissions().mode() & 0o777,
            0o700
        );
        assert!(socket.exists());
    }
    lab.down().expect("ends");
    assert!(!directory.join("row").exists());
}

/// A killed node comes back into the same network, and its neighbours find it.
fn restarts(engine: Engine, directory: &Path) {
    let mut lab = row(engine, directory);
    met(directory, "a", "b", 1);
    let place = |process: ProcessId| fs::read_link(format!("/proc/{}/ns/net", process.pid)).expect("readable");
    let before = lab.process(0).expect("runs");
    let network = place(before);
    lab.kill(0, Signal::KILL).expect("kills");
    let (node, status) = until(|| lab.wait_any(Some(Duration::from_secs(1))).expect("waits"));
    assert_eq!((node, status.signal()), (0, Some(9)));
    assert!(!before.alive() && lab.process(0).is_none());
    assert_eq!(Record::load(lab.directory()).expect("record").nodes[0].process, None);
    let after = lab.restart(0).expect("starts again");
    assert_eq!(place(after), network);
    met(directory, "a", "b", 2);
    met(directory, "b", "a", 2);
    // Paused and woken, also as number 1.
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", after.pid)).expect("reads");
        stat.rsplit_once(") ").expect("has a name").1.chars().next().expect("has a state")
    };
    lab.kill(0, Signal::STOP).expect("stops");
    until(|| (state() == 'T').then_some(()));
    lab.kill(0, Signal::CONT).expect("goes on");
    until(|| (state() != 'T').then_some(()));
    // One that runs is ended first; a listener finds its address free.
    let running = lab.process(1).expect("runs");
    lab.restart(1).expect("starts again");
    assert!(!running.alive());
    lab.restart(0).expect("starts again");
    met(directory, "a", "b", 3);
    assert!(matches!(lab.start(0, launch(&lab, 0, directory)), Err(Error::Started { .. })));
}

/// Dropping a lab, or losing a node, leaves no process; a program that cannot run is an error, not a node.
fn ends(engine: Engine, directory: &Path) {
    let mut lab = row(engine, directory);
    let taken = Lab::create(engine, "row", directory, &["a".into()], &[], &Physics::default());
    assert!(matches!(taken.err(), Some(Error::Running { .. })), "the name is taken");
    let processes: Vec<_> = (0..3).map(|node| lab.process(node).expect("runs")).collect();
    lab.kill(2, Signal::KILL).expect("kills");
    until(|| lab.try_reap().expect("reaps").first().map(|(node, _)| assert_eq!(*node, 2)));
    let mut missing = launch(&lab, 2, directory);
    missing.program = directory.join("no-such-program");
    let error = lab.start(2, missing).expect_err("cannot run").to_string();
    assert!(error.contains("node c") && error.contains("executing the program"), "{error}");
    assert!(lab.process(2).is_none() && lab.try_reap().expect("reaps").is_empty());
    drop(lab);
    assert!(processes.iter().all(|process| !process.alive()) && !directory.join("row").exists());
    assert!(runs(directory).expect("reads").is_empty());
}

/// Commands in a node from another process: streams, exit codes, signals.
fn commands(engine: Engine, directory: &Path) {
    let lab = row(engine, directory);
    let other = |line: &str| this_binary("enter", &format!("{} {line}", lab.directory().display()));
    let table = output(&mut other("cat /proc/net/dev"));
    assert_eq!(
        table.contains("eth0"),
        engine == Engine::Netns || fs::read_to_string("/proc/net/dev").expect("reads").contains("eth0")
    );
    assert_eq!(other("exit 7").output().expect("runs").status.code(), Some(7));
    let code = other("kill -TERM $$").output().expect("runs").status.code();
    assert!(engine == Engine::Process || code == Some(128 + 15), "{code:?}");
    let mut echo = other("read line; echo got $line");
    let mut child = echo.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("runs");
    child.stdin.take().expect("piped").write_all(b"word\n").expect("writes");
    assert!(String::from_utf8_lossy(&child.wait_with_output().expect("ends").stdout).contains("got word"));
    let missing = enter(&lab, 0, "/no-such-program").status().expect_err("cannot run");
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
}

/// More cables than there are readable subnets: the /31s work too, from the first to the last.
fn many(engine: Engine, directory: &Path) {
    let links: Vec<_> = (0..256).map(|_| Link::new(0, 1)).collect();
    let mut lab = Lab::create(engine, "many", directory, &["a", "b"].map(String::from), &links, &Physics::default())
        .expect("creates");
    for node in 0..2 {
        lab.start(node, launch(&lab, node, directory)).expect("starts");
    }
    met(directory, "a", "b", 256);
    met(directory, "b", "a", 256);
    if engine == Engine::Netns {
        assert_eq!(lab.ports(1)[255].remote, Endpoint::Tcp("10.0.1.254:0".parse().expect("an address")));
    }
}

/// A host that runs until it is killed.
fn running(engine: Engine, directory: &Path) {
    let _lab = row(engine, directory);
    met(directory, "a", "b", 1);
    met(directory, "b", "c", 1);
    fs::write(directory.join("ready"), "").expect("writes");
    loop {
        thread::park();
    }
}

/// 100 nodes with 300 links: prints how long it takes.
fn large(engine: Engine, directory: &Path) {
    let nodes: Vec<_> = (0..100).map(|node| format!("n{node}")).collect();
    for changes in [false, true].into_iter().filter(|changes| !changes || engine == Engine::Netns) {
        let link = |link: usize| Link { changes, ..Link::new(link % 100, (link + 1 + link / 100 * 7) % 100) };
        let links: Vec<_> = (0..300).map(link).collect();
        let begin = Instant::now();
        let mut lab = Lab::create(engine, "large", directory, &nodes, &links, &Physics::default()).expect("creates");
        let laid = begin.elapsed();
        for node in 0..100 {
            let mut sleep = Launch::own(["sleep", "1000"], directory.join("log"));
            sleep.program = "/bin/sleep".into();
            lab.start(node, sleep).expect("starts");
        }
        let started = begin.elapsed();
        let kinds = lab.cable_kinds().map_or("sockets".into(), |kinds| kinds.to_string());
        lab.down().expect("ends");
        println!("{engine}, {kinds}: network {laid:?}, all started {started:?}, down {:?}", begin.elapsed());
    }
}

/// A node: meets each neighbour, telling it its name, and prints whom it met. Never ends.
pub(crate) fn node(argument: &str) {
    fn meet(mut stream: impl Read + Write, name: &str) {
        let mut other = [0; 1];
        stream.write_all(name.as_bytes()).expect("writes");
        stream.read_exact(&mut other).expect("reads");
        println!("met {}", other[0] as char);
    }
    let (name, ports): (String, Vec<Port>) = serde_json::from_str(argument).expect("name and ports");
    println!("i am {name}, number {}", std::process::id());
    for port in ports {
        let name = name.clone();
        thread::spawn(move || match (port.side, port.local, port.remote) {
            (Side::Listens, Endpoint::Tcp(own), _) => {
                let listener = TcpListener::bind(own).expect("binds");
                listener.incoming().for_each(|stream| meet(stream.expect("accepts"), &name));
            }
            (Side::Listens, Endpoint::Unix(own), _) => {
                let listener = UnixListener::bind(own).expect("binds");
                listener.incoming().for_each(|stream| meet(stream.expect("accepts"), &name));
            }
            (Side::Dials, _, Endpoint::Tcp(other)) => meet(until(|| TcpStream::connect(other).ok()), &name),
            (Side::Dials, _, Endpoint::Unix(other)) => meet(until(|| UnixStream::connect(&other).ok()), &name),
        });
    }
    loop {
        thread::park();
    }
}

fn launch(lab: &Lab, node: usize, logs: &Path) -> Launch {
    let name = lab.record().nodes[node].name.clone();
    let argument = serde_json::to_string(&(&name, lab.ports(node))).expect("encodes");
    let mut launch = Launch::own(["fika-node"], logs.join(format!("{name}.log")));
    launch.env = vec![(ROLE.into(), "node".into()), (ARGUMENT.into(), argument.into())];
    launch
}

/// Three nodes in a row, a - b - c, started. Where there are cables, the second one has a latency.
fn row(engine: Engine, directory: &Path) -> Lab {
    let names = ["a", "b", "c"].map(String::from);
    let latency = Latency::Fixed { us: if engine == Engine::Netns { 1_000 } else { 0 } };
    let links = [Link::new(0, 1), Link::new(1, 2).with([Cable { latency, ..Cable::default() }; 2])];
    let mut lab = Lab::create(engine, "row", directory, &names, &links, &Physics::default()).expect("creates");
    for node in 0..3 {
        let process = lab.start(node, launch(&lab, node, directory)).expect("starts");
        assert!(process.alive());
    }
    lab
}

fn met(directory: &Path, node: &str, neighbour: &str, times: usize) {
    let log = directory.join(format!("{node}.log"));
    until(|| (fs::read_to_string(&log).ok()?.matches(&format!("met {neighbour}")).count() >= times).then_some(()));
}

fn enter(lab: &Lab, node: usize, program: &str) -> Command {
    command_in(&lab.process(node).expect("it runs"), program).expect("enters")
}

fn inside(lab: &Lab, node: usize, line: &str) -> String {
    output(enter(lab, node, "sh").args(["-c", line]))
}
