//! `down`: ends a run in order.

use std::process::ExitCode;
use std::time::Duration;

use super::print::print;
use super::{Outcome, Stop, pick};
use crate::isolation;

/// How long a run may take to write its results before it is killed.
const GRACE: Duration = Duration::from_secs(120);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which run; the newest that is up unless given
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Every run of yours
    #[arg(long, conflicts_with = "run")]
    all: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let runs = if args.all { pick::living()? } else { vec![pick::run(args.run.as_deref())?] };
    for (_, record) in runs {
        let failed = |error| Stop::Environment(format!("ending {}: {error}", record.name));
        record.stop(GRACE).map_err(failed)?;
        let results = record.results.map_or(String::new(), |path| format!("; results in {}", path.display()));
        print(format_args!("{} has ended{results}\n", record.name))?;
    }
    isolation::clean(&isolation::runtime_dir()?)?;
    Ok(ExitCode::SUCCESS)
}
