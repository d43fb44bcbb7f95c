//! Runs an experiment: prepares nodes and cables, supervises them, and writes the results.

mod begin;
mod control_clients;
mod error;
mod first_duties;
mod folder;
mod network_events;
mod progress;
mod progress_line;
mod replicas;
mod resolved_plugins;
mod run_file;
mod setup;
mod signals;
mod simulate;
mod snapshot;
mod supervise;
mod supervisor_socket;
mod usage;
mod write_results;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::Registry;
use crate::experiment::{Conditions, Engine, Experiment, NodeSpec, Plan};
use crate::isolation::{self, Lab, Link, Physics, Rates};
use crate::live::{self, NodeSetup};
use crate::plugins::{self, PROBE_COMMAND, answer_probe};
use crate::results::Summary;

use control_clients::ControlClients;
pub use error::RunError;
pub(crate) use first_duties::{check_seal_fits, nothing_to_do};
pub(crate) use folder::Folder;
use progress::Progress;
use progress_line::ProgressLine;
pub(crate) use resolved_plugins::ResolvedPlugins;
use run_file::write_run;
use setup::NODE;
pub(crate) use setup::node_setup;
pub(crate) use signals::INTERRUPTED;
pub use simulate::simulate;
use supervise::Supervisor;
pub(crate) use supervise::last_error;
use supervisor_socket::SupervisorSocket;
pub(crate) use supervisor_socket::{SupervisorRequest, ask_supervisor};

/// What runs experiments: this program with its plugins.
///
/// Nodes are processes of this very program. In such a process [`Host::init`] becomes the node and never returns.
/// There is no other way to get a `Host`, so every program that can run experiments can also be their nodes.
/// Call it first in `main`, before any thread starts.
#[derive(Clone, Debug)]
pub struct Host {
    registry: Registry,
}

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Whether the progress line on a terminal is left out.
    pub quiet: bool,
    /// Called once all nodes run, with the name of the run and its results folder.
    pub on_start: Option<fn(&str, &Path)>,
}

impl Host {
    /// Call it first in `main`. In a process that was started as a node it never returns.
    pub fn init(registry: Registry) -> Host {
        let arguments: Vec<OsString> = std::env::args_os().take(5).collect();
        match &arguments[..] {
            [name, _, setup] if name == NODE => become_node(Path::new(setup), &registry),
            [_, command, library, made @ ..] if command == PROBE_COMMAND => become_probe(library, made),
            _ => Host { registry },
        }
    }

    /// The plugins that are compiled in.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Runs an experiment to its end. The results are on disk when it returns; [`Summary::as_expected`] says whether
    /// every expectation holds.
    ///
    /// # Errors
    /// [`RunError`], in one line. Nothing runs any more then.
    pub fn run(&self, experiment: &Experiment) -> Result<Summary, RunError> {
        self.run_with(experiment, &RunOptions::default())
    }

