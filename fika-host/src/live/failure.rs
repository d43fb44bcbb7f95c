//! Why a node does not run.

use crate::plugins::EXIT_PLUGIN;

/// The exit code for wrong input: a file, a name, a parameter.
const EXIT_INPUT: u8 = 2;
/// The exit code for failures of the machine: an address in use, a disk that cannot be written.
const EXIT_ENVIRONMENT: u8 = 3;

/// The exit code for a full disk: the log, where the reason would be, may be on it.
pub(crate) const EXIT_DISK_FULL: u8 = 5;
/// How the system's ENOSPC reads.
pub(crate) const DISK_FULL: &str = "No space left on device";

/// Why a node does not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Its input is wrong.
    #[error("{0}")]
    Input(String),
    /// The machine failed.
    #[error("{0}")]
    Environment(String),
    /// A plugin failed: what it would have said is not known, so the node cannot go on.
    #[error("{0}")]
    Plugin(String),
}

impl Failure {
    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Input(_) => EXIT_INPUT,
            Failure::Environment(why) if why.contains(DISK_FULL) => EXIT_DISK_FULL,
            Failure::Environment(_) => EXIT_ENVIRONMENT,
            Failure::Plugin(_) => EXIT_PLUGIN,
        }
    }
}
