//! What must hold at the end of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::key::Form;
use super::metrics::{METRICS, Metric, Scope};
use super::nodes::Nodes;
use super::reader::{Fields, Read, did_you_mean};
use super::schema;
use super::source::{Problems, Value};
use crate::limits::shortened;
use crate::quantity;

/// One expectation. Numbers are in the metric's base unit: coins in base units, times in microseconds,
/// shares in millionths, sizes in bytes, true as 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expect {
    /// One of the metrics of `docs/experiment-file.md`.
    pub metric: String,
    /// The name of the node it is measured on; `None`: the whole network.
    pub on: Option<String>,
    /// How the measurement must compare with the value.
    pub op: Op,
    /// In the metric's base unit.
    pub value: u64,
    /// How far off [`Op::Equal`] may be, in the metric's base unit.
    pub tolerance: u64,
    /// With several runs: how their mean is judged.
    pub by: By,
    /// The same as text, for the summary: `balance on client1 == 49`.
    pub text: String,
}

/// How the mean of several runs is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// By its confidence interval: what that shows or refutes is decided, and the rest is undecided.
    Confidence {
        /// More than 0 and less than 1, in millionths.
        ppm: u32,
    },
    /// By so many standard errors, yes or no: an equality must not be refuted, and any other comparison must be shown.
    StandardErrors(u32),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Op {
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

const OPS: &[(&str, Op)] = &[
    ("==", Op::Equal),
    ("!=", Op::NotEqual),
    ("<", Op::Less),
    ("<=", Op::AtMost),
    (">", Op::Greater),
    (">=", Op::AtLeast),
];

impl Expect {
    /// Whether `measured`, in the metric's base unit, is as expected.
    pub(crate) fn holds(&self, measured: u64) -> bool {
        match self.op {
            Op::Equal => measured.abs_diff(self.value) <= self.tolerance,
            Op::NotEqual => measured.abs_diff(self.value) > self.tolerance,
            Op::Less => measured < self.value,
            Op::AtMost => measured <= self.value,
            Op::Greater => measured > self.value,
            Op::AtLeast => measured >= self.value,
        }
    }

    /// What a mean says that lies between these bounds, in the metric's base unit; `None`: it may be either.
    pub(crate) fn decide(&self, low: f64, high: f64) -> Option<bool> {
        let (value, tolerance) = (self.value as f64, self.tolerance as f64);
        let when = |shown: bool, refuted: bool| (shown || refuted).then_some(shown);
        let inside = low >= value - tolerance && high <= value + tolerance;
        let outside = high < value - tolerance || low > value + tolerance;
        match self.op {
            Op::Equal => when(inside, outside),
            Op::NotEqual => when(outside, inside),
            Op::Less => when(high < value, low >= value),
            Op::AtMost => when(high <= value, low > value),
            Op::Greater => when(low > value, high <= value),
            Op::AtLeast => when(low >= value, high < value),
        }
    }

    /// How far a mean is from where the verdict changes, in the metric's base unit.
    pub(crate) fn distance(&self, mean: f64) -> f64 {
        let off = (mean - self.value as f64).abs();
        match self.op {
            Op::Equal | Op::NotEqual => (off - self.tolerance as f64).abs(),
            _ => off,
        }
    }

    /// Whether it is about each run: an equality that leaves no room is not one of means.
    pub(crate) fn is_of_each_run(&self) -> bool {
        self.op == Op::Equal && self.tolerance == 0 && matches!(self.by, By::Confidence { .. })
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// `[[expect]]`.
pub(super) fn expects(file: &Fields<'_>, nodes: &Nodes, problems: &Problems) -> Vec<Expect> {
    let tables = file.tables("expect", &schema::EXPECT, None);
    tables.iter().filter_map(|fields| expect(fields, nodes, problems)).collect()
}

fn expect(fields: &Fields<'_>, nodes: &Nodes, problems: &Problems) -> Option<Expect> {
    let name = fields.optional_text("metric")?;
    let Some(metric) = Metric::find(&name) else {
        let names = || METRICS.iter().map(|metric| metric.name);
        let meant = did_you_mean(&name, names());
        let expected = names().collect::<Vec<_>>().join(", ");
        fields.problem("metric", || format!("expected one of {expected}, found '{}'{meant}", shortened(&name)));
        return None;
    };
    let place = fields.below("metric").map_or(fields.place, |item| item.place);
    problems.needs(metric.needs, place, &shortened(&name), "[[expect]]");
    let on = fields.optional_text("on");
    let place = fields.below("on").map_or(fields.place, |item| item.place);
    match (&on, metric.on) {
        (None, Scope::Node) => {
            problems.add(place, || format!("'{name}' is measured on one node: [[expect]] needs the key 'on'"));
        }
        (Some(_), Scope::Network) => {
            problems.add(place, || format!("'{name}' is measured on the whole network: expected no 'on'"));
        }
        (Some(node), _) => drop(nodes.find(place, node, problems)),
        _ => {}
    }
    let op = fields.choice("op", OPS);
    let number = |key: &str, form: Form| match fields.read_as(key, form) {
        Read::Number(number) => Some(number),
        _ => None,
    };
    let value = number("value", metric.form)?;
    let tolerance = match fields.below("tolerance").map(|item| &item.value) {
        None => 0,
        Some(Value::Text(text)) if text.ends_with('%') && !matches!(metric.form, Form::Flag) => {
            let share = number("tolerance", Form::Measure(&quantity::SHARE))?;
            u64::try_from(u128::from(value) * u128::from(share) / 1_000_000).unwrap_or(u64::MAX)
        }
        Some(_) => number("tolerance", metric.form)?,
    };
    let place = on.as_ref().map_or(String::new(), |node| format!(" on {node}"));
    let written = |key: &str| match fields.below(key).map(|item| &item.value) {
        Some(Value::Text(text) | Value::Number(text)) => shortened(text),
        Some(Value::Flag(flag)) => flag.to_string(),
        _ => String::new(),
    };
    let mut text = format!("{name}{place} {} {}", fields.text("op"), written("value"));
    if tolerance > 0 {
        text += &format!(" +- {}", written("tolerance"));
    }
    let by = by(fields, op);
    match by {
        By::StandardErrors(errors) if op == Op::Equal => text += &format!(" +- {errors} standard errors"),
        By::StandardErrors(errors) => text += &format!(" by {errors} standard errors"),
        By::Confidence { .. } => {}
    }
    Some(Expect { metric: name, on, op, value, tolerance, by, text })
}

fn by(fields: &Fields<'_>, op: Op) -> By {
    let confidence = fields.number("confidence");
    if !(1..1_000_000).contains(&confidence) {
        fields.problem("confidence", || "expected more than 0 and less than 100 %".into());
    }
    let Some(errors) = fields.optional("standard_errors") else {
        return By::Confidence { ppm: confidence as u32 };
    };
    if fields.below("confidence").is_some() {
        fields.problem("confidence", || "expected either 'confidence' or 'standard_errors', found both".into());
    }
    if op == Op::NotEqual {
        fields.problem("standard_errors", || "expected another op than \"!=\"".into());
    }
    By::StandardErrors(errors as u32)
}
