//! Several simulated runs of one experiment that differ only in their seed, as many at once as there are cores.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::progress_line::ProgressLine;
use super::run_file::write_run;
use super::write_results::{write_all, write_file, write_summary};
use super::{Folder, ResolvedPlugins, RunError, signals, simulate};
use crate::experiment::Experiment;
use crate::results::{Ended, Figure, Replica, Replicas, Summary, json, next_look, write_replicas};
use crate::sim;

/// How often the progress line is updated.
const LOOK: Duration = Duration::from_millis(250);

/// Makes all runs on at most `threads` threads, and more of them while an expectation is undecided and the experiment
/// permits it. Writes the statistics into `folder`, and the first run in full into a folder of its own in it. The
/// number of threads changes no result.
pub(super) fn run(
    experiment: &Experiment,
    plugins: &ResolvedPlugins,
    folder: &Folder,
    mut progress_line: ProgressLine,
    threads: usize,
) -> Result<Summary, RunError> {
    let figures = Figure::all(experiment);
    let began = Instant::now();
    let (mut made, mut wanted) = (Made::default(), experiment.repeat);
    let mut runs =
        Runs { experiment, plugins, folder, wanted, next: AtomicU32::new(0), failed: AtomicBool::new(false) };
    let (mut summary, statistics) = loop {
        runs.make_all(threads, &mut made, &figures, &mut |done, places| {
            progress_line.show_line(Instant::now(), || line(experiment, wanted, done, places, began.elapsed()));
        });
        if let Some((index, error)) = made.failures.iter().min_by_key(|(index, _)| *index) {
            progress_line.clear();
            let at = |why| format!("in the run with seed {}: {why}", runs.seed(*index));
            return Err(match error.clone() {
                RunError::Input(why) => RunError::Input(at(why)),
                RunError::Environment(why) => RunError::Environment(at(why)),
                RunError::Interrupted => RunError::Interrupted,
            });
        }
        let Some(first) = &made.first else { unreachable!("the first run is always made, and has not failed") };
        made.replicas.sort_by_key(|replica| replica.seed);
        let statistics = Replicas::new(experiment, wanted, &figures, &made.replicas);
        let summary = first.clone().with_replicas(experiment, statistics.clone());
        let open = made.replicas.len() == wanted as usize && summary.as_expected().is_none();
        let Some(more) = next_look(experiment, wanted).filter(|_| open) else { break (summary, statistics) };
        (wanted, runs.wanted, runs.next) = (more, more, AtomicU32::new(wanted));
    };
    progress_line.clear();
    if let Some((_, ended, why)) = made.stalled {
        (summary.ended, summary.why) = (ended, Some(why));
    }
    if made.replicas.len() < wanted as usize {
        // The first run may have ended by itself, but not all of them have.
        summary.ended = made.cut.or_else(signals::asked).unwrap_or(summary.ended);
    }
    summary.results.clone_from(&folder.path);
    if experiment.output.csv {
        write_file(folder, "replicas.csv", |out| write_replicas(out, &figures, &made.replicas))?;
    }
    if experiment.output.json {
        write_file(folder, "statistics.json", |out| json::write(&statistics, out))?;
    }
    write_summary(experiment, folder, &summary)?;
    Ok(summary)
}

/// How far the run of one thread is, while it makes one.
type Place = Mutex<Option<sim::Progress>>;

/// What has been made so far.
#[derive(Default)]
struct Made {
    first: Option<Summary>,
    replicas: Vec<Replica>,
    failures: Vec<(u32, RunError)>,
    /// Why some run did not end by itself.
    cut: Option<Ended>,
    /// The first run that could not reach its end, how it ended, and why.
    stalled: Option<(u32, Ended, String)>,
}

