//! Compares what was measured with what was expected.

use fika_core::amount::Amount;

use super::format::{bytes, duration, share};
use super::measure::measure;
use super::statistics::Replicas;
use super::summary::Summary;
use super::verdict::Verdict;
use crate::experiment::Expect;

/// Measures and compares. What could not be measured does not hold.
pub(super) fn check(expect: &Expect, summary: &Summary) -> Verdict {
    if let Some(replicas) = &summary.replicas {
        return check_mean(expect, replicas);
    }
    let measured = measure(summary, &expect.metric, expect.on.as_deref());
    let holds = measured.is_some_and(|value| expect.holds(value));
    let measured = match measured {
        Some(value) => show(&expect.metric, value),
        None => "not measured".into(),
    };
    Verdict { expected: expect.text.clone(), measured, holds }
}

/// The same with the mean of several runs.
fn check_mean(expect: &Expect, replicas: &Replicas) -> Verdict {
    let (measured, holds) = match replicas.figure(&expect.metric, expect.on.as_deref()) {
        None => ("not measured".into(), false),
        Some(figure) if figure.n < replicas.finished => {
            (format!("{}, and not measured in {} runs", figure.show(), replicas.finished - figure.n), false)
        }
        Some(figure) => (figure.show(), expect.holds_on_mean(figure.mean, figure.standard_error.unwrap_or(0.0))),
    };
    Verdict { expected: expect.text.clone(), measured, holds }
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
