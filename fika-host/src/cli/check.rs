//! `check FILE`: what would run.

use std::process::ExitCode;

use super::experiment::{Args, load};
use super::print::print;
use super::{Outcome, hash_power};
use crate::Host;
use crate::experiment::{Experiment, Role};
use crate::isolation::cable_addresses;
use crate::results::table;
use crate::run::{ResolvedPlugins, check_seal_fits, doubts, nothing_to_do};

/// Nodes and links that are listed one by one.
const SHOWN: usize = 50;

pub(super) fn run(args: &Args, host: &Host) -> Outcome {
    let experiment = load(&args.file, &args.changes)?;
    let plugins = ResolvedPlugins::new(&experiment, host.registry())?;
    check_seal_fits(&experiment, &plugins)?;
    let doubts = doubts(&experiment)?.into_iter().chain(nothing_to_do(&experiment, &plugins)?);
    hash_power::check(&experiment)?;
    let links = experiment.links.len();
    let count = |role| experiment.nodes.iter().filter(|node| node.role == role).count();
    let (full, wallets) = (count(Role::Full), count(Role::Wallet));
    let light = match count(Role::Light) {
        0 => String::new(),
        count => format!("{count} light nodes, "),
    };
    print(format_args!(
        "{}: {full} full nodes, {wallets} wallets, {light}{links} links, {} coins at the start, seed {}\n\n",
        experiment.name,
        experiment.genesis_supply(),
        experiment.seed
    ))?;
    let head = ["plugin", "kind", "fika-core", "from"].map(String::from).to_vec();
    let row = |plugin: &fika_core::plugin::Descriptor| {
        vec![plugin.name.to_string(), plugin.kind.to_string(), plugin.fika_core.into(), plugin.origin.to_string()]
    };
    let rows: Vec<_> = [head].into_iter().chain(plugins.all.iter().map(row)).collect();
    print(format_args!("{}\n", table(&rows)))?;
    print(format_args!("{}\n", nodes(&experiment)))?;
    print(cables(&experiment))?;
    print("\n")?;
    for doubt in doubts {
        print(format_args!("warning: {doubt}\n"))?;
    }
    print("ok\n")?;
    Ok(ExitCode::SUCCESS)
}

fn nodes(experiment: &Experiment) -> String {
    let head = ["node", "role", "hash rate", "coins", "links"].map(String::from).to_vec();
    let neighbours = experiment.neighbours();
    let row = |(node, neighbours): (&crate::experiment::NodeSpec, &Vec<u32>)| {
        let role = node.role.name();
        let agent = node.agent.as_ref().map_or(String::new(), |agent| format!(" ({agent})"));
        let coins: fika_core::amount::Amount = node.coins.iter().copied().sum();
        let rate = format!("{} H/s", node.hash_rate);
        vec![node.name.clone(), role.to_string() + &agent, rate, coins.to_string(), neighbours.len().to_string()]
    };
    let rows = experiment.nodes.iter().zip(&neighbours).take(SHOWN).map(row);
    table(&[head].into_iter().chain(rows).collect::<Vec<_>>()) + &more(experiment.nodes.len())
}

fn cables(experiment: &Experiment) -> String {
    if experiment.links.is_empty() {
        return String::new();
    }
    let head = ["link", "", "with netns: eth addresses", ""].map(String::from).to_vec();
    let name = |node: u32| experiment.nodes[node as usize].name.clone();
    let row = |(index, (a, b)): (usize, &(u32, u32))| {
        let [at_a, at_b] = cable_addresses(index, experiment.links.len());
        vec![name(*a), name(*b), at_a.to_string(), at_b.to_string()]
    };
    let rows = experiment.links.iter().enumerate().take(SHOWN).map(row);
    table(&[head].into_iter().chain(rows).collect::<Vec<_>>()) + &more(experiment.links.len())
}

fn more(count: usize) -> String {
    if count > SHOWN { format!("  ... and {} more\n", count - SHOWN) } else { String::new() }
}
