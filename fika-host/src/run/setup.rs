//! What each node process gets: its key, and its `node.json` with genesis and clock.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use fika_core::address::Address;
use fika_core::header::SECOND;
use fika_core::keys::KeyScheme;

use super::folder::Folder;
use super::{ResolvedPlugins, RunError, signals};
use crate::experiment::{Experiment, NodeIndex, Parties, Relay};
use crate::isolation::{Lab, Launch};
use crate::live::{LoadEntry, Member, NodeSetup, keyfile, node_key};

/// When a run began and how its chain counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// What the machine's monotonic clock shows, or would have shown, when the chain's time is 0, in microseconds. Times
    /// within a run come from that clock: whoever sets the wall clock changes no figure.
    pub(super) epoch_us: i64,
    /// When the run began, in microseconds of the chain's time.
    pub(super) start_us: u64,
    /// The header time of the genesis block, in ticks.
    pub(super) genesis_time: u32,
}

impl Clock {
    /// Ticks of a second or more count Unix time, as in Bitcoin. Finer ticks count from the start of the run, for
    /// 32 bits do not hold more.
    pub(super) fn new(tick_us: u64, start: SystemTime, monotonic_us: i64) -> Clock {
        let since_1970 = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let start_us = u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX);
        if tick_us < SECOND {
            return Clock { epoch_us: monotonic_us, start_us: 0, genesis_time: 0 };
        }
        let genesis_time = u32::try_from(start_us / tick_us).unwrap_or(u32::MAX);
        Clock { epoch_us: monotonic_us.saturating_sub_unsigned(start_us), start_us, genesis_time }
    }

    /// The same clock for a run that begins now.
    pub(super) fn beginning_at(self, monotonic_us: i64) -> Clock {
        Clock { epoch_us: monotonic_us.saturating_sub_unsigned(self.start_us), ..self }
    }

    /// This moment of the monotonic clock in microseconds of the chain's time.
    pub(super) fn time_us(&self, monotonic_us: i64) -> u64 {
        u64::try_from(monotonic_us.saturating_sub(self.epoch_us)).unwrap_or(0)
    }
}

/// Makes the folder and the key of every node. Gives their addresses.
pub(super) fn make_keys(
    experiment: &Experiment,
    scheme: &dyn KeyScheme,
    folder: &Folder,
) -> Result<Vec<Address>, RunError> {
    on_all_cores(experiment.nodes.len(), |index| {
        let path = folder.create_node(&experiment.nodes[index].name)?.join(KEY);
        let make = || node_key(scheme, experiment.seed, index as NodeIndex);
        let pair = keyfile::read_or_create(&path, scheme, make)?;
        Ok(scheme.address(&pair.public))
    })
}

/// Calls `make` with each number below `count`, on all cores: an RSA key takes a second.
pub(super) fn on_all_cores<T: Send>(
    count: usize,
    make: impl Fn(usize) -> Result<T, RunError> + Sync,
) -> Result<Vec<T>, RunError> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut made = vec![];
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return Ok(made);
            }
            signals::check()?;
            made.push((index, make(index)?));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(count);
    let made: Vec<Result<Vec<(usize, T)>, RunError>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let panicked = || Err(RunError::Input("the key scheme panicked".into()));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| panicked())).collect()
    });
    let mut made: Vec<(usize, T)> = made.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    made.sort_unstable_by_key(|(index, _)| *index);
    Ok(made.into_iter().map(|(_, thing)| thing).collect())
}

/// The program name of a node's process. No user can give it, so it is never taken for a command.
pub(super) const NODE: &str = "fika-node";

pub(super) const KEY: &str = "key.pem";
pub(super) const SETUP: &str = "node.json";
pub(super) const LOG: &str = "node.log";
pub(super) const EVENTS: &str = "events.jsonl";
pub(super) const DATABASE: &str = "world.redb";

