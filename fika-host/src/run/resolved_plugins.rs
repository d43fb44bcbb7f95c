//! The plugins of one run: found, checked to fit each other, and made once, so that bad parameters show here.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::Attack;
use fika_core::block::{Block, Head, Tx};
use fika_core::codec::Encode;
use fika_core::env::{ChainParams, Env};
use fika_core::hash::{sha256, to_hex};
use fika_core::keys::{KeyScheme, NoKeys};
use fika_core::plugin::{Descriptor, Faults, Kind, Origin, check_fit};
use fika_core::script::Script;
use fika_core::transport::Transport;
use fika_core::tx::TxFormat;
use fika_core::world::Rules;
use serde::Serialize;

use super::RunError;
use crate::Registry;
use crate::experiment::{Experiment, PluginChoice, Plugins, plugin_table};
use crate::limits::shortened;
use crate::plugins;

/// The plugins of one run.
pub(crate) struct ResolvedPlugins {
    /// Consensus, script, keys, tx, transport, then the attacks.
    pub(crate) all: Vec<Descriptor>,
    /// The experiment's choices as a node process finds them: each a name, or the absolute path of a library.
    pub(crate) choices: Plugins,
    /// The same for attack plugins, by the name that the experiment gives them.
    pub(crate) attacks: BTreeMap<String, PluginChoice>,
    /// The attack plugins by that name.
    attackers: Vec<(String, Descriptor)>,
    /// The key scheme of the chain.
    pub(crate) keys: Arc<dyn KeyScheme>,
    /// The script of the chain.
    pub(crate) script: Box<dyn Script>,
    /// What a block without payments has, in bytes, its seal left out.
    pub(crate) least_block_bytes: u64,
}

/// A plugin as `run.json` names it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PluginLine {
    kind: &'static str,
    name: &'static str,
    origin: String,
    /// SHA-256 of the library.
    sha256: Option<String>,
    fika_core: &'static str,
}

impl ResolvedPlugins {
    /// Finds what the experiment names, builds crate folders, loads libraries.
    ///
    /// # Errors
    /// One line that says what is wrong with which plugin.
    pub(crate) fn new(experiment: &Experiment, registry: &Registry) -> Result<ResolvedPlugins, RunError> {
        let mut choices = experiment.plugins.clone();
        let mut all = Vec::new();
        let Plugins { consensus, script, keys, tx, transport } = &mut choices;
        for (kind, choice) in [
            (Kind::Consensus, consensus),
            (Kind::Script, script),
            (Kind::Keys, keys),
            (Kind::Tx, tx),
            (Kind::Transport, transport),
        ] {
            all.push(find(kind, choice, registry)?);
        }
        let (mut attacks, mut attackers) = (BTreeMap::new(), Vec::new());
        for name in experiment.nodes.iter().filter_map(|node| node.agent.as_ref()) {
            if !attacks.contains_key(name) {
                let place = format!("agent {name}");
                let mut choice =
                    PluginChoice { plugin: name.clone(), params: toml::Table::new(), others: vec![], place };
                let plugin = find(Kind::Attack, &mut choice, registry)?;
                all.push(plugin);
                attackers.push((name.clone(), plugin));
                attacks.insert(name.clone(), choice);
            }
        }
        check_fit(&all).map_err(RunError::Input)?;
        check_tables(&choices, &all, registry)?;
        let (keys, script, least_block_bytes) = make(&all, &choices, &experiment.chain)?;
        Ok(ResolvedPlugins { all, choices, attacks, attackers, keys, script, least_block_bytes })
    }

    /// What distinguishes this chain from others besides its parameters: the names and own tables of its plugins. Their
    /// versions and origins do not count, so a library and the same plugin compiled in make one chain.
    pub(crate) fn identity(&self) -> Vec<u8> {
        let lines = self.all.iter().zip(self.choices.all()).map(|(plugin, (kind, choice))| {
            // Tables are sorted by key, so equal tables give equal text.
            format!("{kind} {}\n{}\n", plugin.name, choice.params)
        });
        lines.collect::<String>().into_bytes()
    }

    /// The chain's parameters and a key scheme of its own.
    pub(crate) fn env(&self, chain: &ChainParams, faults: &Faults) -> Result<Env, RunError> {
        let bare = Env { chain: chain.clone(), keys: Arc::new(NoKeys) };
        let scheme = self.plugin(2).keys(&table(&self.choices.keys), &bare, faults);
        Ok(Env { keys: scheme.map_err(|why| at(&self.choices.keys, why))?.into(), ..bare })
    }

    /// The rules of the chain.
    pub(crate) fn rules(&self, env: Env, workers: NonZero<usize>, faults: &Faults) -> Result<Rules, RunError> {
        let p = &self.choices;
        let consensus = self.plugin(0).consensus(&table(&p.consensus), &env, faults);
        let script = self.plugin(1).script(&table(&p.script), &env, faults);
        let tx = self.plugin(3).tx(&table(&p.tx), &env, faults);
        Ok(Rules {
            consensus: consensus.map_err(|why| at(&p.consensus, why))?.into(),
            script: script.map_err(|why| at(&p.script, why))?,
            tx: tx.map_err(|why| at(&p.tx, why))?,
            faults: faults.clone(),
            workers,
            env,
        })
    }

