//! Takes the numbers of a run out of its traces.

use std::collections::BTreeMap;

use fika_core::amount::Amount;
use fika_core::hash::Id;

use super::chain::{BlockFacts, Chain, NodeIndex, PaymentFacts};
use super::check::check;
use super::ending::Ending;
use super::reasons::Reasons;
use super::statistics::Replicas;
use super::summary::{Coins, NodeSummary, Payments, Summary};
use crate::experiment::{Experiment, NodeSpec, Role};

impl Summary {
    /// The numbers of the run, and a verdict on each expectation.
    pub(crate) fn new(experiment: &Experiment, chain: &Chain, ending: &Ending) -> Summary {
        let mut full: Vec<NodeIndex> = full_nodes(experiment);
        // Who is not there agrees with nobody.
        full.retain(|node| !ending.nodes[*node].is_absent);
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
        let node = |(index, spec): (usize, &NodeSpec)| {
            let (facts, end) = (&chain.nodes[index], &ending.nodes[index]);
            NodeSummary {
                name: spec.name.clone(),
                address: end.address,
                role: spec.role,
                died: end.died.clone(),
                absent: end.is_absent,
                starts: facts.starts,
                height: tips[index].map_or(0, |(_, height)| height),
                tip: tips[index].map(|(id, _)| id),
                final_height: facts.final_height,
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
                sent_bytes: end.sent_bytes,
                received_bytes: end.received_bytes,
                lies_found: facts.lies_found,
                faults: facts.faults.clone(),
                refused: facts.refused.clone(),
            }
        };
        let mut summary = Summary {
            name: experiment.name.clone(),
            seed: experiment.seed,
            engine: ending.engine.clone(),
            proof: experiment.chain.proof,
            ended: ending.ended,
            why: ending.why.clone(),
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
            coins: coins(ending),
            events: events(ending),
            nodes: experiment.nodes.iter().enumerate().map(node).collect(),
            simulated: ending.simulated.clone(),
            replicas: None,
            expects: vec![],
            unwritten: None,
        };
        summary.check(experiment);
        summary
    }

    /// The same run as the first of several.
    pub(crate) fn with_replicas(mut self, experiment: &Experiment, replicas: Replicas) -> Summary {
        self.replicas = Some(replicas);
        self.check(experiment);
        self
    }

    fn check(&mut self, experiment: &Experiment) {
        self.expects = experiment.expects.iter().map(|expect| check(expect, self)).collect();
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

/// How long after the first node, or after it was published, each of the full nodes that ever had the block had it, in
/// order. A block that is withheld to the end has no way through the network.
pub(super) fn spread(block: &BlockFacts, is_full: &[bool]) -> Vec<u64> {
    delays(block, is_full).map(|(_, delay_us)| delay_us).collect()
}

/// The same, with the nodes.
pub(super) fn delays<'a>(block: &'a BlockFacts, is_full: &'a [bool]) -> impl Iterator<Item = (NodeIndex, u64)> + 'a {
    let arrivals = block.arrivals.iter().filter(|(node, _)| is_full[*node]);
    let published_us = block.published_us();
    arrivals.filter_map(move |(node, at_us)| Some((*node, at_us.saturating_sub(published_us?))))
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
pub(super) fn confirmation(payment: &PaymentFacts, chain: &Chain, ancestry: &[Id]) -> Option<(u64, u64)> {
    let (height, noticed_us) = payment.confirmed?;
    let top = chain.blocks.get(ancestry.first()?)?.height;
    let block = top.checked_sub(height).and_then(|back| ancestry.get(usize::try_from(back).ok()?))?;
    // A wallet notices only when it asks for the chain: what counts is when the network had the block.
    let public_us = |block: &BlockFacts| block.published_us().unwrap_or(noticed_us);
    Some((height, chain.blocks.get(block).map_or(noticed_us, public_us)))
}

fn payments(chain: &Chain, ancestry: &[Id]) -> Payments {
    let latencies: Vec<u64> = chain
        .payments
        .iter()
        .filter_map(|payment| Some(confirmation(payment, chain, ancestry)?.1.saturating_sub(payment.submitted_us)))
        .collect();
    let is_unconfirmed = |payment: &&PaymentFacts| confirmation(payment, chain, ancestry).is_none();
    let lost = chain.payments.iter().filter(is_unconfirmed).filter_map(|payment| payment.lost.clone());
    let lost_why: Reasons = lost.collect();
    let dropped_why: Reasons = chain.payments.iter().filter_map(|payment| payment.dropped.clone()).collect();
    let mut failed_why = Reasons::default();
    failed_why.extend(chain.nodes.iter().map(|node| node.not_paid.clone()));
    Payments {
        submitted: chain.payments.len() as u64,
        confirmed: latencies.len() as u64,
        lost: lost_why.count(),
        lost_why,
        dropped: dropped_why.count(),
        dropped_why,
        failed: failed_why.count(),
        failed_why,
        latency_us: latencies.iter().sum::<u64>().checked_div(latencies.len() as u64),
        latency_max_us: latencies.iter().max().copied(),
    }
}

/// How many events of each kind changed something.
fn events(ending: &Ending) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for event in ending.events.iter().filter(|event| event.why_not.is_none()) {
        *counts.entry(event.kind.clone()).or_default() += 1;
    }
    counts
}

fn coins(ending: &Ending) -> Coins {
    let owned = ending.nodes.iter().flat_map(|node| [node.balance, node.locked]).flatten();
    let nodes = Amount(owned.map(|amount| amount.0).sum());
    let gap =
        |(issued, supply): (Amount, Amount)| Amount(supply.0.abs_diff(issued.0).max(nodes.0.saturating_sub(supply.0)));
    Coins {
        issued: ending.issued,
        supply: ending.supply,
        nodes,
        others: ending.supply.and_then(|supply| supply.checked_sub(nodes)),
        gap: ending.issued.zip(ending.supply).map(gap),
    }
}
