//! How far the nodes of a run are, and whether the run is over.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fika_core::hash::Id;

use super::control_clients::ControlClients;
use crate::experiment::{Experiment, PATIENCE_INTERVALS, Role};
use crate::live::control::{Reply, Request, Status};

/// Each node is asked this often, and less often where so many requests would keep the machine busy.
const INTERVAL_MIN: Duration = Duration::from_millis(500);
const INTERVAL_PER_NODE: Duration = Duration::from_millis(2);
/// How often wallets with an unconfirmed payment ask for the chain when the run could end.
const UPDATE_INTERVAL: Duration = Duration::from_millis(700);

/// The latest status of every node.
pub(super) struct Progress {
    pub(super) statuses: Vec<Option<Status>>,
    /// By node, whether it takes part.
    present: Vec<bool>,
    full: Vec<usize>,
    wallets: Vec<usize>,
    asked_at: Vec<Instant>,
    interval: Duration,
    updated_at: Instant,
    /// The greatest height of a full node, and when it was reached.
    risen: (u64, Instant),
    /// How long the run waits for a block.
    patience: Duration,
    /// How many payments the run waits for, and whether other loads never end.
    scheduled: u64,
    endless: bool,
}

impl Progress {
    pub(super) fn new(experiment: &Experiment, now: Instant) -> Progress {
        let count = experiment.nodes.len();
        let of = |role| (0..count).filter(|node| experiment.nodes[*node].role == role).collect();
        let interval = INTERVAL_MIN.max(INTERVAL_PER_NODE * count as u32);
        Progress {
            statuses: vec![None; count],
            present: experiment.absent_at_start().iter().map(|absent| !absent).collect(),
            full: of(Role::Full),
            wallets: of(Role::Wallet),
            // Spread over the interval, so that the load on the machine is even.
            asked_at: (0..count).map(|node| now + interval * node as u32 / count as u32).collect(),
            interval,
            updated_at: now,
            risen: (0, now),
            patience: Duration::from_micros(experiment.patience_us()),
            scheduled: experiment.payments_scheduled(),
            endless: experiment.load.iter().any(|load| load.count().is_none()),
        }
    }

    /// A node takes part from now on, or no longer.
    pub(super) fn set_present(&mut self, node: usize, present: bool) {
        self.present[node] = present;
    }

    /// The greatest height of a full node so far.
    pub(super) fn height(&self) -> u64 {
        self.risen.0
    }

    /// The run begins now.
    pub(super) fn restart(&mut self, now: Instant) {
        self.risen.1 = now;
    }

    /// Takes the statuses that have come, and asks the nodes whose turn it is.
    pub(super) fn poll(&mut self, clients: &mut ControlClients, now: Instant) {
        for node in 0..self.statuses.len() {
            if let Some(Reply::Status(status)) = clients.take_reply(node) {
                self.statuses[node] = Some(status);
            }
            if self.asked_at[node] <= now {
                clients.ask(node, &Request::Status);
                self.asked_at[node] = now + self.interval;
            }
        }
        let height = self.full_statuses().map(|status| status.height).max().unwrap_or(0);
        if height > self.risen.0 {
            self.risen = (height, now);
        }
    }

    /// Why the run does not get on, in one line, if no block has come for long.
    pub(super) fn stalled(&self, now: Instant) -> Option<String> {
        let waited = crate::results::duration(u64::try_from(self.patience.as_micros()).unwrap_or(u64::MAX));
        let is_stalled = now.duration_since(self.risen.1) > self.patience;
        is_stalled.then(|| format!("no block for {waited} ({PATIENCE_INTERVALS} block intervals)"))
    }

    /// A node is gone, and its latest status with it.
    pub(super) fn forget(&mut self, node: usize) {
        self.statuses[node] = None;
    }

    /// Whether all full nodes have one tip at `height` or above and every payment that the run waits for is
    /// confirmed. Wallets with an unconfirmed payment are told to ask for the chain.
    pub(super) fn is_over(&mut self, height: u64, clients: &mut ControlClients, now: Instant) -> bool {
        if !self.agree_at(height) || self.statuses.iter().flatten().any(|status| status.payments_to_come > 0) {
            return false;
        }
        if self.statuses.iter().zip(&self.present).any(|(status, present)| *present && status.is_none()) {
            return false;
        }
        if self.payments_done() {
            return true;
        }
        let waits = |node: &usize| self.statuses[*node].as_ref().is_some_and(|status| !is_done(status));
        if now.duration_since(self.updated_at) > UPDATE_INTERVAL {
            self.updated_at = now;
            for node in self.wallets.iter().copied().filter(waits) {
                clients.ask(node, &Request::Update);
            }
        }
        false
    }

    fn payments_done(&self) -> bool {
        let sum = |of: fn(&Status) -> u64| self.statuses.iter().flatten().map(of).sum::<u64>();
        match self.endless {
            true => sum(|s| s.payments_confirmed + s.payments_lost + s.payments_failed) >= self.scheduled,
            false => self.statuses.iter().flatten().all(is_done),
        }
    }

    fn agree_at(&self, height: u64) -> bool {
        let tips = self.tips();
        tips.len() == 1
            && self
                .full
                .iter()
                .filter(|node| self.present[**node])
                .all(|node| self.statuses[*node].as_ref().is_some_and(|status| status.height >= height))
    }

    /// The different tips of the full nodes.
    pub(super) fn tips(&self) -> BTreeSet<Id> {
        self.full_statuses().map(|status| status.tip).collect()
    }

    /// The latest statuses of the full nodes.
    pub(super) fn full_statuses(&self) -> impl Iterator<Item = &Status> {
        self.full.iter().filter_map(|node| self.statuses[*node].as_ref())
    }
}

fn is_done(status: &Status) -> bool {
    status.payments_confirmed + status.payments_lost >= status.payments_submitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_blocks_is_given_up() {
        let text = "[network]\nnodes = 2\n[chain]\nblock_interval = \"2 s\"\n";
        let experiment = Experiment::parse("test.toml", text, &[]).unwrap_or_else(|errors| panic!("{errors}"));
        let began = Instant::now();
        let progress = Progress::new(&experiment, began);
        let after = |seconds| progress.stalled(began + Duration::from_secs(seconds));
        assert_eq!(after(2_000), None);
        assert_eq!(after(2_001).as_deref(), Some("no block for 33 min 20 s (1000 block intervals)"));
    }
}
