//! Whether anybody can make a block at the start: questions to the consensus.

use std::cmp::Reverse;
use std::num::NonZero;

use fika_core::agent::Duty;
use fika_core::env::signed_proof;
use fika_core::hash::Id;
use fika_core::node::{Input, Node, NodeConfig, Outputs};
use fika_core::plugin::Faults;
use fika_core::world::{Genesis, World};

use super::{ResolvedPlugins, RunError};
use crate::experiment::{Experiment, NodeIndex, Role, node_seed};
use crate::live::node_key;

/// Nodes that are asked, those with most hash power and coins first.
const ASKED_MAX: usize = 16;
/// Where blocks may have so many bytes, no signature is too long for them.
const ENOUGH_FOR_ANY_SEAL: u64 = 500_000;

/// Why no block can come, in one line, if the consensus gives nobody anything to do. Only asked where there are no coins or
/// no hash power.
///
/// # Errors
/// When a plugin does not work.
pub(crate) fn nothing_to_do(experiment: &Experiment, plugins: &ResolvedPlugins) -> Result<Option<String>, RunError> {
    let coins = experiment.nodes.iter().any(|node| !node.coins.is_empty());
    if coins && experiment.hash_rate() > 0 {
        return Ok(None);
    }
    let duties = duties(experiment, plugins)?;
    let can = duties.iter().any(|(grinds, hash_rate)| !grinds || *hash_rate > 0);
    Ok(match (can, duties.is_empty()) {
        (true, _) => None,
        (false, false) => Some("no block can come: blocks take work, and no full node has hash power".into()),
        // Who waits for something else may get coins, and so a duty, later.
        (false, true) if coins => None,
        (false, true) => {
            Some("no block can come: nobody has a duty at the start, and no coins that could be stake".into())
        }
    })
}

/// Where blocks are made for slots, and so signed, one with its proof fits into what a block may have.
///
/// # Errors
/// When it does not, or a plugin does not work.
pub(crate) fn check_seal_fits(experiment: &Experiment, plugins: &ResolvedPlugins) -> Result<(), RunError> {
    let limit = experiment.chain.max_block_bytes;
    if limit >= ENOUGH_FOR_ANY_SEAL {
        return Ok(());
    }
    let keys = node_key(&*plugins.keys, experiment.seed, 0).map_err(RunError::Input)?;
    let signature = plugins.keys.sign(0, &keys.secret, &Id::ZERO).map_err(RunError::Input)?;
    let seal = signed_proof(&keys.public, &signature).len() as u64;
    let least = plugins.least_block_bytes + seal;
    if least <= limit {
        return Ok(());
    }
    let duties = duties(experiment, plugins)?;
    if duties.is_empty() || duties.iter().any(|(grinds, _)| *grinds) {
        return Ok(());
    }
    let why =
        format!("expected at least {least} B, of which the proof in its producer's name has {seal} B, found {limit} B");
    Err(RunError::Input(format!("'max_block_bytes' in [chain]: {why}; no block could ever be made")))
}

/// Whether each duty of the start is one to be ground, and the hash rate of the node that has it.
fn duties(experiment: &Experiment, plugins: &ResolvedPlugins) -> Result<Vec<(bool, u128)>, RunError> {
    let full = experiment.nodes.iter().enumerate().filter(|(_, node)| node.role == Role::Full);
    let mut full: Vec<_> = full.collect();
    full.sort_by_key(|(_, node)| Reverse((node.hash_rate, node.coins.len())));
    full.truncate(ASKED_MAX);
    let faults = Faults::new();
    let env = plugins.env(&experiment.chain, &faults)?;
    let keys = full.iter().map(|(index, _)| node_key(&*env.keys, experiment.seed, *index as NodeIndex));
    let keys = keys.collect::<Result<Vec<_>, _>>().map_err(RunError::Input)?;
    let owned = full.iter().zip(&keys).flat_map(|((_, node), keys)| {
        let address = env.keys.address(&keys.public);
        node.coins.iter().map(move |amount| (address, *amount))
    });
    let genesis = Genesis { coins: owned.collect(), identity: plugins.identity() };
    let rules = plugins.rules(env, NonZero::<usize>::MIN, &faults)?;
    let world = World::new(rules, &genesis).map_err(|reject| RunError::Input(format!("genesis: {reject}")));
    let mut world = world?;
    let mut duties = Vec::new();
    for ((index, spec), keys) in full.into_iter().zip(keys) {
        let config = NodeConfig::new(keys, node_seed(experiment.seed, index as NodeIndex));
        let mut node = Node::new(config, &mut world, None);
        let mut out = Outputs::default();
        node.handle(&mut world, 0, Input::Start, &mut out);
        out.messages.drain(..).for_each(|(_, message)| message.release(world.txs_mut()));
        duties.extend(node.duties().iter().map(|duty| (matches!(duty, Duty::Grind { .. }), spec.hash_rate)));
    }
    Ok(duties)
}
