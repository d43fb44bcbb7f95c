//! Why a run could not be made.

use crate::{isolation, live};

/// Why a run could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// What was asked for cannot be: a plugin that is not there, a bad parameter. Exit code 2.
    #[error("{0}")]
    Input(String),
    /// This machine cannot do it, or not now. Exit code 3.
    #[error("{0}")]
    Environment(String),
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
            live::Failure::Environment(why) => RunError::Environment(why),
        }
    }
}