    /// As [`Host::run`], with options.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn run_with(&self, experiment: &Experiment, options: &RunOptions) -> Result<Summary, RunError> {
        // Before this process enters namespaces: other processes may read the plugins that are built here.
        let plugins = ResolvedPlugins::new(experiment, &self.registry)?;
        check_seal_fits(experiment, &plugins)?;
        let mut progress_line = ProgressLine::new(options.quiet, Instant::now());
        for doubt in doubts(experiment)? {
            progress_line.say(&format!("warning: {doubt}"));
        }
        if experiment.engine == Some(Engine::Sim) {
            return self.simulate(experiment, &plugins, options, progress_line);
        }
        let links = links(experiment);
        let (all, physics) = &links;
        let needs_cables = experiment.cuts_links() || all.iter().any(|link| physics.shape(link));
        let engine = engine(experiment.engine, needs_cables, &mut progress_line)?;
        let runtime_dir = isolation::runtime_dir()?;
        for line in isolation::clean(&runtime_dir)? {
            progress_line.say(&format!("removed what a killed run had left: {line}"));
        }
        // Before anything is claimed that has to be given back.
        signals::listen().map_err(|error| RunError::Environment(format!("listening to signals: {error}")))?;
        let folder = Folder::create(Path::new(&experiment.output.dir), &experiment.name, SystemTime::now())?;
        let summary =
            self.run_live(experiment, &plugins, options, (engine, &runtime_dir, &folder, &links), progress_line);
        if matches!(summary, Err(RunError::Interrupted)) {
            folder.remove()?;
        }
        summary
    }

    /// Runs its nodes as processes.
    fn run_live(
        &self,
        experiment: &Experiment,
        plugins: &ResolvedPlugins,
        options: &RunOptions,
        (engine, runtime_dir, folder, links): (isolation::Engine, &Path, &Folder, &(Vec<Link>, Physics)),
        mut progress_line: ProgressLine,
    ) -> Result<Summary, RunError> {
        let addresses = setup::make_keys(experiment, &*plugins.keys, folder)?;
        // Dropping it gives everything back.
        let mut lab = create_lab(experiment, engine, runtime_dir, links)?;
        if let Some(kinds) = lab.cable_kinds().filter(|kinds| kinds.userspace > 0) {
            progress_line.say(&format!("cables: {kinds}"));
        }
        lab.set_results(folder.path.clone())?;
        let socket = SupervisorSocket::listen(lab.directory())
            .map_err(|error| RunError::Environment(format!("{}: {error}", lab.directory().display())))?;
        let start = SystemTime::now();
        let clock = setup::Clock::new(experiment.chain.tick_us, start, live::monotonic_us());
        setup::write(experiment, plugins, &addresses, clock, folder, &lab)?;
        write_run(experiment, plugins, (engine, lab.cable_kinds()), start, folder)?;
        let absent = experiment.absent_at_start();
        for (index, node) in experiment.nodes.iter().enumerate().filter(|(index, _)| !absent[*index]) {
            signals::check()?;
            lab.start(index, setup::launch(folder, &node.name))?;
        }
        folder.show_as_latest()?;
        let paths: Vec<PathBuf> = (0..experiment.nodes.len()).map(|node| lab.control_socket(node).to_owned()).collect();
        let now = Instant::now();
        let mut supervisor = Supervisor {
            experiment,
            folder,
            addresses,
            lab,
            clients: ControlClients::new(paths.into_iter()),
            progress: Progress::new(experiment, now),
            progress_line,
            socket: Some(socket),
            plan: Plan::new(experiment),
            conditions: Conditions::new(experiment),
            events: vec![],
            clock,
            start,
            started: now,
            hash_rates: experiment.nodes.iter().map(|node| node.hash_rate).collect(),
            has_begun: false,
            died: absent.iter().map(|absent| absent.then(|| "has not joined".into())).collect(),
            plugin_failed: None,
        };
        let ended = match supervisor.begin()? {
            Some(ended) => ended,
            None => {
                if let Some(on_start) = options.on_start {
                    on_start(&supervisor.lab.record().name, &folder.path);
                }
                supervisor.supervise()?
            }
        };
        let (ending, taken_us) = supervisor.end(ended)?;
        write_results::write_from_traces(experiment, folder, &ending, taken_us)
    }
}

impl Host {
    /// Runs it under virtual time.
    fn simulate(
        &self,
        experiment: &Experiment,
        plugins: &ResolvedPlugins,
        options: &RunOptions,
        progress_line: ProgressLine,
    ) -> Result<Summary, RunError> {
        let start = SystemTime::now();
        signals::listen().map_err(|error| RunError::Environment(format!("listening to signals: {error}")))?;
        let folder = Folder::create(Path::new(&experiment.output.dir), &experiment.name, start)?;
        folder.show_as_latest()?;
        write_run(experiment, plugins, ("sim", None), start, &folder)?;
        simulate::start_watchdog()?;
        if let Some(on_start) = options.on_start {
            on_start(&experiment.name, &folder.path);
        }
        if experiment.repeat > 1 {
            let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
            return replicas::run(experiment, plugins, &folder, progress_line, cores);
        }
        simulate::run(experiment, plugins, &folder, progress_line)
    }
}

