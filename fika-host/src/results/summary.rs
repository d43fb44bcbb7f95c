//! The numbers of one run. They are printed at the end, written to `summary.json` and checked against expectations.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::env::Proof;
use fika_core::hash::Id;
use serde::{Deserialize, Serialize};

use super::ending::{Ended, Simulated};
use super::reasons::Reasons;
use super::statistics::Replicas;
use super::verdict::Verdict;
use crate::experiment::Role;

/// The numbers of one run. With [`replicas`](Summary::replicas): those of the first of several runs, and the
/// statistics of all. What is printed and written then has the statistics alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// The name of the experiment.
    pub name: String,
    /// The seed of every random draw.
    pub seed: u64,
    /// What ran the nodes: `netns`, `process` or `sim`.
    pub engine: String,
    /// Real, or sampled: then no work was done and its time was drawn.
    pub proof: Proof,
    /// Why it ended.
    pub ended: Ended,
    /// Why it could not reach its end, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// The folder with all results.
    pub results: PathBuf,
    /// Whether every full node has the same tip.
    pub agreement: bool,
    /// The tip that most full nodes have; `None`: genesis.
    pub tip: Option<Id>,
    /// The lowest height among the full nodes.
    pub height: u64,
    /// Blocks made, stale ones included.
    pub blocks: u64,
    /// Stale blocks: those that are not in the chain at the end.
    pub stale: u64,
    /// Their share of all blocks, in millionths.
    pub stale_rate_ppm: u64,
    /// Reorganisations of full nodes, by depth: the number of blocks that left the chain.
    pub reorgs: BTreeMap<u64, u64>,
    /// The mean time between blocks of the chain, in microseconds.
    pub block_interval_us: Option<u64>,
    /// The time until half of the full nodes have a block, in microseconds: the median over blocks.
    pub propagation_50_us: Option<u64>,
    /// The same for 90 % of them.
    pub propagation_90_us: Option<u64>,
    /// The same for 99 % of them.
    pub propagation_99_us: Option<u64>,
    /// The same for all of them.
    pub propagation_100_us: Option<u64>,
    /// The same as a mean over the blocks that reached half of the full nodes.
    #[serde(default)]
    pub mean_propagation_50_us: Option<u64>,
    /// The same for 90 % of them.
    #[serde(default)]
    pub mean_propagation_90_us: Option<u64>,
    /// The same for 99 % of them.
    #[serde(default)]
    pub mean_propagation_99_us: Option<u64>,
    /// The same for all of them.
    #[serde(default)]
    pub mean_propagation_100_us: Option<u64>,
    /// Payments.
    pub payments: Payments,
    /// Where the coins are.
    pub coins: Coins,
    /// What happened to the network from outside: how many events of each kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, u64>,
    /// In the order of the experiment.
    pub nodes: Vec<NodeSummary>,
    /// What only the simulator measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Simulated>,
    /// The statistics of several runs. Expectations are then checked on these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Replicas>,
    /// A verdict on each expectation.
    pub expects: Vec<Verdict>,
    /// Why not all of the results are on disk, in one line.
    #[serde(skip)]
    pub unwritten: Option<String>,
}

/// The payments of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payments {
    /// Payments that wallets sent.
    pub submitted: u64,
    /// Those in the chain at the end.
    pub confirmed: u64,
    /// Those that will not be confirmed, because their coins are gone for good.
    #[serde(default)]
    pub lost: u64,
    /// Why they are lost.
    #[serde(default, skip_serializing_if = "Reasons::is_empty")]
    pub lost_why: Reasons,
    /// Those that left their payer's mempool on the way, at least once.
    #[serde(default)]
    pub dropped: u64,
    /// Why they did, each the last time.
    #[serde(default, skip_serializing_if = "Reasons::is_empty")]
    pub dropped_why: Reasons,
    /// Those that could not be made.
    pub failed: u64,
    /// Why they could not.
    #[serde(default, skip_serializing_if = "Reasons::is_empty")]
    pub failed_why: Reasons,
    /// The mean time from sending to the first node with the block, in microseconds.
    pub latency_us: Option<u64>,
    /// The longest such time.
    pub latency_max_us: Option<u64>,
}

