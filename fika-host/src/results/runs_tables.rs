//! The tables of several runs, as a terminal and the report show them.

use std::io;

use serde::Serialize;

use super::scale::Scale;
use super::statistics::{Figure, Replicas, Statistics};
use super::summary::Summary;
use super::verdict::Verdict;
use super::{ending::Ended, json};

/// Figures of which the table of the runs has a column, at most.
const COLUMNS_MAX: usize = 6;
/// Those that have one where no expectation is about as many.
const COLUMNS: [&str; 6] =
    ["height", "stale_rate", "block_interval", "mean_propagation_90", "confirmed_payments", "payment_latency"];

/// Above [`Replicas::figure_rows`].
pub(super) const FIGURES_HEAD: [&str; 9] =
    ["figure", "mean", "std error", "95 % from", "to", "std dev", "min", "max", "runs"];

impl Statistics {
    /// `reward_share on n1, %`.
    fn title(&self, scale: &Scale) -> String {
        let name = Figure { metric: self.metric.clone(), on: self.on.clone() }.name();
        if scale.unit.is_empty() { name } else { format!("{name}, {}", scale.unit) }
    }

    fn scale(&self) -> Scale {
        Scale::new(&self.metric, self.mean, self.standard_error.unwrap_or(0.0))
    }
}

impl Replicas {
    /// `seeds 57 to 60`.
    pub(super) fn seeds(&self) -> String {
        let last = self.first_seed.wrapping_add(u64::from(self.wanted.max(1)) - 1);
        format!("seeds {} to {last}", self.first_seed)
    }

    /// The figures that are not zero in every run, those first that an expectation is about.
    pub(super) fn figure_rows(&self) -> Vec<Vec<String>> {
        let row = |figure: &Statistics| {
            let scale = figure.scale();
            let or_dash = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| scale.number(value));
            let [low, high] = figure.confidence_95.map_or([None; 2], |interval| interval.map(Some));
            vec![
                figure.title(&scale),
                scale.number(figure.mean),
                or_dash(figure.standard_error),
                or_dash(low),
                or_dash(high),
                or_dash(figure.standard_deviation),
                scale.whole(figure.min),
                scale.whole(figure.max),
                figure.n.to_string(),
            ]
        };
        let (first, rest): (Vec<_>, Vec<_>) = self.figures.iter().partition(|figure| figure.expected);
        first.into_iter().chain(rest.into_iter().filter(|figure| figure.max > 0)).map(row).collect()
    }

    /// Those that have a column in the table of the runs.
    fn columns(&self) -> impl Iterator<Item = &Statistics> {
        let usual = COLUMNS.iter().filter_map(|metric| self.figure(metric, None));
        let expected = self.figures.iter().filter(|figure| figure.expected);
        expected.chain(usual.filter(|figure| !figure.expected && figure.max > 0)).take(COLUMNS_MAX)
    }

    /// Above [`Replicas::runs_rows`].
    pub(super) fn runs_head(&self) -> Vec<String> {
        let titles = self.columns().map(|figure| figure.title(&figure.scale()));
        ["seed", "ended"].map(String::from).into_iter().chain(titles).collect()
    }

    /// A row for each of at most `most` runs.
    pub(super) fn runs_rows(&self, most: usize) -> Vec<Vec<String>> {
        let row = |(at, run): (usize, &super::ReplicaRun)| {
            let ended = serde_json::to_value(run.ended).ok();
            let ended = ended.as_ref().and_then(|ended| ended.as_str()).unwrap_or_default().replace('_', " ");
            let cell = |figure: &Statistics| {
                let value = figure.values.get(at).copied().flatten();
                value.map_or_else(|| "-".into(), |value| figure.scale().whole(value))
            };
            [run.seed.to_string(), ended].into_iter().chain(self.columns().map(cell)).collect()
        };
        self.runs.iter().take(most).enumerate().map(row).collect()
    }
}

/// `summary.json` of several runs.
#[derive(Serialize)]
struct OfRuns<'a> {
    name: &'a str,
    engine: &'a str,
    proof: fika_core::env::Proof,
    ended: Ended,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    results: &'a std::path::Path,
    replicas: &'a Replicas,
    expects: &'a [Verdict],
}

impl Summary {
    /// Writes `summary.json`. Of several runs it has what is of all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write_json(&self, out: impl io::Write) -> io::Result<()> {
        let Some(replicas) = &self.replicas else { return json::write(self, out) };
        let Summary { name, engine, proof, ended, results, expects, .. } = self;
        let why = self.why.as_deref();
        json::write(&OfRuns { name, engine, proof: *proof, ended: *ended, why, results, replicas, expects }, out)
    }
}
