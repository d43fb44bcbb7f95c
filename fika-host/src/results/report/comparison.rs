//! Two or more runs beside each other.

use std::collections::BTreeMap;

use super::figures::{Figure, difference, figures, means};
use super::growth::intervals;
use super::overview;
use super::page::{Page, escape, legend, note, table};
use super::plot::{Axis, Plot, quantile, thin, time_unit};
use super::source::{Source, SummaryFacts};
use super::spread::curve;

/// Runs that one page can show: as many as there are colours.
pub(super) const RUNS_MAX: usize = 8;
/// Points of a line.
const POINTS: usize = 200;

/// The page.
pub(super) fn page(runs: &[Source]) -> String {
    let names: Vec<String> = (1..).zip(runs).map(|(number, run)| format!("{number}: {}", name(run))).collect();
    let mut page = Page::new("Comparison", &format!("{} runs; differences are from the first.", runs.len()));
    page.section("Runs", Ok(what_ran(runs, &names)));
    page.section("Figures", figure_table(runs, &names));
    page.section("Propagation", propagation(runs, &names));
    page.section("Time between blocks", block_intervals(runs, &names));
    page.html()
}

/// The experiment and the last part of the folder: the time of the run.
fn name(run: &Source) -> String {
    let folder = run.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{} {folder}", run.run.experiment.name)
}

fn what_ran(runs: &[Source], names: &[String]) -> String {
    let head = ["run", "engine", "proof", "network", "plugins", "folder"].map(String::from);
    let row = |(run, name): (&Source, &String)| {
        let plugins: Vec<&str> = run.run.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        let folder = format!("<code>{}</code>", escape(&run.folder.display().to_string()));
        let texts = [name, &run.run.engine, &run.run.proof, &overview::lead(&run.run), &plugins.join(", ")];
        texts.map(|text| escape(text)).into_iter().chain([folder]).collect()
    };
    table(&head, &runs.iter().zip(names).map(row).collect::<Vec<Vec<String>>>(), false)
}

fn figure_table(runs: &[Source], names: &[String]) -> Result<String, String> {
    let of = |run: &Source| match &run.summary {
        None => vec![],
        Some(SummaryFacts { replicas: Some(replicas), .. }) => means(replicas),
        Some(summary) => figures(&summary.figures),
    };
    let all: Vec<Vec<Figure>> = runs.iter().map(of).collect();
    let mut order: Vec<&str> = vec![];
    let mut by_name: BTreeMap<&str, Vec<Option<&Figure>>> = BTreeMap::new();
    for (run, figure) in all.iter().enumerate().flat_map(|(run, all)| all.iter().map(move |figure| (run, figure))) {
        let row = by_name.entry(&figure.name).or_insert_with(|| {
            order.push(&figure.name);
            vec![None; runs.len()]
        });
        row[run] = Some(figure);
    }
    if order.is_empty() {
        return Err("no run has a summary.json".into());
    }
    let cell = |figure: Option<&Figure>, first: Option<&Figure>| {
        let Some(figure) = figure else { return "-".to_string() };
        let difference = first.and_then(|first| difference(figure, first));
        let difference = difference.map_or(String::new(), |text| format!("<br><span class=\"note\">{text}</span>"));
        escape(&figure.text) + &difference
    };
    let row = |name: &&str| {
        let figures = &by_name[name];
        let rest = figures[1..].iter().map(|figure| cell(*figure, figures[0]));
        [escape(name), cell(figures[0], None)].into_iter().chain(rest).collect::<Vec<_>>()
    };
    let head: Vec<String> = [String::new()].into_iter().chain(names.iter().cloned()).collect();
    Ok(table(&head, &order.iter().map(row).collect::<Vec<_>>(), true))
}

/// Lines of one unit of time, one for each run that has points.
fn overlay(
    lines: &[(usize, Vec<(f64, f64)>)],
    names: &[String],
    what: &str,
    y: &str,
    about: &str,
) -> Result<String, String> {
    let longest_us = lines.iter().flat_map(|(_, line)| line).map(|(time_us, _)| *time_us).fold(0.0, f64::max);
    if longest_us == 0.0 {
        return Err("no run has such times".into());
    }
    let (unit, us) = time_unit(longest_us);
    let x = Axis::new(format!("{what} ({unit})"), 0.0, longest_us / us);
    let mut plot = Plot::new(x, Axis::new(y, 0.0, 100.0));
    for (run, line) in lines {
        plot.line(&format!("c{}", run % RUNS_MAX), line.iter().map(|(x, y)| (x / us, *y)), &names[*run]);
    }
    let entry = |(run, _): &(usize, Vec<_>)| (format!("c{}", run % RUNS_MAX), names[*run].clone());
    let entries: Vec<_> = lines.iter().map(entry).collect();
    let absent = names.len() - lines.len();
    let absent = if absent > 0 { note(&format!("{absent} runs have no such times.")) } else { String::new() };
    Ok(legend(&entries) + &plot.svg(about) + &absent)
}

fn propagation(runs: &[Source], names: &[String]) -> Result<String, String> {
    let median = |run: &Source| run.propagation.as_ref().map(|propagation| curve(propagation, 0.5));
    let lines =
        runs.iter().enumerate().filter_map(|(at, run)| Some((at, median(run).filter(|line| !line.is_empty())?)));
    let (what, y) = ("time since the first node had the block, median over blocks", "full nodes that have it (%)");
    overlay(&lines.collect::<Vec<_>>(), names, what, y, "Share of full nodes that have a block against time")
}

fn block_intervals(runs: &[Source], names: &[String]) -> Result<String, String> {
    let distribution = |run: &Source| {
        let mut times: Vec<u64> = intervals(run.blocks.as_ref()?).into_iter().map(|(_, us)| us).collect();
        times.sort_unstable();
        // The few longest would press all others to the left.
        let end = quantile(&times, 0.99)?;
        let count = times.len() as f64;
        let points: Vec<(f64, f64)> =
            (1..).zip(&times).map(|(at, us)| (*us as f64, f64::from(at) / count * 100.0)).collect();
        let shown = points.iter().take_while(|(us, _)| *us <= end as f64).count();
        Some(thin(&points[..shown], POINTS))
    };
    let lines = runs.iter().enumerate().filter_map(|(at, run)| Some((at, distribution(run)?)));
    let lines: Vec<_> =
        lines.map(|(at, line)| (at, [(0.0, 0.0)].into_iter().chain(line).collect::<Vec<_>>())).collect();
    let said = note("The share of intervals that are no longer than a time, up to the 99th percentile.");
    let plot = overlay(&lines, names, "time between blocks", "intervals (%)", "Distribution of time between blocks")?;
    Ok(plot + &said)
}
