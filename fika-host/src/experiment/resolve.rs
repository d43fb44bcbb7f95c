//! Makes the [`Experiment`] from the tree: resolves names to indices, fills in defaults, and refuses what does not
//! fit together.

use std::path::Path;
use std::sync::Arc;

use fika_core::amount::{Amount, MAX_AMOUNT};
use fika_core::env::{ChainParams, Proof, TieBreak};

use super::events;
use super::expect::expects;
use super::key::Schema;
use super::load::loads;
use super::medium_reader;
use super::node_spec::Role;
use super::nodes::{Nodes, Regions};
use super::reader::Fields;
use super::schema;
use super::source::{ExperimentErrors, Item, Problems, Source};
use super::spec::{
    Announce, Engine, Experiment, Mempool, Origin, Output, PluginChoice, Plugins, Relay, Stop, TraceFormat,
};
use crate::limits::{is_name, shortened};

/// Checks the whole tree. `stem` names the experiment if the tree does not.
pub(super) fn resolve(stem: &str, source: Source) -> Result<Experiment, ExperimentErrors> {
    let mut experiment = resolve_with(stem, &source, None)?;
    if experiment.repeat > 1 {
        experiment.origin = Origin(Some(Arc::new((stem.into(), source))));
    }
    Ok(experiment)
}

/// The same with another seed than the tree gives.
pub(super) fn resolve_with(stem: &str, source: &Source, seed: Option<u64>) -> Result<Experiment, ExperimentErrors> {
    let problems = Problems::default();
    let file = Fields::new(&schema::FILE, Some(&source.root), None, &problems);
    let run = file.table("experiment", &schema::EXPERIMENT);
    let own_seed = run.number("seed");
    let seed = seed.unwrap_or(own_seed);
    let (mut medium, regions_known) = medium_reader::medium(&file, &problems);
    let regions = if regions_known { Regions::Known(&medium.regions) } else { Regions::Unknown };
    let mut nodes = Nodes::read(&file, regions, &problems);
    nodes.read_graph(&file, source.folder(), regions, &problems);
    let written = nodes.links(&file, seed, &problems);
    medium_reader::place(&mut nodes, &file, &medium, seed, &problems);
    medium.regions.append(&mut nodes.file_regions);
    medium.own = written.own(&nodes, &medium);
    let find = |name: &str| nodes.index(name);
    let events = events::events(&file, (&nodes.specs, &nodes.links), &find, nodes.known, &problems);
    let (event_places, events): (Vec<_>, Vec<_>) = events.into_iter().unzip();
    let name = run.optional_text("name").unwrap_or_else(|| name_from(stem));
    let mut experiment = Experiment {
        seed,
        engine: None,
        repeat: run.number("repeat") as u32,
        max_runs: max_runs(&run),
        workers: run.number("workers") as u32,
        replay: run.number("replay") as u32,
        start_after_us: run.optional("start_after"),
        stop: Stop { height: run.optional("stop_height"), time_us: run.optional("stop_time") },
        chain: chain(&file),
        name,
        plugins: Plugins {
            consensus: plugin(&file, "consensus", &schema::CONSENSUS, source, &problems),
            script: plugin(&file, "script", &schema::SCRIPT, source, &problems),
            keys: plugin(&file, "keys", &schema::KEYS, source, &problems),
            tx: plugin(&file, "tx", &schema::TX, source, &problems),
            transport: plugin(&file, "transport", &schema::TRANSPORT, source, &problems),
        },
        relay: relay(&file),
        medium,
        mempool: mempool(&file),
        nodes: vec![],
        links: vec![],
        load: loads(&file, &nodes, &problems),
        events,
        expects: expects(&file, &nodes, &problems),
        output: output(&file),
        notes: std::mem::take(&mut nodes.notes),
        origin: Origin::default(),
    };
    experiment.nodes = nodes.specs;
    experiment.links = nodes.links;
    experiment.chain.hash_rate = experiment.hash_rate();
    experiment.engine = engine(&run, &problems);
    if problems.none() {
        check_together(&experiment, &run, &file.table("chain", &schema::CHAIN), &problems);
        events::check(&experiment, &event_places, &problems);
    }
    source.check(problems)?;
    Ok(experiment)
}

