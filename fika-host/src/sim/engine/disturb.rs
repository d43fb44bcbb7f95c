//! What happens to the network from outside.

use fika_core::hash::domain_hash;
use fika_core::header::Time;
use fika_core::node::{Input, PaymentOrder};

use super::super::clock::Clock;
use super::super::observer::Observer;
use super::super::trace_hash::TraceHash;
use super::Engine;
use crate::experiment::{Action, Experiment, LinkAction, NodeAction};

/// In the trace, in place of a node: the network.
const NETWORK: u64 = u64::MAX;

impl Engine<'_> {
    /// Time goes on to `at`: nothing else happens before.
    pub(crate) fn go_on_to(&mut self, at: Time) {
        self.now = at;
    }

    /// Carries out what changes nothing of the state of links: those are told apart, by their places in the experiment.
    pub(crate) fn disturb(
        &mut self,
        action: &Action,
        links: &[(usize, bool)],
        experiment: &Experiment,
        observer: &mut dyn Observer,
    ) {
        let text = action.describe(experiment);
        let what = TraceHash::what(domain_hash("fika event", &[text.as_bytes()]).prefix(), 0);
        self.trace.add(self.now, NETWORK, what, 0);
        for (link, up) in links {
            let (a, b) = experiment.links[*link];
            if let Some(peer) = self.links.peer(a, b) {
                self.set_link(a, peer, *up);
            }
        }
        match action {
            Action::Partition { .. } | Action::Heal => {}
            Action::Node { node, what } => self.disturb_node(*node, *what, experiment, observer),
            Action::Link { a, b, what: LinkAction::Change(change) } => {
                for (node, other) in [(*a, *b), (*b, *a)] {
                    if let Some(peer) = self.links.peer(node, other) {
                        self.links.change(node, peer, change);
                    }
                }
            }
            Action::Link { .. } => {}
            Action::HashRates { factor_ppm } => {
                for (node, spec) in (0..).zip(&experiment.nodes) {
                    self.set_hash_rate(node, times(spec.hash_rate, *factor_ppm));
                }
            }
            Action::Pay { from, to, amount, fee } => {
                let to = self.nodes[*to as usize].address();
                // No payment of a load has this reference: it is not tried again.
                self.pay(self.now, *from, PaymentOrder { reference: 0, to, amount: *amount, fee: *fee });
            }
        }
    }

    fn disturb_node(&mut self, node: u32, what: NodeAction, experiment: &Experiment, observer: &mut dyn Observer) {
        match what {
            NodeAction::Kill | NodeAction::Leave => self.end_node(node),
            NodeAction::Restart | NodeAction::Join => self.begin_node(node, observer),
            NodeAction::Pause => self.pause_node(node),
            NodeAction::Resume => self.resume_node(node),
            NodeAction::Clock { offset_us, drift_ppm } => self.set_clock(node, offset_us, drift_ppm, observer),
            NodeAction::HashRate { rate } => self.set_hash_rate(node, rate),
            NodeAction::HashFactor { factor_ppm } => {
                self.set_hash_rate(node, times(experiment.nodes[node as usize].hash_rate, factor_ppm));
            }
        }
    }

    fn set_hash_rate(&mut self, node: u32, rate: u128) {
        self.miners[node as usize].hash_rate = rate;
        if self.outages.runs(node) {
            self.search_on(node);
        }
    }

    fn set_clock(&mut self, node: u32, offset_us: Option<i64>, drift_ppm: Option<i64>, observer: &mut dyn Observer) {
        if self.clocks.is_empty() {
            self.clocks = vec![Clock::default(); self.nodes.len()];
        }
        let clock = &mut self.clocks[node as usize];
        *clock = clock.set(self.now, offset_us, drift_ppm);
        // What it waits for comes at another time now.
        if self.outages.runs(node) {
            self.give(node, Input::Wake, observer);
        }
    }
}

fn times(rate: u128, factor_ppm: u64) -> u128 {
    rate * u128::from(factor_ppm) / 1_000_000
}
