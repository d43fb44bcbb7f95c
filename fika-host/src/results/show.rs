//! Numbers as people read them, and the summary on a terminal.

use std::fmt::{self, Write};

use fika_core::amount::Amount;
use fika_core::env::Proof;
use fika_core::hash::Id;

use super::summary::{Ended, NodeSummary, Summary};
use crate::experiment::Role;

/// A time in microseconds, three digits: `1.25 s`, `340 ms`, `3 min 20 s`.
pub fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{} ms", three_digits(us, 1_000)),
        1_000_000..60_000_000 => format!("{} s", three_digits(us, 1_000_000)),
        60_000_000..3_600_000_000 => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
        _ => format!("{} h {} min", us / 3_600_000_000, us / 60_000_000 % 60),
    }
}

/// Millionths as a percentage: `2.5 %`.
pub fn share(ppm: u64) -> String {
    format!("{} %", three_digits(ppm, 10_000))
}

/// A size in binary units: `3.2 MiB`.
pub fn bytes(bytes: u64) -> String {
    let units = [("B", 1_u64), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let (unit, scale) = units.into_iter().rev().find(|(_, scale)| bytes >= *scale).unwrap_or(units[0]);
    format!("{} {unit}", three_digits(bytes, scale))
}

/// `value / scale` with at most two decimals and about three digits.
fn three_digits(value: u64, scale: u64) -> String {
    let (value, scale) = (u128::from(value), u128::from(scale));
    let decimals = match value / scale {
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    let power = 10_u128.pow(decimals);
    let scaled = (value * power + scale / 2) / scale;
    let (whole, part) = (scaled / power, scaled % power);
    if part == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{part:0width$}", width = decimals as usize);
    text.trim_end_matches('0').to_string()
}

fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".into(), show)
}

/// Rows with columns of equal width; the first is the head. Columns of numbers stand to the right.
pub fn table(rows: &[Vec<String>]) -> String {
    let is_number =
        |cell: &String| matches!(cell.as_str(), "" | "-") || cell.parse::<f64>().is_ok() || is_measure(cell);
    let numbers = |column: usize| column > 0 && rows.iter().skip(1).filter_map(|row| row.get(column)).all(is_number);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell_width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| cell_width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // Writing to a string does not fail.
            let _ = match numbers(column) {
                false => write!(line, "  {cell:<width$}"),
                true => write!(line, "  {cell:>width$}"),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A number with its unit: `3 MiB`, `2/4`.
fn is_measure(cell: &str) -> bool {
    let (number, unit) = cell.split_once([' ', '/']).unwrap_or((cell, ""));
    number.parse::<f64>().is_ok() && unit.len() <= 8
}

/// Nodes that are listed one by one on a terminal; the rest is in `nodes.csv`.
const NODES_SHOWN: usize = 40;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = match self.ended {
            Ended::StopHeight => "stop height reached",
            Ended::StopTime => "stop time reached",
            Ended::Asked => "ended on request",
            Ended::Interrupted => "interrupted",
            Ended::NodesDied => "no node was left",
            Ended::NothingLeft => "nothing was left that could happen",
        };
        writeln!(
            f,
            "{} ({}, seed {}): {ended} after {}",
            self.name,
            self.engine,
            self.seed,
            duration(self.duration_us)
        )?;
        if self.proof == Proof::Sampled {
            writeln!(f, "  simulated: proof = \"sampled\", no work was done, its time was drawn")?;
        }
        if let Some(replicas) = &self.replicas {
            writeln!(f, "  the first of {} runs, statistics of {} below", replicas.wanted, replicas.finished)?;
        }
        let full = self.nodes.iter().filter(|node| node.role == Role::Full).count();
        let agreement = match (self.agreement, self.tip) {
            (true, Some(tip)) => format!("all {full} full nodes agree on {}", short(tip)),
            (true, None) => format!("all {full} full nodes are at genesis"),
            (false, _) => format!("the {full} full nodes do NOT agree"),
        };
        let reorgs = match self.reorgs.is_empty() {
            true => "none".into(),
            false => {
                let by_depth = self.reorgs.iter().map(|(depth, count)| format!("{count} of depth {depth}"));
                by_depth.collect::<Vec<_>>().join(", ")
            }
        };
        let lines = [
            ("height", format!("{}, {agreement}", self.height)),
            ("blocks", blocks(self)),
            ("reorganisations", reorgs),
            ("propagation", propagation(self)),
            ("payments", payments(&self.payments)),
            ("coins", coins(&self.coins)),
        ];
        for (label, text) in lines {
            writeln!(f, "  {label:<15}  {text}")?;
        }
        writeln!(f)?;
        f.write_str(&table(&nodes(self)))?;
        if self.nodes.len() > NODES_SHOWN {
            writeln!(f, "  ... and {} more in nodes.csv", self.nodes.len() - NODES_SHOWN)?;
        }
        for node in &self.nodes {
            node.died.iter().try_for_each(|how| writeln!(f, "  {}: {how}", node.name))?;
            node.faults.iter().try_for_each(|fault| writeln!(f, "  {}: {fault}", node.name))?;
        }
        if let Some(replicas) = &self.replicas {
            let last_seed = replicas.first_seed.wrapping_add(u64::from(replicas.wanted) - 1);
            let seeds = format!("seeds {} to {last_seed}", replicas.first_seed);
            writeln!(f, "\n  {} of {} runs, {seeds}", replicas.finished, replicas.wanted)?;
            if replicas.finished > 0 {
                write!(f, "\n{}", replicas.show())?;
            }
            replicas.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))?;
        }
        if !self.expects.is_empty() {
            writeln!(f)?;
        }
        for judgement in &self.expects {
            let verdict = if judgement.holds { "pass" } else { "FAIL" };
            writeln!(f, "  {verdict}  {} (measured: {})", judgement.expected, judgement.measured)?;
        }
        writeln!(f, "\n  results in {}", self.results.display())
    }
}

