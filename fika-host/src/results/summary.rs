//! The numbers of one run: what is printed at the end, written to `summary.json` and judged.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::env::Proof;
use fika_core::hash::Id;
use serde::{Deserialize, Serialize};

use super::chain::{BlockFacts, Chain, NodeIndex};
use crate::experiment::{Experiment, Role};

/// What is known of a run at its end beside the traces of its nodes.
#[derive(Clone, Debug)]
pub struct Ending {
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
pub struct NodeEnding {
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

/// The numbers of one run; of several, those of the first, and statistics of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// The statistics of several runs, on which expectations are judged then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<super::Replicas>,
    /// What was expected.
    pub expects: Vec<super::Judgement>,
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
    /// The numbers of the run, and the verdict on what the experiment expects.
    pub fn new(experiment: &Experiment, chain: &Chain, ending: &Ending) -> Summary {
        let full: Vec<NodeIndex> = full_nodes(experiment);
        let tips: Vec<Option<(Id, u64)>> =
            (0..experiment.nodes.len()).map(|node| ending.nodes[node].tip.or(chain.nodes[node].tip)).collect();
        let tip = best_tip(&full, &tips);
        let ancestry = tip.map(|tip| chain.ancestry(tip)).unwrap_or_default();
        let blocks = chain.blocks.len() as u64;
        let stale = blocks - ancestry.len() as u64;
        let mut reorgs = BTreeMap::new();
        for (depth, count) in full.iter().flat_map(|node| &chain.nodes[*node].reorgs) {
            *reorgs.entry(*depth).or_default() += count;
        }
        let mut produced_in_chain = vec![0; experiment.nodes.len()];
        for producer in ancestry.iter().filter_map(|id| chain.blocks[id].producer) {
            produced_in_chain[producer] += 1;
        }
        let is_full = is_full(experiment);
        let mut times: [Vec<u64>; 4] = Default::default();
        for block in chain.blocks.values() {
            let spread = spread(block, &is_full);
            for (percent, times) in [50, 90, 99, 100].into_iter().zip(&mut times) {
                times.extend(reach(&spread, full.len(), percent));
            }
        }
        let [mean_50, mean_90, mean_99, mean_100] = times.each_ref().map(|times| mean(times));
        let [to_50, to_90, to_99, to_100] = times.map(median);
        let node = |(index, spec): (usize, &crate::experiment::NodeSpec)| {
            let (facts, end) = (&chain.nodes[index], &ending.nodes[index]);
            NodeSummary {
                name: spec.name.clone(),
                address: end.address,
                role: spec.role,
                died: end.died.clone(),
                starts: facts.starts,
                height: tips[index].map_or(0, |(_, height)| height),
                tip: tips[index].map(|(id, _)| id),
                balance: end.balance,
                locked: end.locked,
                produced: facts.produced,
                in_chain: produced_in_chain[index],
                reorgs: facts.reorgs.values().sum(),
                txs: facts.txs,
                turned_down: facts.bad_blocks + facts.bad_txs,
                hashes: end.hashes,
                memory_bytes: end.memory_bytes,
                cpu_us: end.cpu_us,
                faults: facts.faults.clone(),
            }
        };
        let mut summary = Summary {
            name: experiment.name.clone(),
            seed: experiment.seed,
            engine: ending.engine.clone(),
            proof: experiment.chain.proof,
            ended: ending.ended,
            duration_us: ending.duration_us,
            results: ending.results.clone(),
            agreement: full.windows(2).all(|pair| tips[pair[0]] == tips[pair[1]]),
            tip,
            height: full.iter().map(|node| tips[*node].map_or(0, |(_, height)| height)).min().unwrap_or(0),
            blocks,
            stale,
            stale_rate_ppm: (stale * 1_000_000).checked_div(blocks).unwrap_or(0),
            reorgs,
            block_interval_us: interval(chain, &ancestry),
            propagation_50_us: to_50,
            propagation_90_us: to_90,
            propagation_99_us: to_99,
            propagation_100_us: to_100,
            mean_propagation_50_us: mean_50,
            mean_propagation_90_us: mean_90,
            mean_propagation_99_us: mean_99,
            mean_propagation_100_us: mean_100,
            payments: payments(chain, &ancestry),
            coins: coins(experiment, ending, ancestry.len() as u64),
            nodes: experiment.nodes.iter().enumerate().map(node).collect(),
            simulated: ending.simulated.clone(),
            replicas: None,
            expects: vec![],
        };
        summary.judge(experiment);
        summary
    }

    /// The same run as the first of several.
    pub fn with_replicas(mut self, experiment: &Experiment, replicas: super::Replicas) -> Summary {
        self.replicas = Some(replicas);
        self.judge(experiment);
        self
    }

