//! Whether what is scheduled can be done, as far as that is known before the run.

use std::collections::BTreeSet;

use super::super::source::{Place, Problems};
use super::super::{Experiment, NodeIndex};
use super::action::{Action, NodeAction};
use super::conditions::Conditions;
use super::plan::Plan;
use super::schedule::{Scheduled, When};
use crate::quantity::DURATION;

/// So many actions are looked at.
const STEPS_MAX: usize = 100_000;

/// What an action is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Partition,
    Node(NodeIndex),
    Link(NodeIndex, NodeIndex),
    Nothing,
}

fn subject(action: &Action) -> Subject {
    match action {
        Action::Partition { .. } | Action::Heal => Subject::Partition,
        Action::Node { node, .. } | Action::Pay { from: node, .. } => Subject::Node(*node),
        Action::Link { a, b, .. } => Subject::Link(*a.min(b), *a.max(b)),
        Action::HashRates { .. } => Subject::Nothing,
    }
}

/// Checks the events that were written at these places.
pub(in super::super) fn check(experiment: &Experiment, places: &[Place], problems: &Problems) {
    for (event, place) in experiment.events.iter().zip(places) {
        check_end(experiment, event, *place, problems);
    }
    // What happens at a height or at a drawn time, or to a drawn node, may be before or after anything else.
    let is_drawn = |event: &&Scheduled| {
        event.drawn_from.is_some() || matches!(event.when, When::AtHeight { .. } | When::Rate { .. })
    };
    let drawn = experiment.events.iter().filter(is_drawn);
    let mut unknown: BTreeSet<Subject> = drawn.clone().map(|event| subject(&event.action)).collect();
    let anybody = |event: &Scheduled| event.drawn_from.is_some() && !harmless(&event.action);
    let any_node = drawn.clone().any(anybody);
    let (mut plan, mut conditions) = (Plan::new(experiment), Conditions::new(experiment));
    let until = experiment.stop.time_us.unwrap_or(u64::MAX);
    for _ in 0..STEPS_MAX {
        let Some(at) = plan.next_at().filter(|at| *at <= until) else { break };
        let Some(due) = plan.take(at, 0) else { break };
        let event = &experiment.events[due.event];
        if is_drawn(&event) {
            continue;
        }
        let subject = subject(&due.action);
        if let Err(why) = conditions.apply(&due.action)
            && !unknown.contains(&subject)
            && !(any_node && matches!(subject, Subject::Node(_)))
        {
            let at = DURATION.text(due.at);
            let what = if due.ends { "the end of 'for'" } else { "the event" };
            problems.add(places[due.event], || format!("{what} at {at}: {why}"));
            // What follows from it is not told too.
            unknown.insert(subject);
        }
    }
}

/// Whether it changes nothing that others depend on.
fn harmless(action: &Action) -> bool {
    let what = |what: &NodeAction| {
        matches!(what, NodeAction::Clock { .. } | NodeAction::HashRate { .. } | NodeAction::HashFactor { .. })
    };
    matches!(action, Action::Node { what: it, .. } if what(it))
}

/// Nothing may be scheduled for after the end.
fn check_end(experiment: &Experiment, event: &Scheduled, place: Place, problems: &Problems) {
    let stop = &experiment.stop;
    match event.when {
        When::AtHeight { height } if stop.height.is_some_and(|stop| height > stop) => problems.add(place, || {
            let stop = stop.height.unwrap_or(0);
            format!("expected a height up to the run's end, stop_height = {stop}, found at_height = {height}")
        }),
        When::AtHeight { .. } => {}
        when if stop.time_us.is_some_and(|stop| when.first_us() > stop) => problems.add(place, || {
            let [stop, at] = [stop.time_us.unwrap_or(0), when.first_us()].map(|us| DURATION.text(us));
            format!("expected a time up to the run's end, stop_time = \"{stop}\", found \"{at}\"")
        }),
        _ => {}
    }
}
