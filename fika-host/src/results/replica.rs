//! Several runs of one experiment that differ only in their seed: what is kept of each.

use std::io::{self, Write};

use fika_core::hash::Id;

use super::ending::Ended;
use super::measure::measure;
use super::statistics::{Figure, ReplicaRun, Replicas, Statistics};
use super::summary::Summary;
use crate::experiment::{Expect, Experiment};

/// What is kept of one of several runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replica {
    /// The seed of every random draw.
    pub seed: u64,
    /// Why it ended.
    pub ended: Ended,
    /// Two runs with the same hash were the same run.
    pub trace_hash: Option<Id>,
    /// Faults of nodes and plugins.
    pub faults: Vec<String>,
    /// In base units, by figure; `None` where the run has no value.
    pub values: Vec<Option<u64>>,
}

impl Replica {
    /// What is kept of the run with this summary.
    pub(crate) fn new(figures: &[Figure], summary: &Summary) -> Replica {
        let faults = summary.nodes.iter().flat_map(|node| node.faults.iter().map(move |why| (node, why)));
        Replica {
            seed: summary.seed,
            ended: summary.ended,
            trace_hash: summary.simulated.as_ref().map(|simulated| simulated.trace_hash),
            faults: faults.map(|(node, why)| format!("{}: {why}", node.name)).collect(),
            values: figures.iter().map(|figure| measure(summary, &figure.metric, figure.on.as_deref())).collect(),
        }
    }
}

/// `replicas.csv`: a row for each run, its figures in base units; empty where a run has no value.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_replicas(mut out: impl Write, figures: &[Figure], replicas: &[Replica]) -> io::Result<()> {
    write!(out, "seed,ended,trace_hash,faults")?;
    figures.iter().try_for_each(|figure| write!(out, ",{}", figure.name()))?;
    writeln!(out)?;
    for replica in replicas {
        let ended = serde_json::to_value(replica.ended)?;
        let hash = replica.trace_hash.map_or_else(String::new, |hash| hash.to_string());
        write!(out, "{},{},{hash},{}", replica.seed, ended.as_str().unwrap_or_default(), replica.faults.len())?;
        for value in &replica.values {
            write!(out, ",{}", value.map_or_else(String::new, |value| value.to_string()))?;
        }
        writeln!(out)?;
    }
    out.flush()
}

impl Replicas {
    /// The statistics of the runs that were made of those `wanted` so far, in the order of their seeds: the last digit of a mean must not depend
    /// on which run was done first.
    pub(crate) fn new(experiment: &Experiment, wanted: u32, figures: &[Figure], replicas: &[Replica]) -> Replicas {
        let of = |(index, figure): (usize, &Figure)| {
            let is_of = |expect: &Expect| expect.metric == figure.metric && expect.on == figure.on;
            let values = replicas.iter().map(|replica| replica.values[index]).collect();
            Statistics::new(figure, experiment.expects.iter().any(is_of), values)
        };
        let faults = replicas.iter().flat_map(|replica| {
            replica.faults.iter().map(|why| format!("in the run with seed {}: {why}", replica.seed))
        });
        Replicas {
            wanted,
            finished: replicas.len() as u32,
            first_seed: experiment.seed,
            looks: looks(experiment),
            runs: replicas.iter().map(|replica| ReplicaRun { seed: replica.seed, ended: replica.ended }).collect(),
            figures: figures.iter().enumerate().filter_map(of).collect(),
            faults: faults.collect(),
        }
    }
}

/// How many runs there are at the next look, after one at `runs`; `None`: it was the last.
pub(crate) fn next_look(experiment: &Experiment, runs: u32) -> Option<u32> {
    (runs < experiment.max_runs).then(|| runs.saturating_mul(2).min(experiment.max_runs))
}

/// How many looks there are at most: after `repeat` runs, and after each doubling.
fn looks(experiment: &Experiment) -> u32 {
    std::iter::successors(Some(experiment.repeat), |runs| next_look(experiment, *runs)).count() as u32
}
