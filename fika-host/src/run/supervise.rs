//! Supervises the nodes of a run until it is over.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant, SystemTime};

use fika_core::address::Address;

use super::control_clients::ControlClients;
use super::folder::Folder;
use super::progress::Progress;
use super::progress_line::ProgressLine;
use super::setup::{Clock, LOG};
use super::supervisor_socket::SupervisorSocket;
use super::{RunError, signals};
use crate::experiment::{Conditions, Experiment, Plan, Role};
use crate::isolation::Lab;
use crate::live::{DISK_FULL, EXIT_DISK_FULL};
use crate::plugins::EXIT_PLUGIN;
use crate::results::{Ended, EventFacts};

/// How long the supervisor sleeps when nothing happens.
const TICK: Duration = Duration::from_millis(50);

/// The supervisor of a run.
pub(super) struct Supervisor<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) folder: &'a Folder,
    /// By node.
    pub(super) addresses: Vec<Address>,
    pub(super) lab: Lab,
    pub(super) clients: ControlClients,
    pub(super) progress: Progress,
    pub(super) progress_line: ProgressLine,
    /// Always there, but while requests are carried out.
    pub(super) socket: Option<SupervisorSocket>,
    /// What is to happen to the network.
    pub(super) plan: Plan<'a>,
    pub(super) conditions: Conditions<'a>,
    /// What has happened to it.
    pub(super) events: Vec<EventFacts>,
    /// When the run began, by three clocks.
    pub(super) clock: Clock,
    pub(super) start: SystemTime,
    pub(super) started: Instant,
    /// By node, hashes a second.
    pub(super) hash_rates: Vec<u128>,
    /// Whether the nodes were told to begin.
    pub(super) has_begun: bool,
    /// How each node's process ended, if it is not running.
    pub(super) died: Vec<Option<String>>,
    /// The first node that has ended because a plugin failed, and how.
    pub(super) plugin_failed: Option<String>,
}

impl Supervisor<'_> {
    /// Returns when the run is over, and says why. The nodes still run.
    pub(super) fn supervise(&mut self) -> Result<Ended, RunError> {
        let stop = self.experiment.stop;
        let stop_time = stop.time_us.map(Duration::from_micros);
        loop {
            self.note_ends(self.until_next_event().min(TICK))?;
            if let Some(ended) = signals::asked() {
                return Ok(ended);
            }
            self.let_events_happen();
            self.serve_requests();
            if let Some(ended) = self.ended_by_nodes() {
                return Ok(ended);
            }
            let now = Instant::now();
            let elapsed = now.duration_since(self.started);
            if stop_time.is_some_and(|stop| elapsed >= stop) {
                return Ok(Ended::StopTime);
            }
            self.progress.poll(&mut self.clients, now);
            self.begin_late();
            if stop.height.is_some_and(|height| self.progress.is_over(height, &mut self.clients, now)) {
                return Ok(Ended::StopHeight);
            }
            // Whoever gives no stop ends the run by hand.
            if stop.height.is_some() && stop_time.is_none() && self.progress.stalled(now).is_some() {
                return Ok(Ended::Stalled);
            }
            let alive = self.died.iter().filter(|died| died.is_none()).count();
            self.progress_line.show(&self.progress, alive, elapsed, stop_time, now);
        }
    }

    /// Notes what nodes have ended. Sleeps until a node ends, a signal comes, or the time is over.
    pub(super) fn note_ends(&mut self, sleep: Duration) -> Result<(), RunError> {
        if let Some((node, status)) = self.lab.wait_any(Some(sleep))? {
            self.note_end(node, status);
        }
        for (node, status) in self.lab.try_reap()? {
            self.note_end(node, status);
        }
        Ok(())
    }

    /// How the run has ended, if its nodes have.
    pub(super) fn ended_by_nodes(&self) -> Option<Ended> {
        let mut full = self.experiment.nodes.iter().zip(&self.died).filter(|(node, _)| node.role == Role::Full);
        match self.died.iter().all(Option::is_some) {
            _ if self.plugin_failed.is_some() && full.all(|(_, died)| died.is_some()) => Some(Ended::PluginFailed),
            true if self.plan.is_over() => Some(Ended::NodesDied),
            _ => None,
        }
    }

    /// Notes and reports that a node has ended by itself or was killed.
    fn note_end(&mut self, node: usize, status: ExitStatus) {
        let name = &self.experiment.nodes[node].name;
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "ended".into(),
        };
        // A node that was killed had no time to say why.
        let last = status.code().and_then(|_| last_error(&self.folder.node(name).join(LOG)));
        let last = match status.code() {
            // The log may be on the same disk.
            Some(code) if code == i32::from(EXIT_DISK_FULL) => {
                last.filter(|line| line.contains(DISK_FULL)).or(Some(DISK_FULL.into()))
            }
            _ => last,
        };
        let how = last.map_or(how.clone(), |line| format!("{how}: {line}"));
        self.progress_line.say(&format!("node {name} {how}"));
        if status.code() == Some(EXIT_PLUGIN.into()) {
            self.plugin_failed.get_or_insert_with(|| format!("node {name} {how}"));
        }
        self.died[node] = Some(how);
        self.conditions.died(node);
        self.clients.disconnect(node);
        self.progress.forget(node);
    }
}

/// The log's last line with an error, or else its last line, of its last few kilobytes.
pub(crate) fn last_error(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(8 << 10))).ok()?;
    let mut bytes = vec![];
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_error = |line: &&str| line.contains(" error ") || line.contains("error:") || line.contains("panicked");
    let found = lines().rfind(is_error).or_else(|| lines().next_back())?;
    Some(found.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_of_a_log_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.log");
        assert_eq!(last_error(&path), None);
        std::fs::write(&path, "1.0 info a\n2.0 error the disk is full\n3.0 info b\n").expect("written");
        assert_eq!(last_error(&path).as_deref(), Some("2.0 error the disk is full"));
        std::fs::write(&path, "1.0 info a\n3.0 info b\n\n").expect("written");
        assert_eq!(last_error(&path).as_deref(), Some("3.0 info b"));
    }
}
