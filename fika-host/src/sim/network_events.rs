//! Carries out the events of an experiment, and notes them.

use fika_core::hash::Id;
use fika_core::header::Time;

use super::engine::Engine;
use super::run_observer::RunObserver;
use crate::experiment::{Action, Conditions, Experiment, NodeAction, NodeState, Plan, Role};
use crate::results::EventFacts;

/// What happens to the network of one run.
pub(super) struct NetworkEvents<'a> {
    experiment: &'a Experiment,
    plan: Plan<'a>,
    conditions: Conditions<'a>,
    pub(super) done: Vec<EventFacts>,
}

impl<'a> NetworkEvents<'a> {
    /// At the start: tells the observer who is there.
    pub(super) fn new(experiment: &'a Experiment, observer: &mut RunObserver<'_>, genesis: Id) -> NetworkEvents<'a> {
        let conditions = Conditions::new(experiment);
        for node in 0..experiment.nodes.len() {
            match conditions.node(node) {
                NodeState::Absent => observer.takes_part(node as u32, genesis, 0, false),
                _ => observer.record.started(node),
            }
        }
        NetworkEvents { experiment, plan: Plan::new(experiment), conditions, done: vec![] }
    }

    /// How a node is.
    pub(super) fn state(&self, node: usize) -> NodeState {
        self.conditions.node(node)
    }

    /// Lets the next event happen if it comes before all else, up to `until`; whether one did.
    pub(super) fn happen(&mut self, engine: &mut Engine<'_>, observer: &mut RunObserver<'_>, until: Time) -> bool {
        if self.plan.is_over() {
            return false;
        }
        let is_next = |at: &Time| *at <= until && engine.next_at().is_none_or(|next| *at <= next);
        let is_reached = self.plan.next_height().is_some_and(|height| height <= observer.height);
        let at = if is_reached { Some(engine.now()) } else { self.plan.next_at().filter(is_next) };
        let Some(due) = at.and_then(|at| self.plan.take(at, observer.height)) else { return false };
        engine.go_on_to(due.at.max(engine.now()));
        let links = self.conditions.apply(&due.action);
        let (now, text) = (engine.now(), due.action.describe(self.experiment));
        if let Some(tracer) = &mut engine.tracer {
            tracer.happened(now, &text);
        }
        if let Ok(links) = &links {
            engine.disturb(&due.action, links, self.experiment, observer);
            self.tell(engine, observer, &due.action);
        }
        let (kind, height) = (due.action.word().into(), observer.height);
        self.done.push(EventFacts { at_us: now, height, kind, event: text, why_not: links.err() });
        true
    }

    /// Who takes part has changed, or begins again.
    fn tell(&self, engine: &Engine<'_>, observer: &mut RunObserver<'_>, action: &Action) {
        let Action::Node { node, what } = action else { return };
        let is_there = match what {
            NodeAction::Join => true,
            NodeAction::Leave => false,
            NodeAction::Restart => return observer.record.started(*node as usize),
            _ => return,
        };
        if is_there {
            observer.record.started(*node as usize);
        }
        let tip = &engine.world(*node).tree()[engine.nodes[*node as usize].tip()];
        if self.experiment.nodes[*node as usize].role == Role::Full {
            observer.takes_part(*node, tip.id, tip.height, is_there);
        }
    }
}
