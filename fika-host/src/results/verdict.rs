//! Whether a run went as its experiment expects.

use serde::{Deserialize, Serialize};

/// The verdict on one expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was expected: `balance on client1 == 49`.
    pub expected: String,
    /// What was measured, with its unit; or why it could not be.
    pub measured: String,
    /// Whether it is as expected; `None`: undecided, the runs leave both open.
    pub holds: Option<bool>,
}

/// Said before the verdicts on a single run.
pub(super) const NOT_REPEATED: &str = "one run, judged by its figures as they are, without an interval";

impl Verdict {
    /// `pass`, `FAIL` or `undecided`.
    pub(super) fn word(&self) -> &'static str {
        match self.holds {
            Some(true) => "pass",
            Some(false) => "FAIL",
            None => "undecided",
        }
    }
}
