//! `report.html`: what a run did, in pictures, in one file that needs nothing else; and the comparison of runs.
//!
//! Pages are made of a results folder alone, so they can be made again. All that is in the folder is taken for
//! what it is worth: sizes are limited, names are escaped, and a damaged file is an error of one line.

mod bars;
mod comparison;
mod csv;
mod figures;
mod files;
mod forks;
mod growth;
mod layout;
mod overview;
mod page;
mod payments;
mod plot;
mod several;
mod shares;
mod source;
mod spread;
#[cfg(test)]
mod tests;
mod topology;

use std::path::{Path, PathBuf};

pub(crate) use files::write as write_page;
use page::Page;
use source::Source;

/// The name of the page in its results folder.
pub(crate) const REPORT: &str = "report.html";

/// The page of the run, or of the several runs, that left their results in this folder. Sections whose tables are missing say so.
///
/// # Errors
/// One line: the folder holds no results, or a file in it is damaged.
pub(crate) fn report(folder: &Path) -> Result<String, String> {
    let source = Source::read(folder).map_err(|why| one_line(&why))?;
    if source.run.experiment.repeat > 1 {
        return Ok(several::page(&source));
    }
    let (run, blocks) = (&source.run, source.blocks.as_ref());
    let payments = source.payments.as_deref();
    let mut page = Page::new(&run.experiment.name, &overview::lead(run));
    page.section("What ran", Ok(overview::what_ran(&source)));
    page.section("Figures", overview::summary(&source));
    page.section("Expectations", overview::expectations(source.summary.as_ref()));
    page.section("Propagation", spread::propagation(source.propagation.as_ref()));
    page.section("Block interval", growth::block_interval(blocks, run));
    page.section("Stale rate", growth::stale_rate(blocks));
    page.section("Forks", forks::forks(blocks));
    page.section("Chain growth", growth::chain_growth(blocks, run));
    page.section("Blocks by producer", growth::producers(blocks, run));
    page.section("Shares over height", shares::shares(blocks));
    page.section("Mempool", payments::mempool(payments));
    page.section("Confirmation times", payments::confirmation(payments));
    page.section("Topology", topology::topology(&source));
    Ok(page.html())
}

/// Writes [`report`] into its folder and gives its path.
///
/// # Errors
/// As [`report`], or when it cannot be written.
pub(crate) fn write(folder: &Path) -> Result<PathBuf, String> {
    let (html, path) = (report(folder)?, folder.join(REPORT));
    write_page(&path, &html)?;
    Ok(path)
}

/// A page that shows two to eight runs beside each other.
///
/// # Errors
/// As [`report`], or when there are too few or too many.
pub(crate) fn comparison(folders: &[PathBuf]) -> Result<String, String> {
    if !(2..=comparison::RUNS_MAX).contains(&folders.len()) {
        return Err(format!("expected 2 to {} results folders, found {}", comparison::RUNS_MAX, folders.len()));
    }
    let runs: Result<Vec<Source>, String> = folders.iter().map(|folder| Source::read(folder)).collect();
    Ok(comparison::page(&runs.map_err(|why| one_line(&why))?))
}

/// What a damaged file says is quoted in errors: it is not to break their line or the terminal.
fn one_line(why: &str) -> String {
    why.chars().take(500).map(|character| if character.is_control() { ' ' } else { character }).collect()
}
