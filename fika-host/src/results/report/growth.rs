//! How the chain grew: intervals, stale blocks, height, and whose blocks they are.

use std::collections::BTreeMap;

use super::page::note;
use super::plot::{Axis, Plot, thin, time_unit};
use super::source::{Block, Blocks, RunFacts};
use crate::experiment::Role;
use crate::results::{duration, share};

/// Windows of heights that are told apart.
const WINDOWS: u64 = 40;
/// Bars of a distribution.
const BARS: usize = 30;
/// Points of a line.
const POINTS: usize = 600;
/// Producers that have a bar of their own.
const PRODUCERS: usize = 20;

/// The blocks of the chain, by height.
fn chain(blocks: &Blocks) -> Vec<&Block> {
    blocks.rows.iter().filter(|block| !block.stale).collect()
}

/// Times between successive blocks of the chain, each with the height of the later one.
pub(super) fn intervals(blocks: &Blocks) -> Vec<(u64, u64)> {
    let between = |pair: &[&Block]| (pair[1].height, pair[1].first_us.saturating_sub(pair[0].first_us));
    chain(blocks).windows(2).map(between).collect()
}

/// Heights that one window has.
fn window(blocks: &Blocks) -> u64 {
    let top = blocks.rows.last().map_or(1, |block| block.height);
    top.div_ceil(WINDOWS).max(1)
}

/// The mean of the values of each window, as the two ends of its step: heights from `low` to below `high`.
fn steps(values: impl Iterator<Item = (u64, f64)>, window: u64) -> Vec<(f64, f64)> {
    let mut windows: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (height, value) in values {
        let (sum, count) = windows.entry(height / window).or_default();
        (*sum, *count) = (*sum + value, *count + 1.0);
    }
    let ends = |(at, (sum, count)): (u64, (f64, f64))| {
        let mean = sum / count;
        [((at * window) as f64, mean), (((at + 1) * window) as f64, mean)]
    };
    windows.into_iter().flat_map(ends).collect()
}

fn present(blocks: Option<&Blocks>) -> Result<&Blocks, String> {
    let blocks = blocks.ok_or("there is no blocks.csv")?;
    if blocks.rows.is_empty() { Err("no block was made".into()) } else { Ok(blocks) }
}

/// Time between blocks over height, and its distribution.
pub(super) fn block_interval(blocks: Option<&Blocks>, run: &RunFacts) -> Result<String, String> {
    let blocks = present(blocks)?;
    let intervals = intervals(blocks);
    let longest_us = intervals.iter().map(|(_, us)| *us).max().ok_or("the chain has less than two blocks")? as f64;
    let window = window(blocks);
    let wanted_us = run.experiment.chain.block_interval_us;
    let means = steps(intervals.iter().map(|(height, us)| (*height, *us as f64)), window);
    let high = means.iter().map(|(_, us)| *us).fold(wanted_us as f64, f64::max);
    let (unit, us) = time_unit(high);
    let (from, to) = (means[0].0, means[means.len() - 1].0);
    let y = Axis::new(format!("mean interval ({unit})"), 0.0, high / us);
    let mut plot = Plot::new(Axis::new("height (blocks)", from, to), y);
    plot.line("c0", means.iter().map(|(height, mean)| (*height, mean / us)), "mean interval of the chain's blocks");
    plot.rule(wanted_us as f64 / us, &format!("wanted: {}", duration(wanted_us)));
    let mut html = plot.svg("Mean time between blocks over height");
    if window > 1 {
        html += &note(&format!("Means over {window} heights each."));
    }
    if intervals.len() >= 10 {
        let times: Vec<u64> = intervals.iter().map(|(_, us)| *us).collect();
        html += "<h3>Distribution</h3>\n";
        html += &histogram(&times, longest_us, "time between blocks", "blocks");
    }
    Ok(html)
}

/// How often times of each length are.
pub(super) fn histogram(times_us: &[u64], longest_us: f64, what: &str, of: &str) -> String {
    let (unit, us) = time_unit(longest_us);
    let width = (longest_us.max(1.0) / BARS as f64).ceil().max(1.0);
    let mut counts = [0_u64; BARS];
    times_us.iter().for_each(|time_us| counts[((*time_us as f64 / width) as usize).min(BARS - 1)] += 1);
    let most = counts.iter().max().copied().unwrap_or(0);
    let x = Axis::new(format!("{what} ({unit})"), 0.0, width * BARS as f64 / us);
    let mut plot = Plot::new(x, Axis::new(of, 0.0, most as f64));
    for (bar, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (low, high) = (bar as f64 * width, (bar + 1) as f64 * width);
        let title = format!("{} to {}: {count}", duration(low as u64), duration(high as u64));
        plot.bar("c0", low / us..high / us, *count as f64, &title);
    }
    plot.svg(&format!("Distribution of {what}"))
}

