//! Why a run fails.

use crate::{isolation, live};

/// Why a run fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The input is wrong: a plugin that does not exist, a bad parameter. Exit code 2.
    #[error("{0}")]
    Input(String),
    /// The machine cannot do it, or not now. Exit code 3.
    #[error("{0}")]
    Environment(String),
    /// Ctrl-C, `down` or a signal asked for the end before the run had begun. Exit code 130.
    #[error("interrupted before the run began")]
    Interrupted,
}

impl From<isolation::Error> for RunError {
    fn from(error: isolation::Error) -> RunError {
        RunError::Environment(error.to_string())
    }
}

impl From<live::Failure> for RunError {
    fn from(failure: live::Failure) -> RunError {
        match failure {
            live::Failure::Input(why) => RunError::Input(why),
            live::Failure::Environment(why) | live::Failure::Plugin(why) => RunError::Environment(why),
        }
    }
}
