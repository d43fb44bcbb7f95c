//! Whose blocks the chain is made of, as it grows.

use std::collections::BTreeMap;

use super::axis::{Axis, Measure};
use super::chart::{Chart, Datum, Layer, Look, Mark, Panel};
use super::growth::level;
use super::section::{Content, Section};
use super::source::{Block, Blocks};

/// Producers with a panel of their own.
const NAMED: usize = 8;
/// Windows of heights that are told apart,
const WINDOWS: u64 = 40;
/// if each has so many blocks.
const WINDOW_MIN: u64 = 10;

/// The largest producers' shares of the chain's blocks over windows of heights, each beside the others.
pub(super) fn shares(blocks: Option<&Blocks>) -> Content {
    let blocks = blocks.ok_or("there is no blocks.csv")?;
    let made = |block: &Block| block.producer.filter(|_| !block.stale).map(|producer| (block.height, producer));
    let chain: Vec<(u64, u32)> = blocks.rows.iter().filter_map(made).collect();
    let (Some((low, _)), Some((high, _))) = (chain.first(), chain.last()) else {
        return Err("no block of the chain has a known producer".into());
    };
    let mut totals = vec![0_u64; blocks.producers.len()];
    chain.iter().for_each(|(_, producer)| totals[*producer as usize] += 1);
    let mut order: Vec<usize> = (0..totals.len()).filter(|producer| totals[*producer] > 0).collect();
    order.sort_by_key(|producer| (std::cmp::Reverse(totals[*producer]), &blocks.producers[*producer]));
    let mut ranks = vec![NAMED; totals.len()];
    order.iter().take(NAMED).enumerate().for_each(|(rank, producer)| ranks[*producer] = rank);
    let named = order.len().min(NAMED);
    let name = |rank: usize| match order.get(rank) {
        Some(producer) if rank < NAMED => blocks.producers[*producer].clone(),
        _ if order.len() == NAMED + 1 => "1 other".into(),
        _ => format!("{} others", order.len() - named),
    };

    let heights = (high - low).saturating_add(1);
    let window = heights.div_ceil(WINDOWS).max(WINDOW_MIN).min(heights);
    let mut windows: BTreeMap<u64, [u64; NAMED + 1]> = BTreeMap::new();
    for (height, producer) in &chain {
        // What is left at the end goes into the last whole window.
        let at = ((height - low) / window).min((heights / window).max(1) - 1);
        windows.entry(at).or_default()[ranks[*producer as usize]] += 1;
    }
    let start = |at: u64| low + at * window;
    let last = windows.keys().next_back().copied().unwrap_or(0);
    let panel = |rank: usize| {
        let share = |(at, counts): (&u64, &[u64; NAMED + 1])| {
            let end = if *at == last { high.saturating_add(1) } else { start(at + 1) };
            let all = counts.iter().sum::<u64>().max(1);
            Datum::from(([start(*at) as f64, end as f64], counts[rank] as f64 / all as f64 * 100.0))
        };
        let data: Vec<Datum> = windows.iter().map(share).collect();
        let made: u64 = windows.values().map(|counts| counts[rank]).sum();
        let level = level("over the whole chain", &data, made as f64 / chain.len() as f64 * 100.0);
        let layers = vec![Layer::new(Mark::Steps, Look::First, "share of the window", data), level];
        Panel { title: name(rank), layers }
    };
    let panels = (0..named + usize::from(order.len() > named)).map(panel).collect();
    let title = format!("Shares of the chain's blocks, over {window} heights each");
    let y = Axis::of(Measure::Percent, "share", "share_percent");
    let chart = Chart { panels, ..Chart::new("shares", &title, Axis::height(), y, vec![]) };
    Ok(Section::default().chart(&chart)?.note("Rewards go with the blocks."))
}

#[cfg(test)]
mod tests {
    use fika_core::hash::Id;

    use super::*;

    fn blocks(producers: impl Iterator<Item = u32>) -> Blocks {
        let row = |(height, producer)| {
            let (id, parent) = (Id::ZERO, Id::ZERO);
            Block { id, parent, height, producer: Some(producer), stale: false, first_us: height }
        };
        let rows: Vec<Block> = (1..).zip(producers).map(row).collect();
        let count = rows.iter().filter_map(|row| row.producer).max().map_or(0, |most| most + 1);
        Blocks { rows, producers: (0..count).map(|producer| format!("p{producer}")).collect() }
    }

    /// The rows of a producer.
    fn rows(section: &Section, of: &str) -> Vec<String> {
        let (_, csv) = section.files.iter().find(|(name, _)| name == "shares.csv").expect("a table");
        let rows = csv
            .lines()
            .filter_map(|row| row.strip_prefix(of))
            .filter_map(|row| row.strip_prefix(",share of the window,"));
        rows.map(String::from).collect()
    }

    #[test]
    fn shares_of_each_window_are_drawn() {
        // The first ten heights are shared evenly, the next ten belong to one, and so do the three that are left.
        let section = shares(Some(&blocks((0..23).map(|n| if n < 10 { n % 2 } else { 1 })))).expect("a picture");
        assert_eq!(rows(&section, "p0"), ["1,11,50", "11,24,0"]);
        assert_eq!(rows(&section, "p1"), ["1,11,50", "11,24,100"]);
        assert!(
            section.html.find(">\np1\n<") < section.html.find(">\np0\n<"),
            "the largest comes first: {}",
            section.html
        );
        assert!(!section.html.contains("others"));
    }

    #[test]
    fn beyond_eight_producers_the_others_are_one() {
        let section = shares(Some(&blocks((0..100).map(|n| n % 10)))).expect("a picture");
        assert_eq!(rows(&section, "2 others")[0], "1,11,20");
        let mut stale = blocks(std::iter::once(0));
        stale.rows[0].stale = true;
        assert!(shares(Some(&stale)).is_err() && shares(None).is_err());
    }
}
