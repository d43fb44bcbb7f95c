//! Two or more runs beside each other.

use std::collections::BTreeMap;

use super::axis::{Axis, Measure};
use super::chart::{Chart, Layer, Look, Mark, Panel};
use super::figures::{Figure, difference, figures, means};
use super::growth::intervals;
use super::overview;
use super::page::{Page, Pages};
use super::section::{Content, Section};
use super::several::measure;
use super::source::{Source, SummaryFacts, quantile};
use super::spread;
use super::text::escape;

/// Runs that one page can show.
pub(super) const RUNS_MAX: usize = 10;
/// Points of a distribution: every run is in every panel.
const POINTS: usize = 80;
/// The figures that are drawn: metric, and where a single run has it.
const METRICS: [(&str, &str); 5] = [
    ("stale_rate", "/stale_rate_ppm"),
    ("block_interval", "/block_interval_us"),
    ("mean_propagation_50", "/mean_propagation_50_us"),
    ("mean_propagation_90", "/mean_propagation_90_us"),
    ("payment_latency", "/payments/latency_us"),
];

/// The page.
pub(super) fn page(runs: &[Source]) -> Pages {
    let names: Vec<String> = (1..).zip(runs).map(|(number, run)| format!("{number}: {}", name(run))).collect();
    let mut page = Page::new("Comparison", &format!("{} runs on the same scales.", runs.len()));
    page.section("Runs", Ok(what_ran(runs, &names)));
    page.section("Expectations", expectations(runs, &names));
    page.section("Main figures", main_figures(runs, &names));
    page.section("Propagation", propagation(runs, &names));
    page.section("Time between blocks", block_intervals(runs, &names));
    page.section("All figures", figure_table(runs, &names));
    page.finish()
}

/// The experiment and the last part of the folder: the time of the run.
fn name(run: &Source) -> String {
    let folder = run.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{} {folder}", run.run.experiment.name)
}

fn what_ran(runs: &[Source], names: &[String]) -> Section {
    let head = ["run", "engine", "proof", "network", "plugins", "folder"].map(String::from);
    let row = |(run, name): (&Source, &String)| {
        let plugins: Vec<&str> = run.run.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        let folder = format!("<code>{}</code>", escape(&run.folder.display().to_string()));
        let texts = [name, &run.run.engine, &run.run.proof, &overview::lead(&run.run), &plugins.join(", ")];
        texts.map(|text| escape(text)).into_iter().chain([folder]).collect()
    };
    Section::default().table(&head, &runs.iter().zip(names).map(row).collect::<Vec<Vec<String>>>(), false)
}

fn expectations(runs: &[Source], names: &[String]) -> Content {
    let of = |(run, name): (&Source, &String)| {
        let verdicts = run.summary.iter().flat_map(|summary| &summary.expects);
        verdicts.map(|verdict| [vec![escape(name)], overview::verdict_row(verdict)].concat()).collect::<Vec<_>>()
    };
    let rows: Vec<_> = runs.iter().zip(names).flat_map(of).collect();
    let head = ["run", "", "expected", "measured"].map(String::from);
    if rows.is_empty() {
        Err("no run expects anything".into())
    } else {
        Ok(Section::default().table(&head, &rows, false))
    }
}

fn replicas(run: &Source) -> Option<&crate::results::Replicas> {
    run.summary.as_ref()?.replicas.as_ref()
}

/// A chart for each of [`METRICS`]: the value of each run, or its mean and interval.
fn main_figures(runs: &[Source], names: &[String]) -> Content {
    let mut section = Section::default();
    for (metric, place) in METRICS {
        let value = |run: &Source| match replicas(run) {
            Some(replicas) => replicas.figure(metric, None).map(|all| (all.mean, all.confidence_95)),
            None => Some((summary_value(run, place)?, None)),
        };
        let values: Vec<_> = (0..).zip(runs).filter_map(|(at, run)| Some((f64::from(at), value(run)?))).collect();
        if values.iter().all(|(_, (value, _))| *value == 0.0) {
            continue;
        }
        let (measure, base) = measure(metric, values[0].1.0);
        let points = values.iter().map(|(at, (value, _))| (value / base, *at));
        let ends = values.iter().filter_map(|(at, (_, ends))| Some(((*ends)?.map(|end| end.max(0.0) / base), *at)));
        let mut layers = vec![Layer::new(Mark::Points, Look::First, "one run, or mean of runs", points)];
        if replicas_among(runs) {
            layers.push(Layer::new(Mark::Intervals, Look::First, "95 % interval of the mean", ends));
        }
        let title = metric.replace('_', " ");
        let (x, y) = (Axis::of(measure, &title, "value"), Axis::names("", "run", names.to_vec()));
        section = section.chart(&Chart::new(&metric.replace('_', "-"), &title, x, y, layers))?;
    }
    if section.files.is_empty() { Err("no run has such figures".into()) } else { Ok(section) }
}

