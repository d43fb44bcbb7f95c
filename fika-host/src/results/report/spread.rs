//! How fast blocks spread: the share of the nodes against time.

use super::page::{legend, note};
use super::plot::{Axis, Plot, quantile, time_unit};
use super::source::Propagation;
use crate::results::{PERCENTILES, duration};

/// Points of time and share of nodes: for each share, the given quantile over blocks. It ends where fewer
/// than half of the blocks came, for what is left there are the lucky ones.
pub(super) fn curve(propagation: &Propagation, over_blocks: f64) -> Vec<(f64, f64)> {
    let known = propagation.times.iter().zip(PERCENTILES).filter(|(times, _)| times.len() * 2 > propagation.blocks);
    let point = |(times, percent): (&Vec<u64>, usize)| Some((quantile(times, over_blocks)? as f64, percent as f64));
    known.filter_map(point).collect()
}

/// The curve of the median block and the band of most blocks.
pub(super) fn propagation(propagation: Option<&Propagation>) -> Result<String, String> {
    let propagation = propagation.ok_or("there is no propagation.csv")?;
    let [fast, median, slow] = [0.1, 0.5, 0.9].map(|share| curve(propagation, share));
    let longest_us = slow.iter().map(|(time_us, _)| *time_us).fold(0.0, f64::max);
    if longest_us == 0.0 {
        return Err("no block took time to reach another node".into());
    }
    let (unit, us) = time_unit(longest_us);
    let scaled = |points: &[(f64, f64)]| points.iter().map(|(x, y)| (x / us, *y)).collect::<Vec<_>>();
    let x = Axis::new(format!("time since the first node had the block ({unit})"), 0.0, longest_us / us);
    let mut plot = Plot::new(x, Axis::new("full nodes that have it (%)", 0.0, 100.0));
    plot.band("c0", &scaled(&fast), &scaled(&slow));
    plot.line("c0", scaled(&median), "median over blocks");
    for ((time_us, percent), (slow_us, _)) in median.iter().zip(&slow) {
        let (time, slow) = (duration(*time_us as u64), duration(*slow_us as u64));
        plot.dot("c0", (time_us / us, *percent), &format!("{percent} % of the nodes after {time}, or {slow} (90th)"));
    }
    let entries = [("c0", "median over blocks"), ("c0 band", "10th to 90th percentile over blocks")];
    let entries = entries.map(|(class, text)| (class.to_string(), text.to_string()));
    let counted = note(&format!("{} blocks.", propagation.blocks));
    Ok(legend(&entries) + &plot.svg("Share of full nodes that have a block against time") + &counted)
}
