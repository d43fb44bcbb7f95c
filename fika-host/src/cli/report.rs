//! `report`: pictures of a run, or of several beside each other.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use super::print::print;
use super::{Outcome, Stop};
use crate::results::report::{REPORT, comparison, report, write_pages};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every run makes a report.html of itself in its results folder; this makes it again, or compares runs.
The page needs nothing else: it opens from disk in any browser and can be sent as it is. Its charts are beside it
as SVG with their data as CSV: those of report.html in report-charts.

Examples:
  fika-host report                                    the newest run below ./results
  fika-host report results/thesis/latest              this one
  fika-host report results/thesis                     the same: a folder of runs means its latest
  fika-host report results/pow/latest results/pos/latest -o pow-or-pos.html
                                                      two runs beside each other, at most ten

What is on it, and every table that it is made of: docs/results.md")]
pub(super) struct Args {
    /// Results folders: none for the newest run, two or more to compare
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Where the page goes [default: report.html in the folder; of a comparison: comparison.html here]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the newest run is looked for
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut folders: Vec<PathBuf> = args.folders.iter().map(|folder| with_run(folder)).collect();
    if folders.is_empty() {
        folders.push(newest(&args.results)?);
    }
    let (page, place) = match &folders[..] {
        [folder] => (report(folder), folder.join(REPORT)),
        folders => (comparison(folders), "comparison.html".into()),
    };
    let page = page.map_err(Stop::Input)?;
    let place = args.output.clone().unwrap_or(place);
    write_pages(&place, &page).map_err(Stop::Environment)?;
    print(format_args!("{}\n", place.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The folder itself, or its latest run if it holds runs.
fn with_run(folder: &Path) -> PathBuf {
    let latest = folder.join("latest");
    let holds_runs = !folder.join("run.json").exists() && latest.join("run.json").exists();
    // Its own name says when it ran.
    let run = if holds_runs { latest } else { folder.into() };
    if run.file_name() == Some(OsStr::new("latest")) { run.canonicalize().unwrap_or(run) } else { run }
}

/// The run below `results` that began last.
fn newest(results: &Path) -> Result<PathBuf, Stop> {
    let below = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| !path.is_symlink()).collect::<Vec<_>>()
    };
    let began = |folder: PathBuf| -> Option<(SystemTime, PathBuf)> {
        Some((fs::metadata(folder.join("run.json")).ok()?.modified().ok()?, folder))
    };
    let runs = below(results).into_iter().flat_map(|experiment| below(&experiment)).filter_map(began);
    let missing = || Stop::Input(format!("{}: expected the results of a run, found none", results.display()));
    runs.max().map(|(_, folder)| folder).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_run_is_found_and_a_folder_of_runs_means_its_latest() {
        let dir = tempfile::tempdir().expect("a folder");
        let results = dir.path().join("results");
        assert!(matches!(newest(&results), Err(Stop::Input(why)) if why.contains("expected the results of a run")));
        let run = |path: &str, began_s| {
            let folder = results.join(path);
            fs::create_dir_all(&folder).expect("made");
            let file = fs::File::create(folder.join("run.json")).expect("made");
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(began_s)).expect("set");
            folder
        };
        let (early, late) = (run("b/2026-01-01-000000", 10), run("a/2026-01-02-000000", 20));
        std::os::unix::fs::symlink("2026-01-01-000000", results.join("b/latest")).expect("linked");
        assert_eq!(newest(&results), Ok(late));
        assert_eq!(with_run(&results.join("b")).file_name(), early.file_name());
        assert_eq!(with_run(&results.join("b/latest")).file_name(), early.file_name());
    }
}
