//! The numbers of one run: what is printed at the end, written to `summary.json` and compared with what is expected.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::env::Proof;
use fika_core::hash::Id;
use serde::{Deserialize, Serialize};

use super::ending::{Ended, Simulated};
use super::statistics::Replicas;
use super::verdict::Verdict;
use crate::experiment::Role;

/// The numbers of one run; of several, those of the first, and statistics of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// The experiment.
    pub name: String,
    /// Where all draws came from.
    pub seed: u64,
    /// How the nodes were kept apart.
    pub engine: String,
    /// `real`, or `sampled`: no work was done, its time was drawn.
    pub proof: Proof,
    /// Why it ended.
    pub ended: Ended,
    /// From start to end.
    pub duration_us: u64,
    /// The folder with everything else.
    pub results: PathBuf,
    /// Whether every full node has the same tip.
    pub agreement: bool,
    /// The tip of the most full nodes.
    pub tip: Option<Id>,
    /// The lowest height of a full node.
    pub height: u64,
    /// Blocks made, stale ones included.
    pub blocks: u64,
    /// Blocks that are not in the chain at the end.
    pub stale: u64,
    /// The same in millionths of all blocks.
    pub stale_rate_ppm: u64,
    /// How often full nodes moved to another branch, by the number of blocks that were left.
    pub reorgs: BTreeMap<u64, u64>,
    /// Mean time between blocks of the chain.
    pub block_interval_us: Option<u64>,
    /// Median over blocks of the time until half of the full nodes have it.
    pub propagation_50_us: Option<u64>,
    /// The same for 90 % of them.
    pub propagation_90_us: Option<u64>,
    /// The same for 99 % of them.
    pub propagation_99_us: Option<u64>,
    /// The same for all of them.
    pub propagation_100_us: Option<u64>,
    /// Mean over the blocks that reached half of the full nodes: the time until they did.
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
    /// In the order of the experiment.
    pub nodes: Vec<NodeSummary>,
    /// What only the simulator knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Simulated>,
    /// The statistics of several runs, on which expectations are checked then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Replicas>,
    /// What was expected.
    pub expects: Vec<Verdict>,
}

/// Payments of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payments {
    /// Sent.
    pub submitted: u64,
    /// In the chain at the end.
    pub confirmed: u64,
    /// Could not be made.
    pub failed: u64,
    /// Mean time from sending to the first node with the block.
    pub latency_us: Option<u64>,
    /// The longest.
    pub latency_max_us: Option<u64>,
}

/// Where the coins are at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coins {
    /// Of the genesis block and by the chain's reward schedule since.
    pub issued: Amount,
    /// In existence at the tip.
    pub supply: Option<Amount>,
    /// Of these, those of the nodes, deposits included.
    pub nodes: Amount,
    /// Of these, those of anybody else or nobody.
    pub others: Option<Amount>,
    /// Difference between supply and issued coins, or between the supply and what the nodes have if that is more.
    pub gap: Option<Amount>,
}

/// One node at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSummary {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// What it did.
    pub role: Role,
    /// How its process ended, if it did so before the run.
    pub died: Option<String>,
    /// How often it was started.
    pub starts: u64,
    /// Height of its tip.
    pub height: u64,
    /// Its tip; none: genesis.
    pub tip: Option<Id>,
    /// Its coins at the tip of the full nodes.
    pub balance: Option<Amount>,
    /// Its deposits there.
    pub locked: Option<Amount>,
    /// Blocks that it made.
    pub produced: u64,
    /// Of these, in the chain at the end.
    pub in_chain: u64,
    /// How often its tip moved to another branch.
    pub reorgs: u64,
    /// Transactions that went into its mempool.
    pub txs: u64,
    /// Blocks and transactions that it turned down.
    pub turned_down: u64,
    /// Hashes computed for proofs of work.
    pub hashes: Option<u64>,
    /// Its proportional memory.
    pub memory_bytes: Option<u64>,
    /// Its processor time.
    pub cpu_us: Option<u64>,
    /// What it or a plugin did that it must not.
    pub faults: Vec<String>,
}

impl Summary {
    /// Whether everything that the experiment expects holds.
    pub fn as_expected(&self) -> bool {
        self.expects.iter().all(|verdict| verdict.holds)
    }

    /// Sum of the squares of the nodes' shares of all that nodes own, deposits included, in millionths: the Herfindahl
    /// index, 1/n for n equal ones. `None` if nobody owns anything.
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
