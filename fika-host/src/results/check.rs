//! Compares what was measured with what was expected.

use fika_core::amount::Amount;

use super::format::{bytes, duration, share};
use super::measure::measure;
use super::scale::Scale;
use super::statistics::{Replicas, Statistics};
use super::student::quantile;
use super::summary::Summary;
use super::verdict::Verdict;
use crate::experiment::{By, Expect, Op};

/// So many more runs are not worth naming.
const RUNS_NAMED_MAX: u64 = 1_000_000;

/// Measures and compares. What could not be measured does not hold.
pub(super) fn check(expect: &Expect, summary: &Summary) -> Verdict {
    let (measured, holds) = match &summary.replicas {
        Some(replicas) => of_runs(expect, replicas),
        None => match measure(summary, &expect.metric, expect.on.as_deref()) {
            Some(value) => (show(&expect.metric, value), Some(expect.holds(value))),
            None => ("not measured".into(), Some(false)),
        },
    };
    Verdict { expected: expect.text.clone(), measured, holds }
}

/// The same of several runs.
fn of_runs(expect: &Expect, replicas: &Replicas) -> (String, Option<bool>) {
    let Some(figure) = replicas.figure(&expect.metric, expect.on.as_deref()) else {
        return ("not measured".into(), Some(false));
    };
    if figure.n < replicas.finished {
        let missing = replicas.finished - figure.n;
        return (format!("{}, and not measured in {missing} runs", figure.show()), Some(false));
    }
    if expect.is_of_each_run() {
        return each_run(expect, figure);
    }
    let Some((error, deviation)) = figure.standard_error.zip(figure.standard_deviation) else {
        return (figure.show(), None);
    };
    match expect.by {
        By::StandardErrors(count) => {
            let reach = f64::from(count) * error;
            let verdict = expect.decide(figure.mean - reach, figure.mean + reach);
            // An equality cannot be shown, only refuted. What can be shown has to be.
            (figure.show(), Some(verdict.unwrap_or(expect.op == Op::Equal)))
        }
        By::Confidence { ppm } => {
            // Each look may mislead, so they share what the confidence leaves.
            let miss = (1.0 - f64::from(ppm) / 1e6) / f64::from(replicas.looks.max(1));
            let half = error * quantile(figure.n - 1, miss);
            let holds = expect.decide(figure.mean - half, figure.mean + half);
            let mut measured = show_interval(figure, half, miss);
            if holds.is_none() {
                measured += &match more_runs(deviation, expect.distance(figure.mean), figure.n.into(), miss) {
                    Some(more) => format!("; about {more} more runs would decide"),
                    None => "; too near for any number of runs".into(),
                };
            }
            (measured, holds)
        }
    }
}

/// An equality without room: every run has the value, or it does not hold.
fn each_run(expect: &Expect, figure: &Statistics) -> (String, Option<bool>) {
    let runs = figure.values.iter().flatten().filter(|value| **value == expect.value).count();
    let measured = match figure.min == figure.max {
        true => format!("{} in {} of {} runs", show(&expect.metric, figure.min), figure.n, figure.n),
        false => {
            let [min, max] = [figure.min, figure.max].map(|value| show(&expect.metric, value));
            format!("so in {runs} of {} runs, from {min} to {max} in all", figure.n)
        }
    };
    (measured, Some(runs == figure.values.len()))
}

/// `28.16 % (95 % interval 27.03 to 29.29, n = 5)`.
fn show_interval(figure: &Statistics, half: f64, miss: f64) -> String {
    let scale = Scale::new(&figure.metric, figure.mean, figure.standard_error.unwrap_or(0.0));
    let confidence = format!("{:.4}", (1.0 - miss) * 100.0);
    let confidence = confidence.trim_end_matches('0').trim_end_matches('.');
    let [low, high] = [figure.mean - half, figure.mean + half].map(|end| scale.number(end));
    format!("{} ({confidence} % interval {low} to {high}, n = {})", scale.with_unit(figure.mean), figure.n)
}

/// How many more runs make the interval so narrow that it ends before `distance`, if mean and deviation stay.
fn more_runs(deviation: f64, distance: f64, n: u64, miss: f64) -> Option<u64> {
    // Only about: beyond some hundred runs t hardly changes.
    let t = |n: u64| quantile(n.min(200) as u32 - 1, miss);
    let decides = |n: u64| deviation / (n as f64).sqrt() * t(n) < distance;
    let (mut low, mut high) = (n, n * 2);
    while !decides(high) {
        (low, high) = (high, high * 2);
        if high > RUNS_NAMED_MAX {
            return None;
        }
    }
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if decides(middle) { high = middle } else { low = middle }
    }
    Some(high - n)
}

fn show(metric: &str, value: u64) -> String {
    match metric {
        "agreement" => (value != 0).to_string(),
        "stale_rate" | "reward_share" | "concentration" => share(value),
        "balance" | "supply" | "supply_gap" => Amount(value).to_string(),
        "memory" => bytes(value),
        "payment_latency" | "block_interval" => duration(value),
        spread if spread.contains("propagation_") => duration(value),
        _ => value.to_string(),
    }
}
