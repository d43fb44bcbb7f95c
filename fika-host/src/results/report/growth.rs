//! How the chain grew: intervals, stale blocks, height, and whose blocks they are.

use std::collections::BTreeMap;

use super::axis::{Axis, Measure, Scale};
use super::chart::{Chart, Datum, Layer, Look, Mark};
use super::section::{Content, Section};
use super::source::{Block, Blocks, NetworkEvent, RunFacts, moments};
use crate::experiment::Role;
use crate::results::{duration, share};

/// Windows of heights that are told apart.
const WINDOWS: u64 = 40;
/// Bars of a distribution.
const BARS: usize = 30;
/// Producers that have a row of their own.
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

/// The mean of the values of each window, over its heights.
fn means(values: impl Iterator<Item = (u64, f64)>, window: u64) -> Vec<Datum> {
    let mut windows: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (height, value) in values {
        let (sum, count) = windows.entry(height / window).or_default();
        (*sum, *count) = (*sum + value, *count + 1.0);
    }
    let step = |(at, (sum, count)): (u64, (f64, f64))| {
        Datum::from(([(at * window) as f64, (at * window) as f64 + window as f64], sum / count))
    };
    windows.into_iter().map(step).collect()
}

/// A level line as far as the data are.
pub(super) fn level(name: &str, data: &[Datum], value: f64) -> Layer {
    let ends = data.first().into_iter().zip(data.last()).flat_map(|(first, last)| [first.x[0], last.x[1]]);
    Layer::new(Mark::Line, Look::Wanted, name, ends.map(|x| (x, value)))
}

fn present(blocks: Option<&Blocks>) -> Result<&Blocks, String> {
    let blocks = blocks.ok_or("there is no blocks.csv")?;
    if blocks.rows.is_empty() { Err("no block was made".into()) } else { Ok(blocks) }
}

/// Time between blocks over height, and its distribution.
pub(super) fn block_interval(blocks: Option<&Blocks>, run: &RunFacts) -> Content {
    let blocks = present(blocks)?;
    let intervals = intervals(blocks);
    if intervals.is_empty() {
        return Err("the chain has less than two blocks".into());
    }
    let window = window(blocks);
    let wanted_us = run.experiment.chain.block_interval_us;
    let means = means(intervals.iter().map(|(height, us)| (*height, *us as f64)), window);
    let y = Axis::of(Measure::Time, "mean interval", "interval_us");
    let wanted = level(&format!("wanted: {}", duration(wanted_us)), &means, wanted_us as f64);
    let title = match window {
        1 => "Time between blocks over height".to_string(),
        _ => format!("Mean time between blocks, over {window} heights each"),
    };
    let layers = vec![Layer::new(Mark::Steps, Look::First, "blocks of the chain", means), wanted];
    let section = Section::default().chart(&Chart::new("block-interval", &title, Axis::height(), y, layers))?;
    if intervals.len() < 10 {
        return Ok(section);
    }
    let times: Vec<u64> = intervals.iter().map(|(_, us)| *us).collect();
    let (counts, edges) = histogram(&times);
    let mean_us = times.iter().map(|us| *us as f64).sum::<f64>() / times.len() as f64;
    let shorter = |us: f64| 1.0 - (-us / mean_us).exp();
    let expected = edges
        .windows(2)
        .map(|ends| (ends[0] / 2.0 + ends[1] / 2.0, times.len() as f64 * (shorter(ends[1]) - shorter(ends[0]))));
    let layers = vec![
        Layer::new(Mark::Bars, Look::First, "blocks of the chain", counts),
        Layer::new(
            Mark::Line,
            Look::Second,
            "exponential of the same mean",
            expected.filter(|(_, count)| *count >= 0.5),
        ),
    ];
    let x = Axis::of(Measure::Time, "time between blocks", "interval_us");
    let y = Axis::of(Measure::Count, "blocks", "blocks");
    section.chart(&Chart::new("block-interval-distribution", "Distribution of the time between blocks", x, y, layers))
}

/// How many times are in each of some bars, and the ends of the bars: evenly over the axis, be it linear or logarithmic.
/// Times of zero are in the first.
pub(super) fn histogram(times_us: &[u64]) -> (Vec<Datum>, Vec<f64>) {
    let times = times_us.iter().map(|us| *us as f64);
    let scale = Scale::new(&Axis::of(Measure::Time, "", ""), times.clone(), BARS);
    let longest = times.clone().fold(1.0, f64::max);
    let shortest = times.clone().filter(|us| *us > 0.0).fold(longest, f64::min);
    let edge = |at: usize| match (scale.log, at as f64 / BARS as f64) {
        (true, part) => shortest * (longest / shortest).powf(part),
        (false, part) => longest * part,
    };
    let edges: Vec<f64> = (0..=BARS).map(edge).collect();
    let mut counts = [0_u64; BARS];
    times.for_each(|us| counts[edges[1..BARS].partition_point(|edge| *edge <= us)] += 1);
    let bars = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    (bars.map(|(bar, count)| Datum::from(([edges[bar], edges[bar + 1]], *count as f64))).collect(), edges)
}

