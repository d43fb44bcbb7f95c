//! A run under virtual time: all nodes in this process.

#[cfg(test)]
mod ends;
#[cfg(test)]
mod events;
#[cfg(test)]
mod light;
#[cfg(test)]
mod physics;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod traced;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;
use std::time::{Duration, Instant};

use fika_core::address::Address;
use fika_core::agent::Attack;
use fika_core::keys::{KeyPair, KeyScheme};
use fika_core::plugin::Faults;
use fika_core::transport::Transport;
use fika_core::world::{Genesis, World};

use super::progress_line::ProgressLine;
use super::setup::on_all_cores;
use super::write_results::write_all;
use super::{Folder, ResolvedPlugins, RunError, signals};
use crate::Registry;
use crate::experiment::{Experiment, NodeIndex};
use crate::live::node_keys;
use crate::plugins;
use crate::results::{Chain, Ended, Ending, Simulated, Summary, duration};
use crate::sim::{self, Simulation, Tracer};

/// A plugin's call that takes longer ends the run, in seconds.
const WATCHDOG_S: u64 = 10;

/// The parts of a run that the simulation borrows.
pub(super) struct Stage {
    transport: Box<dyn Transport>,
    attacks: BTreeMap<String, Box<dyn Attack>>,
    faults: Faults,
    keys: Vec<KeyPair>,
    addresses: Vec<Address>,
}

/// Runs an experiment and leaves its results in `folder`.
pub(super) fn run(
    experiment: &Experiment,
    plugins: &ResolvedPlugins,
    folder: &Folder,
    mut progress_line: ProgressLine,
) -> Result<Summary, RunError> {
    let began = Instant::now();
    let (ending, chain) = once(experiment, plugins, &folder.path, &mut |state| {
        progress_line.show_line(Instant::now(), || line(experiment, state, began.elapsed()));
        signals::asked()
    })?;
    progress_line.clear();
    write_all(experiment, folder, &ending, &chain)
}

/// One run, until it ends or until `look` says how it ends. Its trace and tables go into the folder `results`.
pub(super) fn once(
    experiment: &Experiment,
    plugins: &ResolvedPlugins,
    results: &Path,
    look: &mut dyn FnMut(sim::Progress) -> Option<Ended>,
) -> Result<(Ending, Chain), RunError> {
    let stage = Stage::new(experiment, plugins)?;
    let worlds = vec![stage.world(experiment, plugins)?];
    let tracer = experiment.output.trace.map(|format| Tracer::create(results, format, experiment));
    let mut tracer = tracer.transpose().map_err(RunError::Environment)?;
    let simulation = Simulation { tracer: tracer.as_mut(), ..stage.simulation(experiment, worlds, true) };
    let outcome = simulation.run(look);
    tracer.map_or(Ok(()), Tracer::finish).map_err(RunError::Environment)?;
    if !outcome.replays.is_empty() && outcome.ended != Ended::PluginFailed {
        // Nothing else runs now, and the number of threads changes no result.
        let workers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let mut world = stage.world_with(experiment, plugins, workers)?;
        world.follow_closely();
        let mut replays = outcome.replays.iter().take_while(|_| signals::asked().is_none());
        replays.try_for_each(|replay| replay.check(&mut world, &stage.addresses)).map_err(RunError::Environment)?;
    }
    let ending = Ending {
        results: results.to_owned(),
        engine: "sim".into(),
        ended: outcome.ended,
        why: outcome.why,
        start_us: 0,
        duration_us: outcome.duration_us,
        issued: Some(outcome.issued),
        supply: Some(outcome.supply),
        nodes: outcome.nodes,
        events: outcome.events,
        simulated: Some(outcome.simulated),
    };
    Ok((ending, outcome.chain))
}

/// Runs an experiment under virtual time, once, and leaves nothing behind: for measurements and for programs that want
/// the numbers of many runs.
///
/// # Errors
/// [`RunError`], in one line.
pub fn simulate(experiment: &Experiment, registry: &Registry) -> Result<Simulated, RunError> {
    let plugins = ResolvedPlugins::new(experiment, registry)?;
    let stage = Stage::new(experiment, &plugins)?;
    let worlds = vec![stage.world(experiment, &plugins)?];
    Ok(stage.simulation(experiment, worlds, true).run(&mut |_| None).simulated)
}

impl Stage {
    pub(super) fn new(experiment: &Experiment, plugins: &ResolvedPlugins) -> Result<Stage, RunError> {
        let faults = Faults::new();
        let env = plugins.env(&experiment.chain, &faults)?;
        let keys = make_keys(experiment, &*env.keys)?;
        let addresses = keys.iter().map(|pair| env.keys.address(&pair.public)).collect();
        let transport = plugins.transport(&env, &faults)?;
        let mut attacks = BTreeMap::new();
        for name in experiment.nodes.iter().filter_map(|node| node.agent.as_ref()) {
            if !attacks.contains_key(name)
                && let Some(attack) = plugins.attack(name, &env, &faults)?
            {
                attacks.insert(name.clone(), attack);
            }
        }
        Ok(Stage { transport, attacks, faults, keys, addresses })
    }

