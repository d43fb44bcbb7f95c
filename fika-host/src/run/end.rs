//! The end of a run: a picture of all nodes at one moment, then the tables.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use fika_core::amount::Amount;

use super::setup::{Clock, EVENTS};
use super::supervise::Supervisor;
use super::usage::Usage;
use super::{RunError, folder::Folder};
use crate::experiment::{Experiment, Role};
use crate::live::control::{Reply, Request, Status};
use crate::results::{ARRIVAL_ROWS_MAX, Chain, Ended, Ending, NodeEnding, Summary, Tables, json, report};

/// How long wallets may take to get the newest chain.
const UPDATE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a node may take to say how it is.
const STATUS_PATIENCE: Duration = Duration::from_secs(3);
/// How long a picture is tried in which nothing moved and all full nodes agree, in block intervals.
const PICTURE_INTERVALS: u64 = 2;
const PICTURE_MIN: Duration = Duration::from_secs(2);
const PICTURE_MAX: Duration = Duration::from_secs(15);
/// How long nodes may take to end when asked.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// All nodes at one moment.
struct Picture {
    statuses: Vec<Option<Status>>,
    /// Coins and deposits of each node at the tip of the full nodes.
    balances: Vec<Option<(Amount, Amount)>>,
    supply: Option<Amount>,
    taken: SystemTime,
}

impl Supervisor<'_> {
    /// Asks everything, ends the nodes and gives what is known of them but their traces.
    pub(super) fn end(mut self, ended: Ended, clock: Clock) -> Result<(Ending, SystemTime), RunError> {
        let duration = self.started.elapsed();
        self.progress.clear();
        let wallets = self.alive(Some(Role::Wallet));
        self.voices.ask_all(&wallets, &Request::Update, UPDATE_PATIENCE);
        let picture = self.picture();
        let usage: Vec<Option<Usage>> =
            (0..self.died.len()).map(|node| self.lab.process(node).map(|process| Usage::of(&process))).collect();
        self.stop()?;
        let node = |index: usize| {
            let status = picture.statuses[index].as_ref();
            NodeEnding {
                address: self.addresses[index],
                died: self.died[index].clone(),
                tip: status.filter(|status| status.height > 0).map(|status| (status.tip, status.height)),
                balance: picture.balances[index].map(|(coins, _)| coins),
                locked: picture.balances[index].map(|(_, locked)| locked),
                hashes: status.map(|status| status.hashes),
                memory_bytes: usage[index].and_then(|usage| usage.memory_bytes),
                cpu_us: usage[index].and_then(|usage| usage.cpu_us),
            }
        };
        let ending = Ending {
            results: self.folder.path.clone(),
            engine: self.lab.engine().to_string(),
            ended,
            start_us: clock.start_us,
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            supply: picture.supply,
            nodes: (0..self.died.len()).map(node).collect(),
            simulated: None,
        };
        self.lab.down()?;
        Ok((ending, picture.taken))
    }

    fn alive(&self, role: Option<Role>) -> Vec<usize> {
        let runs = |node: &usize| self.died[*node].is_none();
        let is = |node: &usize| role.is_none_or(|role| self.experiment.nodes[*node].role == role);
        (0..self.died.len()).filter(runs).filter(is).collect()
    }

    /// Asks all nodes twice: if nothing has moved between, all answers hold at one moment. Blocks go on
    /// arriving, so it may take several attempts, of which the last one counts.
    fn picture(&mut self) -> Picture {
        let interval = Duration::from_micros(self.experiment.chain.block_interval_us);
        let patience = (interval * PICTURE_INTERVALS as u32).clamp(PICTURE_MIN, PICTURE_MAX);
        let deadline = Instant::now() + patience;
        let alive = self.alive(None);
        let full = self.alive(Some(Role::Full));
        loop {
            let before = self.statuses(&alive);
            let taken = SystemTime::now();
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
            let after = self.statuses(&alive);
            let still = alive.iter().all(|node| match (&before[*node], &after[*node]) {
                (Some(before), Some(after)) => (before.tip, before.blocks) == (after.tip, after.blocks),
                (before, after) => before.is_none() && after.is_none(),
            });
            if still || late {
                let supply = best.and_then(|node| before[node].as_ref()).map(|status| status.supply);
                return Picture { statuses: before, balances, supply, taken };
            }
        }
    }

    fn statuses(&mut self, nodes: &[usize]) -> Vec<Option<Status>> {
        let mut statuses = vec![None; self.died.len()];
        let replies = self.voices.ask_all(nodes, &Request::Status, STATUS_PATIENCE);
        for (node, reply) in nodes.iter().zip(replies) {
            if let Some(Reply::Status(status)) = reply {
                statuses[*node] = Some(status);
            }
        }
        statuses
    }

    /// What every node has by the chain of the full node `of`.
    fn balances(&mut self, of: Option<usize>, statuses: &[Option<Status>]) -> Vec<Option<(Amount, Amount)>> {
        let addresses = self.addresses.clone();
        let Some(of) = of.filter(|of| statuses[*of].is_some()) else { return vec![None; addresses.len()] };
        let mut balance = |address| {
            let request = Request::Balance { address: Some(address) };
            match self.voices.ask_one(of, &request, STATUS_PATIENCE) {
                Some(Reply::Balance { confirmed, locked, .. }) => Some((confirmed, locked)),
                _ => None,
            }
        };
        addresses.into_iter().map(&mut balance).collect()
    }

    /// Asks all nodes to end and waits; who does not is killed with the network.
    fn stop(&mut self) -> Result<(), RunError> {
        let alive = self.alive(None);
        for node in &alive {
            self.voices.ask(*node, &Request::Stop);
        }
        let deadline = Instant::now() + STOP_PATIENCE;
        let mut running = alive.len();
        while running > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.progress.say(&format!("{running} nodes did not end in time and are killed"));
                break;
            }
            running -= usize::from(self.lab.wait_any(Some(left.min(Duration::from_millis(200))))?.is_some());
        }
        Ok(())
    }
}