/// The share of stale blocks over height.
pub(super) fn stale_rate(blocks: Option<&Blocks>) -> Content {
    let blocks = present(blocks)?;
    let stale = blocks.rows.iter().filter(|block| block.stale).count();
    if stale == 0 {
        return Ok(Section::default().note(&format!("None of {} blocks is stale.", blocks.rows.len())));
    }
    let window = window(blocks);
    let rates = means(blocks.rows.iter().map(|block| (block.height, if block.stale { 100.0 } else { 0.0 })), window);
    let overall = (stale as u64 * 1_000_000) / blocks.rows.len() as u64;
    let level = level(&format!("overall: {}", share(overall)), &rates, overall as f64 / 10_000.0);
    let layers = vec![Layer::new(Mark::Bars, Look::First, "share of stale blocks", rates), level];
    let y = Axis::of(Measure::Percent, "stale blocks", "stale_percent");
    let title = format!("Share of stale blocks, over {window} heights each");
    let section = Section::default().chart(&Chart::new("stale-rate", &title, Axis::height(), y, layers))?;
    Ok(section.note(&format!("{stale} of {} blocks are stale.", blocks.rows.len())))
}

/// Height against time.
pub(super) fn chain_growth(blocks: Option<&Blocks>, run: &RunFacts, events: &[NetworkEvent]) -> Content {
    let chain = chain(present(blocks)?);
    let (Some(top), Some(last_us)) = (chain.last(), chain.iter().map(|block| block.first_us).max()) else {
        return Err("every block is stale".into());
    };
    let wanted_us = run.experiment.chain.block_interval_us.max(1) as f64;
    let end_us = (last_us as f64).min(top.height as f64 * wanted_us);
    let heights = chain.iter().map(|block| (block.first_us as f64, block.height as f64));
    let layers = vec![
        Layer::new(Mark::Steps, Look::First, "the chain", [(0.0, 0.0)].into_iter().chain(heights)),
        Layer::new(
            Mark::Line,
            Look::Wanted,
            "a block each wanted interval",
            [(0.0, 0.0), (end_us, end_us / wanted_us)],
        ),
    ];
    let chart =
        Chart::new("chain-growth", "Height of the chain against time", Axis::since_start(), Axis::height(), layers);
    Section::default().chart(&chart.marked(moments(events)))
}

/// Shares of the blocks by producer, with the share of the hash rate that each has.
pub(super) fn producers(blocks: Option<&Blocks>, run: &RunFacts) -> Content {
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
    let (in_chain, stale) = counts.iter().fold((0, 0), |all, count| (all.0 + count.0, all.1 + count.1));
    if in_chain == 0 {
        return Err("no block of the chain has a known producer".into());
    }
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|producer| (std::cmp::Reverse(counts[*producer]), &blocks.producers[*producer]));
    let rest = order.split_off(order.len().min(PRODUCERS));
    let names: Vec<String> = order.iter().map(|producer| blocks.producers[*producer].clone()).collect();
    let rates: BTreeMap<&str, u128> =
        match run.plugins.iter().any(|plugin| plugin.kind == "consensus" && plugin.name == "pow") {
            true => run.experiment.nodes.iter().map(|node| (node.name.as_str(), node.hash_rate)).collect(),
            false => BTreeMap::new(),
        };
    let all_rates = rates.values().fold(0, |all: u128, rate| all.saturating_add(*rate));
    let points = |look, name: &str, share: &dyn Fn(usize) -> f64| {
        Layer::new(Mark::Points, look, name, (0..names.len()).map(|row| (share(row), row as f64)))
    };
    let percent = |part: f64, all: f64| part / all * 100.0;
    let mut layers = vec![];
    if all_rates > 0 {
        let rate = |row: usize| rates.get(names[row].as_str()).map_or(f64::NAN, |rate| *rate as f64);
        layers.push(points(Look::Wanted, "of the hash rate", &|row| percent(rate(row), all_rates as f64)));
    }
    if stale > 0 {
        layers.push(points(Look::Second, "of the stale blocks", &|row| {
            percent(counts[order[row]].1 as f64, stale as f64)
        }));
    }
    layers.push(points(Look::First, "of the chain's blocks", &|row| {
        percent(counts[order[row]].0 as f64, in_chain as f64)
    }));
    let (x, y) = (Axis::of(Measure::Percent, "share", "share_percent"), Axis::names("", "producer", names.clone()));
    let mut notes = vec![];
    if !rest.is_empty() {
        let made: u64 = rest.iter().map(|producer| counts[*producer].0).sum();
        notes.push(format!("{} more producers made {made} blocks of the chain.", rest.len()));
    }
    let full = run.experiment.nodes.iter().filter(|node| node.role == Role::Full).count();
    notes.push(format!("{} of {full} full nodes made none.", full.saturating_sub(counts.len())));
    if unknown > 0 {
        notes.push(format!("Of {unknown} blocks nobody knows the producer."));
    }
    let section = Section::default().chart(&Chart::new("producers", "Shares by producer", x, y, layers))?;
    Ok(section.note(&notes.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_even_on_the_axis_and_hold_every_time() {
        let count = |times: &[u64]| {
            let (bars, edges) = histogram(times);
            assert!(edges.is_sorted() && edges.len() == BARS + 1, "{edges:?}");
            assert_eq!(bars.iter().map(|bar| bar.y[0]).sum::<f64>(), times.len() as f64);
            (bars, edges)
        };
        let (_, linear) = count(&[0, 10, 20, 30]);
        assert!((linear[1] - linear[0] - 1.0).abs() < 1e-9 && linear[0] == 0.0, "{linear:?}");
        let (bars, log) = count(&[0, 1, 10, 1_000_000]);
        assert!((log[1] / log[0] - log[30] / log[29]).abs() < 1e-6, "{log:?}");
        assert_eq!((bars[0].y[0], bars.len()), (2.0, 3), "zero is in the first: {bars:?}");
        for times in [&[][..], &[0], &[7], &[1 << 60; 3]] {
            count(times);
        }
    }
}
