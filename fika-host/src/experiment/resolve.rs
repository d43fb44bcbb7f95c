//! From the tree to the [`Experiment`]: names become indices, defaults are filled in, and what does
//! not fit together is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fika_core::amount::{Amount, MAX_AMOUNT};
use fika_core::env::{ChainParams, Proof, TieBreak};

use super::expect::OPS;
use super::graph::{GRAPHS, Graph};
use super::reader::{Fields, Read, did_you_mean, is_name};
use super::schema::{self, Form, METRICS, Schema, Scope};
use super::source::{Errors, Item, Place, Problems, Source, Value, shortened};
use super::{
    Announce, Durability, Engine, Expect, Experiment, Load, Medium, Mempool, NodeIndex, NodeSpec, Output, Parties,
    PluginChoice, Plugins, Relay, Role, Stop, TraceFormat, When,
};

/// Judges the whole tree; `stem` is the experiment's name if it gives none.
pub(super) fn resolve(stem: &str, source: &Source) -> Result<Experiment, Errors> {
    let problems = Problems::default();
    let file = Fields::new(&schema::FILE, Some(&source.root), None, &problems);
    let run = file.table("experiment", &schema::EXPERIMENT);
    let seed = run.number("seed");
    let mut nodes = Nodes::read(&file, &problems);
    nodes.links(&file, seed, &problems);
    let name = run.optional_text("name").unwrap_or_else(|| name_from(stem));
    let mut experiment = Experiment {
        seed,
        engine: None,
        repeat: run.number("repeat") as u32,
        workers: run.number("workers") as u32,
        stop: Stop { height: run.optional("stop_height"), time_us: run.optional("stop_time") },
        chain: chain(&file, &name),
        name,
        plugins: Plugins {
            consensus: plugin(&file, "consensus", &schema::CONSENSUS, source, &problems),
            script: plugin(&file, "script", &schema::SCRIPT, source, &problems),
            keys: plugin(&file, "keys", &schema::KEYS, source, &problems),
            tx: plugin(&file, "tx", &schema::TX, source, &problems),
            transport: plugin(&file, "transport", &schema::TRANSPORT, source, &problems),
        },
        relay: relay(&file),
        medium: Medium::default(),
        mempool: mempool(&file),
        nodes: vec![],
        links: vec![],
        load: loads(&file, &nodes, &problems),
        expects: expects(&file, &nodes, &problems),
        output: output(&file),
    };
    experiment.nodes = nodes.specs;
    experiment.links = nodes.links.into_iter().collect();
    experiment.chain.hash_rate = experiment.hash_rate();
    experiment.engine = engine(&run, &problems);
    if problems.none() {
        check_together(&experiment, &run, &file.table("chain", &schema::CHAIN), &problems);
    }
    source.check(problems)?;
    Ok(experiment)
}

/// What only the whole experiment can tell.
fn check_together(experiment: &Experiment, run: &Fields<'_>, chain: &Fields<'_>, problems: &Problems) {
    let params = &experiment.chain;
    if params.block_interval_us == 0 || !params.block_interval_us.is_multiple_of(params.tick_us) {
        chain.problem("block_interval", || "expected a multiple of tick, above 0".into());
    }
    let outputs = experiment.nodes.iter().flat_map(|node| node.coins.iter().copied());
    let most = if params.cap == Amount::ZERO { MAX_AMOUNT } else { params.cap };
    if Amount::checked_sum(outputs).is_none_or(|sum| sum > most) {
        chain.problem("cap", || format!("expected at most {most} coins in the genesis block, found more"));
    }
    let ticks = experiment.stop.time_us.unwrap_or(0) / params.tick_us;
    if ticks > u64::from(u32::MAX) {
        run.problem("stop_time", || "expected a time that 32 bits can count in ticks".into());
    }
    let linked: BTreeSet<NodeIndex> = experiment.links.iter().flat_map(|(a, b)| [*a, *b]).collect();
    for (index, node) in (0..).zip(&experiment.nodes) {
        if node.role == Role::Wallet && !linked.contains(&index) {
            problems.add(run.place, || format!("the wallet '{}' has no link; give it a peer", node.name));
        }
    }
}

fn name_from(stem: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = stem.chars().take(40).map(allowed).collect();
    if is_name(&name) { name } else { "experiment".into() }
}

