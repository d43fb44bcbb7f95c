//! Nodes in places of their own, for real: namespaces, cables, processes, and what is left when they die.
//!
//! A host may have to enter a user namespace before its first thread, and a test has threads around it. So
//! each check runs in a process of its own, this binary again, once per engine and, if started by root, also
//! as an ordinary user. Its nodes are this binary too.
//!
//! What is tested is no part of the crate's public face, so its sources are compiled into this binary.
#![allow(clippy::print_stdout, reason = "its own harness: standard output is the report")]

mod cables;
mod checks;
#[allow(dead_code, unused_imports, reason = "not all of it is tested here")]
#[path = "../../src/isolation/mod.rs"]
mod isolation;
#[allow(dead_code, unused_imports, reason = "not all of it is tested here")]
#[path = "../../src/physics/mod.rs"]
mod physics;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use isolation::{
    Engine, Error, Lab, Link, Physics, ProcessId, Record, clean, command_in, enter_user_namespace, permitted, runs,
    runtime_dir,
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
    ("many_cables_carry_too", || everywhere("many"), false),
    ("commands_run_inside_a_node", || everywhere("commands"), false),
    ("cables_delay_limit_and_lose_packets", || everywhere("physics"), false),
    ("links_change_while_a_run_goes_on", || everywhere("changes"), false),
    ("a_killed_host_leaves_nothing_but_its_directory", a_killed_host_leaves_nothing_but_its_directory, false),
    ("clean_ends_recorded_processes_and_no_others", clean_ends_recorded_processes_and_no_others, false),
    ("a_run_is_stopped_by_its_record", a_run_is_stopped_by_its_record, false),
    ("the_runtime_directory_is_the_users_own", the_runtime_directory_is_the_users_own, false),
    ("what_cannot_be_a_run_is_refused", what_cannot_be_a_run_is_refused, false),
    ("how_exact_cables_are", || everywhere("exact"), true),
    ("how_long_a_large_network_takes", || everywhere("large"), true),
];

/// What a child process does.
fn play(role: &str) {
    let argument = std::env::var(ARGUMENT).unwrap_or_default();
    match role {
        "node" => checks::node(&argument),
        "runtime" => println!("{}", runtime_dir().expect("there is one").display()),
        "enter" => enter(&argument),
        "clean" => println!("{}", clean(Path::new(&argument)).expect("cleans").join("\n")),
        check => {
            let (engine, directory) = argument.split_once(' ').expect("engine and directory");
            let engine: Engine = engine.parse().expect("an engine");
            if engine == Engine::Netns {
                permitted().expect("was permitted to the parent");
                enter_user_namespace().expect("one thread only");
            }
            let checks = checks::CHECKS.iter().find(|(name, _)| *name == check).expect("a known check");
            checks.1(engine, Path::new(directory));
        }
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

fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("runs");
    assert!(status.success(), "{command:?}: {status}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("is text")
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
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
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

fn a_run_is_stopped_by_its_record() {
    let stage = Stage::new(None);
    let mut host = stage.check("running", Engine::Process).stdout(Stdio::null()).spawn().expect("starts");
    until(|| stage.directory().join("ready").exists().then_some(()));
    let (directory, record) = runs(&stage.directory()).expect("reads").remove(0);
    assert!(record.alive() && record.node("b").is_some_and(|node| node.process.is_some()));
    record.stop(Duration::from_secs(60)).expect("stops");
    assert_eq!(host.wait().expect("ends").signal(), Some(15), "asked, not killed");
    assert!(!record.alive());
    record.stop(Duration::ZERO).expect("is stopped already");
    clean(&stage.directory()).expect("cleans");
    assert!(!directory.exists());
}

fn the_runtime_directory_is_the_users_own() {
    for user in users().into_iter().flatten() {
        let stage = Stage::new(Some(user));
        let directory = |session: &Path| output(stage.process("runtime", "").env("XDG_RUNTIME_DIR", session));
        assert_eq!(directory(&stage.directory()), format!("{}\n", stage.directory().join("fika").display()));
        // The stage itself is root's.
        assert_eq!(directory(stage.root.path()), format!("/tmp/fika-{user}\n"));
        let _ = fs::remove_dir(format!("/tmp/fika-{user}"));
    }
}

fn what_cannot_be_a_run_is_refused() {
    let stage = Stage::new(None);
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let refusal = |name: &str, nodes: &[&str], links: &[Link]| {
        let made = Lab::create(Engine::Process, name, &stage.directory(), &names(nodes), links, &Physics::default());
        made.err().expect("refused").to_string()
    };
    assert!(refusal("../x", &["a"], &[]).contains("found \"../x\""));
    assert!(refusal("x", &["a", ".b"], &[]).contains("found \".b\""));
    assert!(refusal("x", &["a", "b", "a"], &[]).contains("found \"a\" twice"));
    assert!(refusal("x", &["a", "b"], &[Link::new(0, 1), Link::new(1, 1)]).starts_with("link 1:"));
    assert!(refusal("x", &["a", "b"], &[Link::new(0, 2)]).contains("found 0 and 2"));
    assert_eq!(fs::read_dir(stage.directory()).expect("reads").count(), 0);

    let deep = stage.directory().join("d".repeat(90));
    let error =
        Lab::create(Engine::Process, "x", &deep, &names(&["a"]), &[], &Physics::default()).err().expect("refused");
    assert!(matches!(error, Error::PathTooLong(_)) && !deep.join("x").exists(), "{error}");

    // What lies there and is no run's is neither used nor removed.
    fs::create_dir(stage.directory().join("mine")).expect("makes");
    fs::write(stage.directory().join("mine/thesis.txt"), "").expect("writes");
    assert!(
        Lab::create(Engine::Process, "mine", &stage.directory(), &names(&["a"]), &[], &Physics::default()).is_err()
    );
    assert!(stage.directory().join("mine/thesis.txt").exists());

    fs::set_permissions(stage.directory(), fs::Permissions::from_mode(0o755)).expect("sets");
    assert!(refusal("x", &["a"], &[]).contains("mode 0755"));
}
