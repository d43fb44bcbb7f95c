//! Nodes in places of their own, for real: namespaces, cables, processes, and what is left when they die.
//!
//! A host may have to enter a user namespace before its first thread, and a test has threads around it. So
//! each check runs in a process of its own, this binary again, once per engine and, if started by root, also
//! as an ordinary user. Its nodes are this binary too.
#![allow(clippy::print_stdout, reason = "its own harness: standard output is the report")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fika_host::isolation::{
    Endpoint, Engine, Error, Lab, Launch, Link, Port, ProcessId, Record, Side, Signal, clean, command_in,
    enter_user_namespace, permitted, runs,
};

const ROLE: &str = "FIKA_TEST_ROLE";
const ARGUMENT: &str = "FIKA_TEST_ARGUMENT";
const NOBODY: u32 = 65534;

/// No test harness: it would start threads. Takes a part of a test's name, and `--ignored` for the last one.
fn main() {
    if let Ok(role) = std::env::var(ROLE) {
        return play(&role);
    }
    let (flags, filters): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let slow = flags.iter().any(|flag| flag.ends_with("ignored"));
    let mut failed = 0;
    for (name, test, wanted) in TESTS {
        if wanted == &slow && (filters.is_empty() || filters.iter().any(|filter| name.contains(filter))) {
            let passed = catch_unwind(test).is_ok();
            failed += i32::from(!passed);
            println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        }
    }
    std::process::exit(failed.min(1));
}

const TESTS: &[(&str, fn(), bool)] = &[
    ("neighbours_meet_and_see_their_own_place_only", || everywhere("neighbours"), false),
    ("a_killed_node_returns_to_its_cables", || everywhere("restarts"), false),
    ("a_run_ends_whole", || everywhere("ends"), false),
    ("commands_run_inside_a_node", || everywhere("commands"), false),
    ("a_killed_host_leaves_nothing_but_its_directory", a_killed_host_leaves_nothing_but_its_directory, false),
    ("clean_ends_recorded_processes_and_no_others", clean_ends_recorded_processes_and_no_others, false),
    ("what_cannot_be_a_run_is_refused", what_cannot_be_a_run_is_refused, false),
    ("how_long_a_large_network_takes", || everywhere("large"), true),
];

/// What a child process does.
fn play(role: &str) {
    let argument = std::env::var(ARGUMENT).unwrap_or_default();
    match role {
        "node" => node(&argument),
        "enter" => enter(&argument),
        "clean" => println!("{}", clean(Path::new(&argument)).expect("cleans").join("\n")),
        check => {
            let (engine, directory) = argument.split_once(' ').expect("engine and directory");
            let engine: Engine = engine.parse().expect("an engine");
            if engine == Engine::Netns {
                permitted().expect("was permitted to the parent");
                enter_user_namespace().expect("one thread only");
            }
            let checks = CHECKS.iter().find(|(name, _)| *name == check).expect("a known check");
            checks.1(engine, Path::new(directory));
        }
    }
}

/// A node: meets each neighbour, telling it its name, and prints whom it met. Never ends.
fn node(argument: &str) {
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

/// Another process of the owner, which knows the record only: runs a shell line in a node.
fn enter(argument: &str) {
    let (directory, line) = argument.split_once(' ').expect("directory and line");
    let record = Record::load(Path::new(directory)).expect("a record");
    let process = record.nodes[0].process.expect("it runs");
    let status = command_in(&process, "sh").expect("enters").args(["-c", line]).status().expect("runs");
    std::process::exit(status.code().expect("a code"));
}

fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited a minute in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

fn this_binary(role: &str, argument: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("has a path"));
    command.env(ROLE, role).env(ARGUMENT, argument);
    command
}

fn launch(lab: &Lab, node: usize, logs: &Path) -> Launch {
    let name = lab.record().nodes[node].name.clone();
    let argument = serde_json::to_string(&(&name, lab.ports(node))).expect("encodes");
    let mut launch = Launch::own(["fika-node"], logs.join(format!("{name}.log")));
    launch.env = vec![(ROLE.into(), "node".into()), (ARGUMENT.into(), argument.into())];
    launch
}

