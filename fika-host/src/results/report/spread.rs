//! How fast blocks spread: the share of the nodes against time.

use super::axis::{Axis, Measure};
use super::chart::{Chart, Layer, Look, Mark};
use super::section::{Content, Section};
use super::source::{Propagation, Source, quantile};
use crate::results::{PERCENTILES, Replicas, Statistics};

/// The percentages of which there is a metric.
const REACHED: [u32; 4] = [50, 90, 99, 100];

/// The axes of every such chart.
pub(super) fn axes() -> (Axis, Axis) {
    let x = Axis::of(Measure::Time, "time since the first node", "delay_us");
    (x, Axis::shares("nodes that have it", "nodes_percent"))
}

/// The curve of one run or of several, over its band.
///
/// # Errors
/// One line: there is nothing to draw.
pub(super) fn layers(source: &Source) -> Result<Vec<Layer>, String> {
    let replicas = source.summary.as_ref().and_then(|summary| summary.replicas.as_ref());
    let layers = match (replicas, &source.propagation) {
        (Some(replicas), _) => of_runs(replicas),
        (None, Some(propagation)) => of_blocks(propagation),
        (None, None) if source.run.experiment.repeat > 1 => return Err("there is no summary.json".into()),
        (None, None) => return Err("there is no propagation.csv".into()),
    };
    let takes_time = layers.iter().flat_map(|layer| &layer.data).any(|datum| datum.x[1] > 0.0);
    if takes_time { Ok(layers) } else { Err("no block took time to reach another node".into()) }
}

/// The median block and the band of most blocks. The curve ends where fewer than half of the blocks came, for
/// what is left there are the lucky ones. That the first node needs no time says nothing.
fn of_blocks(propagation: &Propagation) -> Vec<Layer> {
    let known = || {
        let all = propagation.times.iter().zip(PERCENTILES).skip(1);
        all.filter(|(times, _)| times.len() * 2 > propagation.blocks)
    };
    let at = |times: &[u64], share| quantile(times, share).map_or(f64::NAN, |time_us| time_us as f64);
    let band = known().map(|(times, percent)| ([at(times, 0.1), at(times, 0.9)], percent as f64));
    let median = known().map(|(times, percent)| (at(times, 0.5), percent as f64));
    vec![
        Layer::new(Mark::Line, Look::First, "median over blocks", median),
        Layer::new(Mark::Band, Look::First, "10th to 90th percentile", band),
    ]
}

/// The mean of all runs and the band of its confidence intervals.
fn of_runs(replicas: &Replicas) -> Vec<Layer> {
    let of = |percent: u32| Some((percent, replicas.figure(&format!("mean_propagation_{percent}"), None)?));
    let known: Vec<(u32, &Statistics)> = REACHED.into_iter().filter_map(of).collect();
    let band = known
        .iter()
        .filter_map(|(percent, all)| Some((all.confidence_95?.map(|end| end.max(0.0)), f64::from(*percent))));
    let mean = known.iter().map(|(percent, all)| (all.mean, f64::from(*percent)));
    vec![
        Layer::new(Mark::Line, Look::First, "mean of the runs", mean),
        Layer::new(
            Mark::Points,
            Look::First,
            "mean of the runs",
            known.iter().map(|(percent, all)| (all.mean, f64::from(*percent))),
        ),
        Layer::new(Mark::Band, Look::First, "95 % interval of the mean", band),
    ]
}

/// The chart of one folder.
pub(super) fn propagation(source: &Source) -> Content {
    let (x, y) = axes();
    let chart = Chart::new(
        "propagation",
        "Share of the full nodes that have a block, by time since the first of them had it",
        x,
        y,
        layers(source)?,
    );
    let blocks = source.propagation.as_ref().map(|propagation| format!("{} blocks.", propagation.blocks));
    let section = Section::default().chart(&chart)?;
    Ok(blocks.into_iter().fold(section, |section, said| section.note(&said)))
}