/// The most runs: those of `repeat`, or more until all is decided.
fn max_runs(run: &Fields<'_>) -> u32 {
    let (repeat, most) = (run.number("repeat"), run.number("max_runs"));
    if run.text("runs") != "until decided" {
        return repeat as u32;
    }
    if repeat < 2 {
        run.problem("runs", || "\"until decided\" needs 'repeat': expected at least 2 runs to begin with".into());
    }
    if most < repeat {
        run.problem("max_runs", || format!("expected at least the {repeat} of 'repeat', found {most}"));
    }
    most as u32
}

/// Checks what only the whole experiment shows.
fn check_together(experiment: &Experiment, run: &Fields<'_>, chain: &Fields<'_>, problems: &Problems) {
    let params = &experiment.chain;
    if params.block_interval_us == 0 || !params.block_interval_us.is_multiple_of(params.tick_us) {
        chain.problem("block_interval", || "expected a multiple of tick, above 0".into());
    }
    let outputs = experiment.nodes.iter().flat_map(|node| node.coins.iter().copied());
    let most = if params.cap == Amount::ZERO { MAX_AMOUNT } else { params.cap };
    if Amount::checked_sum(outputs).is_none_or(|sum| sum > most) {
        chain.problem("cap", || format!("expected at most {most} coins in the genesis block, found more"));
    }
    let ticks = experiment.stop.time_us.unwrap_or(0) / params.tick_us;
    if ticks > u64::from(u32::MAX) {
        run.problem("stop_time", || "expected a time that 32 bits can count in ticks".into());
    }
    let most = u64::from(u32::MAX) / (params.block_interval_us / params.tick_us).max(1);
    if experiment.stop.time_us.is_none() && experiment.stop.height.is_some_and(|height| height > most) {
        run.problem("stop_height", || {
            format!("expected at most {most}: the header's time has 32 bits of ticks, and this height needs more")
        });
    }
    let mut linked = vec![false; experiment.nodes.len()];
    experiment.links.iter().for_each(|(a, b)| [a, b].into_iter().for_each(|end| linked[*end as usize] = true));
    for (node, linked) in experiment.nodes.iter().zip(linked) {
        if node.role != Role::Full && !linked {
            let kind = if node.role == Role::Light { "light node" } else { "wallet" };
            problems.add(run.place, || format!("the {kind} '{}' has no link; give it a peer", node.name));
        }
    }
}

fn name_from(stem: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = stem.chars().take(40).map(allowed).collect();
    if is_name(&name) { name } else { "experiment".into() }
}

/// The engine. All keys have been checked, so it is known whether one of them needs the simulator.
fn engine(run: &Fields<'_>, problems: &Problems) -> Option<Engine> {
    let simulated = problems.first_simulated();
    let engine = match run.text("engine").as_str() {
        "netns" => Engine::Netns,
        "process" => Engine::Process,
        "jail" => {
            let why = "the engine 'jail' is not built in this version; expected auto, netns, process or sim";
            run.problem("engine", || why.into());
            return None;
        }
        "sim" => return Some(Engine::Sim),
        _ => return simulated.map(|_| Engine::Sim),
    };
    if let Some((place, key)) = simulated {
        let name = run.text("engine");
        problems.add(place, || format!("{key} needs the simulator; expected engine = \"sim\", found \"{name}\""));
    } else if let Some((place, key)) = problems.first_cabled().filter(|_| engine == Engine::Process) {
        let why = "which the engine 'process' does not have; expected engine = \"netns\" or \"sim\"";
        problems.add(place, || format!("{key} needs cables, {why}"));
    }
    Some(engine)
}