fn replicas_among(runs: &[Source]) -> bool {
    runs.iter().any(|run| replicas(run).is_some())
}

fn summary_value(run: &Source, place: &str) -> Option<f64> {
    let mut parts = place.split('/').skip(1);
    let first = run.summary.as_ref()?.figures.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))?.as_f64()
}

fn figure_table(runs: &[Source], names: &[String]) -> Content {
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
    let section = Section::default().note("Differences are from the first.");
    Ok(section.table(&head, &order.iter().map(row).collect::<Vec<_>>(), true))
}

/// A panel for each run that has something to show, with the lines of all others behind.
fn multiples(mut chart: Chart, of: &[(&String, Vec<Layer>)], absent: &[&String]) -> Content {
    let ghosts = |run: usize| {
        let others = of.iter().enumerate().filter(move |(other, _)| *other != run).flat_map(|(_, (_, layers))| layers);
        let lines = others.filter(|layer| layer.mark == Mark::Line);
        lines.map(|line| Layer { name: "the other runs".into(), look: Look::Ghost, ..line.clone() })
    };
    let panel = |(run, (name, layers)): (usize, &(&String, Vec<Layer>))| Panel {
        title: (*name).clone(),
        layers: ghosts(run).chain(layers.iter().cloned()).collect(),
    };
    chart.panels = of.iter().enumerate().map(panel).collect();
    if chart.panels.is_empty() {
        return Err("no run has such times".into());
    }
    let section = Section::default().chart(&chart)?;
    let said = || absent.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("; ");
    Ok(if absent.is_empty() {
        section
    } else {
        section.note(&format!("Not in this folder, or of no single run: {}.", said()))
    })
}

/// Those that have layers, and the names of those that have none.
fn sorted<'a>(
    runs: &[Source],
    names: &'a [String],
    layers: impl Fn(&Source) -> Option<Vec<Layer>>,
) -> (Vec<(&'a String, Vec<Layer>)>, Vec<&'a String>) {
    let (mut of, mut absent) = (vec![], vec![]);
    for (run, name) in runs.iter().zip(names) {
        match layers(run) {
            Some(layers) => of.push((name, layers)),
            None => absent.push(name),
        }
    }
    (of, absent)
}

fn propagation(runs: &[Source], names: &[String]) -> Content {
    let (of, absent) = sorted(runs, names, |run| spread::layers(run).ok());
    let (x, y) = spread::axes();
    multiples(
        Chart::new(
            "propagation",
            "Share of the full nodes that have a block, by time since the first of them had it",
            x,
            y,
            vec![],
        ),
        &of,
        &absent,
    )
}

fn block_intervals(runs: &[Source], names: &[String]) -> Content {
    let distribution = |run: &Source| {
        let mut times: Vec<u64> = intervals(run.blocks.as_ref()?).into_iter().map(|(_, us)| us).collect();
        times.sort_unstable();
        let share = |step: usize| step as f64 / POINTS as f64;
        let point = |step: usize| Some((quantile(&times, share(step))? as f64, share(step) * 100.0));
        let points: Vec<_> = (0..=POINTS).filter_map(point).collect();
        (!points.is_empty()).then(|| vec![Layer::new(Mark::Line, Look::First, "this run", points)])
    };
    let (of, absent) = sorted(runs, names, distribution);
    let x = Axis::of(Measure::Time, "time between blocks", "interval_us");
    let y = Axis::shares("intervals", "intervals_percent");
    multiples(
        Chart::new("block-interval", "Share of the times between blocks that are no longer", x, y, vec![]),
        &of,
        &absent,
    )
}
