//! What a node process is told when it starts: `node.json` in the node's folder.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::env::ChainParams;
use fika_core::header::Time;
use fika_core::keys::{KeyPair, KeyScheme};
use fika_core::node::NodeConfig;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::experiment::{Durability, Load, Mempool, NodeIndex, PluginChoice, Plugins, Relay, Role, node_seed};
use crate::isolation::Port;

/// One node of one run, complete: the process reads nothing else but its key, its database and its plugins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeSetup {
    /// The run's name.
    pub run: String,
    /// Which of [`nodes`](NodeSetup::nodes) this one is.
    pub index: NodeIndex,
    /// All nodes of the network, in the experiment's order.
    pub nodes: Vec<Member>,
    /// What the node is for.
    pub role: Role,
    /// Its end of each of its links, as [`Lab::ports`](crate::isolation::Lab::ports) tells it.
    pub ports: Vec<Port>,
    /// What all nodes of the chain agree on, the genesis time included.
    pub chain: ChainParams,
    /// What the machine's monotonic clock shows, or would have shown, when the chain's time is 0, in microseconds.
    pub epoch_us: i64,
    /// When the run began, in the chain's time: what the loads' times count from.
    pub start_us: Time,
    /// Whether the node does nothing but connect until it is told to [begin](super::control::Request::Begin).
    pub waits: bool,
    /// The coins of the genesis block, in its order.
    pub genesis: Vec<(Address, Amount)>,
    /// What else the genesis id is made of, such as the choice of plugins and their parameters.
    pub identity: Vec<u8>,
    /// One plugin of each kind.
    pub plugins: Plugins,
    /// The attack in place of the honest behaviour.
    pub attack: Option<PluginChoice>,
    /// How blocks and transactions spread.
    pub relay: Relay,
    /// What the mempool accepts.
    pub mempool: Mempool,
    /// The most hashes a second that the node grinds; 0: it never does.
    pub hash_rate: u128,
    /// Whether it ever does: its hash rate may change.
    pub mines: bool,
    /// When a block is on disk.
    pub durability: Durability,
    /// The loads that may make this node pay.
    pub load: Vec<LoadEntry>,
    /// The experiment's seed.
    pub seed: u64,
    /// The node's key, a PEM file. Made from the seed if it is not there.
    pub key: PathBuf,
    /// The node's blocks and its own payments.
    pub database: PathBuf,
    /// Where [`Trace`](crate::results::trace::Trace) lines are appended.
    pub events: PathBuf,
    /// The control socket; see [`control`](super::control).
    pub control: PathBuf,
    /// A plugin's call that takes longer than this many seconds ends the node.
    #[serde(default = "ten")]
    pub watchdog_s: u64,
    /// A neighbour that misbehaved is banned for this many seconds.
    #[serde(default = "ten_minutes")]
    pub ban_s: u64,
}

/// One node as the others know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Its name.
    pub name: String,
    /// Whom its coins belong to.
    pub address: Address,
}

/// One load with its place in the experiment, which its draws depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoadEntry {
    /// Its place in [`Experiment::load`](crate::experiment::Experiment::load).
    pub index: u64,
    /// The load.
    pub load: Load,
}

fn ten() -> u64 {
    10
}

fn ten_minutes() -> u64 {
    600
}

impl NodeSetup {
    /// Reads a node's file.
    ///
    /// # Errors
    /// [`Failure::Input`] when it cannot be read or is not complete.
    pub(crate) fn read(path: &Path) -> Result<NodeSetup, Failure> {
        let wrong = |why: String| Failure::Input(format!("{}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let setup: NodeSetup = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let nodes = setup.nodes.len();
        let index_of = |index: usize| match index < nodes {
            true => Ok(()),
            false => Err(wrong(format!("expected a node below {nodes}, found {index}"))),
        };
        index_of(setup.index as usize)?;
        setup.ports.iter().try_for_each(|port| index_of(port.neighbour))?;
        Ok(setup)
    }

    /// Writes a node's file.
    ///
    /// # Errors
    /// [`Failure::Environment`] when it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec(self).map_err(|error| Failure::Environment(error.to_string()))?;
        fs::write(path, text).map_err(|error| Failure::Environment(format!("{}: {error}", path.display())))
    }

    /// The node's name.
    pub(crate) fn name(&self) -> &str {
        &self.nodes[self.index as usize].name
    }

    /// What the node itself is told.
    pub(super) fn node_config(&self, keys: KeyPair) -> NodeConfig {
        NodeConfig {
            role: self.role.into(),
            relay: self.relay.of_node(true, None),
            mempool: self.mempool.into(),
            mines: self.mines,
            ..NodeConfig::new(keys, self.node_seed())
        }
    }

    /// The seed of the draws of this node.
    pub(super) fn node_seed(&self) -> u64 {
        node_seed(self.seed, self.index)
    }
}

/// The keys of the nodes at these indexes in a network with this seed: the same ones in every run.
///
/// # Errors
/// When the scheme does not make one for each.
pub(crate) fn node_keys(scheme: &dyn KeyScheme, seed: u64, indexes: Range<NodeIndex>) -> Result<Vec<KeyPair>, String> {
    let count = indexes.end - indexes.start;
    let keys = scheme.generate_many(seed, indexes.start, count);
    match keys.len() == count as usize {
        true => Ok(keys),
        false => Err(format!("the key scheme: expected {count} key pairs of generate_many, found {}", keys.len())),
    }
}

/// The key of one node.
///
/// # Errors
/// As [`node_keys`].
pub(crate) fn node_key(scheme: &dyn KeyScheme, seed: u64, index: NodeIndex) -> Result<KeyPair, String> {
    let keys = node_keys(scheme, seed, index..index + 1)?;
    Ok(keys.into_iter().next().expect("one was asked for"))
}

#[cfg(test)]
mod tests {
    use fika_core::hash::Id;
    use fika_core::keys::NoKeys;

    use super::*;

    /// Makes a key less than it is asked for.
    struct TooFew;

    impl KeyScheme for TooFew {
        fn generate(&self, seed: &Id) -> KeyPair {
            NoKeys.generate(seed)
        }

        fn generate_many(&self, seed: u64, first: u32, count: u32) -> Vec<KeyPair> {
            NoKeys.generate_many(seed, first, count - 1)
        }

        fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
            NoKeys.sign(kind, secret, digest)
        }

        fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
            NoKeys.verify(kind, key, digest, signature)
        }

        fn to_pem(&self, pair: &KeyPair) -> String {
            NoKeys.to_pem(pair)
        }

        fn from_pem(&self, pem: &str) -> Result<KeyPair, String> {
            NoKeys.from_pem(pem)
        }
    }

    #[test]
    fn every_node_gets_its_own_key_or_the_run_says_why_not() {
        let all = node_keys(&NoKeys, 7, 2..6).unwrap();
        assert!((2..).zip(&all).all(|(n, keys)| node_key(&NoKeys, 7, n).unwrap() == *keys));
        let why = node_keys(&TooFew, 7, 2..6).err().unwrap();
        assert_eq!(why, "the key scheme: expected 4 key pairs of generate_many, found 3");
        assert!(node_key(&TooFew, 7, 0).is_err());
    }
}
