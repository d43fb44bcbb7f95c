//! `fika-host experiment.toml`: runs it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::experiment::{Changes, load};
use super::print::{print, say};
use super::stop::UNREACHED;
use super::{ENVIRONMENT, Outcome, Stop, UNDECIDED, detach, hash_power};
use crate::plugins::EXIT_PLUGIN;
use crate::results::Ended;
use crate::run::INTERRUPTED;
use crate::{Host, RunOptions};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The experiment file
    #[arg(value_name = "EXPERIMENT.toml")]
    pub(super) file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) changes: Changes,
    /// Run in the background until its end, or until `fika-host down`
    #[arg(long)]
    detach: bool,
}

pub(super) fn run(args: &Args, host: &Host) -> Outcome {
    let Some(file) = &args.file else {
        return Err(Stop::Input("expected an experiment file or a command, found neither (--help)".into()));
    };
    // Read before going to the background, so that what is wrong shows here.
    let experiment = load(file, &args.changes)?;
    hash_power::check(&experiment)?;
    if args.detach && !detach::is_background() {
        return detach::send_to_background();
    }
    let background = detach::is_background();
    if background {
        detach::leave_session();
    }
    let on_start: fn(&str, &Path) = if background { detach::up } else { up };
    let summary = host.run_with(&experiment, &RunOptions { quiet: background, on_start: Some(on_start) })?;
    print(&summary)?;
    Ok(match summary.ended {
        Ended::Interrupted => ExitCode::from(INTERRUPTED),
        Ended::NodesDied => ExitCode::from(ENVIRONMENT),
        Ended::PluginFailed => ExitCode::from(EXIT_PLUGIN),
        _ if summary.unwritten.is_some() => ExitCode::from(ENVIRONMENT),
        Ended::NothingLeft | Ended::Stalled => ExitCode::from(UNREACHED),
        _ => match summary.as_expected() {
            Some(true) => ExitCode::SUCCESS,
            Some(false) => ExitCode::from(1),
            None => ExitCode::from(UNDECIDED),
        },
    })
}

fn up(name: &str, results: &Path) {
    say(&format!("{name} runs; results in {}", results.display()));
}
