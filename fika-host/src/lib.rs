//! Run a network of cryptocurrency nodes, each in its own network stack, from an experiment file.
//!
//! As a command: [`run`] is all of it, with the plugins of a [`Registry`].
//!
//! As a library: [`Network::builder`] or [`Experiment::load`] gives an [`Experiment`], and
//! [`Host::run`] runs it and gives a [`Summary`]. `examples/demo.rs` does so in 30 lines.
//!
//! Nodes are processes of the program that runs them: it starts itself again with other arguments. So
//! [`Host::init`] must come first in `main`: there such a process becomes a node. ([`run`] calls it itself.)
//!
//! # The floors
//!
//! Modules import only from their own floor and those to the right; `live` and `sim` know nothing of each other:
//! `cli` > `run` > `live`, `sim` > `isolation`, `results` > `plugins`, `registry`, `scaffold` > `experiment` >
//! `topology` > `quantity`, `limits`, `physics`.

mod cli;
mod experiment;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod isolation;
mod limits;
mod live;
mod physics;
mod plugins;
mod quantity;
mod registry;
mod results;
mod run;
mod scaffold;
mod sim;
mod topology;

use std::process::ExitCode;

pub use experiment::{Experiment, ExperimentErrors, Network, NetworkBuilder, Node, Override, Role};
pub use registry::Registry;
pub use results::{
    Coins, Ended, NodeSummary, Payments, Reasons, ReplicaRun, Replicas, Simulated, Statistics, Summary, Verdict,
};
pub use run::{Host, RunError, RunOptions, simulate};

/// The `fika-host` command with these plugins: reads the command line, does what it says, and returns the exit
/// code: 0 done, 1 an expectation failed, 2 wrong use or input, 3 the environment cannot do it, 4 the run could not reach its
/// end, 5 an expectation is undecided, 6 a plugin failed, 130 Ctrl-C.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     fika_host::run(fika_host::Registry::stock())
/// }
/// ```
pub fn run(registry: Registry) -> ExitCode {
    let _guard = plugins::ExitGuard::arm();
    cli::main(&Host::init(registry))
}