/// Three nodes in a row, a - b - c, started.
fn row(engine: Engine, directory: &Path) -> Lab {
    let names = ["a", "b", "c"].map(String::from);
    let mut lab = Lab::create(engine, "row", directory, &names, &[Link::new(0, 1), Link::new(1, 2)]).expect("creates");
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

fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("runs");
    assert!(status.success(), "{command:?}: {status}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("is text")
}

fn inside(lab: &Lab, node: usize, line: &str) -> String {
    output(lab.command(node, "sh").expect("enters").args(["-c", line]))
}

type Check = fn(Engine, &Path);
const CHECKS: [(&str, Check); 6] = [
    ("neighbours", neighbours),
    ("restarts", restarts),
    ("ends", ends),
    ("commands", commands),
    ("running", running),
    ("large", large),
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
        let socket = directory.join("row/link-0.sock");
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
    assert_eq!((node, std::os::unix::process::ExitStatusExt::signal(&status)), (0, Some(9)));
    assert!(!before.alive() && lab.process(0).is_none());
    assert_eq!(Record::load(lab.directory()).expect("record").nodes[0].process, None);
    let after = lab.restart(0).expect("starts again");
    assert_eq!(place(after), network);
    met(directory, "a", "b", 2);
    met(directory, "b", "a", 2);
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
    let taken = Lab::create(engine, "row", directory, &["a".into()], &[]);
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
    let missing = lab.command(0, "/no-such-program").expect("enters").status().expect_err("cannot run");
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
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
    let links: Vec<_> = (0..300).map(|link| Link::new(link % 100, (link + 1 + link / 100 * 7) % 100)).collect();
    let begin = Instant::now();
    let mut lab = Lab::create(engine, "large", directory, &nodes, &links).expect("creates");
    let laid = begin.elapsed();
    for node in 0..100 {
        let mut sleep = Launch::own(["sleep", "1000"], directory.join("log"));
        sleep.program = "/bin/sleep".into();
        lab.start(node, sleep).expect("starts");
    }
    let started = begin.elapsed();
    lab.down().expect("ends");
    println!("{engine}: network {laid:?}, all started {started:?}, down {:?}", begin.elapsed());
}

/// A place that the given user can use, and this binary in it.
struct Stage {
    root: tempfile::TempDir,
    user: Option<u32>,
}

impl Stage {
    fn new(user: Option<u32>) -> Stage {
        let root = tempfile::tempdir().expect("makes one");
        fs::copy(std::env::current_exe().expect("has a path"), root.path().join("fika")).expect("copies");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("sets");
        let own = root.path().join("run");
        fs::create_dir(&own).expect("makes");
        fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).expect("sets");
        std::os::unix::fs::chown(&own, user, user).expect("gives away");
        Stage { root, user }
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join("run")
    }

    fn process(&self, role: &str, argument: &str) -> Command {
        let mut command = Command::new(self.root.path().join("fika"));
        command.env(ROLE, role).env(ARGUMENT, argument);
        if let Some(user) = self.user {
            command.uid(user).gid(user).current_dir("/");
        }
        command
    }

    fn check(&self, name: &str, engine: Engine) -> Command {
        self.process(name, &format!("{engine} {}", self.directory().display()))
    }
}

/// Who can be tried as: this user, and for root an ordinary one as well.
fn users() -> Vec<Option<u32>> {
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if root { vec![None, Some(NOBODY)] } else { vec![None] }
}

/// The engines that can be tried here; says so if one cannot.
fn engines() -> Vec<Engine> {
    match permitted() {
        Ok(()) => vec![Engine::Netns, Engine::Process],
        Err(reason) => {
            println!("only the process engine is tested: {reason}");
            vec![Engine::Process]
        }
    }
}

fn everywhere(check: &str) {
    for user in users() {
        for engine in engines() {
            println!("{check}, {engine}, user {user:?}: {}", output(&mut Stage::new(user).check(check, engine)));
        }
    }
}

/// Every use of these network namespaces in the whole machine: processes in them, descriptors on them.
fn users_of(networks: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let entries = |path: PathBuf| fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let links = entries("/proc".into()).flat_map(|process| entries(process.join("fd")).chain([process.join("ns/net")]));
    links.filter(|link| fs::read_link(link).is_ok_and(|target| networks.contains(&target))).collect()
}

fn a_killed_host_leaves_nothing_but_its_directory() {
    for user in users() {
        for engine in engines() {
            let stage = Stage::new(user);
            let mounts = || fs::read_to_string("/proc/self/mountinfo").expect("reads").matches("nsfs").count();
            let mounts_before = mounts();
            let mut host = stage.check("running", engine).stdout(Stdio::null()).spawn().expect("starts");
            until(|| stage.directory().join("ready").exists().then_some(()));
            let text = fs::read(stage.directory().join("row/run.json")).expect("reads");
            let record: Record = serde_json::from_slice(&text).expect("is a record");
            let processes: Vec<_> = record.nodes.iter().map(|node| node.process.expect("runs")).collect();
            assert!(record.alive() && processes.iter().all(ProcessId::alive));
            let network = |process: &ProcessId| fs::read_link(format!("/proc/{}/ns/net", process.pid)).expect("reads");
            let mut networks: BTreeSet<_> = processes.iter().map(network).collect();
            networks.remove(&fs::read_link("/proc/self/ns/net").expect("reads"));
            assert_eq!(networks.len(), if engine == Engine::Netns { 3 } else { 0 });
            assert!(users_of(&networks).len() >= 2 * networks.len(), "held by the node and by the host");
            // A living run is not cleaned.
            let cleaned = |directory: &Path| output(&mut stage.process("clean", &directory.display().to_string()));
            assert!(!cleaned(&stage.directory()).contains("row"));

            host.kill().expect("kills");
            host.wait().expect("ends");
            until(|| processes.iter().all(|process| !process.alive()).then_some(()));
            until(|| users_of(&networks).is_empty().then_some(()));
            assert_eq!(mounts(), mounts_before);
            assert!(cleaned(&stage.directory()).contains("run/row"));
            assert!(!stage.directory().join("row").exists());
            assert!(!cleaned(&stage.directory()).contains("row"));
        }
    }
}

