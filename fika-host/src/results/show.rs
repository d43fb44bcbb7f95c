//! The summary on a terminal.

use std::fmt;

use fika_core::amount::Amount;
use fika_core::env::Proof;

use super::ending::Ended;
use super::format::{bytes, duration, or_dash, share, short, table};
use super::runs_tables::FIGURES_HEAD;
use super::statistics::Replicas;
use super::summary::{Coins, NodeSummary, Payments, Summary};
use super::verdict::NOT_REPEATED;
use crate::experiment::Role;

/// Nodes that are listed one by one on a terminal; the rest is in `nodes.csv`.
const NODES_SHOWN: usize = 40;
/// Runs that are listed one by one on a terminal; the rest is in `replicas.csv`.
const RUNS_SHOWN: usize = 20;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.replicas {
            None => one_run(self, f)?,
            Some(replicas) => runs(self, replicas, f)?,
        }
        if !self.expects.is_empty() {
            writeln!(f)?;
            if self.replicas.is_none() {
                writeln!(f, "  {}:", NOT_REPEATED)?;
            }
        }
        for verdict in &self.expects {
            writeln!(f, "  {}  {} (measured: {})", verdict.word(), verdict.expected, verdict.measured)?;
        }
        writeln!(f, "\n  results in {}", self.results.display())?;
        let incomplete = |why| writeln!(f, "  they are not complete: {why}");
        self.unwritten.as_ref().map_or(Ok(()), incomplete)
    }
}

fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::StopHeight => "stop height reached",
        Ended::StopTime => "stop time reached",
        Ended::Asked => "ended on request",
        Ended::Interrupted => "interrupted",
        Ended::NodesDied => "no node was left",
        Ended::NothingLeft => "nothing was left that could happen",
        Ended::PluginFailed => "a plugin failed",
        Ended::Stalled => "could not reach its end",
    }
}

fn one_run(summary: &Summary, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ended = ended(summary.ended);
    let why = summary.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    let after = duration(summary.duration_us);
    writeln!(f, "{} ({}, seed {}): {ended} after {after}{why}", summary.name, summary.engine, summary.seed)?;
    if summary.proof == Proof::Sampled {
        writeln!(f, "  simulated: proof = \"sampled\", no work was done, its time was drawn")?;
    }
    let full = summary.nodes.iter().filter(|node| node.role == Role::Full).count();
    let agreement = match (summary.agreement, summary.tip) {
        (true, Some(tip)) => format!("all {full} full nodes agree on {}", short(tip)),
        (true, None) => format!("all {full} full nodes are at genesis"),
        (false, _) => format!("the {full} full nodes do NOT agree"),
    };
    let reorgs = match summary.reorgs.is_empty() {
        true => "none".into(),
        false => {
            let by_depth = summary.reorgs.iter().map(|(depth, count)| format!("{count} of depth {depth}"));
            by_depth.collect::<Vec<_>>().join(", ")
        }
    };
    let lines = [
        ("height", format!("{}, {agreement}", summary.height)),
        ("blocks", blocks(summary)),
        ("reorganisations", reorgs),
        ("propagation", propagation(summary)),
        ("payments", payments(&summary.payments)),
        ("coins", coins(&summary.coins)),
    ];
    let events = events(summary).map(|text| ("events", text));
    for (label, text) in lines.into_iter().chain(events) {
        writeln!(f, "  {label:<15}  {text}")?;
    }
    writeln!(f)?;
    f.write_str(&table(&nodes(summary)))?;
    if summary.nodes.len() > NODES_SHOWN {
        writeln!(f, "  ... and {} more in nodes.csv", summary.nodes.len() - NODES_SHOWN)?;
    }
    for node in &summary.nodes {
        node.died.iter().try_for_each(|how| writeln!(f, "  {}: {how}", node.name))?;
        if node.absent {
            writeln!(f, "  {}: it took no part at the end", node.name)?;
        }
        let told = node.faults.iter().chain(&node.refused);
        told.into_iter().try_for_each(|why| writeln!(f, "  {}: {why}", node.name))?;
    }
    Ok(())
}

/// `7: 3 kill, 3 restart, 1 pay`; nothing where nothing happened.
fn events(summary: &Summary) -> Option<String> {
    let all: u64 = summary.events.values().sum();
    let kinds: Vec<_> = summary.events.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    (all > 0).then(|| format!("{all}: {}", kinds.join(", ")))
}

/// Several runs: nothing of one of them stands for all.
fn runs(summary: &Summary, replicas: &Replicas, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Replicas { wanted, finished, .. } = replicas;
    let why = summary.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    let whole = finished == wanted && why.is_empty();
    let whole = if whole { String::new() } else { format!(", {}{why}", ended(summary.ended)) };
    writeln!(f, "{} ({}, {}): {finished} of {wanted} runs{whole}", summary.name, summary.engine, replicas.seeds())?;
    if summary.proof == Proof::Sampled {
        writeln!(f, "  simulated: proof = \"sampled\", no work was done, its time was drawn")?;
    }
    if *finished > 0 {
        writeln!(f)?;
        f.write_str(&table(&[vec![replicas.runs_head()], replicas.runs_rows(RUNS_SHOWN)].concat()))?;
        if replicas.runs.len() > RUNS_SHOWN {
            writeln!(f, "  ... and {} more in replicas.csv", replicas.runs.len() - RUNS_SHOWN)?;
        }
        writeln!(f)?;
        f.write_str(&table(&[vec![FIGURES_HEAD.map(String::from).to_vec()], replicas.figure_rows()].concat()))?;
    }
    replicas.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
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

fn payments(payments: &Payments) -> String {
    let mut text = format!("{} submitted, {} confirmed", payments.submitted, payments.confirmed);
    if let (Some(mean_us), Some(max_us)) = (payments.latency_us, payments.latency_max_us) {
        text += &format!(" after {} (mean), {} (longest)", duration(mean_us), duration(max_us));
    }
    let more = [
        (payments.lost, "lost for good", &payments.lost_why),
        (payments.dropped, "dropped by the payer's mempool on the way", &payments.dropped_why),
        (payments.failed, "could not be made", &payments.failed_why),
    ];
    for (count, what, why) in more.into_iter().filter(|(count, ..)| *count > 0) {
        text += &format!(", {count} {what} ({why})");
    }
    text
}

fn coins(coins: &Coins) -> String {
    let (Some(supply), Some(gap)) = (coins.supply, coins.gap) else { return "no full node could be asked".into() };
    let others = or_dash(coins.others, |others| others.to_string());
    let parts = format!("nodes {} + others {others} = {supply}", coins.nodes);
    match gap {
        Amount::ZERO => format!("{parts}, as many as were issued"),
        gap => {
            let issued = or_dash(coins.issued, |issued| issued.to_string());
            format!("{parts}, but {issued} were issued: a gap of {gap}")
        }
    }
}

fn nodes(summary: &Summary) -> Vec<Vec<String>> {
    let head = ["node", "height", "tip", "balance", "made", "in chain", "memory", "cpu"];
    let row = |node: &NodeSummary| {
        let role = match node.role {
            Role::Full => String::new(),
            role => format!(" ({})", role.name()),
        };
        vec![
            node.name.clone() + &role,
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