fn blocks(summary: &Summary) -> String {
    let mut text = format!("{}, {} stale ({})", summary.blocks, summary.stale, share(summary.stale_rate_ppm));
    if let Some(interval_us) = summary.block_interval_us {
        text += &format!(", one every {}", duration(interval_us));
    }
    text
}

fn propagation(summary: &Summary) -> String {
    let Some(half_us) = summary.propagation_50_us else { return "no block reached half of the full nodes".into() };
    let [most, all] = [summary.propagation_90_us, summary.propagation_100_us].map(|us| or_dash(us, duration));
    format!("{} to 50 %, {most} to 90 %, {all} to 100 % of full nodes (median)", duration(half_us))
}

fn payments(payments: &super::Payments) -> String {
    let mut text = format!("{} submitted, {} confirmed", payments.submitted, payments.confirmed);
    if payments.failed > 0 {
        text += &format!(", {} could not be made", payments.failed);
    }
    if let (Some(mean_us), Some(max_us)) = (payments.latency_us, payments.latency_max_us) {
        text += &format!(" after {} (mean), {} (longest)", duration(mean_us), duration(max_us));
    }
    text
}

fn coins(coins: &super::Coins) -> String {
    let (Some(supply), Some(gap)) = (coins.supply, coins.gap) else { return "no full node could be asked".into() };
    let others = or_dash(coins.others, |others| others.to_string());
    let parts = format!("nodes {} + others {others} = {supply}", coins.nodes);
    match gap {
        Amount::ZERO => format!("{parts}, as many as were issued"),
        gap => format!("{parts}, but {} were issued: a gap of {gap}", coins.issued),
    }
}

fn nodes(summary: &Summary) -> Vec<Vec<String>> {
    let head = ["node", "height", "tip", "balance", "made", "in chain", "memory", "cpu"];
    let row = |node: &NodeSummary| {
        let role = if node.role == Role::Wallet { " (wallet)" } else { "" };
        vec![
            format!("{}{role}", node.name),
            node.height.to_string(),
            or_dash(node.tip, short),
            or_dash(node.balance, |balance| balance.to_string()),
            node.produced.to_string(),
            node.in_chain.to_string(),
            or_dash(node.memory_bytes, bytes),
            or_dash(node.cpu_us, duration),
        ]
    };
    let head = vec![head.map(String::from).to_vec()];
    head.into_iter().chain(summary.nodes.iter().take(NODES_SHOWN).map(row)).collect()
}

/// The last twelve digits of an id, as in the nodes' logs: proof of work makes the first ones alike.
pub fn short(id: Id) -> String {
    let text = id.to_string();
    text[text.len() - 12..].into()
}