/// Writes the `node.json` of every node.
pub(super) fn write(
    experiment: &Experiment,
    plugins: &ResolvedPlugins,
    addresses: &[Address],
    clock: Clock,
    folder: &Folder,
    lab: &Lab,
) -> Result<(), RunError> {
    let coins = experiment.nodes.iter().zip(addresses);
    let genesis: Vec<_> =
        coins.flat_map(|(node, address)| node.coins.iter().map(|amount| (*address, *amount))).collect();
    let member = |(node, address): (&crate::experiment::NodeSpec, &Address)| Member {
        name: node.name.clone(),
        address: *address,
    };
    let members: Vec<Member> = experiment.nodes.iter().zip(addresses).map(member).collect();
    let mut chain = experiment.chain.clone();
    chain.genesis_time = clock.genesis_time;
    let identity = plugins.identity();
    for (index, node) in experiment.nodes.iter().enumerate() {
        let own = folder.node(&node.name);
        let file = |name: &str| own.join(name);
        let pays = |parties: &Parties| match parties {
            Parties::Any => true,
            Parties::Nodes(nodes) => nodes.contains(&(index as NodeIndex)),
        };
        let load = (0..).zip(&experiment.load).filter(|(_, load)| pays(&load.from));
        let setup = NodeSetup {
            run: lab.record().name.clone(),
            index: index as NodeIndex,
            nodes: members.clone(),
            role: node.role,
            ports: lab.ports(index).to_vec(),
            chain: chain.clone(),
            epoch_us: clock.epoch_us,
            start_us: clock.start_us,
            waits: true,
            genesis: genesis.clone(),
            identity: identity.clone(),
            plugins: plugins.choices.clone(),
            attack: node.agent.as_ref().map(|name| plugins.attacks[name].clone()),
            relay: Relay { compact: experiment.relay.compact && node.compact, ..experiment.relay },
            mempool: experiment.mempool,
            hash_rate: node.hash_rate,
            mines: experiment.mines(index),
            durability: node.durability,
            load: load.map(|(index, load)| LoadEntry { index, load: load.clone() }).collect(),
            seed: experiment.seed,
            key: file(KEY),
            database: file(DATABASE),
            events: file(EVENTS),
            control: lab.control_socket(index).to_owned(),
            watchdog_s: WATCHDOG_S,
            ban_s: BAN_S,
        };
        setup.write(&file(SETUP))?;
    }
    Ok(())
}

/// How the process of a node is started.
pub(super) fn launch(folder: &Folder, node: &str) -> Launch {
    let setup = node_setup(&folder.path, node);
    Launch::own([NODE.as_ref(), node.as_ref(), setup.as_os_str()], folder.node(node).join(LOG))
}

/// The path of a node's `node.json` in the folder of a run.
pub(crate) fn node_setup(results: &Path, node: &str) -> PathBuf {
    results.join("nodes").join(node).join(SETUP)
}

/// A node that is started during the run is to begin at once, by the run's clock, with the hash rate that it has by now.
pub(super) fn set_begun(setup: &Path, epoch_us: i64, hash_rate: u128) -> Result<(), String> {
    let begun = |known| NodeSetup { epoch_us, hash_rate, waits: false, ..known };
    let written = NodeSetup::read(setup).and_then(|known| begun(known).write(setup));
    written.map_err(|error| error.to_string())
}

/// A plugin's call that takes longer ends its node, in seconds.
const WATCHDOG_S: u64 = 10;
/// How long a neighbour that misbehaved is banned, in seconds.
const BAN_S: u64 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_ticks_count_unix_time_and_fine_ones_the_run() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        let coarse = Clock::new(SECOND, start, 5_000_000);
        let expected = Clock {
            epoch_us: 5_000_000 - 1_700_000_000_500_000,
            start_us: 1_700_000_000_500_000,
            genesis_time: 1_700_000_000,
        };
        assert_eq!(coarse, expected);
        assert_eq!(coarse.time_us(7_000_000), 1_700_000_002_500_000);
        let fine = Clock::new(1_000, start, 5_000_000);
        assert_eq!(fine, Clock { epoch_us: 5_000_000, start_us: 0, genesis_time: 0 });
        assert_eq!(fine.time_us(7_000_000), 2_000_000);
        for clock in [coarse, fine] {
            assert_eq!(clock.beginning_at(8_000_000).time_us(8_000_000), clock.start_us);
        }
    }
}
