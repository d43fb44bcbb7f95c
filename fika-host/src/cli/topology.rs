//! `topology FILE`: who is joined to whom.

use std::path::PathBuf;
use std::process::ExitCode;

use super::experiment::load;
use super::print::{print, say};
use super::{Outcome, Stop};
use crate::topology::Format;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    experiment: super::experiment::Args,
    /// Write the graph instead of a summary
    #[arg(long)]
    format: Option<Format>,
    /// The file to write; absent: standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let experiment = load(&args.experiment.file, &args.experiment.changes)?;
    let topology = experiment.topology();
    let text = match args.format {
        Some(format) => {
            experiment.unwritten(format).iter().for_each(|note| say(&format!("note: {note}")));
            topology.write(format)
        }
        None => format!("{}: {}", experiment.name, topology.summary()),
    };
    match &args.output {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Stop::Environment(format!("{}: cannot write it: {error}", path.display())))?,
        None => print(text)?,
    }
    Ok(ExitCode::SUCCESS)
}
