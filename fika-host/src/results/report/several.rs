//! The page of several runs: what is of all of them, and where one of them is in full.

use super::axis::{Axis, Measure};
use super::chart::{Chart, Layer, Look, Mark};
use super::overview;
use super::page::{Page, Pages};
use super::section::{Content, Section};
use super::source::{ExpectFacts, Source};
use super::spread;
use super::text::escape;
use crate::results::runs_tables::FIGURES_HEAD;
use crate::results::scale::Scale;
use crate::results::{Figure, Replicas, Statistics};

/// Runs that are listed one by one.
const RUNS_SHOWN: usize = 100;
/// Figures that have a chart.
const CHARTS: usize = 8;
/// Points of the mean as runs are added.
const STEPS: usize = 100;

/// The page.
pub(super) fn page(source: &Source) -> Pages {
    let run = &source.run;
    let summary = source.summary.as_ref();
    let replicas = summary.and_then(|summary| summary.replicas.as_ref()).ok_or("there is no summary.json");
    let replicas = || replicas.map_err(String::from);
    let mut page = Page::new(&run.experiment.name, &overview::lead(run));
    overview::warn(&mut page, run);
    page.section("Expectations", overview::expectations(summary));
    page.section(
        "Figures that were asked for",
        replicas().and_then(|replicas| asked(replicas, &run.experiment.expects)),
    );
    page.section("Propagation", spread::propagation(source));
    page.section("Runs", replicas().map(runs));
    page.section("What ran", Ok(overview::what_ran(source)));
    page.section("Figures of all runs", replicas().and_then(figures));
    page.finish()
}

fn escaped(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.into_iter().map(|row| row.iter().map(|cell| escape(cell)).collect()).collect()
}

/// What a metric measures, and how much of its base unit is one of the axis.
pub(super) fn measure(metric: &str, value: f64) -> (Measure, f64) {
    let scale = Scale::new(metric, value, 0.0);
    match scale.unit {
        "%" => (Measure::Percent, scale.base),
        "us" | "ms" | "s" => (Measure::Time, 1.0),
        _ => (Measure::Count, scale.base),
    }
}

/// What the expectations are about: each run, and the mean as runs are added.
fn asked(replicas: &Replicas, expects: &[ExpectFacts]) -> Content {
    let scattered: Vec<&Statistics> =
        replicas.figures.iter().filter(|figure| figure.expected && figure.min < figure.max).collect();
    if scattered.is_empty() {
        return Err("no figure that an expectation is about differs between runs".into());
    }
    let charts = (1..).zip(scattered.iter().take(CHARTS));
    let section = charts.into_iter().try_fold(Section::default(), |section, (number, figure)| {
        section.chart(&convergence(number, figure, expects))
    })?;
    let more = scattered.len().saturating_sub(CHARTS);
    Ok(if more > 0 { section.note(&format!("{more} more are in replicas.csv.")) } else { section })
}

fn convergence(number: usize, figure: &Statistics, expects: &[ExpectFacts]) -> Chart {
    let (measure, base) = measure(&figure.metric, figure.mean);
    let of = Figure { metric: figure.metric.clone(), on: figure.on.clone() };
    let all = figure.values.len();
    let first = |step: usize| step * all / all.min(STEPS);
    let until = |count: usize| Some((count as f64, Statistics::new(&of, true, figure.values[..count].to_vec())?));
    let so_far: Vec<(f64, Statistics)> = (1..=all.min(STEPS)).map(first).filter_map(until).collect();
    let each = (1_u32..).zip(&figure.values).filter_map(|(run, value)| Some((f64::from(run), (*value)? as f64 / base)));
    let mean = so_far.iter().map(|(count, of)| (*count, of.mean / base));
    // That of two runs is so wide that nothing else would be seen.
    let band = so_far
        .iter()
        .filter(|(_, of)| of.n > 2 || all == 2)
        .filter_map(|(count, of)| Some((*count, of.confidence_95?.map(|end| end / base))));
    let mut layers = vec![
        Layer::new(Mark::Points, Look::Ghost, "each run", each),
        Layer::new(Mark::Line, Look::First, "mean so far", mean),
        Layer::new(Mark::Band, Look::First, "95 % interval of the mean", band),
    ];
    for expect in expects.iter().filter(|expect| expect.metric == figure.metric && expect.on == figure.on) {
        let value = expect.value as f64 / base;
        layers.push(Layer::new(Mark::Line, Look::Wanted, "expectation", [(1.0, value), (all as f64, value)]));
    }
    let title = of.name().replace('_', " ");
    let (x, y) = (Axis::of(Measure::Count, "runs", "run"), Axis::of(measure, &title, "value").tight());
    Chart::new(&format!("figure-{number}"), &title, x, y, layers)
}

/// Means with their errors.
fn figures(replicas: &Replicas) -> Content {
    if replicas.finished == 0 {
        return Err("no run ended by itself".into());
    }
    let said = format!(
        "{} of {} runs. Mean over the runs, its standard error, and its 95 % confidence interval (Student's t); then the \
         standard deviation of one run. What is zero in every run is left out.",
        replicas.finished, replicas.wanted
    );
    let faults: String =
        replicas.faults.iter().map(|fault| format!("<p class=\"warn\">{}</p>\n", escape(fault))).collect();
    let section = Section::default().note(&said);
    Ok(section.table(&FIGURES_HEAD.map(String::from), &escaped(replicas.figure_rows()), true).html(&faults))
}

/// A row for each run, and where the first one is in full.
fn runs(replicas: &Replicas) -> Section {
    let mut section = Section::default().table(&replicas.runs_head(), &escaped(replicas.runs_rows(RUNS_SHOWN)), true);
    if replicas.runs.len() > RUNS_SHOWN {
        section = section.note(&format!("... and {} more in replicas.csv.", replicas.runs.len() - RUNS_SHOWN));
    }
    let seed = replicas.first_seed;
    let again = "any other one with --set experiment.repeat=1 --set experiment.seed=SEED";
    section.html(&format!(
        "<p>The run with seed {seed} in full: <a href=\"seed-{seed}/report.html\">seed-{seed}/report.html</a>; {again}.</p>\n"
    ))
}
