//! `kill NODE`: ends a node as a crash would.

use std::process::ExitCode;

use super::pick::NodeArgs;
use super::{Outcome, Stop};
use crate::isolation::Signal;

pub(super) fn run(args: &NodeArgs) -> Outcome {
    let process = args.process()?;
    let failed = |error| Stop::Environment(format!("killing node {}: {error}", args.node));
    process.signal(Signal::KILL).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}