/// The engine; all keys have been judged, so it is known whether one of them needs the simulator.
fn engine(run: &Fields<'_>, problems: &Problems) -> Option<Engine> {
    let simulated = problems.first_simulated();
    let engine = match run.text("engine").as_str() {
        "netns" => Engine::Netns,
        "process" => Engine::Process,
        "jail" => {
            let why = "the engine 'jail' is not built in this version; expected auto, netns, process or sim";
            run.problem("engine", || why.into());
            return None;
        }
        "sim" => return Some(Engine::Sim),
        _ => return simulated.map(|_| Engine::Sim),
    };
    if let Some((place, key)) = simulated {
        let name = run.text("engine");
        problems.add(place, || format!("{key} needs the simulator; expected engine = \"sim\", found \"{name}\""));
    }
    Some(engine)
}

fn relay(file: &Fields<'_>) -> Relay {
    let relay = file.table("relay", &schema::RELAY);
    let modes = [("inv", Announce::Inv), ("headers", Announce::Headers), ("flood", Announce::Flood)];
    if relay.optional("request_timeout") == Some(0) {
        relay.problem("request_timeout", || "expected more than 0".into());
    }
    Relay {
        announce: relay.choice("mode", &modes),
        to_source: relay.number("to_source") == 1,
        compact: relay.number("compact") == 1,
        batch_us: relay.number("batch"),
        request_timeout_us: relay.number("request_timeout"),
    }
}

fn chain(file: &Fields<'_>, name: &str) -> ChainParams {
    let chain = file.table("chain", &schema::CHAIN);
    if chain.optional("cap") == Some(0) {
        chain.problem("cap", || "expected more than 0 coins, or \"none\"".into());
    }
    ChainParams {
        name: name.into(),
        tick_us: chain.choice("tick", &[("1 s", 1_000_000), ("1 ms", 1_000)]),
        genesis_time: 0,
        block_interval_us: chain.number("block_interval"),
        reward: Amount(chain.number("reward")),
        halving_interval: chain.number("halving_interval"),
        cap: Amount(chain.number("cap")),
        max_block_bytes: chain.number("max_block_bytes"),
        tie_break: chain.choice("tie_break", &[("first_seen", TieBreak::FirstSeen), ("uniform", TieBreak::Uniform)]),
        proof: chain.choice("proof", &[("real", Proof::Real), ("sampled", Proof::Sampled)]),
        hash_rate: 0,
    }
}

fn mempool(file: &Fields<'_>) -> Mempool {
    let mempool = file.table("mempool", &schema::MEMPOOL);
    Mempool { max_bytes: mempool.number("max_bytes"), min_fee: Amount(mempool.number("min_fee")) }
}

fn output(file: &Fields<'_>) -> Output {
    let output = file.table("output", &schema::OUTPUT);
    let formats = output.texts("formats");
    if let Some((_, other)) = formats.iter().find(|(_, format)| format != "json" && format != "csv") {
        output.problem("formats", || format!("expected json or csv, found '{}'", shortened(other)));
    }
    let has = |wanted: &str| formats.iter().any(|(_, format)| format == wanted);
    let trace = output
        .optional_text("trace")
        .map(|_| output.choice("trace", &[("jsonl", TraceFormat::Jsonl), ("simblock", TraceFormat::Simblock)]));
    Output { dir: output.text("dir"), json: has("json"), csv: has("csv"), trace }
}

fn plugin(
    file: &Fields<'_>,
    kind: &str,
    schema: &'static Schema,
    source: &Source,
    problems: &Problems,
) -> PluginChoice {
    let fields = file.table(kind, schema);
    let plugin = fields.text("plugin");
    let own = plugin_table(&plugin);
    let table = fields.others().find(|(name, _)| name.replace('_', "-") == own).map(|(_, item)| item);
    let params = table.map(Item::to_toml).transpose().unwrap_or_else(|(place, why)| {
        problems.add(place, || why);
        None
    });
    let place = table.or(fields.below("plugin")).map_or(fields.place, |item| item.place);
    PluginChoice {
        plugin,
        params: params.and_then(|value| value.as_table().cloned()).unwrap_or_default(),
        place: source.describe(place),
    }
}

/// The name of a plugin's own table: `pos` for `pos`, `plugins/pos`, `plugins/pos.so` and `libpos.so`.
fn plugin_table(plugin: &str) -> String {
    let path = Path::new(plugin);
    let library = path.extension().is_some_and(|ending| ending == "so");
    let stem = if library { path.file_stem() } else { path.file_name() };
    let stem = stem.map_or(plugin.into(), |stem| stem.to_string_lossy());
    let stem = if library { stem.strip_prefix("lib").unwrap_or(&stem) } else { &stem };
    stem.replace('_', "-")
}

