//! A results folder as the report sees it: the figures, and of every table what is drawn.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};

use fika_core::hash::Id;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use super::{csv, files};
use crate::experiment::Role;
use crate::results::{PERCENTILES, Replicas, Verdict};

/// Larger files of JSON are no files of ours: 100,000 nodes with a million links make 60 MB.
const JSON_BYTES_MAX: u64 = 512 << 20;
/// Rows of `blocks.csv` and `propagation.csv`.
const BLOCKS_MAX: u64 = 2_000_000;
/// Rows of `transactions.csv`.
const PAYMENTS_MAX: u64 = 20_000_000;
/// Rows of `arrivals.csv`, with room above what is written.
const ARRIVALS_MAX: u64 = 4_000_000;
/// Rows of `events.csv`.
const EVENTS_MAX: u64 = 1_000_000;
/// Nodes that the topology is drawn of.
pub(super) const MAP_NODES_MAX: usize = 2_000;

/// Everything that is drawn of one run. A table that is not there is `None`.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) folder: PathBuf,
    pub(super) run: RunFacts,
    pub(super) summary: Option<SummaryFacts>,
    pub(super) blocks: Option<Blocks>,
    pub(super) propagation: Option<Propagation>,
    pub(super) payments: Option<Vec<Payment>>,
    /// Empty where nothing happened to the network.
    pub(super) events: Vec<NetworkEvent>,
    /// How long a typical block took to each node, by its name, in microseconds.
    pub(super) arrivals: Option<HashMap<String, u64>>,
}

/// Of `run.json` what the report needs.
#[derive(Debug, Deserialize)]
pub(super) struct RunFacts {
    pub(super) experiment: ExperimentFacts,
    pub(super) engine: String,
    pub(super) proof: String,
    #[serde(default)]
    pub(super) started_utc: String,
    #[serde(default)]
    pub(super) fika_host: String,
    #[serde(default)]
    pub(super) plugins: Vec<PluginFacts>,
    #[serde(default)]
    pub(super) command: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ExperimentFacts {
    pub(super) name: String,
    pub(super) seed: u64,
    /// How many runs, if nothing was undecided.
    #[serde(default = "once")]
    pub(super) repeat: u32,
    pub(super) chain: ChainFacts,
    pub(super) nodes: Vec<NodeFacts>,
    /// Pairs of nodes.
    #[serde(default)]
    pub(super) links: Vec<(u32, u32)>,
    #[serde(default)]
    pub(super) expects: Vec<ExpectFacts>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ExpectFacts {
    pub(super) metric: String,
    #[serde(default)]
    pub(super) on: Option<String>,
    pub(super) value: u64,
}

fn once() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
pub(super) struct ChainFacts {
    pub(super) block_interval_us: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct NodeFacts {
    pub(super) name: String,
    pub(super) role: Role,
    #[serde(default)]
    pub(super) hash_rate: u128,
}

#[derive(Debug, Deserialize)]
pub(super) struct PluginFacts {
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) origin: String,
    #[serde(default)]
    pub(super) sha256: Option<String>,
}

/// Of `summary.json` what the report needs: the verdicts, and every figure whatever its name.
#[derive(Debug, Deserialize)]
pub(super) struct SummaryFacts {
    #[serde(default)]
    pub(super) expects: Vec<Verdict>,
    /// Of several runs.
    pub(super) replicas: Option<Replicas>,
    // Large, and drawn nowhere.
    #[serde(default, rename = "nodes")]
    _nodes: IgnoredAny,
    #[serde(flatten)]
    pub(super) figures: Map<String, Value>,
}

/// The blocks of a run and who made them.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// In the order of the file: by height.
    pub(super) rows: Vec<Block>,
    /// The names of producers.
    pub(super) producers: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) id: Id,
    pub(super) parent: Id,
    pub(super) height: u64,
    /// Its index in [`Blocks::producers`].
    pub(super) producer: Option<u32>,
    pub(super) stale: bool,
    /// After the start of the run.
    pub(super) first_us: u64,
}

