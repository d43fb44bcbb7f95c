//! Whose blocks the chain is made of, as it grows.

use std::collections::BTreeMap;

use super::page::{legend, note};
use super::plot::{Axis, Plot};
use super::source::{Block, Blocks};

/// Producers with a colour of their own.
const NAMED: usize = 8;
/// Windows of heights that are told apart,
const WINDOWS: u64 = 40;
/// if each has so many blocks.
const WINDOW_MIN: u64 = 10;

/// The largest producers' shares of the chain's blocks over windows of heights, one above the other.
pub(super) fn shares(blocks: Option<&Blocks>) -> Result<String, String> {
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
    let (from, to) = (*low as f64, high.saturating_add(1) as f64);
    let y = Axis::new("share of the chain's blocks (%)", 0.0, 100.0);
    let mut plot = Plot::new(Axis::new("height (blocks)", from, to), y);
    let last = windows.keys().next_back().copied().unwrap_or(0);
    for (at, counts) in &windows {
        let first = low + at * window;
        let end = if *at == last { high.saturating_add(1) } else { first + window };
        let all = counts.iter().sum::<u64>().max(1) as f64;
        let mut below = 100.0;
        // From above, each over what is below it.
        for (rank, count) in counts.iter().enumerate().rev().filter(|(_, count)| **count > 0) {
            let share = *count as f64 / all * 100.0;
            let title = format!("{}: {share:.1} % of heights {first} to {}", name(rank), end - 1);
            plot.bar(&class(rank), first as f64..end as f64, below, &title);
            below -= share;
        }
    }
    let shown = named + usize::from(order.len() > named);
    let entries: Vec<_> = (0..shown).map(|rank| (class(rank), name(rank))).collect();
    let said = format!("{window} heights for each column. Rewards go with the blocks.");
    Ok(legend(&entries) + &plot.svg("Shares of the chain's blocks by producer over height") + &note(&said))
}

fn class(rank: usize) -> String {
    if rank < NAMED { format!("c{rank}") } else { "rest".into() }
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

    #[test]
    fn shares_of_each_window_are_drawn() {
        // The first ten heights are shared evenly, the next ten belong to one, and so do the three that are left.
        let html = shares(Some(&blocks((0..23).map(|n| if n < 10 { n % 2 } else { 1 })))).expect("a picture");
        for title in
            ["p0: 50.0 % of heights 1 to 10", "p1: 50.0 % of heights 1 to 10", "p1: 100.0 % of heights 11 to 23"]
        {
            assert!(html.contains(title), "{title}: {html}");
        }
        assert_eq!(html.matches("<rect").count(), 3);
        assert!(html.contains("class=\"c0\"></i>p1<") && !html.contains("others"), "the largest comes first: {html}");
    }

    #[test]
    fn beyond_eight_producers_the_others_are_one() {
        let html = shares(Some(&blocks((0..100).map(|n| n % 10)))).expect("a picture");
        assert!(html.contains("class=\"rest\"></i>2 others<"), "{html}");
        assert!(html.contains("2 others: 20.0 % of heights 1 to 10"), "{html}");
        let mut stale = blocks(std::iter::once(0));
        stale.rows[0].stale = true;
        assert!(shares(Some(&stale)).is_err() && shares(None).is_err());
    }
}
