//! How a run ended, as its engine tells it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::Id;
use serde::{Deserialize, Serialize};

/// What is known of a run at its end beside the traces of its nodes.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// Where the results are.
    pub results: PathBuf,
    /// How the nodes were kept apart: `netns` or `process`.
    pub engine: String,
    /// Why it ended.
    pub ended: Ended,
    /// When the run began, in microseconds since the chain's epoch.
    pub start_us: u64,
    /// From its start to its end.
    pub duration_us: u64,
    /// Coins in existence at the tip of the full nodes.
    pub supply: Option<Amount>,
    /// In the order of the experiment.
    pub nodes: Vec<NodeEnding>,
    /// What only the simulator knows.
    pub simulated: Option<Simulated>,
}

/// What only the simulator knows of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulated {
    /// Stands for every message sent, everything that nodes did, and their last tips and states: two runs with the same
    /// hash were the same run.
    pub trace_hash: Id,
    /// Things that happened to nodes.
    pub events: u64,
    /// Real time that the run took, its preparation and its tables apart.
    pub elapsed_us: u64,
    /// Messages sent, by kind.
    pub messages: BTreeMap<String, u64>,
    /// The bytes that they would take on the wire.
    pub bytes: u64,
}

/// What is known of a node at the end beside its trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeEnding {
    /// Its address.
    pub address: Address,
    /// How its process ended, if it did so before the run.
    pub died: Option<String>,
    /// Its last tip and that one's height, if it could be asked.
    pub tip: Option<(Id, u64)>,
    /// Its coins at the tip of the full nodes.
    pub balance: Option<Amount>,
    /// Its deposits there.
    pub locked: Option<Amount>,
    /// Hashes computed for proofs of work.
    pub hashes: Option<u64>,
    /// Memory of its process: its own, and its share of what it shares (`Pss`).
    pub memory_bytes: Option<u64>,
    /// Processor time of its process.
    pub cpu_us: Option<u64>,
}

/// Why a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// All agree on a block of the stop height or above, and the payments are confirmed.
    StopHeight,
    /// The stop time has come.
    StopTime,
    /// `fika-host down`.
    Asked,
    /// Ctrl-C.
    Interrupted,
    /// No node was left.
    NodesDied,
    /// Nothing was left that could happen: nobody works, and no message or timer is under way.
    NothingLeft,
}