/// How blocks spread.
#[derive(Debug, Default)]
pub(super) struct Propagation {
    /// For each of [`PERCENTILES`], the times of all blocks that came so far, in order, in microseconds.
    pub(super) times: [Vec<u64>; PERCENTILES.len()],
    /// Rows of the table.
    pub(super) blocks: usize,
    /// The row, from 1, of the block with the median time to the largest share that any block reached.
    pub(super) typical: Option<u64>,
    /// Rows that `arrivals.csv` has or would have.
    pub(super) arrivals: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Payment {
    /// After the start of the run.
    pub(super) submitted_us: u64,
    pub(super) latency_us: Option<u64>,
}

/// What happened to the network from outside.
#[derive(Clone, Debug)]
pub(super) struct NetworkEvent {
    /// After the start of the run.
    pub(super) at_us: u64,
    pub(super) height: u64,
    pub(super) kind: String,
    /// In one line.
    pub(super) event: String,
    /// `yes`, or why there was nothing to do.
    pub(super) done: String,
}

impl Source {
    /// Reads a results folder.
    ///
    /// # Errors
    /// One line: what is no results folder, or which file is damaged where.
    pub(super) fn read(folder: &Path) -> Result<Source, String> {
        let run: Option<RunFacts> = json(folder, "run.json")?;
        let run = run.ok_or_else(|| format!("{}: expected a results folder, found no run.json", folder.display()))?;
        let propagation = propagation(folder)?;
        let typical = propagation.as_ref().and_then(|propagation| propagation.typical);
        let drawn = run.experiment.nodes.len() <= MAP_NODES_MAX;
        let arrivals = match typical.filter(|_| drawn) {
            Some(block) => arrivals(folder, block)?,
            None => None,
        };
        Ok(Source {
            folder: folder.into(),
            summary: json(folder, "summary.json")?,
            blocks: blocks(folder)?,
            payments: payments(folder)?,
            events: events(folder)?,
            propagation,
            arrivals,
            run,
        })
    }
}

fn json<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>, String> {
    let path = folder.join(name);
    let Some(file) = files::open(&path)? else { return Ok(None) };
    // The file is large where the network is.
    let bytes = file.metadata().map_or(0, |facts| facts.len().min(JSON_BYTES_MAX));
    let mut text = Vec::with_capacity(bytes as usize + 1);
    let read = file.take(JSON_BYTES_MAX).read_to_end(&mut text).map_err(|error| error.to_string());
    // At once: byte by byte it would be most of what the report of a large network costs.
    let read = read.and_then(|_| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    read.map(Some).map_err(|error| format!("{}: expected what a run writes, found: {error}", path.display()))
}

fn blocks(folder: &Path) -> Result<Option<Blocks>, String> {
    let Some(mut table) = csv::open(folder, "blocks.csv", BLOCKS_MAX)? else { return Ok(None) };
    let mut blocks = Blocks::default();
    let mut known: BTreeMap<String, u32> = BTreeMap::new();
    while let Some(row) = table.row()? {
        let producer = match row.text("producer")? {
            "" => None,
            name => Some(*known.entry(name.into()).or_insert_with(|| {
                blocks.producers.push(name.into());
                blocks.producers.len() as u32 - 1
            })),
        };
        let id = |column| row.value(column, "64 hex digits");
        blocks.rows.push(Block {
            id: id("id")?,
            parent: id("parent")?,
            height: row.number("height")?,
            producer,
            stale: row.text("status")? == "stale",
            first_us: row.number("first_seen_us")?,
        });
    }
    blocks.rows.sort_by_key(|block| block.height);
    Ok(Some(blocks))
}

fn propagation(folder: &Path) -> Result<Option<Propagation>, String> {
    let Some(mut table) = csv::open(folder, "propagation.csv", BLOCKS_MAX)? else { return Ok(None) };
    let columns = PERCENTILES.map(|percent| format!("to_{percent}_us"));
    let mut all = Propagation::default();
    // The time and the row of each block, for each share.
    let mut rows: [Vec<(u64, u64)>; PERCENTILES.len()] = Default::default();
    while let Some(row) = table.row()? {
        all.blocks += 1;
        all.arrivals = all.arrivals.saturating_add(row.number("nodes")?);
        for (column, times) in columns.iter().zip(&mut rows) {
            times.extend(row.number_or_none(column)?.map(|time_us| (time_us, all.blocks as u64)));
        }
    }
    rows.iter_mut().for_each(|times| times.sort_unstable());
    let widest = rows.iter().rev().find(|times| !times.is_empty());
    all.typical = widest.map(|times| times[times.len() / 2].1);
    all.times = rows.map(|times| times.into_iter().map(|(time_us, _)| time_us).collect());
    Ok(Some(all))
}

fn arrivals(folder: &Path, block: u64) -> Result<Option<HashMap<String, u64>>, String> {
    let Some(mut table) = csv::open(folder, "arrivals.csv", ARRIVALS_MAX)? else { return Ok(None) };
    let mut delays = HashMap::new();
    while let Some(row) = table.row()? {
        match row.number("block")?.cmp(&block) {
            Ordering::Less => {}
            Ordering::Equal => {
                delays.insert(row.text("node")?.into(), row.number("delay_us")?);
            }
            // They come in order.
            Ordering::Greater => break,
        }
    }
    Ok(Some(delays))
}

fn events(folder: &Path) -> Result<Vec<NetworkEvent>, String> {
    let Some(mut table) = csv::open(folder, "events.csv", EVENTS_MAX)? else { return Ok(vec![]) };
    let mut events = vec![];
    while let Some(row) = table.row()? {
        let text = |column| row.text(column).map(String::from);
        let (at_us, height) = (row.number("at_us")?, row.number("height")?);
        events.push(NetworkEvent { at_us, height, kind: text("kind")?, event: text("event")?, done: text("done")? });
    }
    Ok(events)
}

/// When what happened, in microseconds after the start, for a chart over time.
pub(super) fn moments(events: &[NetworkEvent]) -> impl Iterator<Item = (f64, String)> + '_ {
    let done = events.iter().filter(|event| event.done == "yes");
    done.map(|event| (event.at_us as f64, event.kind.clone()))
}

/// The value that a share of the values, from 0 to 1, does not exceed; they are in order. None of none.
pub(super) fn quantile(sorted: &[u64], share: f64) -> Option<u64> {
    let at = (share * sorted.len().checked_sub(1)? as f64).round() as usize;
    sorted.get(at).copied()
}

fn payments(folder: &Path) -> Result<Option<Vec<Payment>>, String> {
    let Some(mut table) = csv::open(folder, "transactions.csv", PAYMENTS_MAX)? else { return Ok(None) };
    let mut payments = Vec::new();
    while let Some(row) = table.row()? {
        let submitted_us = row.number("submitted_us")?;
        payments.push(Payment { submitted_us, latency_us: row.number_or_none("latency_us")? });
    }
    Ok(Some(payments))
}
