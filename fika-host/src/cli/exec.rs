//! `exec NODE -- cmd`: a command where a node runs.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use super::pick::NodeArgs;
use super::{Outcome, Stop};
use crate::isolation::command_in;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let process = args.node.process()?;
    let [program, arguments @ ..] = &args.command[..] else {
        return Err(Stop::Input("expected a command after --".into()));
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Stop::Input(format!("expected a command that node {} has, found {}", args.node.node, program.display()))
        }
        _ => Stop::Environment(format!("entering node {}: {error}", args.node.node)),
    };
    let status = command_in(&process, program).map_err(failed)?.args(arguments).status().map_err(failed)?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
