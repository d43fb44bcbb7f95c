//! What is scheduled, and when.

use fika_core::header::Time;
use serde::{Deserialize, Serialize};

use super::super::load::Parties;
use super::action::Action;

/// An entry of `[[events]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scheduled {
    pub when: When,
    /// What happens. Where a node is drawn, with the first of those that may be.
    pub action: Action,
    /// From whom the node is drawn each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn_from: Option<Parties>,
    /// After so long the opposite follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_us: Option<Time>,
}

/// When an event is due; times in microseconds after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    At {
        time_us: Time,
    },
    /// When the first full node has this height.
    AtHeight {
        height: u64,
    },
    Every {
        start_us: Time,
        interval_us: Time,
        until_us: Option<Time>,
    },
    /// After exponential gaps with the mean of a day by so many thousandths.
    Rate {
        start_us: Time,
        per_day_thousandths: u64,
        until_us: Option<Time>,
    },
}

const US_PER_DAY_THOUSANDTHS: f64 = 86_400_000_000.0 * 1_000.0;

impl When {
    /// Not before this time.
    pub(crate) fn first_us(&self) -> Time {
        match *self {
            When::At { time_us } => time_us,
            When::AtHeight { .. } => 0,
            When::Every { start_us, .. } | When::Rate { start_us, .. } => start_us,
        }
    }

    /// When it is due for the `n`-th time, and was for the last time at `last_us`.
    pub(super) fn due(&self, n: u64, last_us: Option<Time>, drawn: impl FnOnce() -> f64) -> Option<Time> {
        let due = |start_us: Time, gap_us: Time, until_us: Option<Time>| {
            let at = last_us.unwrap_or(start_us).checked_add(gap_us)?;
            Some(at).filter(|at| until_us.is_none_or(|until| *at <= until))
        };
        match *self {
            When::At { time_us } => (n == 0).then_some(time_us),
            When::AtHeight { .. } => None,
            When::Every { start_us, interval_us, until_us } => {
                due(start_us, if n > 0 { interval_us } else { 0 }, until_us)
            }
            When::Rate { start_us, per_day_thousandths, until_us } => {
                let mean_us = US_PER_DAY_THOUSANDTHS / per_day_thousandths as f64;
                due(start_us, ((-libm::log(drawn()) * mean_us) as Time).max(1), until_us)
            }
        }
    }
}
