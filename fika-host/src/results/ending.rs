//! How a run ended, as its engine tells it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::Id;
use serde::{Deserialize, Serialize};

use super::events::EventFacts;

/// What is known of a run at its end, besides the traces of its nodes.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// Where the results are.
    pub results: PathBuf,
    /// How the nodes were kept apart: `netns` or `process`.
    pub engine: String,
    /// Why it ended.
    pub ended: Ended,
    /// Why it could not reach its end, in one line.
    pub why: Option<String>,
    /// When the run began, in microseconds since the chain's epoch.
    pub start_us: u64,
    /// How long it took.
    pub duration_us: u64,
    /// Coins that the rules have created up to the tip of the full nodes, less what they have destroyed.
    pub issued: Option<Amount>,
    /// Coins in existence there, counted.
    pub supply: Option<Amount>,
    /// In the order of the experiment.
    pub nodes: Vec<NodeEnding>,
    /// What happened to the network, in this order.
    pub events: Vec<EventFacts>,
    /// What only the simulator measures.
    pub simulated: Option<Simulated>,
}

/// What only the simulator measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulated {
    /// The hash of every message sent, everything that nodes did, and their last tips and states. Two runs with the
    /// same hash were the same run.
    pub trace_hash: Id,
    /// Events that nodes handled.
    pub events: u64,
    /// The real time that the run took, without its preparation and its tables, in microseconds.
    pub elapsed_us: u64,
    /// Messages sent, by kind.
    pub messages: BTreeMap<String, u64>,
    /// Their size on the wire, in bytes.
    pub bytes: u64,
}

/// What is known of a node at the end, besides its trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeEnding {
    /// Its address.
    pub address: Address,
    /// How its process ended, if that was before the end of the run.
    pub died: Option<String>,
    /// Whether it took no part at the end: it had not joined, or had left.
    pub is_absent: bool,
    /// Its last tip and the height of that, if it could be asked.
    pub tip: Option<(Id, u64)>,
    /// Its coins at the tip of the full nodes.
    pub balance: Option<Amount>,
    /// Its deposits there.
    pub locked: Option<Amount>,
    /// Hashes computed for proofs of work.
    pub hashes: Option<u64>,
    /// The proportional set size (`Pss`) of its process: its own memory, and its share of shared memory.
    pub memory_bytes: Option<u64>,
    /// Processor time of its process.
    pub cpu_us: Option<u64>,
    /// Bytes that it has written to its neighbours.
    pub sent_bytes: Option<u64>,
    /// Bytes that have come from them.
    pub received_bytes: Option<u64>,
}

/// Why a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// All full nodes agree on a block at the stop height or above, and the payments are confirmed.
    StopHeight,
    /// The stop time was reached.
    StopTime,
    /// `fika-host down` asked for it.
    Asked,
    /// Ctrl-C asked for it.
    Interrupted,
    /// All nodes had died.
    NodesDied,
    /// Nothing could happen any more: no node mined, and no message or timer was pending.
    NothingLeft,
    /// A plugin failed: what it would have said is not known, so nothing could go on.
    PluginFailed,
    /// No progress was made towards the stop height for long, and nothing else would have ended the run.
    Stalled,
}
