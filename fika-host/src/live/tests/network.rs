//! A network of real node processes over Unix sockets, each this test binary again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::env::ChainParams;
use fika_core::hash::Id;
use fika_core::plugin::{Faults, Kind, Registry};
use tempfile::TempDir;

use crate::experiment::{Announce, Durability, Load, Mempool, PluginChoice, Plugins, Relay, Role};
use crate::isolation::{Endpoint, Port, Side};
use crate::live::control::{Client, Reply, Request, Status};
use crate::live::{LoadEntry, Member, NodeSetup, monotonic_us, node_key};
use crate::results::trace::{Trace, TraceEvent};

/// Names the `node.json` of a node process.
pub(crate) const NODE: &str = "FIKA_TEST_NODE";
/// Far longer than anything here takes on a machine that is not stuck.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn registry() -> Registry {
    Registry::new()
        .with(fika_pow::PLUGIN)
        .with(fika_toy::PLUGIN)
        .with(fika_stack_vm::PLUGIN)
        .with(fika_utxo::PLUGIN)
        .with(fika_tcp::PLUGIN)
        .with(fika_omitting::PLUGIN)
        .with(super::plugins::HANGS)
        .with(super::plugins::PANICS)
}

pub(crate) fn choice(name: &str) -> PluginChoice {
    let (params, others, place) = (toml::Table::new(), vec![], String::new());
    PluginChoice { plugin: name.into(), params, others, place }
}

/// What a network is made of.
pub(crate) struct Plan {
    /// Name, role, hash rate, coins.
    pub(crate) nodes: Vec<(&'static str, Role, u64, u64)>,
    /// The first of each pair dials.
    pub(crate) links: Vec<(usize, usize)>,
    pub(crate) load: Vec<Load>,
    pub(crate) durability: Durability,
    pub(crate) chain: ChainParams,
    pub(crate) plugins: Plugins,
    /// What the nodes log; see [`log`](super::super::log).
    pub(crate) log: &'static str,
}

impl Plan {
    /// A chain of about five blocks a second among nodes of 20,000 hashes a second in all.
    pub(crate) fn new(nodes: Vec<(&'static str, Role, u64, u64)>, links: Vec<(usize, usize)>) -> Plan {
        let mut consensus = choice("pow");
        consensus.params.insert("initial_tries".into(), 4000.into());
        consensus.params.insert("retarget".into(), "none".into());
        let chain =
            ChainParams { name: "test".into(), tick_us: 1000, block_interval_us: 200_000, ..ChainParams::default() };
        Plan {
            nodes,
            links,
            load: Vec::new(),
            durability: Durability::Block,
            chain,
            plugins: Plugins {
                consensus,
                script: choice("stack-vm"),
                keys: choice("toy"),
                tx: choice("utxo"),
                transport: choice("tcp"),
            },
            log: "info",
        }
    }

    /// Makes folders, keys and files; starts nothing.
    pub(crate) fn lay_out(self) -> Network {
        let folder = tempfile::Builder::new().prefix("fk").tempdir().expect("a folder");
        let env = fika_core::env::Env { chain: self.chain.clone(), keys: std::sync::Arc::new(fika_core::keys::NoKeys) };
        let registry = registry();
        let keys = registry.get(Kind::Keys, "toy").unwrap().keys("", &env, &Faults::new()).unwrap();
        let address = |index: usize| keys.address(&node_key(&*keys, 42, index as u32).unwrap().public);
        let names = self.nodes.iter().enumerate();
        let members: Vec<Member> =
            names.map(|(index, node)| Member { name: node.0.into(), address: address(index) }).collect();
        let coins = self.nodes.iter().zip(&members).filter(|(node, _)| node.3 > 0);
        let genesis: Vec<(Address, Amount)> =
            coins.map(|(node, member)| (member.address, Amount::coins(node.3))).collect();
        let epoch_us = monotonic_us();
        let mut network = Network { folder, nodes: BTreeMap::new(), setups: Vec::new(), log: self.log };
        for (index, (name, role, hash_rate, _)) in self.nodes.iter().enumerate() {
            let own = network.folder.path().join(name);
            fs::create_dir(&own).unwrap();
            let links = self.links.iter().enumerate().filter(|(_, (a, b))| *a == index || *b == index);
            let ports = links.map(|(link, (a, b))| {
                let socket = Endpoint::Unix(network.folder.path().join(format!("{link}.sock")));
                let side = if *a == index { Side::Dials } else { Side::Listens };
                let neighbour = if *a == index { *b } else { *a };
                Port { link, neighbour, side, local: socket.clone(), remote: socket, interface: None }
            });
            let load = (0..).zip(&self.load).map(|(index, load)| LoadEntry { index, load: load.clone() });
            let setup = NodeSetup {
                run: "test".into(),
                index: index as u32,
                nodes: members.clone(),
                role: *role,
                ports: ports.collect(),
                chain: self.chain.clone(),
                epoch_us,
                start_us: 0,
                waits: false,
                genesis: genesis.clone(),
                identity: Vec::new(),
                plugins: self.plugins.clone(),
                attack: None,
                relay: Relay {
                    announce: Announce::Inv,
                    to_source: false,
                    compact: false,
                    batch_us: 0,
                    request_timeout_us: 20_000_000,
                },
                mempool: Mempool { max_bytes: 4_000_000, min_fee: Amount::ZERO },
                hash_rate: (*hash_rate).into(),
                mines: *hash_rate > 0,
                durability: self.durability,
                load: load.collect(),
                seed: 42,
                key: own.join("key.pem"),
                database: own.join("world.redb"),
                events: own.join("events.jsonl"),
                control: own.join("control.sock"),
                watchdog_s: 1,
                ban_s: 600,
            };
            network.setups.push(setup);
        }
        network
    }
}

pub(crate) struct Network {
    pub(crate) folder: TempDir,
    nodes: BTreeMap<usize, Child>,
    pub(crate) setups: Vec<NodeSetup>,
    log: &'static str,
}

impl Network {
    pub(crate) fn start_all(&mut self) {
        (0..self.setups.len()).for_each(|node| self.start(node));
    }