/// The nodes, with what is needed to find them by name.
struct Nodes {
    specs: Vec<NodeSpec>,
    indices: BTreeMap<String, NodeIndex>,
    /// Names of peers by node, as written.
    peers: Vec<(NodeIndex, Vec<(Place, String)>)>,
    coins: usize,
    peer_count: u64,
    links: BTreeSet<(NodeIndex, NodeIndex)>,
}

impl Nodes {
    /// Named nodes, then groups, then n1, n2, ...
    fn read(file: &Fields<'_>, problems: &Problems) -> Nodes {
        let defaults = file.table("defaults", &schema::DEFAULTS);
        let defaults = defaults.below("node");
        // Read once for its errors; each node reads it again as its fallback.
        let default = spec(&Fields::new(&schema::DEFAULT_NODE, defaults, None, problems));
        let fallback = match defaults.map(|item| &item.value) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        };
        let (specs, indices, peers, links) = (vec![], BTreeMap::new(), vec![], BTreeSet::new());
        let mut nodes = Nodes { specs, indices, peers, coins: 0, peer_count: 0, links };
        for fields in file.tables("nodes", &schema::NODES, fallback) {
            let peers = fields.texts("peers");
            nodes.add(fields.text("name"), &spec(&fields), &peers, &fields, problems);
        }
        for fields in file.tables("node_groups", &schema::NODE_GROUPS, fallback) {
            let (name, spec, peers) = (fields.text("name"), spec(&fields), fields.texts("peers"));
            for number in 1..=fields.number("count") {
                if !nodes.add(format!("{name}-{number}"), &spec, &peers, &fields, problems) {
                    break;
                }
            }
        }
        let network = file.table("network", &schema::NETWORK);
        for number in 1..=network.number("nodes") {
            if !nodes.add(format!("n{number}"), &default, &[], &network, problems) {
                break;
            }
        }
        if nodes.specs.is_empty() {
            problems.add(network.place, || "expected a node: give [network] nodes = 5, or [[nodes]]".into());
        }
        nodes
    }

    /// Adds one node; false if the network is full.
    fn add(
        &mut self,
        name: String,
        spec: &NodeSpec,
        peers: &[(Place, String)],
        fields: &Fields<'_>,
        problems: &Problems,
    ) -> bool {
        self.coins += spec.coins.len();
        let full = self.specs.len() as u64 == schema::NODES_MAX;
        if full || self.coins > schema::COINS_MAX {
            let (nodes, coins) = (schema::NODES_MAX, schema::COINS_MAX);
            problems.add(fields.place, || {
                format!("expected at most {nodes} nodes and {coins} genesis outputs, found more")
            });
            return false;
        }
        let index = self.specs.len() as NodeIndex;
        if name == "any" || self.indices.insert(name.clone(), index).is_some() {
            problems.add(fields.place, || {
                format!("expected a name that no other node has, found '{}' again", shortened(&name))
            });
        }
        self.peer_count += peers.len() as u64;
        if self.peer_count > 2 * schema::LINKS_MAX {
            let most = 2 * schema::LINKS_MAX;
            problems.add(fields.place, || format!("expected at most {most} peers of all nodes together, found more"));
            return false;
        }
        if !peers.is_empty() {
            self.peers.push((index, peers.to_vec()));
        }
        self.specs.push(NodeSpec { name, ..spec.clone() });
        true
    }

    fn find(&self, place: Place, name: &str, problems: &Problems) -> Option<NodeIndex> {
        let found = self.indices.get(name).copied();
        if found.is_none() {
            problems.add(place, || {
                let meant = did_you_mean(name, self.indices.keys().map(String::as_str));
                format!("expected the name of a node, found '{}', which no node has{meant}", shortened(name))
            });
        }
        found
    }

    /// The links of all three sources: `[[links]]`, peers, and the graph.
    fn links(&mut self, file: &Fields<'_>, seed: u64, problems: &Problems) {
        for fields in file.tables("links", &schema::LINKS, None) {
            let end = |key: &str| {
                let place = fields.below(key).map_or(fields.place, |item| item.place);
                fields.optional_text(key).and_then(|name| self.find(place, &name, problems))
            };
            let (Some(a), Some(b)) = (end("a"), end("b")) else { continue };
            if a != b && !self.links.insert((a.min(b), a.max(b))) {
                let (a, b) = (&self.specs[a as usize].name, &self.specs[b as usize].name);
                problems.add(fields.place, || format!("expected each link once, found {a} - {b} again"));
            } else if a == b {
                fields.problem("b", || "expected another node than 'a', found the same".into());
            }
        }
        for (index, peers) in std::mem::take(&mut self.peers) {
            let mut own = BTreeSet::new();
            for (place, name) in peers {
                let Some(peer) = self.find(place, &name, problems) else { continue };
                if peer == index {
                    problems.add(place, || format!("expected another node as a peer, found '{name}' itself"));
                } else if !own.insert(peer) {
                    problems.add(place, || format!("expected each peer once, found '{name}' again"));
                } else {
                    self.links.insert((peer.min(index), peer.max(index)));
                }
            }
        }
        self.graph(file, seed, problems);
        if self.links.len() as u64 > schema::LINKS_MAX {
            let (most, found) = (schema::LINKS_MAX, self.links.len());
            problems.add(file.place, || format!("expected at most {most} links, found {found}"));
        }
    }

    fn graph(&mut self, file: &Fields<'_>, seed: u64, problems: &Problems) {
        let network = file.table("network", &schema::NETWORK);
        let fields = network.table("graph", &schema::GRAPH);
        let degree = fields.optional("degree");
        let graph = match fields.optional_text("kind") {
            Some(kind) => GRAPHS.iter().find(|(name, _)| *name == kind).map(|(_, graph)| *graph),
            None if network.number("nodes") > 0 => Some(Graph::Ring),
            None => None,
        };
        let graph = match (graph, degree) {
            (Some(Graph::RandomRegular(_)), Some(degree)) => Graph::RandomRegular(degree),
            (Some(Graph::RandomRegular(_)), None) => {
                fields.problem("kind", || "a random_regular graph needs the key 'degree'".into());
                return;
            }
            (_, Some(_)) => {
                fields.problem("degree", || "only a random_regular graph has a degree".into());
                return;
            }
            (Some(graph), None) => graph,
            (None, None) => return,
        };
        if !problems.none() {
            return;
        }
        let full: Vec<NodeIndex> =
            (0..).zip(&self.specs).filter(|(_, spec)| spec.role == Role::Full).map(|(i, _)| i).collect();
        match graph.links(full.len() as u32, seed) {
            Ok(links) => self.links.extend(links.into_iter().map(|(a, b)| {
                let (a, b) = (full[a as usize], full[b as usize]);
                (a.min(b), a.max(b))
            })),
            Err(why) => fields.problem("kind", || why),
        }
    }
}