    fn judge(&mut self, experiment: &Experiment) {
        self.expects = experiment.expects.iter().map(|expect| super::Judgement::new(expect, self)).collect();
    }

    /// Whether everything that the experiment expects holds.
    pub fn as_expected(&self) -> bool {
        self.expects.iter().all(|judgement| judgement.holds)
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

/// The full nodes by index.
fn full_nodes(experiment: &Experiment) -> Vec<NodeIndex> {
    let nodes = experiment.nodes.iter().enumerate();
    nodes.filter(|(_, node)| node.role == Role::Full).map(|(index, _)| index).collect()
}

/// The tip that most full nodes have; of equally many, the highest.
fn best_tip(full: &[NodeIndex], tips: &[Option<(Id, u64)>]) -> Option<Id> {
    let mut votes: BTreeMap<(Id, u64), usize> = BTreeMap::new();
    full.iter().filter_map(|node| tips[*node]).for_each(|tip| *votes.entry(tip).or_default() += 1);
    votes.into_iter().max_by_key(|((id, height), count)| (*count, *height, *id)).map(|((id, _), _)| id)
}

/// Whether each node is a full one.
pub(super) fn is_full(experiment: &Experiment) -> Vec<bool> {
    experiment.nodes.iter().map(|node| node.role == Role::Full).collect()
}

/// How long after the first node each of the full nodes that ever had the block had it, in order.
pub(super) fn spread(block: &BlockFacts, is_full: &[bool]) -> Vec<u64> {
    let first_us = block.first_seen_us();
    let arrivals = block.arrivals.iter().filter(|(node, _)| is_full[*node]);
    arrivals.map(|(_, at_us)| at_us - first_us).collect()
}

/// When `percent` of `full` nodes had a block of this spread, 0 being the first of them; none if they never had.
pub(super) fn reach(spread: &[u64], full: usize, percent: usize) -> Option<u64> {
    let wanted = (full * percent).div_ceil(100).max(1);
    spread.get(wanted - 1).copied()
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(low.midpoint(*high))
}

fn mean(values: &[u64]) -> Option<u64> {
    let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
    sum.checked_div(values.len() as u128).map(|mean| mean as u64)
}

/// Mean time between the blocks of the chain: from the first to the last, each when the first node had it.
fn interval(chain: &Chain, ancestry: &[Id]) -> Option<u64> {
    let at_us = |id: &Id| chain.blocks[id].first_seen_us();
    let (last, first) = (at_us(ancestry.first()?), at_us(ancestry.last()?));
    last.saturating_sub(first).checked_div(ancestry.len() as u64 - 1)
}

/// Height and moment at which a payment is in the chain.
pub(super) fn confirmation(payment: &super::chain::PaymentFacts, chain: &Chain, ancestry: &[Id]) -> Option<(u64, u64)> {
    let (height, noticed_us) = payment.confirmed?;
    let top = chain.blocks.get(ancestry.first()?)?.height;
    let block = top.checked_sub(height).and_then(|back| ancestry.get(usize::try_from(back).ok()?))?;
    // A wallet notices only when it asks for the chain: what counts is when the network had the block.
    Some((height, chain.blocks.get(block).map_or(noticed_us, BlockFacts::first_seen_us)))
}

fn payments(chain: &Chain, ancestry: &[Id]) -> Payments {
    let latencies: Vec<u64> = chain
        .payments
        .iter()
        .filter_map(|payment| Some(confirmation(payment, chain, ancestry)?.1.saturating_sub(payment.submitted_us)))
        .collect();
    Payments {
        submitted: chain.payments.len() as u64,
        confirmed: latencies.len() as u64,
        failed: chain.nodes.iter().map(|node| node.not_paid).sum(),
        latency_us: latencies.iter().sum::<u64>().checked_div(latencies.len() as u64),
        latency_max_us: latencies.iter().max().copied(),
    }
}

fn coins(experiment: &Experiment, ending: &Ending, height: u64) -> Coins {
    let schedule = |issued: Amount, height| Amount(issued.0 + experiment.chain.subsidy(height, issued).0);
    let issued = (1..=height).fold(experiment.genesis_supply(), schedule);
    let owned = ending.nodes.iter().flat_map(|node| [node.balance, node.locked]).flatten();
    let nodes = Amount(owned.map(|amount| amount.0).sum());
    let gap = |supply: Amount| Amount(supply.0.abs_diff(issued.0).max(nodes.0.saturating_sub(supply.0)));
    Coins {
        issued,
        supply: ending.supply,
        nodes,
        others: ending.supply.and_then(|supply| supply.checked_sub(nodes)),
        gap: ending.supply.map(gap),
    }
}
