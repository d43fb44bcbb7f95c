//! Actions in words.

use fika_core::header::Time;

use super::super::{CableChange, Experiment, Latency, NodeIndex};
use super::action::{Action, LinkAction, NodeAction};
use crate::quantity::NO_LIMIT;

impl Action {
    /// In one line, as `fika-host do` takes it, without commas.
    pub(crate) fn describe(&self, experiment: &Experiment) -> String {
        let name = |node: &NodeIndex| experiment.nodes[*node as usize].name.as_str();
        let word = self.word();
        match self {
            Action::Partition { groups } => {
                let group = |group: &Vec<NodeIndex>| group.iter().map(name).collect::<Vec<_>>().join(" ");
                format!("{word} {}", groups.iter().map(group).collect::<Vec<_>>().join(" | "))
            }
            Action::Heal => word.into(),
            Action::Node { node, what } => match what {
                NodeAction::Clock { offset_us, drift_ppm } => {
                    let offset = offset_us.map(|us| format!(" offset={us}us")).unwrap_or_default();
                    let drift = drift_ppm.map(|ppm| format!(" drift={ppm}ppm")).unwrap_or_default();
                    format!("{word} {}{offset}{drift}", name(node))
                }
                NodeAction::HashRate { rate } => format!("{word} {} {rate}H/s", name(node)),
                NodeAction::HashFactor { factor_ppm } => {
                    format!("{word} {} factor={}", name(node), decimal(*factor_ppm))
                }
                _ => format!("{word} {}", name(node)),
            },
            Action::Link { a, b, what } => {
                let more = if let LinkAction::Change(change) = what { figures(change) } else { String::new() };
                format!("{word} {} {}{more}", name(a), name(b))
            }
            Action::HashRates { factor_ppm } => format!("{word} factor={}", decimal(*factor_ppm)),
            Action::Pay { from, to, amount, fee } => format!("{word} {} {} {amount} fee={fee}", name(from), name(to)),
        }
    }
}

fn figures(change: &CableChange) -> String {
    let CableChange { latency, jitter_us, bandwidth_bps, loss_ppm, queue_bytes, message_loss_ppm } = change;
    let time = |key: &str, us: Time| format!(" {key}={us}us");
    let share = |key: &str, ppm: u32| format!(" {key}={}", decimal(ppm.into()));
    let latency = latency.map(|latency| match latency {
        Latency::Fixed { us } => time("latency", us),
        other => format!("{} on average", time("latency", other.mean_us())),
    });
    let bandwidth = bandwidth_bps.map(|bps| match bps {
        NO_LIMIT => " bandwidth=none".into(),
        bps => format!(" bandwidth={bps}bit/s"),
    });
    [
        latency,
        jitter_us.map(|us| time("jitter", us)),
        bandwidth,
        loss_ppm.map(|ppm| share("loss", ppm)),
        queue_bytes.map(|bytes| format!(" queue={bytes}B")),
        message_loss_ppm.map(|ppm| share("message_loss", ppm)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Millionths as a decimal number.
fn decimal(ppm: u64) -> String {
    let text = format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').into()
}
