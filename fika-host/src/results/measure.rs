//! The metrics of a run.

use super::summary::Summary;
use crate::experiment::Role;

/// A metric of `docs/experiment-file.md` in its base unit, on a node or the whole network; `None` if the run
/// has no value for it (no block, no payment, a dead node).
pub(crate) fn measure(summary: &Summary, metric: &str, on: Option<&str>) -> Option<u64> {
    let node = on.map(|name| summary.node(name));
    if let Some(node) = node {
        let node = node?;
        return match metric {
            "height" => Some(node.height),
            "final_height" => Some(node.final_height),
            "reorgs" => Some(node.reorgs),
            "balance" => node.balance.map(|amount| amount.0),
            "reward_share" => (node.in_chain * 1_000_000).checked_div(summary.blocks - summary.stale),
            "memory" => node.memory_bytes,
            "lies_found" => Some(node.lies_found),
            _ => None,
        };
    }
    if let Some(kind) = metric.strip_prefix("messages_") {
        // A kind of which none was sent may not be listed.
        return summary.simulated.as_ref().map(|simulated| simulated.messages.get(kind).copied().unwrap_or(0));
    }
    match metric {
        "agreement" => Some(summary.agreement.into()),
        "height" => Some(summary.height),
        "final_height" => {
            let full = summary.nodes.iter().filter(|node| node.role == Role::Full);
            full.map(|node| node.final_height).min()
        }
        "blocks" => Some(summary.blocks),
        "stale_rate" => Some(summary.stale_rate_ppm),
        "stale_blocks" => Some(summary.stale),
        "reorgs" => Some(summary.reorgs.values().sum()),
        "supply" => summary.coins.supply.map(|amount| amount.0),
        "concentration" => summary.concentration_ppm(),
        "supply_gap" => summary.coins.gap.map(|amount| amount.0),
        "submitted_payments" => Some(summary.payments.submitted),
        "confirmed_payments" => Some(summary.payments.confirmed),
        "lost_payments" => Some(summary.payments.lost),
        "payment_latency" => summary.payments.latency_us,
        "block_interval" => summary.block_interval_us,
        "propagation_50" => summary.propagation_50_us,
        "propagation_90" => summary.propagation_90_us,
        "propagation_99" => summary.propagation_99_us,
        "propagation_100" => summary.propagation_100_us,
        "mean_propagation_50" => summary.mean_propagation_50_us,
        "mean_propagation_90" => summary.mean_propagation_90_us,
        "mean_propagation_99" => summary.mean_propagation_99_us,
        "mean_propagation_100" => summary.mean_propagation_100_us,
        "lies_found" => Some(summary.nodes.iter().map(|node| node.lies_found).sum()),
        "memory" => summary.nodes.iter().filter_map(|node| node.memory_bytes).max(),
        _ => None,
    }
}