/// Where the coins are at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coins {
    /// What the genesis block and the rules' operations since have created, less what they have destroyed, if a full node
    /// could be asked.
    pub issued: Option<Amount>,
    /// What exists at the tip, counted: what all owners have, in coins and deposits, and what nobody owns.
    pub supply: Option<Amount>,
    /// Owned by the nodes, deposits included.
    pub nodes: Amount,
    /// Owned by anybody else, or by nobody.
    pub others: Option<Amount>,
    /// The difference between the supply and the issued coins, or between the supply and what the nodes own if that is
    /// more.
    pub gap: Option<Amount>,
}

/// One node at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSummary {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// What the node is for.
    pub role: Role,
    /// How its process ended, if that was before the end of the run.
    pub died: Option<String>,
    /// Whether it took no part at the end: it had not joined, or had left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
    /// How often it was started.
    pub starts: u64,
    /// The height of its tip.
    pub height: u64,
    /// Its tip; `None`: genesis.
    pub tip: Option<Id>,
    /// The height of the newest block that its agent has called final; 0: none.
    #[serde(default)]
    pub final_height: u64,
    /// Its coins at the tip of the full nodes, if a full node could be asked.
    pub balance: Option<Amount>,
    /// Its deposits there.
    pub locked: Option<Amount>,
    /// Blocks that it made.
    pub produced: u64,
    /// Those of them in the chain at the end.
    pub in_chain: u64,
    /// How often its chain was reorganised.
    pub reorgs: u64,
    /// Transactions that its mempool accepted.
    pub txs: u64,
    /// Blocks and transactions that it rejected.
    pub turned_down: u64,
    /// Hashes computed for proofs of work.
    pub hashes: Option<u64>,
    /// The proportional set size (`Pss`) of its process.
    pub memory_bytes: Option<u64>,
    /// The processor time of its process, in microseconds.
    pub cpu_us: Option<u64>,
    /// Bytes that it has written to its neighbours.
    #[serde(default)]
    pub sent_bytes: Option<u64>,
    /// Bytes that have come from them.
    #[serde(default)]
    pub received_bytes: Option<u64>,
    /// Of a light node: lies of neighbours that it has found out.
    #[serde(default)]
    pub lies_found: u64,
    /// Its faults, and those of its plugins: what must not happen and did.
    pub faults: Vec<String>,
    /// Why it refused its own blocks, or could not make its payments.
    #[serde(default)]
    pub refused: Vec<String>,
}

impl Summary {
    /// Whether everything that the experiment expects holds; `None`: nothing fails, and something is undecided.
    pub fn as_expected(&self) -> Option<bool> {
        let has = |holds| self.expects.iter().any(|verdict| verdict.holds == holds);
        if has(Some(false)) { Some(false) } else { (!has(None)).then_some(true) }
    }

    /// The Herfindahl index of what nodes own, deposits included, in millionths: the sum of the squares of their
    /// shares, which is 1/n for n equal ones. `None` if nobody owns anything.
    pub fn concentration_ppm(&self) -> Option<u64> {
        let owned =
            |node: &NodeSummary| [node.balance, node.locked].into_iter().flatten().map(|sum| u128::from(sum.0)).sum();
        let owned: Vec<u128> = self.nodes.iter().map(owned).collect();
        let all: u128 = owned.iter().sum();
        // Shares in billionths, so that no square overflows.
        let squares = owned.iter().map(|own| Some((own * 1_000_000_000).checked_div(all)?.pow(2)));
        let sum: u128 = squares.sum::<Option<u128>>()?;
        u64::try_from(sum / 1_000_000_000_000).ok()
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&NodeSummary> {
        self.nodes.iter().find(|node| node.name == name)
    }
}