impl Made {
    fn add(&mut self, index: u32, run: Result<Summary, RunError>, figures: &[Figure]) {
        match run {
            Ok(summary) => {
                match summary.ended {
                    Ended::Asked | Ended::Interrupted => self.cut = Some(summary.ended),
                    _ => self.replicas.push(Replica::new(figures, &summary)),
                }
                let is_stalled = matches!(summary.ended, Ended::NothingLeft | Ended::Stalled | Ended::PluginFailed);
                // Which thread was first must not show.
                if is_stalled && self.stalled.as_ref().is_none_or(|(other, ..)| index < *other) {
                    let why = summary.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
                    self.stalled = Some((index, summary.ended, format!("in the run with seed {}{why}", summary.seed)));
                }
                if index == 0 {
                    self.first = Some(summary);
                }
            }
            Err(error) => self.failures.push((index, error)),
        }
    }
}

/// What the threads share.
struct Runs<'a> {
    experiment: &'a Experiment,
    plugins: &'a ResolvedPlugins,
    folder: &'a Folder,
    /// How many runs there are to be.
    wanted: u32,
    next: AtomicU32,
    /// One of them has failed, so the others stop early.
    failed: AtomicBool,
}

impl Runs<'_> {
    /// Makes all runs that are left.
    fn make_all(
        &self,
        threads: usize,
        made: &mut Made,
        figures: &[Figure],
        show_line: &mut dyn FnMut(usize, &[Place]),
    ) {
        let left = self.wanted - self.next.load(Ordering::Relaxed);
        let places: Vec<Place> = (0..threads.clamp(1, left as usize)).map(|_| Place::default()).collect();
        std::thread::scope(|scope| {
            let (sender, done) = channel();
            for place in &places {
                let sender = sender.clone();
                scope.spawn(move || {
                    while let Some(index) = self.take() {
                        // The receiver lives as long as this scope.
                        let _ = sender.send((index, self.make(index, place)));
                    }
                });
            }
            drop(sender);
            loop {
                match done.recv_timeout(LOOK) {
                    Ok((index, run)) => made.add(index, run, figures),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                show_line(made.replicas.len(), &places);
            }
        });
    }

    /// The next run, from 0. The first one is made even if the end is asked for before it begins.
    fn take(&self) -> Option<u32> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let ended = index >= self.wanted || (index > 0 && self.asked().is_some());
        (!ended).then_some(index)
    }

    fn asked(&self) -> Option<Ended> {
        if self.failed.load(Ordering::Relaxed) { Some(Ended::Asked) } else { signals::asked() }
    }

    fn seed(&self, index: u32) -> u64 {
        self.experiment.seed.wrapping_add(index.into())
    }

    /// Makes one run. The first one leaves results of its own; of the others only the numbers are kept.
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
        let mut experiment = match index {
            0 => self.experiment.clone(),
            _ => {
                let drawn = self.experiment.with_seed(self.seed(index));
                drawn.map_err(|errors| RunError::Input(errors.to_string()))?
            }
        };
        // What is expected is expected of all runs.
        (experiment.repeat, experiment.max_runs, experiment.expects) = (1, 1, vec![]);
        if index == 0 {
            let own = self.folder.create_run(experiment.seed)?;
            write_run(&experiment, self.plugins, ("sim", None), SystemTime::now(), &own)?;
            let (ending, chain) = simulate::once(&experiment, self.plugins, &own.path, &mut look)?;
            return write_all(&experiment, &own, &ending, &chain);
        }
        experiment.output.trace = None;
        let (ending, chain) = simulate::once(&experiment, self.plugins, &self.folder.path, &mut look)?;
        Ok(Summary::new(&experiment, &chain, &ending))
    }
}

fn line(experiment: &Experiment, wanted: u32, done: usize, places: &[Place], elapsed: Duration) -> String {
    let places = places.iter().filter_map(|place| *place.lock().unwrap_or_else(PoisonError::into_inner));
    let running: Vec<sim::Progress> = places.collect();
    let mut line = format!("{done} of {wanted} runs");
    if let Some(slowest) = running.iter().min_by_key(|state| (state.now_us, state.height)) {
        line += &format!("  the slowest at {}", simulate::place(experiment, *slowest));
    }
    let shares: f64 = running.iter().filter_map(|state| simulate::share(experiment, *state)).sum();
    let share = (done as f64 + shares) / f64::from(wanted);
    if share > 0.0 {
        line += &simulate::left(share, elapsed);
    }
    line
}
