//! Whether a run went as its experiment expects.

use serde::{Deserialize, Serialize};

/// The verdict on one expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was expected: `balance on client1 == 49`.
    pub expected: String,
    /// What was measured, with its unit; or why it could not be.
    pub measured: String,
    /// Whether it is as expected.
    pub holds: bool,
}
