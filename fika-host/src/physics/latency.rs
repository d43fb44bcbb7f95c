//! How long a bit takes from end to end.

use fika_core::header::Time;
use serde::{Deserialize, Serialize};

/// How long a bit takes, one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub(crate) enum Latency {
    /// Always the same.
    Fixed {
        /// Microseconds.
        us: Time,
    },
    /// Drawn for each message from a normal distribution; below zero counts as zero.
    Normal {
        /// Microseconds.
        mean_us: Time,
        /// Standard deviation in microseconds.
        sd_us: Time,
    },
    /// Drawn for each message: `scale / U^(1/shape)` with U uniform in (0, 1].
    Pareto {
        /// Microseconds: what scale and shape give, for readers.
        mean_us: Time,
        /// The smallest, in microseconds.
        scale_us: Time,
        /// In thousandths. Above 1,000, or there is no mean.
        shape_milli: u64,
    },
}

impl Default for Latency {
    fn default() -> Latency {
        Latency::Fixed { us: 0 }
    }
}

impl Latency {
    /// A Pareto distribution with this mean and smallest value. The default of the latter is 5 ms below the mean, as in
    /// the models of the measurements of 2015 and 2019.
    ///
    /// # Errors
    /// When there is no such distribution.
    pub(crate) fn pareto(mean_us: Time, scale_us: Option<Time>) -> Result<Latency, String> {
        let scale_us = scale_us.unwrap_or(mean_us.saturating_sub(5_000));
        if scale_us == 0 || scale_us >= mean_us {
            return Err("expected a scale above 0 and below the mean; without one, a mean above 5 ms".into());
        }
        let shape_milli = u128::from(mean_us) * 1_000 / u128::from(mean_us - scale_us);
        let shape_milli = u64::try_from(shape_milli).unwrap_or(u64::MAX).max(1_001);
        Ok(Latency::Pareto { mean_us, scale_us, shape_milli })
    }

    /// The mean deviation from the mean in microseconds, to within a quarter.
    pub(crate) fn spread_us(&self) -> Time {
        match *self {
            Latency::Fixed { .. } => 0,
            Latency::Normal { sd_us, .. } => sd_us,
            Latency::Pareto { mean_us, scale_us, .. } => mean_us - scale_us,
        }
    }

    /// The mean in microseconds.
    pub(crate) fn mean_us(&self) -> Time {
        match *self {
            Latency::Fixed { us } => us,
            Latency::Normal { mean_us, .. } | Latency::Pareto { mean_us, .. } => mean_us,
        }
    }
}