/// The share of stale blocks over height.
pub(super) fn stale_rate(blocks: Option<&Blocks>) -> Result<String, String> {
    let blocks = present(blocks)?;
    let stale = blocks.rows.iter().filter(|block| block.stale).count();
    if stale == 0 {
        return Ok(note(&format!("None of {} blocks is stale.", blocks.rows.len())));
    }
    let window = window(blocks);
    let rates = steps(blocks.rows.iter().map(|block| (block.height, f64::from(u8::from(block.stale)) * 100.0)), window);
    let high = rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let (from, to) = (rates[0].0, rates[rates.len() - 1].0);
    let mut plot = Plot::new(Axis::new("height (blocks)", from, to), Axis::new("stale blocks (%)", 0.0, high));
    for ends in rates.chunks_exact(2).filter(|ends| ends[0].1 > 0.0) {
        let title = format!("heights {} to {}: {:.1} %", ends[0].0, ends[1].0 - 1.0, ends[0].1);
        plot.bar("c1", ends[0].0..ends[1].0, ends[0].1, &title);
    }
    let overall = (stale as u64 * 1_000_000) / blocks.rows.len() as u64;
    plot.rule(overall as f64 / 10_000.0, &format!("overall: {}", share(overall)));
    let counted = format!("{stale} of {} blocks are stale; {window} heights for each bar.", blocks.rows.len());
    Ok(plot.svg("Share of stale blocks over height") + &note(&counted))
}

/// Height against time.
pub(super) fn chain_growth(blocks: Option<&Blocks>, run: &RunFacts) -> Result<String, String> {
    let blocks = present(blocks)?;
    let chain = chain(blocks);
    let last_us = chain.iter().map(|block| block.first_us).max().ok_or("every block is stale")? as f64;
    let (unit, us) = time_unit(last_us);
    let top = chain[chain.len() - 1].height as f64;
    let x = Axis::new(format!("time since the start ({unit})"), 0.0, last_us / us);
    let mut plot = Plot::new(x, Axis::new("height (blocks)", 0.0, top));
    let wanted_us = run.experiment.chain.block_interval_us.max(1) as f64;
    let end_us = last_us.min(top * wanted_us);
    plot.line("c7 rule", [(0.0, 0.0), (end_us / us, end_us / wanted_us)], "one block in each wanted interval");
    let mut points = vec![(0.0, 0.0)];
    for block in thin(&chain, POINTS) {
        let at = block.first_us as f64 / us;
        // Few blocks are steps, many are a line.
        if chain.len() <= POINTS / 2 {
            points.push((at, points[points.len() - 1].1));
        }
        points.push((at, block.height as f64));
    }
    plot.line("c0", points, "height of the chain");
    Ok(plot.svg("Height of the chain against time") + &note("Dashed: one block in each wanted interval."))
}

/// Blocks per producer, with what its share of the hash rate would give.
pub(super) fn producers(blocks: Option<&Blocks>, run: &RunFacts) -> Result<String, String> {
    let blocks = present(blocks)?;
    let mut counts = vec![(0_u64, 0_u64); blocks.producers.len()];
    let mut unknown = 0_u64;
    for block in &blocks.rows {
        match block.producer {
            Some(producer) if block.stale => counts[producer as usize].1 += 1,
            Some(producer) => counts[producer as usize].0 += 1,
            None => unknown += 1,
        }
    }
    let total: u64 = counts.iter().map(|(chain, _)| chain).sum();
    if total == 0 {
        return Err("no block of the chain has a known producer".into());
    }
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|producer| (std::cmp::Reverse(counts[*producer]), &blocks.producers[*producer]));
    let rates: BTreeMap<&str, u128> =
        match run.plugins.iter().any(|plugin| plugin.kind == "consensus" && plugin.name == "pow") {
            true => run.experiment.nodes.iter().map(|node| (node.name.as_str(), node.hash_rate)).collect(),
            false => BTreeMap::new(),
        };
    let all_rates: u128 = rates.values().sum();
    let expected = |name: &str| {
        let rate = *rates.get(name)?;
        (all_rates > 0).then(|| rate as f64 / all_rates as f64 * 100.0)
    };
    let bar = |producer: &usize| {
        let (chain, stale) = counts[*producer];
        let name = &blocks.producers[*producer];
        super::bars::Bar { name, share: chain as f64 / total as f64 * 100.0, expected: expected(name), chain, stale }
    };
    let bars: Vec<_> = order.iter().take(PRODUCERS).map(bar).collect();
    let mut html = super::bars::bars(&bars);
    let rest = &order[bars.len()..];
    let mut notes = vec![];
    if !rest.is_empty() {
        let made: u64 = rest.iter().map(|producer| counts[*producer].0).sum();
        notes.push(format!("{} more producers made {made} blocks of the chain.", rest.len()));
    }
    let full = run.experiment.nodes.iter().filter(|node| node.role == Role::Full).count();
    notes.push(format!("{} of {full} full nodes made none.", full.saturating_sub(order.len())));
    if unknown > 0 {
        notes.push(format!("Of {unknown} blocks nobody knows the producer."));
    }
    if all_rates > 0 {
        notes.push("The mark is what the share of the hash rate would give.".into());
    }
    html += &note(&notes.join(" "));
    Ok(html)
}