    /// A world with nothing but genesis.
    pub(super) fn world(&self, experiment: &Experiment, plugins: &ResolvedPlugins) -> Result<World, RunError> {
        let workers = NonZero::new(experiment.workers as usize).unwrap_or(NonZero::<usize>::MIN);
        self.world_with(experiment, plugins, workers)
    }

    fn world_with(
        &self,
        experiment: &Experiment,
        plugins: &ResolvedPlugins,
        workers: NonZero<usize>,
    ) -> Result<World, RunError> {
        let env = plugins.env(&experiment.chain, &self.faults)?;
        let rules = plugins.rules(env, workers, &self.faults)?;
        let coins = experiment.nodes.iter().zip(&self.addresses);
        let coins = coins.flat_map(|(node, address)| node.coins.iter().map(|amount| (*address, *amount))).collect();
        let genesis = Genesis { coins, identity: plugins.identity() };
        World::new(rules, &genesis).map_err(|reject| RunError::Input(format!("genesis: {reject}")))
    }

    pub(super) fn simulation<'a>(
        &'a self,
        experiment: &'a Experiment,
        worlds: Vec<World>,
        suppress: bool,
    ) -> Simulation<'a> {
        let attack = |name: &String| self.attacks.get(name).map(|attack| &**attack);
        Simulation {
            experiment,
            worlds,
            keys: self.keys.clone(),
            addresses: self.addresses.clone(),
            attacks: experiment.nodes.iter().map(|node| node.agent.as_ref().and_then(attack)).collect(),
            transport: &*self.transport,
            faults: self.faults.clone(),
            suppress,
            tracer: None,
            is_asked: || signals::asked().is_some(),
        }
    }
}

/// The keys of all nodes: those that live nodes would have.
fn make_keys(experiment: &Experiment, scheme: &dyn KeyScheme) -> Result<Vec<KeyPair>, RunError> {
    let count = experiment.nodes.len();
    // Large enough that the scheme gains by making many keys at once, small enough to keep all cores busy.
    let together = (count / 32).clamp(1, 256);
    let of_part = |part: usize| {
        let (first, end) = (part * together, (part * together + together).min(count));
        node_keys(scheme, experiment.seed, first as NodeIndex..end as NodeIndex).map_err(RunError::Input)
    };
    Ok(on_all_cores(count.div_ceil(together), of_part)?.concat())
}

fn line(experiment: &Experiment, state: sim::Progress, elapsed: Duration) -> String {
    let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
    let mut line = place(experiment, state);
    if state.tips > 1 {
        line += &format!(" on {} tips", state.tips);
    }
    if state.payments > 0 {
        line += &format!("  payments {}/{}", state.confirmed, state.payments);
        if state.lost > 0 {
            line += &format!(", {} lost", state.lost);
        }
    }
    let rate = u128::from(state.events) * 1_000_000 / u128::from(elapsed_us);
    line += &format!("  {} thousand events/s", rate / 1_000);
    if let Some(share) = share(experiment, state) {
        line += &left(share, elapsed);
    }
    line
}

/// The share of the run that is over.
pub(super) fn share(experiment: &Experiment, state: sim::Progress) -> Option<f64> {
    let done = |is: u64, of: u64| (is.min(of) as f64 / of.max(1) as f64).max(1e-9);
    let by_time = experiment.stop.time_us.map(|stop| done(state.now_us, stop));
    let by_height = experiment.stop.height.map(|stop| done(state.height, stop));
    by_time
        .into_iter()
        .chain(by_height)
        .fold(None, |most: Option<f64>, share| Some(most.map_or(share, |most| most.max(share))))
}

/// How long the rest takes at the same pace, if this share of the run took `elapsed`.
pub(super) fn left(share: f64, elapsed: Duration) -> String {
    let left = elapsed.as_secs_f64() * (1.0 / share - 1.0);
    format!("  {} left", duration(left as u64 * 1_000_000))
}

/// Where in virtual time a run is.
pub(super) fn place(experiment: &Experiment, state: sim::Progress) -> String {
    let second = |us: u64| duration(us / 1_000_000 * 1_000_000);
    let mut line = format!("virtual time {}", second(state.now_us));
    if let Some(stop) = experiment.stop.time_us {
        line += &format!(" of {}", second(stop));
    }
    line += &format!("  height {}", state.height);
    if let Some(stop) = experiment.stop.height {
        line += &format!(" of {stop}");
    }
    line
}

/// Ends this process when a plugin's call does not return. What is in the run's folder by then stays there.
pub(super) fn start_watchdog() -> Result<(), RunError> {
    let watching = plugins::start_watchdog(WATCHDOG_S, |_| {});
    watching.map_err(|error| RunError::Environment(format!("starting the watchdog: {error}")))
}
