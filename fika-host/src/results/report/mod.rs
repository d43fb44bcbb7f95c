//! `report.html`: what a run did, in pictures, in one file that needs nothing else; and the comparison of runs.
//!
//! Pages are made of a results folder alone, so they can be made again. All that is in the folder is taken for
//! what it is worth: sizes are limited, names are escaped, and a damaged file is an error of one line.
//! Sections make charts of data ([`chart`]), a library draws them ([`draw`]).

mod axis;
mod chart;
mod comparison;
mod csv;
mod draw;
mod figures;
mod files;
mod forks;
mod growth;
mod layout;
mod overview;
mod page;
mod payments;
mod section;
mod several;
mod shares;
mod source;
mod spread;
#[cfg(test)]
mod tests;
mod text;
mod topology;

use std::path::{Path, PathBuf};

use crate::limits::one_line;
pub(crate) use files::write_pages;
use page::Page;
pub(crate) use page::Pages;
use section::Content;
use source::Source;

/// The name of the page in its results folder.
pub(crate) const REPORT: &str = "report.html";

/// The page of the run, or of the several runs, that left their results in this folder. Sections whose tables are missing say so.
///
/// # Errors
/// One line: the folder holds no results, or a file in it is damaged.
pub(crate) fn report(folder: &Path) -> Result<Pages, String> {
    let source = Source::read(folder).map_err(|why| one_line(&why))?;
    if source.run.experiment.repeat > 1 {
        return Ok(several::page(&source));
    }
    let (run, blocks) = (&source.run, source.blocks.as_ref());
    let payments = source.payments.as_deref();
    let mut page = Page::new(&run.experiment.name, &overview::lead(run));
    overview::warn(&mut page, run);
    page.section("Expectations", overview::expectations(source.summary.as_ref()));
    // Each with the metrics that it is about.
    let mut charts: Vec<(&str, &[&str], Content)> = vec![
        ("Propagation", &["propagation_", "messages_"], spread::propagation(&source)),
        ("Block interval", &["block_interval"], growth::block_interval(blocks, run)),
        ("Stale rate", &["stale_", "blocks"], growth::stale_rate(blocks)),
        ("Forks", &["reorgs", "agreement"], forks::forks(blocks)),
        ("Confirmation times", &["payment_", "_payments"], payments::confirmation(payments)),
        ("Mempool", &["_payments"], payments::mempool(payments, &source.events)),
        ("Blocks by producer", &["reward_share", "balance", "concentration"], growth::producers(blocks, run)),
        ("Shares over height", &["reward_share", "concentration"], shares::shares(blocks)),
        ("Chain growth", &["height", "supply"], growth::chain_growth(blocks, run, &source.events)),
        ("Topology", &[], topology::topology(&source)),
    ];
    // What was asked comes first.
    let expects = &run.experiment.expects;
    let is_asked = |about: &[&str]| about.iter().any(|part| expects.iter().any(|expect| expect.metric.contains(part)));
    charts.sort_by_key(|(_, about, _)| !is_asked(about));
    charts.into_iter().for_each(|(title, _, content)| page.section(title, content));
    if !source.events.is_empty() {
        page.section("Events", Ok(overview::events(&source.events)));
    }
    page.section("What ran", Ok(overview::what_ran(&source)));
    page.section("Figures", overview::summary(&source));
    Ok(page.finish())
}

/// Writes [`report`] into its folder.
///
/// # Errors
/// As [`report`], or when it cannot be written.
pub(crate) fn write(folder: &Path) -> Result<(), String> {
    write_pages(&folder.join(REPORT), &report(folder)?)
}

/// A page that shows two to ten runs beside each other.
///
/// # Errors
/// As [`report`], or when there are too few or too many.
pub(crate) fn comparison(folders: &[PathBuf]) -> Result<Pages, String> {
    if !(2..=comparison::RUNS_MAX).contains(&folders.len()) {
        return Err(format!("expected 2 to {} results folders, found {}", comparison::RUNS_MAX, folders.len()));
    }
    let runs: Result<Vec<Source>, String> = folders.iter().map(|folder| Source::read(folder)).collect();
    Ok(comparison::page(&runs.map_err(|why| one_line(&why))?))
}
