//! The metrics that an `[[expect]]` can name.

use fika_core::message::Message;

use super::key::Form::{self, *};
use super::key::{INTEGER_MAX, Needs};
use crate::quantity;

/// A metric that an `[[expect]]` can name.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) on: Scope,
    /// Which engines measure it.
    pub(super) needs: Needs,
    pub(super) about: &'static str,
}

/// Whether a metric belongs to one node, to the network, or to either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Node,
    Network,
    Either,
}

const fn metric(name: &'static str, form: Form, on: Scope, about: &'static str) -> Metric {
    Metric { name, form, on, needs: Needs::Nothing, about }
}

const COUNT: Form = Integer(0, INTEGER_MAX);
pub(super) static METRICS: &[Metric] = &[
    metric("agreement", Flag, Scope::Network, "every full node has the same tip"),
    metric("height", COUNT, Scope::Either, "height of the tip; of the network: the lowest of its full nodes"),
    metric(
        "final_height",
        COUNT,
        Scope::Either,
        "height of the newest final block, 0 under rules without finality; of the network: the lowest of its full nodes",
    ),
    metric("blocks", COUNT, Scope::Network, "blocks made, stale ones included"),
    metric("stale_rate", Share, Scope::Network, "share of the blocks that are not in the chain at the end"),
    metric("stale_blocks", COUNT, Scope::Network, "number of these blocks"),
    metric("reward_share", Share, Scope::Node, "share of the chain's blocks that the node produced"),
    metric("reorgs", COUNT, Scope::Either, "times that a tip moved to another branch"),
    metric(
        "balance",
        Coins,
        Scope::Node,
        "coins of the node at the tip of the full nodes, whatever a wallet itself has asked for",
    ),
    metric("supply", Coins, Scope::Network, "coins in existence at the tip, deposits and unowned ones included"),
    metric(
        "supply_gap",
        Coins,
        Scope::Network,
        "difference between `supply`, as counted, and what the rules have issued: 0, or coins came from nowhere",
    ),
    metric(
        "concentration",
        Share,
        Scope::Network,
        "sum of the squares of the nodes' shares of all that nodes own: 1/n for n equal ones",
    ),
    metric("submitted_payments", COUNT, Scope::Network, "payments that wallets sent"),
    metric("confirmed_payments", COUNT, Scope::Network, "payments that are in the chain at the end"),
    metric(
        "lost_payments",
        COUNT,
        Scope::Network,
        "payments whose coins are gone for good, by a fork or a double spend",
    ),
    metric(
        "payment_latency",
        Measure(&quantity::DURATION),
        Scope::Network,
        "mean time from sending to the first block",
    ),
    metric("block_interval", Measure(&quantity::DURATION), Scope::Network, "mean time between blocks of the chain"),
    metric(
        "propagation_50",
        Measure(&quantity::DURATION),
        Scope::Network,
        "median over blocks: time until half of the full nodes have it",
    ),
    metric("propagation_90", Measure(&quantity::DURATION), Scope::Network, "the same for 90 % of them"),
    metric("propagation_99", Measure(&quantity::DURATION), Scope::Network, "the same for 99 % of them"),
    metric("propagation_100", Measure(&quantity::DURATION), Scope::Network, "the same for all of them"),
    metric(
        "mean_propagation_50",
        Measure(&quantity::DURATION),
        Scope::Network,
        "mean over blocks: time until half of the full nodes have it",
    ),
    metric("mean_propagation_90", Measure(&quantity::DURATION), Scope::Network, "the same for 90 % of them"),
    metric("mean_propagation_99", Measure(&quantity::DURATION), Scope::Network, "the same for 99 % of them"),
    metric("mean_propagation_100", Measure(&quantity::DURATION), Scope::Network, "the same for all of them"),
    metric(
        "lies_found",
        COUNT,
        Scope::Either,
        "lies of full nodes that light ones have found out; of a node: that it has found out",
    ),
    metric(
        "memory",
        Measure(&quantity::BYTES),
        Scope::Either,
        "proportional memory at the end; of the network: the largest",
    ),
    Metric {
        name: MESSAGES,
        form: COUNT,
        on: Scope::Network,
        needs: Needs::Simulator,
        about: "messages of this kind that were sent: `messages_inv`, `messages_block`...",
    },
];

/// The names of all metrics of a node, or of the network.
pub(crate) fn measured(on_node: bool) -> Vec<String> {
    let other = if on_node { Scope::Network } else { Scope::Node };
    let metrics = METRICS.iter().filter(|metric| metric.on != other).map(|metric| metric.name);
    let names = metrics.flat_map(|name| match name {
        MESSAGES => Message::KINDS.iter().map(|kind| format!("messages_{kind}")).collect(),
        name => vec![name.to_string()],
    });
    names.collect()
}

/// Stands for one metric for each kind of message.
const MESSAGES: &str = "messages_KIND";

impl Metric {
    /// The metric of this name.
    pub(super) fn find(name: &str) -> Option<&'static Metric> {
        let kind = name.strip_prefix("messages_").filter(|kind| Message::KINDS.contains(kind));
        let name = if kind.is_some() { MESSAGES } else { name };
        METRICS.iter().find(|metric| metric.name == name && (name != MESSAGES || kind.is_some()))
    }
}
