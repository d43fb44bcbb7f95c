//! `restart NODE`: starts a node again, into the same network, with its database and key.

use std::process::ExitCode;

use super::pick::NodeArgs;
use super::{Outcome, Stop};
use crate::run::{SupervisorRequest, ask_supervisor};

pub(super) fn run(args: &NodeArgs) -> Outcome {
    let (directory, _, node) = args.find()?;
    ask_supervisor(&directory, &SupervisorRequest::Restart { node: node.name }).map_err(Stop::Environment)?;
    Ok(ExitCode::SUCCESS)
}
