//! `do ACTION`: lets something happen to a running network, as an entry of `[[events]]` would.

use std::process::ExitCode;

use super::pick::{living, run as pick};
use super::{Outcome, Stop};
use crate::experiment::EVENT_WORDS;
use crate::limits::shortened;
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
        [first, rest @ ..] if names.contains(first) && rest.first().is_some_and(|next| is_action(next)) => {
            (Some(first.as_str()), rest)
        }
        [first, next, ..] if !is_action(first) && is_action(next) => {
            return Err(Stop::Input(format!("expected a run that is up, found '{}'", shortened(first))));
        }
        words => (None, words),
    };
    act(name, &words.join(" "))
}

/// Whether an argument begins with the word of an action.
fn is_action(argument: &str) -> bool {
    let word = argument.split_whitespace().next().unwrap_or_default().replace('-', "_");
    EVENT_WORDS.contains(&word.as_str())
}

/// Lets something happen to a run: that of this name, or the newest.
pub(super) fn act(run: Option<&str>, line: &str) -> Outcome {
    let (directory, _) = pick(run)?;
    ask_supervisor(&directory, &SupervisorRequest::Act { line: line.into() }).map_err(Stop::Input)?;
    Ok(ExitCode::SUCCESS)
}
