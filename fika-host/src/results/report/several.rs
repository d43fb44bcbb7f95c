//! The page of several runs: what is of all of them, and where one of them is in full.

use super::overview;
use super::page::{Page, escape, legend, note, table};
use super::plot::{Axis, Plot, time_unit};
use super::source::Source;
use crate::results::Replicas;
use crate::results::runs_tables::FIGURES_HEAD;

/// Runs that are listed one by one.
const RUNS_SHOWN: usize = 100;
/// The percentages of which there is a metric.
const REACHED: [u32; 4] = [50, 90, 99, 100];

/// The page.
pub(super) fn page(source: &Source) -> String {
    let run = &source.run;
    let summary = source.summary.as_ref();
    let replicas = summary.and_then(|summary| summary.replicas.as_ref()).ok_or("there is no summary.json");
    let mut page = Page::new(&run.experiment.name, &overview::lead(run));
    page.section("Expectations", overview::expectations(summary));
    page.section("Figures of all runs", replicas.map_err(String::from).and_then(figures));
    page.section("Propagation", replicas.map_err(String::from).and_then(propagation));
    page.section("Runs", replicas.map_err(String::from).map(runs));
    page.section("What ran", Ok(overview::what_ran(source)));
    page.html()
}

fn escaped(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.into_iter().map(|row| row.iter().map(|cell| escape(cell)).collect()).collect()
}

/// Means with their errors.
fn figures(replicas: &Replicas) -> Result<String, String> {
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
    Ok(note(&said) + &table(&FIGURES_HEAD.map(String::from), &escaped(replicas.figure_rows()), true) + &faults)
}

/// The mean times of all runs with the band of their confidence intervals.
fn propagation(replicas: &Replicas) -> Result<String, String> {
    let of = |percent: &u32| replicas.figure(&format!("mean_propagation_{percent}"), None).map(|all| (*percent, all));
    let known: Vec<_> = REACHED.iter().filter_map(of).collect();
    let ends = |end: usize| {
        let at = |(percent, all): &(u32, &crate::results::Statistics)| {
            Some((all.confidence_95?[end].max(0.0), f64::from(*percent)))
        };
        known.iter().filter_map(at).collect::<Vec<_>>()
    };
    let (low, high) = (ends(0), ends(1));
    let mean: Vec<_> = known.iter().map(|(percent, all)| (all.mean, f64::from(*percent))).collect();
    let longest_us = mean.iter().chain(&high).map(|(time_us, _)| *time_us).fold(0.0, f64::max);
    if longest_us == 0.0 {
        return Err("no block took time to reach another node".into());
    }
    let (unit, us) = time_unit(longest_us);
    let scaled = |points: &[(f64, f64)]| points.iter().map(|(x, y)| (x / us, *y)).collect::<Vec<_>>();
    let x =
        Axis::new(format!("time since the first node had the block, mean over blocks ({unit})"), 0.0, longest_us / us);
    let mut plot = Plot::new(x, Axis::new("full nodes that have it (%)", 0.0, 100.0));
    plot.band("c0", &scaled(&low), &scaled(&high));
    plot.line("c0", scaled(&mean), "mean of the runs");
    let entries = [("c0", "mean of the runs"), ("c0 band", "95 % confidence interval of the mean")];
    let entries = entries.map(|(class, text)| (class.to_string(), text.to_string()));
    Ok(legend(&entries) + &plot.svg("Share of full nodes that have a block against time, over all runs"))
}

/// A row for each run, and where the first one is in full.
fn runs(replicas: &Replicas) -> String {
    let mut html = table(&replicas.runs_head(), &escaped(replicas.runs_rows(RUNS_SHOWN)), true);
    if replicas.runs.len() > RUNS_SHOWN {
        html += &note(&format!("... and {} more in replicas.csv.", replicas.runs.len() - RUNS_SHOWN));
    }
    let seed = replicas.first_seed;
    let again = "any other one with --set experiment.repeat=1 --set experiment.seed=SEED";
    html + &format!(
        "<p>The run with seed {seed} in full: <a href=\"seed-{seed}/report.html\">seed-{seed}/report.html</a>; {again}.</p>\n"
    )
}