/// What will most likely not be as it was meant.
///
/// # Errors
/// When the run would never end.
pub(crate) fn doubts(experiment: &Experiment) -> Result<Vec<String>, RunError> {
    let unreachable = experiment.unreachable();
    if let Some(why) = unreachable.as_ref().filter(|_| experiment.stop.time_us.is_none()) {
        return Err(RunError::Input(format!("{}: {why}; give a stop_time, or join them", experiment.name)));
    }
    Ok(unreachable.into_iter().chain(experiment.doubts()).collect())
}

/// Runs this process as a node.
fn become_node(setup: &Path, registry: &Registry) -> ! {
    let code = match NodeSetup::read(setup) {
        Ok(setup) => live::run_node(setup, registry),
        Err(failure) => {
            // Standard error is the node's log.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.exit_code()
        }
    };
    plugins::disarm();
    std::process::exit(code.into())
}

/// Runs this process as the probe of a plugin.
fn become_probe(library: &OsStr, made: &[OsString]) -> ! {
    let made: Vec<_> = made.iter().map(|argument| argument.to_string_lossy()).collect();
    let made = if let [kind, table] = &made[..] { Some((&**kind, &**table)) } else { None };
    let (line, code) = answer_probe(&library.to_string_lossy(), made);
    // The process that asked may have given up.
    let _ = writeln!(std::io::stdout(), "{line}");
    plugins::disarm();
    std::process::exit(code.into())
}

/// The engine that is asked for, or else the best one that this machine permits. Enters a user namespace if it
/// needs one.
fn engine(
    wanted: Option<Engine>,
    has_physics: bool,
    progress_line: &mut ProgressLine,
) -> Result<isolation::Engine, RunError> {
    let other = if has_physics { "sim" } else { "process" };
    match wanted {
        Some(Engine::Process) => return Ok(isolation::Engine::Process),
        Some(Engine::Sim) => {
            return Err(RunError::Input(
                "the engine 'sim' runs no nodes as processes; expected netns or process".into(),
            ));
        }
        Some(Engine::Netns) | None => {}
    }
    let permitted = isolation::permitted().map_err(|reason| reason.to_string());
    let entered = permitted.and_then(|()| isolation::enter_user_namespace().map_err(|error| error.to_string()));
    let entered = entered.map_err(|why| format!("{why}, or use --engine {other}"));
    match (entered, wanted) {
        (Ok(()), _) => Ok(isolation::Engine::Netns),
        (Err(why), Some(_)) => Err(RunError::Environment(why)),
        (Err(why), None) if has_physics => Err(RunError::Environment(why)),
        (Err(why), None) => {
            progress_line.say(&format!("note: nodes run as plain processes: {why}"));
            Ok(isolation::Engine::Process)
        }
    }
}

/// The links with their physics, and the lines of the nodes.
fn links(experiment: &Experiment) -> (Vec<Link>, Physics) {
    let link = |(index, (a, b)): (usize, &(u32, u32))| {
        let link = Link::new(*a as usize, *b as usize).with(experiment.cables(index));
        Link { changes: experiment.changes_link(index), ..link }
    };
    let line = |node: &NodeSpec| Rates { upload_bps: node.upload_bps, download_bps: node.download_bps };
    let physics = Physics { seed: experiment.seed, rates: experiment.nodes.iter().map(line).collect() };
    (experiment.links.iter().enumerate().map(link).collect(), physics)
}

/// Makes the network. The run has the name of its experiment; while another run has that name, it gets a number too.
fn create_lab(
    experiment: &Experiment,
    engine: isolation::Engine,
    runtime_dir: &Path,
    (links, physics): &(Vec<Link>, Physics),
) -> Result<Lab, RunError> {
    let nodes: Vec<String> = experiment.nodes.iter().map(|node| node.name.clone()).collect();
    let mut number = 1;
    loop {
        let ending = if number == 1 { String::new() } else { format!("-{number}") };
        let stem: String = experiment.name.chars().take(40 - ending.len()).collect();
        match Lab::create(engine, &(stem + &ending), runtime_dir, &nodes, links, physics) {
            Err(isolation::Error::Running { .. }) if number < 100 => number += 1,
            lab => return Ok(lab?),
        }
    }
}
