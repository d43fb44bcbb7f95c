//! Figures over several runs of one experiment that differ only in their seed.

use serde::{Deserialize, Serialize};

use super::ending::Ended;
use super::scale::Scale;
use super::student::quantile;
use crate::experiment::{Experiment, measured};

/// A figure of a run: a metric of `docs/experiment-file.md`, of the network or of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    /// The metric.
    pub metric: String,
    /// The node's name; `None`: the whole network.
    pub on: Option<String>,
}

impl Figure {
    /// Every figure of the network, and all those of each node that an expectation is about.
    pub(crate) fn all(experiment: &Experiment) -> Vec<Figure> {
        let mut figures: Vec<Figure> = measured(false).into_iter().map(|metric| Figure { metric, on: None }).collect();
        let named = |name: &str| experiment.expects.iter().any(|expect| expect.on.as_deref() == Some(name));
        for node in experiment.nodes.iter().filter(|node| named(&node.name)) {
            figures.extend(measured(true).into_iter().map(|metric| Figure { metric, on: Some(node.name.clone()) }));
        }
        figures
    }

    /// `reward_share on n1`.
    pub(crate) fn name(&self) -> String {
        match &self.on {
            None => self.metric.clone(),
            Some(node) => format!("{} on {node}", self.metric),
        }
    }
}

/// The statistics of several runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replicas {
    /// How many runs were wanted.
    pub wanted: u32,
    /// How many of them ended by themselves. The statistics are of these.
    pub finished: u32,
    /// The seed of the first run. Each further run has the next one.
    pub first_seed: u64,
    /// How often at most the expectations are looked at. These looks share what the confidence leaves.
    pub looks: u32,
    /// The runs that ended by themselves, by seed.
    pub runs: Vec<ReplicaRun>,
    /// Each figure that has a value in some run.
    pub figures: Vec<Statistics>,
    /// Faults of nodes and plugins, with the seed of the run.
    pub faults: Vec<String>,
}

/// One of several runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaRun {
    /// The seed of every random draw.
    pub seed: u64,
    /// Why it ended.
    pub ended: Ended,
}

/// One figure over several runs, in the base unit of its metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// The metric.
    pub metric: String,
    /// The node's name; `None`: the whole network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Whether an expectation is about it.
    pub expected: bool,
    /// The value in each of [`Replicas::runs`], where there is one.
    pub values: Vec<Option<u64>>,
    /// How many runs have a value.
    pub n: u32,
    /// The mean of these values.
    pub mean: f64,
    /// The standard deviation, estimated with n - 1; `None` for a single run.
    pub standard_deviation: Option<f64>,
    /// The standard error of the mean: the standard deviation divided by the root of n.
    pub standard_error: Option<f64>,
    /// The 95 % confidence interval of the mean (Student's t).
    pub confidence_95: Option<[f64; 2]>,
    /// The smallest value.
    pub min: u64,
    /// The largest value.
    pub max: u64,
}

impl Replicas {
    /// The statistics of one figure.
    pub fn figure(&self, metric: &str, on: Option<&str>) -> Option<&Statistics> {
        self.figures.iter().find(|figure| figure.metric == metric && figure.on.as_deref() == on)
    }
}

impl Statistics {
    /// Of at least one value.
    pub(super) fn new(figure: &Figure, expected: bool, all: Vec<Option<u64>>) -> Option<Statistics> {
        let values: Vec<u64> = all.iter().copied().flatten().collect();
        let (min, max) = (*values.iter().min()?, *values.iter().max()?);
        let n = values.len() as f64;
        // Relative to the smallest, so that equal values have exactly no deviation and large ones lose no digits.
        let above: u128 = values.iter().map(|value| u128::from(value - min)).sum();
        let mean_above = above as f64 / n;
        let mean = min as f64 + mean_above;
        let squares =
            values.iter().map(|value| ((value - min) as f64 - mean_above) * ((value - min) as f64 - mean_above));
        let squares: f64 = squares.sum();
        let standard_deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        let standard_error = standard_deviation.map(|deviation| deviation / n.sqrt());
        let half = standard_error.map(|error| error * quantile(values.len() as u32 - 1, 0.05));
        Some(Statistics {
            metric: figure.metric.clone(),
            on: figure.on.clone(),
            expected,
            values: all,
            n: values.len() as u32,
            mean,
            standard_deviation,
            standard_error,
            confidence_95: half.map(|half| [mean - half, mean + half]),
            min,
            max,
        })
    }

    /// `1.23 s +- 0.04 s (mean of 30 runs and its standard error)`.
    pub(super) fn show(&self) -> String {
        let Some(error) = self.standard_error else {
            let scale = Scale::new(&self.metric, self.mean, 0.0);
            return format!("{} in one run", scale.with_unit(self.mean));
        };
        let scale = Scale::new(&self.metric, self.mean, error);
        format!("{} +- {}, n = {}", scale.with_unit(self.mean), scale.with_unit(error), self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(metric: &str, values: &[u64]) -> Statistics {
        let values = values.iter().copied().map(Some).collect();
        Statistics::new(&Figure { metric: metric.into(), on: None }, false, values).expect("values")
    }

    fn near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-4 * expected.abs().max(1.0))
    }

    #[test]
    fn statistics_are_those_found_by_hand() {
        // Sum 40, squares of the deviations 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32; 32 / 7 = 4.571429.
        let figure = of("height", &[2, 4, 4, 4, 5, 5, 7, 9]);
        assert_eq!((figure.n, figure.mean, figure.min, figure.max), (8, 5.0, 2, 9));
        assert!(near(figure.standard_deviation, 2.138_09));
        assert!(near(figure.standard_error, 0.755_929));
        // With seven degrees of freedom 2.36462 standard errors to each side: 1.78748.
        let [low, high] = figure.confidence_95.expect("an interval");
        assert!(near(Some(low), 3.212_52) && near(Some(high), 6.787_48), "{low} {high}");
        assert_eq!(figure.show(), "5.00 +- 0.76, n = 8");
    }

    #[test]
    fn equal_and_single_values_do_not_scatter() {
        let same = of("supply", &[2_099_999_999_999_999; 3]);
        assert_eq!((same.mean, same.standard_error), (2_099_999_999_999_999.0, Some(0.0)));
        assert_eq!(same.confidence_95, Some([2_099_999_999_999_999.0; 2]));
        assert_eq!(same.show(), "20999999.99999999 +- 0, n = 3");
        let one = of("propagation_90", &[1_500_000]);
        assert_eq!((one.mean, one.standard_error, one.confidence_95), (1_500_000.0, None, None));
        assert_eq!(one.show(), "1.5 s in one run");
        assert_eq!(Statistics::new(&Figure { metric: "height".into(), on: None }, false, vec![]), None);
    }
}
