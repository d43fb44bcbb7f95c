//! The experiment: what a run needs to know, from a file, the command line or a program.
//!
//! [`Experiment::load`] reads a file and lays [`Override`]s over it; [`Network::builder`] makes the
//! same in code. Either way every name is resolved, every default filled in and every number in base
//! units, so that what follows (and `run.json`, and a node's process) reads plain data.
//!
//! `docs/experiment-file.md` lists the keys; `schema.rs` is where they are defined.

mod between;
mod builder;
mod expect;
mod graph;
mod links;
mod load;
mod medium;
mod metrics;
mod network_keys;
#[cfg(test)]
mod network_tests;
mod node_config;
mod nodes;
mod presets;
mod quantity;
mod reader;
mod resolve;
mod run_keys;
mod schema;
mod shares;
mod source;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use fika_core::amount::Amount;
use fika_core::env::ChainParams;
use fika_core::header::Time;
use fika_core::plugin::Kind;
use serde::{Deserialize, Serialize};

pub(crate) use quantity::{BITS, DURATION, HASH_RATE, Quantity};
pub(crate) use reader::is_name;
pub(crate) use schema::{LINKS_MAX, NODES_MAX};
pub(crate) use shares::unit;
pub(crate) use source::shortened;

pub use builder::{Builder, Network, Node};
pub use expect::{Expect, Op};
pub use load::{Due, Load, Parties, Payment, When};
pub(crate) use load::{TRIES_MAX, retry_us};
pub use medium::{Cable, Charge, CompactFailure, Latency, Medium, Region};
pub(crate) use metrics::measured;
pub(crate) use node_config::node_seed;
pub use schema::reference;
pub use source::{Errors, Override};

/// A node as its index in [`Experiment::nodes`].
pub type NodeIndex = u32;

/// One network and what happens in it, complete and checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Names the results folder, the chain and nothing else.
    pub name: String,
    /// Where every random draw and generated key comes from.
    pub seed: u64,
    /// How nodes are kept apart; `None`: namespaces where they are permitted, else processes.
    pub engine: Option<Engine>,
    /// How many runs, with the seeds from `seed` on; at least 1. More than one only with [`Engine::Sim`].
    pub repeat: u32,
    /// Threads that validate in a simulated run; at least 1. They change no result.
    pub workers: u32,
    /// Under virtual time: the chains of this many nodes are judged again at the end.
    pub replay: u32,
    /// When the run ends.
    pub stop: Stop,
    /// What all nodes of the chain agree on. The header time of genesis is 0 until the runtime sets it.
    pub chain: ChainParams,
    /// One plugin of each kind.
    pub plugins: Plugins,
    /// How news spreads.
    pub relay: Relay,
    /// What lies between the nodes in the simulator.
    pub medium: Medium,
    /// Payments that wait for a block.
    pub mempool: Mempool,
    /// At least one; names are unique.
    pub nodes: Vec<NodeSpec>,
    /// Pairs of different nodes, the smaller index first, ascending, each pair once.
    pub links: Vec<(NodeIndex, NodeIndex)>,
    /// Payments that are made by themselves.
    pub load: Vec<Load>,
    /// What must hold at the end.
    pub expects: Vec<Expect>,
    /// Where the results go.
    pub output: Output,
    /// What it was read from.
    #[serde(skip)]
    written: Written,
}

/// What an experiment with `repeat` was read from, with its name if it gives none: for another seed, nodes and links are
/// drawn anew. It says nothing that the experiment does not say, so it makes no difference between two.
#[derive(Clone, Debug, Default)]
struct Written(Option<Arc<(String, source::Source)>>);

impl PartialEq for Written {
    fn eq(&self, _: &Written) -> bool {
        true
    }
}

/// How nodes are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Each node in network, PID, mount and host name namespaces of its own.
    Netns,
    /// Each node a plain process.
    Process,
    /// All nodes in one process, under virtual time.
    Sim,
}

/// When a run ends. Without either it goes on until it is told to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Ends the run as soon as all full nodes have the same tip, at this height or above, and every
    /// payment of a load that ends ([`Experiment::payments_scheduled`]) is confirmed in it.
    pub height: Option<u64>,
    /// Ends the run this long after its start, whatever else holds.
    pub time_us: Option<Time>,
}

/// One plugin of each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named after the traits")]
pub struct Plugins {
    pub consensus: PluginChoice,
    pub script: PluginChoice,
    pub keys: PluginChoice,
    pub tx: PluginChoice,
    pub transport: PluginChoice,
}

impl Plugins {
    /// The five choices with their kinds.
    pub fn all(&self) -> [(Kind, &PluginChoice); 5] {
        [
            (Kind::Consensus, &self.consensus),
            (Kind::Script, &self.script),
            (Kind::Keys, &self.keys),
            (Kind::Tx, &self.tx),
            (Kind::Transport, &self.transport),
        ]
    }
}

/// Which plugin, and its own table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginChoice {
    /// A built-in name, a library or a crate folder, as written; paths start at the current folder.
    pub plugin: String,
    /// The plugin's own table as written, for the plugin to judge; empty if there is none.
    pub params: toml::Table,
    /// Where that table (or else the choice) was written, to begin an error about it: `file:line:column`.
    pub place: String,
}

/// How news spreads between neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// What a node says of a new block.
    pub announce: Announce,
    /// Announce a block also to the neighbour that it came from.
    pub to_source: bool,
    /// Blocks are asked for as compact blocks (BIP 152).
    pub compact: bool,
    /// Announcements of transactions to a neighbour wait up to this long and go together; 0: at once.
    pub batch_us: Time,
    /// What a neighbour has not sent after this time is asked of another.
    pub request_timeout_us: Time,
}

