//! `restart NODE`: starts a node again, into the same network, with its database and key.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::pick::NodeArgs;
use super::print::print;
use super::{Outcome, Stop};
use crate::isolation::ProcessId;
use crate::live::control::{Client, Request};
use crate::run::{SupervisorRequest, ask_supervisor, last_error};

/// How long the node may take until it answers: it reads its whole database first.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(args: &NodeArgs) -> Outcome {
    let (directory, _, node) = args.find()?;
    let line = format!("restart {}", node.name);
    ask_supervisor(&directory, &SupervisorRequest::Act { line }).map_err(Stop::Environment)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, _, node) = args.find()?;
        let answers = Client::connect(&node.control).is_ok_and(|mut client| client.ask(&Request::Status).is_ok());
        if answers {
            print(format_args!("node {} runs again\n", node.name))?;
            return Ok(ExitCode::SUCCESS);
        }
        if !node.process.as_ref().is_some_and(ProcessId::alive) {
            let why = node.log.as_deref().and_then(last_error).unwrap_or_else(|| "it left no line in its log".into());
            return Err(Stop::Environment(format!("node {} was started and has ended: {why}", node.name)));
        }
        if Instant::now() > deadline {
            let seconds = PATIENCE.as_secs();
            return Err(Stop::Environment(format!("node {} runs, but does not answer for {seconds} s", node.name)));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
