//! The end of a run: a snapshot of all nodes at one moment, after which they are stopped.

use std::time::{Duration, Instant, SystemTime, SystemTimeError};

use fika_core::amount::Amount;

use super::RunError;
use super::supervise::Supervisor;
use super::usage::Usage;
use crate::experiment::{NodeState, Role};
use crate::live::control::{Reply, Request, Status};
use crate::live::monotonic_us;
use crate::results::{Ended, Ending, NodeEnding};

/// How long wallets may take to fetch the newest chain.
const UPDATE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a node may take to report its status.
const STATUS_PATIENCE: Duration = Duration::from_secs(3);
/// How long the supervisor tries for a snapshot in which nothing moved and all full nodes agree, in block intervals.
const SNAPSHOT_INTERVALS: u64 = 2;
const SNAPSHOT_MIN: Duration = Duration::from_secs(2);
const SNAPSHOT_MAX: Duration = Duration::from_secs(15);
/// How long nodes may take to end when asked.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// All nodes at one moment.
struct Snapshot {
    statuses: Vec<Option<Status>>,
    /// Coins and deposits of each node at the tip of the full nodes.
    balances: Vec<Option<(Amount, Amount)>>,
    issued: Option<Amount>,
    supply: Option<Amount>,
    /// In microseconds of the monotonic clock.
    taken: i64,
}

/// A difference of the clocks that is worth a line. Clocks that are kept in time drift by less.
const STEP_US: i128 = 500_000;

/// What to say where the wall clock was set during the run, which took `duration`.
fn clock_step(wall: Result<Duration, SystemTimeError>, duration: Duration) -> Option<String> {
    let micros = |time: Duration| time.as_micros() as i128;
    let wall_us = wall.map_or_else(|error| -micros(error.duration()), micros);
    let step_us = wall_us - micros(duration);
    (step_us.abs() >= STEP_US).then(|| {
        let step = step_us as f64 / 1e6;
        format!("note: this machine's clock was set by {step:+.1} s during the run; no figure counts by it")
    })
}

