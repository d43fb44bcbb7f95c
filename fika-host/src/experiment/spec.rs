//! An experiment as plain data.

use std::sync::Arc;

use fika_core::amount::Amount;
use fika_core::env::ChainParams;
use fika_core::header::Time;
use fika_core::plugin::Kind;
use serde::{Deserialize, Serialize};

use super::events::Scheduled;
use super::expect::Expect;
use super::load::{Load, Payment};
use super::medium::{CompactFailure, Medium};
use super::node_spec::{NodeIndex, NodeSpec};
use super::source::Source;
use crate::physics::Latency;

/// One network and what happens in it, complete and checked.
///
/// Serialised, it is the `experiment` of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Names the run and its results folder, and changes no result.
    pub(crate) name: String,
    /// Where every random draw and generated key comes from.
    pub(crate) seed: u64,
    /// How nodes are kept apart; `None`: namespaces where they are permitted, else processes.
    pub(crate) engine: Option<Engine>,
    /// How many runs, with the seeds from `seed` on; at least 1. More than one only with [`Engine::Sim`].
    pub(crate) repeat: u32,
    /// With more than [`repeat`](Experiment::repeat): runs are added up to so many while an expectation is undecided.
    pub(crate) max_runs: u32,
    /// Threads that validate in a simulated run; at least 1. They change no result.
    pub(crate) workers: u32,
    /// Under virtual time: the chains of this many nodes are validated again at the end.
    pub(crate) replay: u32,
    /// When the run ends.
    pub(crate) stop: Stop,
    /// When live nodes begin, after they were started; `None`: when all links are connected.
    pub(crate) start_after_us: Option<Time>,
    /// What all nodes of the chain agree on. The header time of genesis is 0 until the runtime sets it.
    pub(crate) chain: ChainParams,
    /// One plugin of each kind.
    pub(crate) plugins: Plugins,
    /// How blocks and transactions spread.
    pub(crate) relay: Relay,
    /// The network between the nodes in the simulator.
    pub(crate) medium: Medium,
    /// What a mempool accepts.
    pub(crate) mempool: Mempool,
    /// At least one; names are unique.
    pub(crate) nodes: Vec<NodeSpec>,
    /// Pairs of different nodes, the smaller index first, ascending, each pair once.
    pub(crate) links: Vec<(NodeIndex, NodeIndex)>,
    /// Payments that nodes make by themselves.
    pub(crate) load: Vec<Load>,
    /// What happens to the network from outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) events: Vec<Scheduled>,
    /// What must hold at the end.
    pub(crate) expects: Vec<Expect>,
    /// Where the results go.
    pub(crate) output: Output,
    /// A line for each thing that was changed in the file of the graph, or not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// What it was read from.
    #[serde(skip)]
    pub(super) origin: Origin,
}

/// What an experiment with `repeat` was read from, and its name if that gives none: nodes and links are drawn again for
/// other seeds. Two experiments that differ in nothing else are equal.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin(pub(super) Option<Arc<(String, Source)>>);

impl PartialEq for Origin {
    fn eq(&self, _: &Origin) -> bool {
        true
    }
}

/// How nodes are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Engine {
    /// Each node in network, PID, mount and host name namespaces of its own.
    Netns,
    /// Each node a plain process.
    Process,
    /// All nodes in one process, under virtual time.
    Sim,
}

/// A run that only its stop height would end is given up after so many block intervals without progress.
pub(crate) const PATIENCE_INTERVALS: u64 = 1_000;

/// When a run ends. Without either limit it goes on until it is told to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    /// Ends the run as soon as all full nodes have the same tip, at this height or above, and every
    /// payment of a load that ends ([`Experiment::payments_scheduled`]) is confirmed in it.
    pub height: Option<u64>,
    /// Ends the run this long after its start, whatever else holds.
    pub time_us: Option<Time>,
}

/// One plugin of each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plugins {
    pub consensus: PluginChoice,
    pub script: PluginChoice,
    pub keys: PluginChoice,
    pub tx: PluginChoice,
    pub transport: PluginChoice,
}

