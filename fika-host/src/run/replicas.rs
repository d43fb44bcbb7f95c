//! Several simulated runs of one experiment that differ only in their seed, as many at once as there are cores.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::progress_line::ProgressLine;
use super::write_results::{write_file, write_summary, write_tables};
use super::{Folder, ResolvedPlugins, RunError, signals, simulate};
use crate::experiment::Experiment;
use crate::results::{Ended, Figure, Replica, Replicas, Summary, write_replicas};
use crate::sim;

/// How often the progress line is updated.
const LOOK: Duration = Duration::from_millis(250);

/// Makes all runs on at most `threads` threads. Writes the tables of the first one and the statistics of all into
/// `folder`. The number of threads changes no result.
pub(super) fn run(
    experiment: &Experiment,
    plugins: &ResolvedPlugins,
    folder: &Folder,
    mut progress_line: ProgressLine,
    threads: usize,
) -> Result<Summary, RunError> {
    let began = Instant::now();
    let figures = Figure::all(experiment);
    let runs = Runs { experiment, plugins, folder, next: AtomicU32::new(0), failed: AtomicBool::new(false) };
    let threads = threads.clamp(1, experiment.repeat as usize);
    let places: Vec<Place> = (0..threads).map(|_| Place::default()).collect();
    let (mut first, mut failures, mut cut, mut stalled) = (None, vec![], None, None::<(u32, Ended, String)>);
    let mut replicas: Vec<Replica> = vec![];
    std::thread::scope(|scope| {
        let (sender, done) = channel();
        for place in &places {
            let (sender, runs) = (sender.clone(), &runs);
            scope.spawn(move || {
                while let Some(index) = runs.take() {
                    // The receiver lives as long as this scope.
                    let _ = sender.send((index, runs.make(index, place)));
                }
            });
        }
        drop(sender);
        loop {
            match done.recv_timeout(LOOK) {
                Ok((index, Ok(summary))) => {
                    match summary.ended {
                        Ended::Asked | Ended::Interrupted => cut = Some(summary.ended),
                        _ => replicas.push(Replica::new(&figures, &summary)),
                    }
                    let is_stalled = matches!(summary.ended, Ended::NothingLeft | Ended::Stalled);
                    // Which thread was first must not show.
                    if is_stalled && stalled.as_ref().is_none_or(|(other, ..)| index < *other) {
                        let why = summary.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
                        stalled = Some((index, summary.ended, format!("in the run with seed {}{why}", summary.seed)));
                    }
                    if index == 0 {
                        first = Some(summary);
                    }
                }
                Ok((index, Err(error))) => failures.push((index, error)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let line = || line(experiment, replicas.len(), &places, began.elapsed());
            progress_line.show_line(Instant::now(), line);
        }
    });
    progress_line.clear();
    if let Some((index, error)) = failures.into_iter().min_by_key(|(index, _)| *index) {
        let at = |why| format!("in the run with seed {}: {why}", runs.seed(index));
        return Err(match error {
            RunError::Input(why) => RunError::Input(at(why)),
            RunError::Environment(why) => RunError::Environment(at(why)),
            RunError::Interrupted => RunError::Interrupted,
        });
    }
    let Some(mut first) = first else { unreachable!("the first run is always made, and has not failed") };
    if let Some((_, ended, why)) = stalled {
        (first.ended, first.why) = (ended, Some(why));
    }
    replicas.sort_by_key(|replica| replica.seed);
    if replicas.len() < experiment.repeat as usize {
        // The first run may have ended by itself, but not all of them have.
        first.ended = cut.or_else(signals::asked).unwrap_or(first.ended);
    }
    let statistics = Replicas::new(experiment, &figures, &replicas);
    if experiment.output.csv {
        write_file(folder, "replicas.csv", |out| write_replicas(out, &figures, &replicas))?;
    }
    if experiment.output.json {
        write_file(folder, "statistics.json", |out| Ok(serde_json::to_writer_pretty(out, &statistics)?))?;
    }
    let summary = first.with_replicas(experiment, statistics);
    write_summary(experiment, folder, &summary)?;
    Ok(summary)
}

/// How far the run of one thread is, while it makes one.
type Place = Mutex<Option<sim::Progress>>;

/// What the threads share.
struct Runs<'a> {
    experiment: &'a Experiment,
    plugins: &'a ResolvedPlugins,
    folder: &'a Folder,
    next: AtomicU32,
    /// One of them has failed, so the others stop early.
    failed: AtomicBool,
}

impl Runs<'_> {
    /// The next run, from 0. The first one is made even if the end is asked for before it begins.
    fn take(&self) -> Option<u32> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let ended = index >= self.experiment.repeat || (index > 0 && self.asked().is_some());
        (!ended).then_some(index)
    }

    fn asked(&self) -> Option<Ended> {
        if self.failed.load(Ordering::Relaxed) { Some(Ended::Asked) } else { signals::asked() }
    }

    fn seed(&self, index: u32) -> u64 {
        self.experiment.seed.wrapping_add(index.into())
    }

    /// Makes one run. The trace and the tables of the first one are written; of the others only the numbers are kept.
    fn make(&self, index: u32, place: &Place) -> Result<Summary, RunError> {
        let made = self.try_make(index, place);
        *place.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if made.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        made
    }

    fn try_make(&self, index: u32, place: &Place) -> Result<Summary, RunError> {
        let mut look = |state| {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
            self.asked()
        };
        if index == 0 {
            let (ending, chain) = simulate::once(self.experiment, self.plugins, &self.folder.path, &mut look)?;
            return write_tables(self.experiment, self.folder, &ending, &chain);
        }
        let experiment = self.experiment.with_seed(self.seed(index));
        let mut experiment = experiment.map_err(|errors| RunError::Input(errors.to_string()))?;
        experiment.output.trace = None;
        let (ending, chain) = simulate::once(&experiment, self.plugins, &self.folder.path, &mut look)?;
        Ok(Summary::new(&experiment, &chain, &ending))
    }
}

fn line(experiment: &Experiment, done: usize, places: &[Place], elapsed: Duration) -> String {
    let places = places.iter().filter_map(|place| *place.lock().unwrap_or_else(PoisonError::into_inner));
    let running: Vec<sim::Progress> = places.collect();
    let mut line = format!("{done} of {} runs", experiment.repeat);
    if let Some(slowest) = running.iter().min_by_key(|state| (state.now_us, state.height)) {
        line += &format!("  the slowest at {}", simulate::place(experiment, *slowest));
    }
    let shares: f64 = running.iter().filter_map(|state| simulate::share(experiment, *state)).sum();
    let share = (done as f64 + shares) / f64::from(experiment.repeat);
    if share > 0.0 {
        line += &simulate::left(share, elapsed);
    }
    line
}
