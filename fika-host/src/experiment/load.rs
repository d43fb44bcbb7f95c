//! Loads: payments that nodes make by themselves.

use fika_core::amount::Amount;
use fika_core::hash::{self, draw};
use fika_core::header::{SECOND, Time};
use serde::{Deserialize, Serialize};

use super::key::LOADS_MAX;
use super::node_spec::NodeIndex;
use super::nodes::Nodes;
use super::reader::{Fields, Read};
use super::schema;
use super::source::Problems;

/// How many times a payment is tried before it is given up.
pub(crate) const TRIES_MAX: u32 = 30;

/// The time between two tries: half a block interval, within bounds.
pub(crate) fn retry_us(block_interval_us: Time) -> Time {
    (block_interval_us / 2).clamp(SECOND / 2, 10 * SECOND)
}

/// A stream of payments, or a single one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Who pays, drawn from these.
    pub from: Parties,
    /// Who is paid, drawn from these.
    pub to: Parties,
    /// The smallest and largest amount.
    pub amount: (Amount, Amount),
    /// For the producer of the block.
    pub fee: Amount,
    /// When.
    pub when: When,
}

/// Who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Parties {
    /// Every node.
    Any,
    /// These nodes; at least one.
    Nodes(Vec<NodeIndex>),
}

/// When a load's payments are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// One payment, this long after the start.
    At {
        /// Microseconds.
        time_us: Time,
    },
    /// One payment, when the payer's chain reaches this height.
    AtHeight {
        /// Of the block.
        height: u64,
    },
    /// One payment in each interval of 1 / rate, at a drawn moment of it.
    Rate {
        /// When the first interval begins, in microseconds after the start.
        start_us: Time,
        /// Thousandths of a payment per day: 86,400,000 is one per second.
        per_day_thousandths: u64,
        /// How many payments; `None`: no end.
        count: Option<u64>,
    },
}

/// When one payment is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Due {
    /// Microseconds after the start.
    Time(Time),
    /// The height of the payer's chain.
    Height(u64),
}

/// One payment of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payment {
    /// When.
    pub due: Due,
    /// Who pays.
    pub from: NodeIndex,
    /// Who is paid; never the payer.
    pub to: NodeIndex,
    /// How much.
    pub amount: Amount,
    /// For the producer of the block.
    pub fee: Amount,
}

const US_PER_DAY_THOUSANDTHS: u128 = 86_400_000_000 * 1_000;

impl Load {
    /// How many payments it makes; `None`: no end.
    pub(crate) fn count(&self) -> Option<u64> {
        match self.when {
            When::At { .. } | When::AtHeight { .. } => Some(1),
            When::Rate { count, .. } => count,
        }
    }

    /// Whether every payer finds another node to pay, in a network of `nodes`.
    pub(super) fn has_two_parties(&self, nodes: u64) -> bool {
        let single = |parties: &Parties| match parties {
            Parties::Any => (nodes == 1).then_some(0),
            Parties::Nodes(list) => list.iter().all(|node| *node == list[0]).then_some(list[0]),
        };
        single(&self.from).is_none() || single(&self.from) != single(&self.to)
    }

