//! `do ACTION`: lets something happen to a running network, as an entry of `[[events]]` would.

use std::process::ExitCode;

use super::pick::{living, run as pick};
use super::{Outcome, Stop};
use crate::run::{SupervisorRequest, ask_supervisor};

pub(super) const HELP: &str = "\
Actions, each as one argument or as several words:
  partition a,b | c,d      only nodes of one group reach each other; all others are one more
  heal                     ... and all of them again
  kill NODE                a crash, as by kill -9       restart NODE   and its repair
  pause NODE               it stands still              resume NODE    and goes on
  leave NODE               it takes no part any longer  join NODE      it takes part
  link down NODE NODE      the link carries nothing     link up NODE NODE
  hash-rate NODE 5 kH/s    or: hash-rate NODE factor=2, or: hash-rate factor=0.5 (all nodes)
  pay FROM TO COINS        a payment, and after it, if wanted, its fee

In place of a node of a partition its group can be named: west for west-1, west-2, ...
Each is noted in events.csv and marked in the report, like the events of the experiment file.

  fika-host do 'partition server1,client1 | server2,server3'
  fika-host do thesis heal          in the run called thesis
  fika-host do pay client1 client2 2.5";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which run (the newest that is up unless given), and what is to happen
    #[arg(value_name = "[RUN] ACTION", required = true, num_args = 1..)]
    words: Vec<String>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let names: Vec<String> = living()?.into_iter().map(|(_, record)| record.name).collect();
    let (name, words) = match &args.words[..] {
        [first, rest @ ..] if !rest.is_empty() && names.contains(first) => (Some(first.as_str()), rest),
        words => (None, words),
    };
    act(name, &words.join(" "))
}

/// Lets something happen to a run: that of this name, or the newest.
pub(super) fn act(run: Option<&str>, line: &str) -> Outcome {
    let (directory, _) = pick(run)?;
    ask_supervisor(&directory, &SupervisorRequest::Act { line: line.into() }).map_err(Stop::Input)?;
    Ok(ExitCode::SUCCESS)
}
