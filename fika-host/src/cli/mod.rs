//! The command line: one file per subcommand.

mod act;
mod check;
mod clean;
mod detach;
mod down;
mod exec;
mod experiment;
mod hash_power;
mod kill;
mod logs;
mod new;
mod pick;
mod plugins;
mod print;
mod ps;
mod report;
mod restart;
mod script;
mod start;
mod stop;
#[cfg(test)]
mod tests;
mod topology;
mod wallet;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::Host;
use crate::run::INTERRUPTED;
use print::say;
use stop::{ENVIRONMENT, INPUT, Outcome, Stop, UNDECIDED};

/// Runs networks of cryptocurrency nodes, each a process with its own network stack.
#[derive(Debug, Parser)]
#[command(
    name = "fika-host",
    version,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    start: start::Args,
}

const EXAMPLES: &str = "\
Run an experiment, as it is and with a rule changed:
  fika-host experiments/thesis.toml
  fika-host --consensus pos experiments/thesis.toml              built in
  fika-host --consensus plugins/pos.so experiments/thesis.toml   a library
  fika-host --consensus ./roundrobin experiments/thesis.toml     a crate, built
  fika-host --set chain.block_interval='1 s' experiments/thesis.toml
  fika-host check experiments/thesis.toml    only say what would run
  fika-host topology experiments/ring-20.toml --format dot    who is joined to whom

Write a rule of your own:
  fika-host new consensus roundrobin

Look inside a running network:
  fika-host --detach experiments/thesis.toml
  fika-host ps
  fika-host wallet client1                   pay, look at the chain
  fika-host logs server1 -f
  fika-host exec server1 -- ip addr          a command in a node's network
  fika-host kill server2                     a crash
  fika-host restart server2                  and its repair
  fika-host do 'partition server1 | server2' and do heal, pause, link down, pay
  fika-host down                             end it and keep the results

See what a run did:
  fika-host report                           pictures, in one HTML file
  fika-host report results/a results/b       two runs beside each other

Exit codes: 0 done, 1 an expectation failed, 2 wrong use or input,
3 the machine cannot do it, 4 the run could not reach its end,
5 an expectation is undecided, 6 a plugin failed, 130 Ctrl-C (results are kept;
twice: at once).
Every key of an experiment: docs/experiment-file.md";

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what an experiment would run, or what is wrong with it
    Check(experiment::Args),
    /// Show who is joined to whom, or write it as GraphML, DOT or nwdiag
    Topology(topology::Args),
    /// Begin a plugin: a crate that compiles, with its test
    New(new::Args),
    /// List plugins with their parameters, defaults and meanings
    Plugins(plugins::Args),
    /// Show what runs
    Ps(ps::Args),
    /// Run a command inside a node: its network, its processes, its host name
    Exec(exec::Args),
    /// Open a node's wallet: pay, look at the chain
    Wallet(wallet::Args),
    /// Print a node's log
    Logs(logs::Args),
    /// Make pictures of a run, or compare runs
    Report(report::Args),
    /// Run a script and print the stack after each step
    Script(script::Args),
    /// End the newest run, or the one that is named, and keep its results
    Down(down::Args),
    /// Let something happen to a running network: partitions, crashes, links, payments
    #[command(after_help = act::HELP)]
    Do(act::Args),
    /// Kill a node of the newest run, or of --run, at once, as by kill -9; the run goes on
    Kill(pick::NodeArgs),
    /// Start a node again that has died, of the newest run or of --run
    Restart(pick::NodeArgs),
    /// Remove what killed runs have left
    Clean,
}

/// Reads the command line, obeys it, and gives the exit code.
pub(crate) fn main(host: &Host) -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(answer) => {
            // Help, version, or what is wrong; whether somebody reads it changes nothing.
            let _ = answer.print();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(INPUT));
        }
    };
    let outcome = match &line.command {
        None if let Some(command) = misplaced(&line.start) => {
            Err(Stop::Input(format!("expected the options of {command} after it, found them before it")))
        }
        None => start::run(&line.start, host),
        Some(Command::Check(args)) => check::run(args, host),
        Some(Command::Topology(args)) => topology::run(args),
        Some(Command::New(args)) => new::run(args),
        Some(Command::Plugins(args)) => plugins::run(args, host),
        Some(Command::Ps(args)) => ps::run(args),
        Some(Command::Exec(args)) => exec::run(args),
        Some(Command::Wallet(args)) => wallet::run(args),
        Some(Command::Logs(args)) => logs::run(args),
        Some(Command::Report(args)) => report::run(args),
        Some(Command::Script(args)) => script::run(args, host),
        Some(Command::Down(args)) => down::run(args),
        Some(Command::Do(args)) => act::run(args),
        Some(Command::Kill(args)) => kill::run(args),
        Some(Command::Restart(args)) => restart::run(args),
        Some(Command::Clean) => clean::run(),
    };
    match outcome {
        Ok(code) => code,
        Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(Stop::Input(why)) => complain(&why, INPUT),
        Err(Stop::Environment(why)) => complain(&why, ENVIRONMENT),
    }
}

/// The subcommand that stands where an experiment file is expected.
fn misplaced(args: &start::Args) -> Option<String> {
    let name = args.file.as_ref().filter(|file| !file.exists())?.display().to_string();
    CommandLine::command().find_subcommand(&name).map(|_| name)
}

fn complain(why: &str, code: u8) -> ExitCode {
    say(&format!("error: {why}"));
    ExitCode::from(code)
}
