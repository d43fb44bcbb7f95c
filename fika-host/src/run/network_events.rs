//! What happens to a live network from outside: by the experiment, and by hand.

use std::time::Duration;

use super::setup::{launch, node_setup, set_begun};
use super::supervise::Supervisor;
use super::supervisor_socket::SupervisorRequest;
use crate::experiment::{Action, LinkAction, NodeAction, NodeState, Role};
use crate::isolation::Signal;
use crate::live::control::{Reply, Request};
use crate::live::monotonic_us;
use crate::results::EventFacts;

/// How long a node may take for an answer: meanwhile nothing else happens.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a node may take to leave.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// So many events that are late are carried out before signals, requests and the end of the run are looked at.
const EVENTS_A_TURN: usize = 16;

impl Supervisor<'_> {
    /// How long until an event of the experiment is due.
    pub(super) fn until_next_event(&self) -> Duration {
        let at = self.plan.next_at().map(Duration::from_micros);
        at.map_or(Duration::MAX, |at| at.saturating_sub(self.started.elapsed()))
    }

    /// Carries out the events that are due.
    pub(super) fn let_events_happen(&mut self) {
        let now_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        for _ in 0..EVENTS_A_TURN {
            let Some(due) = self.plan.take(now_us, self.progress.height()) else { break };
            // It is noted.
            let _ = self.act(&due.action);
        }
    }

    /// Carries out what other commands ask for.
    pub(super) fn serve_requests(&mut self) {
        let Some(mut socket) = self.socket.take() else { return };
        socket.serve(|SupervisorRequest::Act { line }| {
            let action = Action::parse(&line, self.experiment)?;
            self.act(&action)
        });
        self.socket = Some(socket);
    }

    /// Carries out an action, and notes it.
    ///
    /// # Errors
    /// In one line, why nothing was done.
    fn act(&mut self, action: &Action) -> Result<(), String> {
        let done = self.conditions.apply(action).and_then(|links| {
            links
                .iter()
                .try_for_each(|(link, up)| self.lab.set_link_up(*link, *up).map_err(|error| error.to_string()))?;
            self.carry_out(action)
        });
        let (kind, event) = (action.word().to_string(), action.describe(self.experiment));
        let why_not = done.as_ref().err();
        self.progress_line.say(&why_not.map_or_else(|| event.clone(), |why| format!("{event}: not done: {why}")));
        let (at_us, height) = (self.clock.time_us(monotonic_us()), self.progress.height());
        self.events.push(EventFacts { at_us, height, kind, event, why_not: why_not.cloned() });
        done
    }

    fn carry_out(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Node { node, what } => self.carry_out_at(*node as usize, *what),
            Action::Partition { .. } | Action::Heal => Ok(()),
            Action::Link { what: LinkAction::Down | LinkAction::Up, .. } => Ok(()),
            Action::Link { a, b, what: LinkAction::Change(change) } => {
                if change.message_loss_ppm.is_some() {
                    return Err("only the simulator loses whole messages".into());
                }
                let link = self.conditions.link(*a, *b)?;
                let cables = self.experiment.cables(link).map(|cable| change.over(cable));
                self.lab.change_link(link, cables).map_err(|error| error.to_string())
            }
            Action::HashRates { factor_ppm } => {
                (0..self.experiment.nodes.len()).try_for_each(|node| self.set_hash_factor(node, *factor_ppm))
            }
            Action::Pay { from, to, amount, fee } => {
                let to = self.experiment.nodes[*to as usize].name.clone();
                let pay = Request::Pay { to, amount: *amount, fee: *fee };
                if self.conditions.node(*from as usize) == NodeState::Paused {
                    // It pays when it goes on.
                    self.clients.ask(*from as usize, &pay);
                    return Ok(());
                }
                match self.clients.ask_one(*from as usize, &pay, PATIENCE) {
                    Some(Reply::Error { why }) => Err(why),
                    Some(_) => Ok(()),
                    None => Err("the node does not answer".into()),
                }
            }
        }
    }

    fn carry_out_at(&mut self, node: usize, what: NodeAction) -> Result<(), String> {
        let failed = |error: crate::isolation::Error| error.to_string();
        match what {
            NodeAction::Kill => self.lab.kill(node, Signal::KILL).map_err(failed),
            NodeAction::Pause => self.lab.kill(node, Signal::STOP).map_err(failed),
            NodeAction::Resume => self.lab.kill(node, Signal::CONT).map_err(failed),
            NodeAction::Restart => self.begin_node(node),
            NodeAction::Join => {
                self.progress.set_present(node, true);
                self.begin_node(node)
            }
            NodeAction::Leave => {
                self.progress.set_present(node, false);
                // A node that stands still hears nothing.
                self.lab.kill(node, Signal::CONT).map_err(failed)?;
                match self.clients.ask_one(node, &Request::Stop, LEAVE_PATIENCE) {
                    Some(_) => Ok(()),
                    None => self.lab.kill(node, Signal::KILL).map_err(failed),
                }
            }
            NodeAction::Clock { .. } => Err("only the simulator sets clocks: live nodes share the machine's".into()),
            NodeAction::HashRate { rate } => self.set_hash_rate(node, rate),
            NodeAction::HashFactor { factor_ppm } => self.set_hash_factor(node, factor_ppm),
        }
    }

    /// Starts the process of a node that has died, has left, or was not there yet.
    fn begin_node(&mut self, node: usize) -> Result<(), String> {
        // It may have been killed just now.
        self.note_ends(Duration::ZERO).map_err(|error| error.to_string())?;
        let name = &self.experiment.nodes[node].name;
        self.clients.disconnect(node);
        self.progress.forget(node);
        let setup = node_setup(&self.folder.path, name);
        if self.has_begun {
            set_begun(&setup, self.clock.epoch_us, self.hash_rates[node])?;
        }
        let again = self.lab.has_started(node);
        let started = if again { self.lab.restart(node) } else { self.lab.start(node, launch(self.folder, name)) };
        match started {
            Ok(_) => self.died[node] = None,
            Err(_) => self.conditions.died(node),
        }
        started.map(drop).map_err(|error| error.to_string())
    }

    fn set_hash_factor(&mut self, node: usize, factor_ppm: u64) -> Result<(), String> {
        let spec = &self.experiment.nodes[node];
        match spec.role {
            Role::Full => self.set_hash_rate(node, spec.hash_rate * u128::from(factor_ppm) / 1_000_000),
            Role::Wallet | Role::Light => Ok(()),
        }
    }

    fn set_hash_rate(&mut self, node: usize, rate: u128) -> Result<(), String> {
        self.hash_rates[node] = rate;
        let request = Request::HashRate { rate: u64::try_from(rate).unwrap_or(u64::MAX) };
        match self.conditions.node(node) {
            NodeState::Runs => match self.clients.ask_one(node, &request, PATIENCE) {
                Some(Reply::Done) => Ok(()),
                Some(Reply::Error { why }) => Err(why),
                _ => Err(format!("{} does not answer", self.experiment.nodes[node].name)),
            },
            // It hears of it when it goes on.
            NodeState::Paused => {
                self.clients.ask(node, &request);
                Ok(())
            }
            NodeState::Dead | NodeState::Absent => Ok(()),
        }
    }

    /// At the end nobody stands still.
    pub(super) fn resume_all(&mut self) {
        for node in (0..self.died.len()).filter(|node| self.conditions.node(*node) == NodeState::Paused) {
            // One that has ended meanwhile needs none.
            let _ = self.lab.kill(node, Signal::CONT);
        }
    }
}