/// What a node says of a new block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announce {
    /// Its id, and sends it to who asks.
    Inv,
    /// Its header (BIP 130), and sends it to who asks.
    Headers,
    /// All of it at once.
    Flood,
}

/// What a node's mempool takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mempool {
    /// Payments with the lowest fee rate leave beyond this size.
    pub max_bytes: u64,
    /// The lowest fee of a payment that is taken and relayed.
    pub min_fee: Amount,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Also its host name and folder: 1 to 47 letters, digits, `-` and `_`.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// The most hashes a second that it grinds; 0 for a wallet.
    pub hash_rate: u64,
    /// Its outputs of the genesis block.
    pub coins: Vec<Amount>,
    /// The attack plugin in place of the honest behaviour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When its blocks are on disk.
    pub durability: Durability,
    /// Where it stands: index into [`Medium::regions`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<u16>,
    /// Bits a second to all neighbours together; 0: no limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub upload_bps: u64,
    /// Bits a second from all neighbours together; 0: no limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub download_bps: u64,
    /// How far its clock is ahead at the start; negative: behind.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_offset_us: i64,
    /// How much its clock gains, in parts per million; negative: loses.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_drift_ppm: i64,
    /// Whether it sends and asks for compact blocks (BIP 152), where [`Relay::compact`] is on.
    pub compact: bool,
    /// In place of a real mempool: what it lacks of compact blocks, an index into [`Medium::compact_failures`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compact_failure: Option<u16>,
}

/// What a large network need not write for each node.
fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Validates, relays and extends the chain.
    Full,
    /// Neither mines nor relays; keeps the chain that it last asked for.
    Wallet,
}

/// When a block is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Before the next one is taken.
    Block,
    /// Together with others.
    Batch,
}

/// Where the results go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The folder in which each run makes its own.
    pub dir: String,
    /// Whether JSON files are written.
    pub json: bool,
    /// Whether CSV tables are written.
    pub csv: bool,
    /// Whether a simulated run writes each event, and how.
    pub trace: Option<TraceFormat>,
}

/// How a simulated run writes each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceFormat {
    /// One JSON object a line.
    Jsonl,
    /// As SimBlock does, for its visualiser.
    Simblock,
}

impl Experiment {
    /// Reads an experiment file, and that of its graph if it names one, and lays the overrides over it, in their
    /// order.
    ///
    /// # Errors
    /// One line for each thing that is wrong, with its place.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Experiment, Errors> {
        let file = path.display().to_string();
        let wrong = |why: String| Errors(vec![format!("{file}: {why}")]);
        let mut bytes = vec![];
        let limit = source::FILE_BYTES_MAX as u64 + 1;
        let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        read.map_err(|why| wrong(format!("cannot read it: {why}")))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("expected UTF-8 text".into()))?;
        Experiment::parse(&file, &text, overrides)
    }

    /// The same with the text of the file; `file` names it in errors and, without its folder and ending,
    /// the experiment; its folder is where the path of a graph's file starts.
    ///
    /// # Errors
    /// One line for each thing that is wrong, with its place.
    pub fn parse(file: &str, text: &str, overrides: &[Override]) -> Result<Experiment, Errors> {
        if text.len() > source::FILE_BYTES_MAX {
            let most = source::FILE_BYTES_MAX;
            return Err(Errors(vec![format!("{file}: expected at most {most} bytes, found more")]));
        }
        let stem = Path::new(file).file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
        resolve::resolve(&stem, source::Source::parse(file, text, overrides)?)
    }

    /// The same experiment with another seed, as if it had been written with that one: nodes and links, of which
    /// something may be drawn, are drawn anew. They stay as they are if the experiment has no `repeat` or does not come
    /// from a file or builder.
    ///
    /// # Errors
    /// One line for each thing that is wrong with this seed: no such graph is found, a file of links has gone.
    pub(crate) fn with_seed(&self, seed: u64) -> Result<Experiment, Errors> {
        let mut other = Experiment { seed, ..self.clone() };
        if let Some((stem, source)) = self.written.0.as_deref() {
            let drawn = resolve::resolve_with(stem, source, Some(seed))?;
            (other.nodes, other.links, other.medium) = (drawn.nodes, drawn.links, drawn.medium);
            other.chain.hash_rate = drawn.chain.hash_rate;
        }
        Ok(other)
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<NodeIndex> {
        self.nodes.iter().position(|node| node.name == name).map(|index| index as NodeIndex)
    }

    /// The neighbours of each node, ascending.
    pub fn neighbours(&self) -> Vec<Vec<NodeIndex>> {
        let mut neighbours = vec![vec![]; self.nodes.len()];
        for &(a, b) in &self.links {
            neighbours[a as usize].push(b);
            neighbours[b as usize].push(a);
        }
        neighbours.iter_mut().for_each(|list: &mut Vec<NodeIndex>| list.sort_unstable());
        neighbours
    }

    /// Hashes per second of all nodes together: with the block interval, what a start difficulty is made of.
    pub fn hash_rate(&self) -> u64 {
        self.nodes.iter().fold(0, |sum, node| sum.saturating_add(node.hash_rate))
    }

    /// Coins of the genesis block.
    pub fn genesis_supply(&self) -> Amount {
        self.nodes.iter().flat_map(|node| node.coins.iter().copied()).sum()
    }

    /// The `n`-th payment (from 0) of `load[index]`, a pure function of the seed; `None` after the last.
    pub fn payment(&self, index: usize, n: u64) -> Option<Payment> {
        self.load.get(index)?.payment(self.seed, index as u64, n, self.nodes.len() as u64)
    }

    /// How many payments the loads that end make together. Loads without an end are not counted: no run waits for them.
    pub fn payments_scheduled(&self) -> u64 {
        self.load.iter().filter_map(Load::count).fold(0, u64::saturating_add)
    }
}
