//! When what is due.

use std::collections::BTreeMap;

use fika_core::hash::{self, draw};
use fika_core::header::Time;

use super::super::Experiment;
use super::action::Action;
use super::schedule::{Scheduled, When};
use crate::physics::unit;

/// Ends before beginnings, then the order of the file, then the number of the time.
type Place = (Time, bool, usize, u64);

/// An action that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub at: Time,
    pub action: Action,
    /// The event that it is of.
    pub event: usize,
    /// Whether it is its end.
    pub ends: bool,
}

/// What of an experiment's events is to come.
pub(crate) struct Plan<'a> {
    experiment: &'a Experiment,
    due: BTreeMap<Place, Action>,
    /// Events that wait for a height, by height.
    heights: Vec<(u64, usize)>,
}

impl<'a> Plan<'a> {
    /// All of them.
    pub(crate) fn new(experiment: &'a Experiment) -> Plan<'a> {
        let mut plan = Plan { experiment, due: BTreeMap::new(), heights: vec![] };
        for (index, event) in experiment.events.iter().enumerate() {
            match event.when {
                When::AtHeight { height } => plan.heights.push((height, index)),
                _ => plan.schedule(index, 0, None),
            }
        }
        plan.heights.sort_unstable();
        plan
    }

    /// Whether nothing is to come.
    pub(crate) fn is_over(&self) -> bool {
        self.due.is_empty() && self.heights.is_empty()
    }

    /// When the next is due by its time.
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.due.first_key_value().map(|((at, ..), _)| *at)
    }

    /// The height that the next one waits for.
    pub(crate) fn next_height(&self) -> Option<u64> {
        self.heights.first().map(|(height, _)| *height)
    }

    /// The next action that is due at `now`, when the highest full node is at `height`.
    pub(crate) fn take(&mut self, now: Time, height: u64) -> Option<Due> {
        if self.heights.first().is_some_and(|(wanted, _)| *wanted <= height) {
            let (_, event) = self.heights.remove(0);
            let action = self.action(event, 0);
            return Some(self.begin(now, event, 0, action));
        }
        let ((at, begins, event, n), action) =
            self.due.first_key_value().map(|(place, action)| (*place, action.clone()))?;
        if at > now {
            return None;
        }
        self.due.remove(&(at, begins, event, n));
        if !begins {
            return Some(Due { at, action, event, ends: true });
        }
        self.schedule(event, n + 1, Some(at));
        Some(self.begin(at, event, n, action))
    }

    fn begin(&mut self, at: Time, event: usize, n: u64, action: Action) -> Due {
        let after = self.experiment.events[event].for_us.zip(action.opposite());
        if let Some((for_us, opposite)) = after {
            self.due.insert((at.saturating_add(for_us), false, event, n), opposite);
        }
        Due { at, action, event, ends: false }
    }

    fn schedule(&mut self, event: usize, n: u64, last_us: Option<Time>) {
        let gap = || unit(draw(self.experiment.seed, purpose(event), 2 * n));
        if let Some(at) = self.experiment.events[event].when.due(n, last_us, gap) {
            let action = self.action(event, n);
            self.due.insert((at, true, event, n), action);
        }
    }

    /// What the event does the `n`-th time.
    fn action(&self, event: usize, n: u64) -> Action {
        let Scheduled { action, drawn_from, .. } = &self.experiment.events[event];
        let mut action = action.clone();
        if let (Action::Node { node, .. }, Some(parties)) = (&mut action, drawn_from) {
            let drawn = draw(self.experiment.seed, purpose(event), 2 * n + 1);
            *node = parties.pick(self.experiment.nodes.len() as u64, None, |bound| hash::below(drawn, bound));
        }
        action
    }
}

/// What the draws of an event are for.
fn purpose(event: usize) -> u64 {
    (u64::from(u32::from_be_bytes(*b"evnt")) << 32) | event as u64
}
