//! What ran, its figures, and whether they are as expected.

use super::figures::figures;
use super::page::Page;
use super::section::{Content, Section};
use super::source::{NetworkEvent, RunFacts, Source, SummaryFacts};
use super::text::escape;
use crate::experiment::Role;
use crate::results::verdict::NOT_REPEATED;
use crate::results::{ARRIVAL_ROWS_MAX, Verdict, duration};

/// Events that are listed; the rest is in `events.csv`.
const EVENTS_SHOWN: usize = 200;

/// The line below the title.
pub(super) fn lead(run: &RunFacts) -> String {
    let count = |role| run.experiment.nodes.iter().filter(|node| node.role == role).count();
    let (full, wallets, links) = (count(Role::Full), count(Role::Wallet), run.experiment.links.len());
    let light = match count(Role::Light) {
        0 => String::new(),
        count => format!("{count} light nodes, "),
    };
    let seed = run.experiment.seed;
    let runs = match run.experiment.repeat {
        0 | 1 => format!("seed {seed}"),
        _ => format!("seeds from {seed}"),
    };
    format!("{full} full nodes, {wallets} wallets, {light}{links} links, {runs}")
}

/// Says above everything else if time for work was drawn instead of work done.
pub(super) fn warn(page: &mut Page, run: &RunFacts) {
    if run.proof.starts_with("sampled") {
        page.warn("Sampled: simulated. No work was done for blocks, its time was drawn.");
    }
}

/// The experiment, the engine, the plugins, the command.
pub(super) fn what_ran(source: &Source) -> Section {
    let run = &source.run;
    let interval = duration(run.experiment.chain.block_interval_us);
    let version = if run.fika_host.is_empty() { String::new() } else { format!("fika-host {}", run.fika_host) };
    let mut rows: Vec<(&str, String)> = vec![
        ("experiment", escape(&run.experiment.name)),
        ("seed", if run.experiment.repeat > 1 { String::new() } else { run.experiment.seed.to_string() }),
        ("engine", escape(&run.engine)),
        ("proof", escape(&run.proof)),
        ("wanted block interval", escape(&interval)),
        ("network", escape(&lead(run))),
        ("started (UTC)", escape(&run.started_utc)),
        ("program", escape(&version)),
    ];
    for plugin in &run.plugins {
        let sha256: String = plugin.sha256.iter().flat_map(|hash| hash.chars()).take(12).collect();
        let hash = if sha256.is_empty() { sha256 } else { format!(", sha256 {sha256}...") };
        rows.push(("", escape(&format!("{}: {} ({}{hash})", plugin.kind, plugin.name, plugin.origin))));
    }
    if let Some(first) = rows.iter_mut().find(|(label, _)| label.is_empty()) {
        first.0 = "plugins";
    }
    rows.push(("command", format!("<code>{}</code>", escape(&command(&run.command)))));
    rows.push(("folder", format!("<code>{}</code>", escape(&source.folder.display().to_string()))));
    rows.retain(|(_, value)| !value.is_empty());
    let rows: Vec<_> = rows.into_iter().map(|(label, value)| vec![label.to_string(), value]).collect();
    Section::default().table(&[], &rows, false)
}

/// As it can be given to a shell again.
fn command(arguments: &[String]) -> String {
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_./=:,+@%".contains(c));
    let quote = |text: &String| if plain(text) { text.clone() } else { format!("'{}'", text.replace('\'', "'\\''")) };
    arguments.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// Every figure of the summary.
pub(super) fn summary(source: &Source) -> Content {
    let summary = source.summary.as_ref().ok_or("there is no summary.json")?;
    let rows: Vec<_> =
        figures(&summary.figures).into_iter().map(|figure| vec![escape(&figure.name), escape(&figure.text)]).collect();
    let section = Section::default().table(&[], &rows, true);
    let rows = source.propagation.as_ref().map_or(0, |propagation| propagation.arrivals);
    if rows <= ARRIVAL_ROWS_MAX {
        return Ok(section);
    }
    Ok(section.note(&format!(
        "arrivals.csv was left out: {rows} arrivals are more than {ARRIVAL_ROWS_MAX}; propagation.csv has the \
         percentiles of each block."
    )))
}

/// What happened to the network, and when.
pub(super) fn events(events: &[NetworkEvent]) -> Section {
    let head = ["time", "height", "event", "done"].map(String::from);
    let row = |event: &NetworkEvent| {
        vec![duration(event.at_us), event.height.to_string(), escape(&event.event), escape(&event.done)]
    };
    let rows: Vec<_> = events.iter().take(EVENTS_SHOWN).map(row).collect();
    let section = Section::default().table(&head, &rows, false);
    match events.len() {
        0..=EVENTS_SHOWN => section,
        all => section.note(&format!("{} more are in events.csv.", all - EVENTS_SHOWN)),
    }
}

/// Every expectation and its verdict.
pub(super) fn expectations(summary: Option<&SummaryFacts>) -> Content {
    let summary = summary.ok_or("there is no summary.json")?;
    if summary.expects.is_empty() {
        return Err("the experiment expects nothing".into());
    }
    let head = ["", "expected", "measured"].map(String::from);
    let rows: Vec<_> = summary.expects.iter().map(verdict_row).collect();
    let section = Section::default().table(&head, &rows, false);
    Ok(if summary.replicas.is_none() { section.note(&format!("This is {NOT_REPEATED}.")) } else { section })
}

/// The word, what was expected, and what was measured.
pub(super) fn verdict_row(verdict: &Verdict) -> Vec<String> {
    let text = verdict.word();
    let word = format!("<span class=\"{}\">{text}</span>", text.to_lowercase());
    vec![word, escape(&verdict.expected), escape(&verdict.measured)]
}