/// What `[defaults.node]`, `[[nodes]]` and `[[node_groups]]` have in common. The name is set later.
fn spec(fields: &Fields<'_>) -> NodeSpec {
    let role = match fields.text("role").as_str() {
        "wallet" => Role::Wallet,
        "light" => {
            fields.problem("role", || "light nodes are not built in this version; expected full or wallet".into());
            Role::Wallet
        }
        _ => Role::Full,
    };
    let coins = match fields.read("coins") {
        Read::Numbers(coins) => coins.into_iter().map(Amount).collect(),
        _ => vec![],
    };
    if coins.len() > schema::COINS_PER_NODE_MAX {
        fields.problem("coins", || format!("expected at most {} outputs", schema::COINS_PER_NODE_MAX));
    }
    if coins.contains(&Amount::ZERO) {
        fields.problem("coins", || "expected outputs above 0 coins".into());
    }
    let hash_rate = fields.number("hash_rate");
    if role == Role::Wallet && hash_rate > 0 && fields.has("hash_rate") {
        fields.problem("hash_rate", || "a wallet does not mine; expected no hash rate".into());
    }
    NodeSpec {
        name: String::new(),
        role,
        hash_rate: if role == Role::Full { hash_rate } else { 0 },
        coins,
        agent: fields.optional_text("agent"),
        durability: fields.choice("durability", &[("block", Durability::Block), ("batch", Durability::Batch)]),
        region: None,
        upload_bps: 0,
        download_bps: 0,
        clock_offset_us: 0,
        clock_drift_ppm: 0,
        compact: true,
        compact_failure: None,
    }
}

fn loads(file: &Fields<'_>, nodes: &Nodes, problems: &Problems) -> Vec<Load> {
    let tables = file.tables("load", &schema::LOAD, None);
    if tables.len() > schema::LOADS_MAX {
        file.problem("load", || format!("expected at most {} entries, found {}", schema::LOADS_MAX, tables.len()));
        return vec![];
    }
    tables.iter().filter_map(|fields| load(fields, nodes, problems)).collect()
}