fn relay(file: &Fields<'_>) -> Relay {
    let relay = file.table("relay", &schema::RELAY);
    let modes = [("inv", Announce::Inv), ("headers", Announce::Headers), ("flood", Announce::Flood)];
    if relay.optional("request_timeout") == Some(0) {
        relay.problem("request_timeout", || "expected more than 0".into());
    }
    Relay {
        announce: relay.choice("mode", &modes),
        to_source: relay.flag("to_source"),
        compact: relay.flag("compact"),
        batch_us: relay.number("batch"),
        request_timeout_us: relay.number("request_timeout"),
    }
}

fn chain(file: &Fields<'_>) -> ChainParams {
    let chain = file.table("chain", &schema::CHAIN);
    if chain.optional("cap") == Some(0) {
        chain.problem("cap", || "expected more than 0 coins, or \"none\"".into());
    }
    ChainParams {
        // Every chain has the same: what names a result takes no part in making it.
        name: ChainParams::default().name,
        tick_us: chain.choice("tick", &[("1 s", 1_000_000), ("1 ms", 1_000)]),
        genesis_time: 0,
        block_interval_us: chain.number("block_interval"),
        reward: Amount(chain.number("reward")),
        halving_interval: chain.number("halving_interval"),
        cap: Amount(chain.number("cap")),
        max_block_bytes: chain.number("max_block_bytes"),
        tie_break: chain.choice("tie_break", &[("first_seen", TieBreak::FirstSeen), ("uniform", TieBreak::Uniform)]),
        proof: chain.choice("proof", &[("real", Proof::Real), ("sampled", Proof::Sampled)]),
        hash_rate: 0,
    }
}

fn mempool(file: &Fields<'_>) -> Mempool {
    let mempool = file.table("mempool", &schema::MEMPOOL);
    Mempool { max_bytes: mempool.number("max_bytes"), min_fee: Amount(mempool.number("min_fee")) }
}

fn output(file: &Fields<'_>) -> Output {
    let output = file.table("output", &schema::OUTPUT);
    let formats = output.texts("formats");
    if let Some((_, other)) = formats.iter().find(|(_, format)| format != "json" && format != "csv") {
        output.problem("formats", || format!("expected json or csv, found '{}'", shortened(other)));
    }
    let has = |wanted: &str| formats.iter().any(|(_, format)| format == wanted);
    let trace = output
        .optional_text("trace")
        .map(|_| output.choice("trace", &[("jsonl", TraceFormat::Jsonl), ("simblock", TraceFormat::Simblock)]));
    Output { dir: output.text("dir"), json: has("json"), csv: has("csv"), trace }
}

fn plugin(
    file: &Fields<'_>,
    kind: &str,
    schema: &'static Schema,
    source: &Source,
    problems: &Problems,
) -> PluginChoice {
    let fields = file.table(kind, schema);
    let plugin = fields.text("plugin");
    let own = plugin_table(&plugin);
    let table = fields.others().find(|(name, _)| name.replace('_', "-") == own).map(|(_, item)| item);
    let params = table.map(Item::to_toml).transpose().unwrap_or_else(|(place, why)| {
        problems.add(place, || why);
        None
    });
    let place = table.or(fields.below("plugin")).map_or(fields.place, |item| item.place);
    let others = fields.others().filter(|(name, _)| name.replace('_', "-") != own);
    PluginChoice {
        plugin,
        others: others.map(|(name, item)| (source.describe(item.place), name.to_string())).collect(),
        params: params.and_then(|value| value.as_table().cloned()).unwrap_or_default(),
        place: source.describe(place),
    }
}

/// The name of a plugin's own table: `pos` for `pos`, `plugins/pos`, `plugins/pos.so` and `libpos.so`.
pub(crate) fn plugin_table(plugin: &str) -> String {
    let path = Path::new(plugin);
    let library = path.extension().is_some_and(|ending| ending == "so");
    let stem = if library { path.file_stem() } else { path.file_name() };
    let stem = stem.map_or(plugin.into(), |stem| stem.to_string_lossy());
    let stem = if library { stem.strip_prefix("lib").unwrap_or(&stem) } else { &stem };
    stem.replace('_', "-")
}
