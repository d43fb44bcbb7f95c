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
    /// With several runs: how many standard errors further off their mean may be; 0: none, as with [`Op::NotEqual`].
    #[serde(default)]
    pub standard_errors: u32,
    /// The same as text, for the summary: `balance on client1 == 49`.
    pub text: String,
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

    /// Whether the mean of several runs, in the metric's base unit, is as expected: within
    /// [`standard_errors`](Expect::standard_errors) times its standard error, in favour of the expectation.
    pub(crate) fn holds_on_mean(&self, mean: f64, standard_error: f64) -> bool {
        let scatter = f64::from(self.standard_errors) * standard_error;
        let (value, tolerance) = (self.value as f64, self.tolerance as f64);
        match self.op {
            Op::Equal => (mean - value).abs() <= tolerance + scatter,
            Op::NotEqual => (mean - value).abs() > tolerance,
            Op::Less => mean - scatter < value,
            Op::AtMost => mean - scatter <= value,
            Op::Greater => mean + scatter > value,
            Op::AtLeast => mean + scatter >= value,
        }
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
    if metric.simulated {
        let place = fields.below("metric").map_or(fields.place, |item| item.place);
        problems.simulated(place, &shortened(&name), "[[expect]]");
    }
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
    let standard_errors = fields.optional("standard_errors").unwrap_or(0);
    if standard_errors > 0 {
        if op == Op::NotEqual {
            fields.problem("standard_errors", || "expected another op than \"!=\"".into());
        }
        text += &format!(" +- {standard_errors} standard errors");
    }
    Some(Expect { metric: name, on, op, value, tolerance, standard_errors: standard_errors as u32, text })
}
