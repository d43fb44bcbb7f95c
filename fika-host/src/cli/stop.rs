//! How a command ends.

use std::process::ExitCode;

use crate::isolation;
use crate::run::RunError;

/// Why a command ends early.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Wrong use or wrong input.
    Input(String),
    /// The machine cannot do it.
    Environment(String),
    /// Ctrl-C.
    Interrupted,
    /// Whoever read the output has gone.
    Closed,
}

impl From<RunError> for Stop {
    fn from(error: RunError) -> Stop {
        match error {
            RunError::Input(why) => Stop::Input(why),
            RunError::Environment(why) => Stop::Environment(why),
            RunError::Interrupted => Stop::Interrupted,
        }
    }
}

impl From<isolation::Error> for Stop {
    fn from(error: isolation::Error) -> Stop {
        Stop::Environment(error.to_string())
    }
}

/// How a command ends.
pub(super) type Outcome = Result<ExitCode, Stop>;

/// The exit code of [`Stop::Input`].
pub(super) const INPUT: u8 = 2;
/// The exit code of [`Stop::Environment`].
pub(super) const ENVIRONMENT: u8 = 3;
/// The exit code of a run that could not reach its end.
pub(super) const UNREACHED: u8 = 4;
/// The exit code of a run that fails no expectation and leaves one undecided.
pub(super) const UNDECIDED: u8 = 5;