    /// Starts a node and waits for its control socket.
    pub(crate) fn start(&mut self, node: usize) {
        self.spawn(node);
        self.client(node);
    }

    /// Starts a node.
    pub(crate) fn spawn(&mut self, node: usize) {
        let file = self.path(node, "node.json");
        self.setups[node].write(&file).unwrap();
        let log = File::options().append(true).create(true).open(self.path(node, "node.log")).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "live::tests::node_process", "--nocapture", "--test-threads=1"])
            .env(NODE, file)
            .env("FIKA_LOG", self.log)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.nodes.insert(node, child);
    }

    pub(crate) fn path(&self, node: usize, file: &str) -> PathBuf {
        let own: &Path = self.setups[node].database.parent().unwrap();
        own.join(file)
    }

    pub(crate) fn log(&self, node: usize) -> String {
        fs::read_to_string(self.path(node, "node.log")).unwrap()
    }

    pub(crate) fn client(&mut self, node: usize) -> Client {
        let begun = Instant::now();
        loop {
            if let Ok(client) = Client::connect(&self.setups[node].control) {
                return client;
            }
            let ended = self.nodes.get_mut(&node).and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "node {node} {ended:?}: {}", self.log(node));
            sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn ask(&mut self, node: usize, request: &Request) -> Reply {
        let asked = self.client(node).ask(request);
        asked.unwrap_or_else(|error| panic!("node {node}: {error}: {}", self.log(node)))
    }

    pub(crate) fn status(&mut self, node: usize) -> Status {
        match self.ask(node, &Request::Status) {
            Reply::Status(status) => status,
            other => panic!("expected a status, found {other:?}"),
        }
    }

    /// Asks until the answer is as wanted.
    pub(crate) fn until(&mut self, node: usize, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let begun = Instant::now();
        loop {
            let status = self.status(node);
            if wanted(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {status:?}\n{}", self.log(node));
            sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`, for real.
    pub(crate) fn kill(&mut self, node: usize) {
        let mut child = self.nodes.remove(&node).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn pid(&self, node: usize) -> u32 {
        self.nodes[&node].id()
    }

    /// Waits for the end of a node that was told to end, or should by itself.
    pub(crate) fn wait(&mut self, node: usize) -> ExitStatus {
        let mut child = self.nodes.remove(&node).unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("node {node} does not end: {}", self.log(node));
            }
            sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn stop(&mut self, node: usize) -> ExitStatus {
        assert_eq!(self.ask(node, &Request::Stop), Reply::Done);
        self.wait(node)
    }

    pub(crate) fn traces(&self, node: usize) -> Vec<TraceEvent> {
        self.timed_traces(node).into_iter().map(|(_, event)| event).collect()
    }

    pub(crate) fn timed_traces(&self, node: usize) -> Vec<(u64, TraceEvent)> {
        let text = fs::read_to_string(&self.setups[node].events).unwrap();
        let traces = text.lines().map(|line| serde_json::from_str::<Trace>(line).expect(line));
        traces.map(|trace| (trace.at_us, trace.event)).collect()
    }

    /// The ids of a node's chain, newest first, genesis included.
    pub(crate) fn chain(&mut self, node: usize) -> Vec<Id> {
        match self.ask(node, &Request::Chain { count: 1000 }) {
            Reply::Chain { blocks } => blocks.into_iter().map(|line| line.id).collect(),
            other => panic!("expected a chain, found {other:?}"),
        }
    }

    /// Waits until two nodes have the same blocks up to `height` or above.
    pub(crate) fn agree(&mut self, a: usize, b: usize, height: u64) {
        let begun = Instant::now();
        loop {
            let chains = (self.chain(a), self.chain(b));
            let common = chains.0.iter().rev().zip(chains.1.iter().rev()).take_while(|(a, b)| a == b).count();
            if common as u64 > height {
                return;
            }
            let (a_log, b_log) = (self.log(a), self.log(b));
            assert!(begun.elapsed() < PATIENCE, "{common} common blocks of {height}\n{a_log}\n{b_log}");
            sleep(Duration::from_millis(50));
        }
    }

    /// A connection at the socket of a link, in place of the node that dials there.
    pub(crate) fn intrude(&self, link: usize, bytes: &[u8]) -> UnixStream {
        let mut stream = UnixStream::connect(self.folder.path().join(format!("{link}.sock"))).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in self.nodes.values_mut() {
            // What has ended already cannot be killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