    /// How two neighbours talk.
    pub(crate) fn transport(&self, env: &Env, faults: &Faults) -> Result<Box<dyn Transport>, RunError> {
        let choice = &self.choices.transport;
        self.plugin(4).transport(&table(choice), env, faults).map_err(|why| at(choice, why))
    }

    /// The attack that the experiment gives this name.
    pub(crate) fn attack(&self, name: &str, env: &Env, faults: &Faults) -> Result<Option<Box<dyn Attack>>, RunError> {
        let Some((_, plugin)) = self.attackers.iter().find(|(known, _)| known == name) else { return Ok(None) };
        plugin.attack("", env, faults).map(Some).map_err(RunError::Input)
    }

    fn plugin(&self, n: usize) -> &Descriptor {
        &self.all[n]
    }

    /// The plugins for `run.json`.
    pub(crate) fn lines(&self) -> Vec<PluginLine> {
        let line = |plugin: &Descriptor| PluginLine {
            kind: plugin.kind.name(),
            name: plugin.name,
            origin: plugin.origin.to_string(),
            sha256: match plugin.origin {
                Origin::CompiledIn => None,
                Origin::Library(path) => std::fs::read(path).ok().map(|bytes| to_hex(&sha256(&[&bytes]).0)),
            },
            fika_core: plugin.fika_core,
        };
        self.all.iter().map(line).collect()
    }
}

/// Finds one plugin. Changes `choice` so that node processes find the same one.
fn find(kind: Kind, choice: &mut PluginChoice, registry: &Registry) -> Result<Descriptor, RunError> {
    let found = plugins::resolve(registry, kind, &choice.plugin, &choice.params.to_string());
    let found = found.map_err(|why| RunError::Input(format!("{}: {why}", choice.place)))?;
    choice.plugin = match found.origin {
        Origin::CompiledIn => found.name.into(),
        Origin::Library(path) => path.display().to_string(),
    };
    Ok(found)
}

/// A table that no plugin reads is a mistake. Those of other plugins stay: another run may choose them.
fn check_tables(choices: &Plugins, all: &[Descriptor], registry: &Registry) -> Result<(), RunError> {
    for ((kind, choice), plugin) in choices.all().into_iter().zip(all) {
        let known = registry.iter().filter(|plugin| plugin.kind == kind).map(|plugin| plugin.name).chain([plugin.name]);
        let own = plugin_table(&choice.plugin);
        let mut known: Vec<String> = known.map(|name| name.replace('_', "-")).chain([own]).collect();
        known.sort();
        known.dedup();
        if let Some((place, other)) = choice.others.iter().find(|(_, name)| !known.contains(&name.replace('_', "-"))) {
            let (other, known) = (shortened(other), known.join(", "));
            let why = format!("unknown table [{kind}.{other}]; expected that of a plugin: {known}");
            return Err(RunError::Input(format!("{place}: {why}")));
        }
    }
    Ok(())
}

/// The plugins that the host itself uses, and what the smallest block has.
type HostParts = (Arc<dyn KeyScheme>, Box<dyn Script>, u64);

/// Makes every plugin of the chain, and keeps those that the host itself uses.
fn make(all: &[Descriptor], choices: &Plugins, chain: &ChainParams) -> Result<HostParts, RunError> {
    let faults = Faults::new();
    let [consensus, script, keys, tx, transport, attacks @ ..] = all else { unreachable!("five kinds make a chain") };
    let bare = Env { chain: chain.clone(), keys: Arc::new(NoKeys) };
    let scheme = keys.keys(&table(&choices.keys), &bare, &faults).map_err(|why| at(&choices.keys, why))?;
    let scheme: Arc<dyn KeyScheme> = scheme.into();
    let env = Env { keys: scheme.clone(), ..bare };
    let p = choices;
    drop(consensus.consensus(&table(&p.consensus), &env, &faults).map_err(|why| at(&p.consensus, why))?);
    let format = tx.tx(&table(&p.tx), &env, &faults).map_err(|why| at(&p.tx, why))?;
    drop(transport.transport(&table(&p.transport), &env, &faults).map_err(|why| at(&p.transport, why))?);
    for attack in attacks {
        drop(attack.attack("", &env, &faults).map_err(RunError::Input)?);
    }
    let script = script.script(&table(&p.script), &env, &faults).map_err(|why| at(&p.script, why))?;
    let least = check_block_size(chain, &*script, &*format)?;
    match faults.take().first() {
        Some(fault) => Err(RunError::Input(fault.to_string())),
        None => Ok((scheme, script, least)),
    }
}

/// Every block holds a header and a coinbase: what these have, in bytes.
fn check_block_size(chain: &ChainParams, script: &dyn Script, format: &dyn TxFormat) -> Result<u64, RunError> {
    let lock = script.lock(&Address::default());
    let coinbase = Tx::new(format.coinbase(1, 1, &[(lock, chain.reward)]));
    let least = Block { head: Head::default(), txs: vec![coinbase] }.encoded_len() as u64;
    if least <= chain.max_block_bytes {
        return Ok(least);
    }
    let found = chain.max_block_bytes;
    let why = format!("expected at least {least} B, which a block without payments has, found {found} B");
    Err(RunError::Input(format!("'max_block_bytes' in [chain]: {why}; no block could ever be made")))
}

fn at(choice: &PluginChoice, why: String) -> RunError {
    RunError::Input(format!("{}: {why}", choice.place))
}

/// A plugin's own table as text.
fn table(choice: &PluginChoice) -> String {
    choice.params.to_string()
}
