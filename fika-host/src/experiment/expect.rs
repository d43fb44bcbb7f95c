//! What must hold at the end of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One expectation. Numbers are in the metric's base unit: coins in base units, times in microseconds,
/// shares in millionths, sizes in bytes, true as 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// One of the metrics of `docs/experiment-file.md`.
    pub metric: String,
    /// The name of the node it is measured on; `None`: the whole network.
    pub on: Option<String>,
    /// How the measurement must stand to the value.
    pub op: Op,
    /// In the metric's base unit.
    pub value: u64,
    /// How far off [`Op::Equal`] may be, in the metric's base unit.
    pub tolerance: u64,
    /// The same as text, for the summary: `balance on client1 == 49`.
    pub text: String,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Equal, within the tolerance.
    #[serde(rename = "==")]
    Equal,
    /// Not equal, by more than the tolerance.
    #[serde(rename = "!=")]
    NotEqual,
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    AtMost,
    /// Greater.
    #[serde(rename = ">")]
    Greater,
    /// Greater or equal.
    #[serde(rename = ">=")]
    AtLeast,
}

pub(super) const OPS: &[(&str, Op)] = &[
    ("==", Op::Equal),
    ("!=", Op::NotEqual),
    ("<", Op::Less),
    ("<=", Op::AtMost),
    (">", Op::Greater),
    (">=", Op::AtLeast),
];

impl Expect {
    /// Whether `measured`, in the metric's base unit, is as expected.
    pub fn holds(&self, measured: u64) -> bool {
        match self.op {
            Op::Equal => measured.abs_diff(self.value) <= self.tolerance,
            Op::NotEqual => measured.abs_diff(self.value) > self.tolerance,
            Op::Less => measured < self.value,
            Op::AtMost => measured <= self.value,
            Op::Greater => measured > self.value,
            Op::AtLeast => measured >= self.value,
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}