impl Supervisor<'_> {
    /// Takes the snapshot, ends the nodes, and gives all that is known of them but their traces.
    pub(super) fn end(mut self, ended: Ended) -> Result<(Ending, u64), RunError> {
        let duration = self.started.elapsed();
        self.resume_all();
        let why = match ended {
            Ended::Stalled => self.progress.stalled(Instant::now()),
            Ended::PluginFailed => self.plugin_failed.take(),
            _ => None,
        };
        self.progress_line.clear();
        if let Some(line) = clock_step(SystemTime::now().duration_since(self.start), duration) {
            self.progress_line.say(&line);
        }
        if let Some(line) = self.lab.lateness() {
            self.progress_line.say(&format!("warning: this machine was busy: {line}"));
        }
        let wallets = self.alive(Some(Role::Wallet));
        self.clients.ask_all(&wallets, &Request::Update, UPDATE_PATIENCE);
        let snapshot = self.snapshot();
        let usage: Vec<Option<Usage>> =
            (0..self.died.len()).map(|node| self.lab.process(node).map(|process| Usage::of(&process))).collect();
        self.stop()?;
        let is_absent = |index: usize| self.conditions.node(index) == NodeState::Absent;
        let node = |index: usize| {
            let status = snapshot.statuses[index].as_ref();
            NodeEnding {
                address: self.addresses[index],
                died: self.died[index].clone().filter(|_| !is_absent(index)),
                is_absent: is_absent(index),
                tip: status.filter(|status| status.height > 0).map(|status| (status.tip, status.height)),
                balance: snapshot.balances[index].map(|(coins, _)| coins),
                locked: snapshot.balances[index].map(|(_, locked)| locked),
                hashes: status.map(|status| status.hashes),
                memory_bytes: usage[index].and_then(|usage| usage.memory_bytes),
                cpu_us: usage[index].and_then(|usage| usage.cpu_us),
                sent_bytes: status.map(|status| status.sent_bytes),
                received_bytes: status.map(|status| status.received_bytes),
            }
        };
        let ending = Ending {
            results: self.folder.path.clone(),
            engine: self.lab.engine().to_string(),
            ended,
            why,
            start_us: self.clock.start_us,
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            issued: snapshot.issued,
            supply: snapshot.supply,
            nodes: (0..self.died.len()).map(node).collect(),
            events: self.events,
            simulated: None,
        };
        self.lab.down()?;
        Ok((ending, self.clock.time_us(snapshot.taken)))
    }

    pub(super) fn alive(&self, role: Option<Role>) -> Vec<usize> {
        let runs = |node: &usize| self.died[*node].is_none();
        let is = |node: &usize| role.is_none_or(|role| self.experiment.nodes[*node].role == role);
        (0..self.died.len()).filter(runs).filter(is).collect()
    }

    /// Asks all nodes twice: if nothing has moved in between, all answers hold at one moment. Blocks go on
    /// arriving, so it may take several attempts. The last one counts.
    fn snapshot(&mut self) -> Snapshot {
        let interval = Duration::from_micros(self.experiment.chain.block_interval_us);
        let patience = (interval * SNAPSHOT_INTERVALS as u32).clamp(SNAPSHOT_MIN, SNAPSHOT_MAX);
        let deadline = Instant::now() + patience;
        let alive = self.alive(None);
        let full = self.alive(Some(Role::Full));
        loop {
            let before = self.statuses(&alive);
            let taken = monotonic_us();
            let tips = || full.iter().map(|node| before[*node].as_ref().map(|status| status.tip));
            let agree = tips().all(|tip| Some(tip) == tips().next());
            let late = Instant::now() > deadline;
            if !agree && !late {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            let best = full.iter().copied().max_by_key(|node| {
                let tip = before[*node].as_ref().map(|status| status.tip);
                (tips().filter(|other| *other == tip).count(), before[*node].as_ref().map(|status| status.height))
            });
            let balances = self.balances(best, &before);
            let coins = best.and_then(|node| self.clients.ask_one(node, &Request::Coins, STATUS_PATIENCE));
            let after = self.statuses(&alive);
            let still = alive.iter().all(|node| match (&before[*node], &after[*node]) {
                (Some(before), Some(after)) => (before.tip, before.blocks) == (after.tip, after.blocks),
                (before, after) => before.is_none() && after.is_none(),
            });
            if still || late {
                let (issued, supply) = match coins {
                    Some(Reply::Coins { issued, counted }) => (Some(issued), Some(counted)),
                    _ => (None, None),
                };
                return Snapshot { statuses: before, balances, issued, supply, taken };
            }
        }
    }

    pub(super) fn statuses(&mut self, nodes: &[usize]) -> Vec<Option<Status>> {
        let mut statuses = vec![None; self.died.len()];
        let replies = self.clients.ask_all(nodes, &Request::Status, STATUS_PATIENCE);
        for (node, reply) in nodes.iter().zip(replies) {
            if let Some(Reply::Status(status)) = reply {
                statuses[*node] = Some(status);
            }
        }
        statuses
    }

    /// The balance of every node on the chain of the full node `of`.
    fn balances(&mut self, of: Option<usize>, statuses: &[Option<Status>]) -> Vec<Option<(Amount, Amount)>> {
        let addresses = self.addresses.clone();
        let Some(of) = of.filter(|of| statuses[*of].is_some()) else { return vec![None; addresses.len()] };
        let mut balance = |address| {
            let request = Request::Balance { address: Some(address) };
            match self.clients.ask_one(of, &request, STATUS_PATIENCE) {
                Some(Reply::Balance { confirmed, locked, .. }) => Some((confirmed, locked)),
                _ => None,
            }
        };
        addresses.into_iter().map(&mut balance).collect()
    }

    /// Asks all nodes to end, and waits. A node that does not end is killed with the network.
    fn stop(&mut self) -> Result<(), RunError> {
        let alive = self.alive(None);
        for node in &alive {
            self.clients.ask(*node, &Request::Stop);
        }
        let deadline = Instant::now() + STOP_PATIENCE;
        let mut running = alive.len();
        while running > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.progress_line.say(&format!("{running} nodes did not end in time and are killed"));
                break;
            }
            running -= usize::from(self.lab.wait_any(Some(left.min(Duration::from_millis(200))))?.is_some());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_told() {
        let (ten, start) = (Duration::from_secs(10), SystemTime::UNIX_EPOCH + Duration::from_secs(100));
        let of = |end: u64| clock_step((SystemTime::UNIX_EPOCH + Duration::from_secs(end)).duration_since(start), ten);
        assert_eq!(of(110), None);
        assert!(of(140).is_some_and(|line| line.contains("set by +30.0 s")));
        assert!(of(90).is_some_and(|line| line.contains("set by -20.0 s")), "back beyond the start of the run");
    }
}