fn load(fields: &Fields<'_>, nodes: &Nodes, problems: &Problems) -> Option<Load> {
    let (at, height, rate) = (fields.optional("at"), fields.optional("at_height"), fields.optional("rate"));
    let count = fields.optional("count");
    let when = match (at, height, rate, count) {
        (_, None, Some(1..), count) => {
            let start_us = at.unwrap_or(0);
            When::Rate { start_us, per_day_thousandths: rate.unwrap_or(1), count }
        }
        (Some(time_us), None, None, None) => When::At { time_us },
        (None, Some(height), None, None) => When::AtHeight { height },
        _ => {
            let expected =
                "expected 'at' or 'at_height' (one payment), or a 'rate' above 0 (with 'at' and 'count', if wanted)";
            problems.add(fields.place, || format!("{expected} in [[load]]"));
            return None;
        }
    };
    let parties = |key: &str| match fields.read(key) {
        Read::Texts(names) if names.is_empty() => {
            fields.problem(key, || "expected at least one name".into());
            None
        }
        Read::Texts(names) => {
            let found: Option<Vec<_>> = names.iter().map(|(place, name)| nodes.find(*place, name, problems)).collect();
            found.map(Parties::Nodes)
        }
        _ => Some(Parties::Any),
    };
    let (from, to) = (parties("from")?, parties("to")?);
    let Read::Range(low, high) = fields.read("amount") else { return None };
    if low == 0 {
        fields.problem("amount", || "expected an amount above 0".into());
    }
    let fee = Amount(fields.number("fee"));
    let load = Load { from, to, amount: (Amount(low), Amount(high)), fee, when };
    if !load.has_two_parties(nodes.specs.len() as u64) {
        fields.problem("to", || "expected another node than the payer".into());
    }
    Some(load)
}

fn expects(file: &Fields<'_>, nodes: &Nodes, problems: &Problems) -> Vec<Expect> {
    let tables = file.tables("expect", &schema::EXPECT, None);
    tables.iter().filter_map(|fields| expect(fields, nodes, problems)).collect()
}

fn expect(fields: &Fields<'_>, nodes: &Nodes, problems: &Problems) -> Option<Expect> {
    let name = fields.optional_text("metric")?;
    let Some(metric) = METRICS.iter().find(|metric| metric.name == name) else {
        let names = || METRICS.iter().map(|metric| metric.name);
        let meant = did_you_mean(&name, names());
        let expected = names().collect::<Vec<_>>().join(", ");
        fields.problem("metric", || format!("expected one of {expected}, found '{}'{meant}", shortened(&name)));
        return None;
    };
    let on = fields.optional_text("on");
    let place = fields.below("on").map_or(fields.place, |item| item.place);
    match (&on, metric.on) {
        (None, Scope::Node) => {
            problems.add(place, || format!("'{name}' is measured on one node: [[expect]] needs the key 'on'"));
        }
        (Some(_), Scope::Network) => {
            problems.add(place, || format!("'{name}' is measured on the whole network: expected no 'on'"));
        }
        (Some(node), _) => drop(nodes.find(place, node, problems)),
        _ => {}
    }
    let op = fields.choice("op", OPS);
    let number = |key: &str, form: Form| match fields.read_as(key, form) {
        Read::Number(number) => Some(number),
        _ => None,
    };
    let value = number("value", metric.form)?;
    let tolerance = match fields.below("tolerance").map(|item| &item.value) {
        None => 0,
        Some(Value::Text(text)) if text.ends_with('%') && !matches!(metric.form, Form::Flag) => {
            let share = number("tolerance", Form::Measure(&super::quantity::SHARE))?;
            u64::try_from(u128::from(value) * u128::from(share) / 1_000_000).unwrap_or(u64::MAX)
        }
        Some(_) => number("tolerance", metric.form)?,
    };
    let place = on.as_ref().map_or(String::new(), |node| format!(" on {node}"));
    let written = |key: &str| match fields.below(key).map(|item| &item.value) {
        Some(Value::Text(text) | Value::Number(text)) => shortened(text),
        Some(Value::Flag(flag)) => flag.to_string(),
        _ => String::new(),
    };
    let mut text = format!("{name}{place} {} {}", fields.text("op"), written("value"));
    if tolerance > 0 {
        text += &format!(" +- {}", written("tolerance"));
    }
    Some(Expect { metric: name, on, op, value, tolerance, text })
}
