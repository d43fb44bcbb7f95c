//! The beginning of a run: nodes produce and pay once the network is complete, so that no figure holds its set-up.

use std::time::{Duration, Instant, SystemTime};

use super::supervise::Supervisor;
use super::{RunError, signals};
use crate::live::control::{Request, Status};
use crate::live::monotonic_us;
use crate::results::Ended;

/// How often the nodes are asked for their connections.
const TICK: Duration = Duration::from_millis(50);
/// The run begins without the links that are still missing when none was connected for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a node may take to answer.
const REPLY_PATIENCE: Duration = Duration::from_secs(3);

impl Supervisor<'_> {
    /// Waits until every link is connected, or for `start_after`, and tells the nodes to begin, all at one moment. That
    /// moment is the run's start. Gives a reason when the run is over before.
    ///
    /// # Errors
    /// [`RunError::Interrupted`] when somebody asked for the end: there is nothing to be reported yet.
    pub(super) fn begin(&mut self) -> Result<Option<Ended>, RunError> {
        let launched = Instant::now();
        let wanted = self.experiment.start_after_us.map(Duration::from_micros);
        let (mut most, mut since) = (0, launched);
        loop {
            self.note_ends(TICK)?;
            signals::check()?;
            self.serve_requests();
            if let Some(ended) = self.ended_by_nodes() {
                return Ok(Some(ended));
            }
            let alive = self.alive(None);
            let statuses = self.statuses(&alive);
            let (connected, missing) = self.connections(&statuses);
            let now = Instant::now();
            if connected > most {
                (most, since) = (connected, now);
            }
            let is_time = match wanted {
                Some(wanted) => now.duration_since(launched) >= wanted,
                None => missing.is_empty() || now.duration_since(since) >= PATIENCE,
            };
            if is_time {
                self.progress_line.clear();
                if !missing.is_empty() {
                    let missing = missing.join(", ");
                    self.progress_line.say(&format!("note: the run begins before all links are connected: {missing}"));
                }
                break;
            }
            let waiting = missing.len();
            self.progress_line.show_line(now, || format!("{waiting} nodes wait for connections"));
        }
        self.start = SystemTime::now();
        self.started = Instant::now();
        self.clock = self.clock.beginning_at(monotonic_us());
        self.has_begun = true;
        let alive = self.alive(None);
        let begin = Request::Begin { epoch_us: self.clock.epoch_us };
        // Who does not answer in time is asked again with the next statuses.
        self.clients.ask_all(&alive, &begin, REPLY_PATIENCE);
        self.progress.restart(self.started);
        Ok(None)
    }

    /// How many ends of links are connected, and what each node lacks: `c has 1 of 2`.
    fn connections(&self, statuses: &[Option<Status>]) -> (u32, Vec<String>) {
        let mut links = vec![0; statuses.len()];
        for (a, b) in &self.experiment.links {
            let (a, b) = (*a as usize, *b as usize);
            if self.died[a].is_none() && self.died[b].is_none() {
                links[a] += 1;
                links[b] += 1;
            }
        }
        let peers = |node: usize| statuses[node].as_ref().map(|status| status.peers);
        let connected = (0..links.len()).filter_map(peers).sum();
        // A node without links is asked too: it has to have come up.
        let lacks = |node: &usize| self.died[*node].is_none() && peers(*node).is_none_or(|peers| peers < links[*node]);
        let line = |node: usize| {
            let name = &self.experiment.nodes[node].name;
            format!("{name} has {} of {}", peers(node).unwrap_or(0), links[node])
        };
        (connected, (0..links.len()).filter(lacks).map(line).collect())
    }

    /// Tells nodes to begin that did not hear it.
    pub(super) fn begin_late(&mut self) {
        let begin = Request::Begin { epoch_us: self.clock.epoch_us };
        for (node, status) in self.progress.statuses.iter().enumerate() {
            if status.as_ref().is_some_and(|status| status.waits) {
                self.clients.ask(node, &begin);
            }
        }
    }
}