    /// The `n`-th payment of the load at `index` in a network of `nodes`; see [`Experiment::payment`](super::Experiment::payment).
    pub(crate) fn payment(&self, seed: u64, index: u64, n: u64, nodes: u64) -> Option<Payment> {
        if self.count().is_some_and(|count| n >= count) {
            return None;
        }
        // Four draws for each payment, and other ones for each load.
        let purpose = (u64::from(u32::from_be_bytes(*b"load")) << 32) | index;
        let below =
            |which: u64, bound: u64| hash::below(draw(seed, purpose, n.wrapping_mul(4).wrapping_add(which)), bound);
        let due = match self.when {
            When::At { time_us } => Due::Time(time_us),
            When::AtHeight { height } => Due::Height(height),
            When::Rate { start_us, per_day_thousandths, .. } => {
                let interval_us = US_PER_DAY_THOUSANDTHS / u128::from(per_day_thousandths.max(1));
                let begin_us = u128::from(n) * US_PER_DAY_THOUSANDTHS / u128::from(per_day_thousandths.max(1));
                let moment_us = u128::from(below(0, u64::try_from(interval_us).unwrap_or(u64::MAX)));
                Due::Time(u64::try_from(u128::from(start_us) + begin_us + moment_us).unwrap_or(u64::MAX))
            }
        };
        // A single payee cannot be the payer, so it is taken first. Otherwise the payee is drawn from the rest.
        let (from, to) = match &self.to {
            Parties::Nodes(list) if list.iter().all(|node| *node == list[0]) => {
                (self.from.pick(nodes, Some(list[0]), |bound| below(1, bound)), list[0])
            }
            to => {
                let from = self.from.pick(nodes, None, |bound| below(1, bound));
                (from, to.pick(nodes, Some(from), |bound| below(2, bound)))
            }
        };
        let (low, high) = self.amount;
        let amount = Amount(low.0 + below(3, high.0.saturating_sub(low.0).saturating_add(1)));
        Some(Payment { due, from, to, amount, fee: self.fee })
    }
}

impl Parties {
    /// One of them, but not `other`; `below` draws a number below its argument.
    pub(super) fn pick(&self, nodes: u64, other: Option<NodeIndex>, below: impl Fn(u64) -> u64) -> NodeIndex {
        match self {
            Parties::Any => {
                let drawn = below(nodes - u64::from(other.is_some())) as NodeIndex;
                drawn + NodeIndex::from(other.is_some_and(|other| drawn >= other))
            }
            Parties::Nodes(list) => {
                let rest = || list.iter().filter(|node| Some(**node) != other);
                let drawn = below(rest().count() as u64) as usize;
                *rest().nth(drawn).expect("a load has two parties")
            }
        }
    }
}

/// `[[load]]`.
pub(super) fn loads(file: &Fields<'_>, nodes: &Nodes, problems: &Problems) -> Vec<Load> {
    let tables = file.tables("load", &schema::LOAD, None);
    if tables.len() > LOADS_MAX {
        file.problem("load", || format!("expected at most {} entries, found {}", LOADS_MAX, tables.len()));
        return vec![];
    }
    tables.iter().filter_map(|fields| load(fields, nodes, problems)).collect()
}

fn load(fields: &Fields<'_>, nodes: &Nodes, problems: &Problems) -> Option<Load> {
    let (at, height, rate) = (fields.optional("at"), fields.optional("at_height"), fields.optional("rate"));
    let count = fields.optional("count");
    let when = match (at, height, rate, count) {
        (_, None, Some(1..), count) => {
            let start_us = at.unwrap_or(0);
            When::Rate { start_us, per_day_thousandths: rate.unwrap_or(1), count }
        }
        (Some(time_us), None, None, None) => When::At { time_us },
        (None, Some(height), None, None) => When::AtHeight { height },
        _ => {
            let expected =
                "expected 'at' or 'at_height' (one payment), or a 'rate' above 0 (with 'at' and 'count', if wanted)";
            problems.add(fields.place, || format!("{expected} in [[load]]"));
            return None;
        }
    };
    let parties = |key: &str| match fields.read(key) {
        Read::Texts(names) if names.is_empty() => {
            fields.problem(key, || "expected at least one name".into());
            None
        }
        Read::Texts(names) => {
            let found: Option<Vec<_>> = names.iter().map(|(place, name)| nodes.find(*place, name, problems)).collect();
            found.map(Parties::Nodes)
        }
        _ => Some(Parties::Any),
    };
    let (from, to) = (parties("from")?, parties("to")?);
    let Read::Range(low, high) = fields.read("amount") else { return None };
    if low == 0 {
        fields.problem("amount", || "expected an amount above 0".into());
    }
    let fee = Amount(fields.number("fee"));
    let load = Load { from, to, amount: (Amount(low), Amount(high)), fee, when };
    if nodes.known && !load.has_two_parties(nodes.specs.len() as u64) {
        fields.problem("to", || "expected another node than the payer".into());
    }
    Some(load)
}
