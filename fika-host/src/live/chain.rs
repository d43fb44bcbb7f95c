//! The chain's plugins and its world, made from what the node was told.

use std::num::NonZero;
use std::sync::Arc;

use fika_core::agent::Attack;
use fika_core::env::Env;
use fika_core::keys::NoKeys;
use fika_core::plugin::{Descriptor, Faults, Kind, Registry, check_fit};
use fika_core::transport::Transport;
use fika_core::world::{Genesis, Rules};

use super::{Failure, NodeSetup};
use crate::experiment::PluginChoice;
use crate::plugins;

/// The plugins of one node.
pub(super) struct Chain {
    pub(super) rules: Rules,
    pub(super) transport: Box<dyn Transport>,
    pub(super) attack: Option<Box<dyn Attack>>,
    pub(super) genesis: Genesis,
    pub(super) faults: Faults,
}

impl Chain {
    /// Finds and makes all plugins; the key scheme first, for the others are given it.
    pub(super) fn new(setup: &NodeSetup, registry: &Registry) -> Result<Chain, Failure> {
        let faults = Faults::new();
        let resolved = setup.plugins.all().map(|(kind, choice)| (find(registry, kind, choice), choice));
        let mut parts = Vec::with_capacity(resolved.len());
        for (found, choice) in resolved {
            parts.push((found?, table(choice)?, choice));
        }
        check_fit(&parts.iter().map(|(plugin, ..)| *plugin).collect::<Vec<_>>()).map_err(Failure::Input)?;
        let [consensus, script, keys, tx, transport] = &parts[..] else { unreachable!("five kinds make a chain") };
        let bare = Env { chain: setup.chain.clone(), keys: Arc::new(NoKeys) };
        let env = Env { keys: keys.0.keys(&keys.1, &bare, &faults).map_err(at(keys.2))?.into(), ..bare };
        let attack = match &setup.attack {
            Some(choice) => {
                let plugin = find(registry, Kind::Attack, choice)?;
                Some(plugin.attack(&table(choice)?, &env, &faults).map_err(at(choice))?)
            }
            None => None,
        };
        let rules = Rules {
            consensus: consensus.0.consensus(&consensus.1, &env, &faults).map_err(at(consensus.2))?.into(),
            script: script.0.script(&script.1, &env, &faults).map_err(at(script.2))?,
            tx: tx.0.tx(&tx.1, &env, &faults).map_err(at(tx.2))?,
            // A node of many on one machine leaves the other cores to its neighbours.
            workers: NonZero::<usize>::MIN,
            env: env.clone(),
            faults: faults.clone(),
        };
        let transport = transport.0.transport(&transport.1, &env, &faults).map_err(at(transport.2))?;
        let genesis = Genesis { coins: setup.genesis.clone(), identity: setup.identity.clone() };
        Ok(Chain { rules, transport, attack, genesis, faults })
    }
}

/// By its name in the registry, or from the library at its path; the supervisor has built what had to be built.
fn find(registry: &Registry, kind: Kind, choice: &PluginChoice) -> Result<Descriptor, Failure> {
    plugins::find(registry, kind, &choice.plugin).map_err(at(choice))
}

fn table(choice: &PluginChoice) -> Result<String, Failure> {
    toml::to_string(&choice.params).map_err(|error| at(choice)(error.to_string()))
}

/// Begins an error with the place where the plugin was chosen.
fn at(choice: &PluginChoice) -> impl Fn(String) -> Failure {
    let place = choice.place.clone();
    move |why| Failure::Input(if place.is_empty() { why } else { format!("{place}: {why}") })
}