fn clean_ends_recorded_processes_and_no_others() {
    let stage = Stage::new(None);
    let directory = stage.directory().join("old");
    fs::create_dir(&directory).expect("makes");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("sets");
    let mut sleepers = [0, 1].map(|_| Command::new("sleep").arg("600").spawn().expect("starts"));
    let [left, stranger] = [0, 1].map(|n| ProcessId::of(sleepers[n].id() as i32).expect("runs"));
    let mut dead = Command::new("true").spawn().expect("starts");
    let host = ProcessId { pid: dead.id() as i32, start_time: 1 };
    dead.wait().expect("ends");
    let node = |name: &str, process: ProcessId| serde_json::json!({"name": name, "process": process, "control": directory.join("x"), "log": null});
    let reused = ProcessId { start_time: stranger.start_time - 1, ..stranger };
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("reads");
    let record = serde_json::json!({
        "name": "old", "engine": "process", "host": host, "boot": boot.trim(), "results": null,
        "nodes": [node("left", left), node("reused", reused)],
    });
    fs::write(directory.join("run.json"), record.to_string()).expect("writes");
    // Not ours to touch: no record, a link to elsewhere, a directory that others can write.
    let elsewhere = stage.root.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("makes");
    fs::write(elsewhere.join("run.json"), record.to_string()).expect("writes");
    symlink(&elsewhere, stage.directory().join("link")).expect("links");
    fs::create_dir(stage.directory().join("empty")).expect("makes");

    let removed = clean(&stage.directory()).expect("cleans");
    assert_eq!(removed.len(), 2, "{removed:?}");
    assert!(removed[0].contains(&format!("process {} (node left of run old)", left.pid)), "{removed:?}");
    assert!(removed[1].ends_with("run/old") && !directory.exists());
    assert!(!left.alive() && stranger.alive());
    assert!(elsewhere.join("run.json").exists() && stage.directory().join("empty").exists());
    for sleeper in &mut sleepers {
        sleeper.kill().expect("kills");
        sleeper.wait().expect("ends");
    }
}

fn what_cannot_be_a_run_is_refused() {
    let stage = Stage::new(None);
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let refusal = |name: &str, nodes: &[&str], links: &[Link]| {
        let made = Lab::create(Engine::Process, name, &stage.directory(), &names(nodes), links);
        made.err().expect("refused").to_string()
    };
    assert!(refusal("../x", &["a"], &[]).contains("found \"../x\""));
    assert!(refusal("x", &["a", ".b"], &[]).contains("found \".b\""));
    assert!(refusal("x", &["a", "b", "a"], &[]).contains("found \"a\" twice"));
    assert!(refusal("x", &["a", "b"], &[Link::new(0, 1), Link::new(1, 1)]).starts_with("link 1:"));
    assert!(refusal("x", &["a", "b"], &[Link::new(0, 2)]).contains("found 0 and 2"));
    assert_eq!(fs::read_dir(stage.directory()).expect("reads").count(), 0);

    let deep = stage.directory().join("d".repeat(90));
    let error = Lab::create(Engine::Process, "x", &deep, &names(&["a"]), &[]).err().expect("refused");
    assert!(matches!(error, Error::PathTooLong(_)) && !deep.join("x").exists(), "{error}");

    // What lies there and is no run's is neither used nor removed.
    fs::create_dir(stage.directory().join("mine")).expect("makes");
    fs::write(stage.directory().join("mine/thesis.txt"), "").expect("writes");
    assert!(Lab::create(Engine::Process, "mine", &stage.directory(), &names(&["a"]), &[]).is_err());
    assert!(stage.directory().join("mine/thesis.txt").exists());

    fs::set_permissions(stage.directory(), fs::Permissions::from_mode(0o755)).expect("sets");
    assert!(refusal("x", &["a"], &[]).contains("mode 0755"));
}