/// Reads the traces and writes the tables; gives the numbers.
pub(super) fn write(
    experiment: &Experiment,
    folder: &Folder,
    ending: &Ending,
    taken_us: u64,
) -> Result<Summary, RunError> {
    let addresses: Vec<_> = ending.nodes.iter().map(|node| node.address).collect();
    let failed = |path: &Path, error: io::Error| RunError::Environment(format!("{}: {error}", path.display()));
    let mut chain = Chain::new(&addresses, taken_us);
    for (index, node) in experiment.nodes.iter().enumerate() {
        let path = folder.node(&node.name).join(EVENTS);
        match File::open(&path) {
            Ok(file) => chain.add_trace(index, BufReader::new(file)).map_err(|error| failed(&path, error))?,
            // A node that never got so far has no trace.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, error)),
        }
    }
    chain.finish();
    write_all(experiment, folder, ending, &chain)
}

/// Writes everything; gives the numbers.
pub(super) fn write_all(
    experiment: &Experiment,
    folder: &Folder,
    ending: &Ending,
    chain: &Chain,
) -> Result<Summary, RunError> {
    let summary = write_tables(experiment, folder, ending, chain)?;
    write_summary(experiment, folder, &summary)?;
    Ok(summary)
}

/// Writes the tables; gives the numbers.
pub(super) fn write_tables(
    experiment: &Experiment,
    folder: &Folder,
    ending: &Ending,
    chain: &Chain,
) -> Result<Summary, RunError> {
    let summary = Summary::new(experiment, chain, ending);
    let tables = Tables { experiment, chain, ending, summary: &summary };
    let write = |name: &str, write: &dyn Fn(BufWriter<File>) -> io::Result<()>| write_file(folder, name, write);
    if experiment.output.csv {
        write("blocks.csv", &|out| tables.blocks(out))?;
        write("propagation.csv", &|out| tables.propagation(out))?;
        if tables.arrival_rows() <= ARRIVAL_ROWS_MAX {
            write("arrivals.csv", &|out| tables.arrivals(out))?;
        }
        write("nodes.csv", &|out| tables.nodes(out))?;
        write("transactions.csv", &|out| tables.transactions(out))?;
    }
    Ok(summary)
}

/// Writes the numbers, and the report, which is made of all that is in the folder by then.
pub(super) fn write_summary(experiment: &Experiment, folder: &Folder, summary: &Summary) -> Result<(), RunError> {
    if experiment.output.json {
        write_file(folder, "summary.json", |out| json::write(summary, out))?;
    }
    if let Err(why) = report::write(&folder.path) {
        // The results are there all the same, and whether somebody reads this changes nothing.
        let _ = writeln!(io::stderr(), "note: no report.html: {why}");
    }
    Ok(())
}

/// Writes one file into the folder of the run.
pub(super) fn write_file(
    folder: &Folder,
    name: &str,
    write: impl FnOnce(BufWriter<File>) -> io::Result<()>,
) -> Result<(), RunError> {
    let path = folder.path.join(name);
    let written = File::create(&path).and_then(|file| write(BufWriter::new(file)));
    written.map_err(|error| RunError::Environment(format!("{}: {error}", path.display())))
}