impl Plugins {
    /// The five choices with their kinds.
    pub(crate) fn all(&self) -> [(Kind, &PluginChoice); 5] {
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
pub(crate) struct PluginChoice {
    /// A built-in name, a library or a crate folder, as written; paths start at the current folder.
    pub plugin: String,
    /// The plugin's own table as written, for the plugin to check; empty if there is none.
    pub params: toml::Table,
    /// The other tables beside it, with their places: those of other plugins, or mistakes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<(String, String)>,
    /// Where that table (or else the choice) was written, to begin an error about it: `file:line:column`.
    pub place: String,
}

/// How blocks and transactions spread between neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Relay {
    /// What a node says of a new block.
    pub announce: Announce,
    /// Announce a block also to the neighbour that it came from.
    pub to_source: bool,
    /// Blocks are asked for as compact blocks (BIP 152).
    pub compact: bool,
    /// Announcements of transactions to a neighbour wait up to this long and go together; 0: at once.
    pub batch_us: Time,
    /// What a neighbour has not sent after this time is requested from another.
    pub request_timeout_us: Time,
}

/// What a node says of a new block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Announce {
    /// Its id. It sends the block to whoever asks.
    Inv,
    /// Its header (BIP 130). It sends the block to whoever asks.
    Headers,
    /// The whole block at once.
    Flood,
}

/// What a node's mempool accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mempool {
    /// Beyond this size the payments with the lowest fee rate are evicted.
    pub max_bytes: u64,
    /// The minimum fee of a payment that is accepted and relayed.
    pub min_fee: Amount,
}

/// Where the results go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Output {
    /// The folder in which each run makes its own folder.
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
pub(crate) enum TraceFormat {
    /// One JSON object a line.
    Jsonl,
    /// As SimBlock does, for its visualiser.
    Simblock,
}

impl Experiment {
    /// Its name, which its results folder has too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The seed of every random draw and generated key.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The node of this name.
    pub(crate) fn node(&self, name: &str) -> Option<NodeIndex> {
        self.nodes.iter().position(|node| node.name == name).map(|index| index as NodeIndex)
    }

    /// The neighbours of each node, ascending.
    pub(crate) fn neighbours(&self) -> Vec<Vec<NodeIndex>> {
        let mut neighbours = vec![vec![]; self.nodes.len()];
        for &(a, b) in &self.links {
            neighbours[a as usize].push(b);
            neighbours[b as usize].push(a);
        }
        neighbours.iter_mut().for_each(|list: &mut Vec<NodeIndex>| list.sort_unstable());
        neighbours
    }

    /// How long a run waits for progress, in microseconds: [`PATIENCE_INTERVALS`] block intervals, or as many times the
    /// latency of the slowest link where that is more.
    pub(crate) fn patience_us(&self) -> Time {
        let Medium { cable, own, regions, .. } = &self.medium;
        let between = regions.iter().flat_map(|region| &region.latency);
        let latencies = own.values().chain([cable]).map(|cable| &cable.latency).chain(between);
        let slowest = latencies.map(Latency::mean_us).max().unwrap_or(0);
        PATIENCE_INTERVALS.saturating_mul(self.chain.block_interval_us.max(slowest))
    }

    /// Hashes per second of all nodes together. The initial difficulty follows from it and the block interval.
    pub(crate) fn hash_rate(&self) -> u128 {
        self.nodes.iter().map(|node| node.hash_rate).sum()
    }

    /// Coins of the genesis block.
    pub(crate) fn genesis_supply(&self) -> Amount {
        self.nodes.iter().flat_map(|node| node.coins.iter().copied()).sum()
    }

    /// The `n`-th payment (from 0) of `load[index]`, a pure function of the seed; `None` after the last.
    pub(crate) fn payment(&self, index: usize, n: u64) -> Option<Payment> {
        self.load.get(index)?.payment(self.seed, index as u64, n, self.nodes.len() as u64)
    }

    /// How many payments the loads that end make together. Loads without an end are not counted: no run waits for them.
    pub(crate) fn payments_scheduled(&self) -> u64 {
        self.load.iter().filter_map(Load::count).fold(0, u64::saturating_add)
    }

    /// What the node lacks of compact blocks, where its class says so.
    pub(crate) fn compact_failure(&self, node: NodeIndex) -> Option<&CompactFailure> {
        self.medium.compact_failures.get(usize::from(self.nodes[node as usize].compact_failure?))
    }
}
