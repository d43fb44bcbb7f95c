//! Every key of the experiment file: its form, default and meaning, in one place.
//!
//! The reader takes forms and defaults from here, and a test holds `docs/experiment-file.md` to it.

use Form::*;

pub(super) use super::metrics::{METRICS, Metric, Scope};
pub(super) use super::network_keys::*;
use super::quantity::Quantity;
pub(super) use super::run_keys::*;

/// How a value is written.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Text,
    /// Letters, digits, `-` and `_`: it becomes a host name or a folder.
    Name,
    Flag,
    Integer(u64, u64),
    Coins,
    Measure(&'static Quantity),
    /// The same, below zero too.
    Signed(&'static Quantity),
    /// `"5 %"` or `0.05`, at most all.
    Share,
    OneOf(&'static [&'static str]),
    CoinsList,
    Texts,
    /// A name, a list of names, or `any`.
    Names,
    /// `5` or `"1..5"` coins.
    CoinsRange,
    /// A number for all, or shares that have at most 1, 2, 3...
    Degrees,
    /// `[[0.01, 546], [0.5, 1]]`: shares with their weights.
    Weights,
    /// A duration, or a table with the `model` of what is drawn.
    Latency,
    Latencies,
    /// Read by its own schema.
    Table,
    Tables,
    /// As the metric says.
    ByMetric,
    /// A known key that this version refuses, and why.
    Later(&'static str),
}

/// The default of a key that must be given.
pub(super) const REQUIRED: &str = "required";
/// The default of a key that may be absent, and the text that makes it absent again.
pub(super) const NONE: &str = "none";

pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// Only the simulator has it.
    pub(super) simulated: bool,
    /// As after `--set key=`, or [`REQUIRED`], or [`NONE`].
    pub(super) default: &'static str,
    pub(super) about: &'static str,
}

pub(super) struct Schema {
    /// As in the file: `[chain]`, `[[links]]`.
    pub(super) title: &'static str,
    pub(super) keys: &'static [Key],
    /// Other keys are let through if they hold tables.
    pub(super) open: bool,
}

pub(super) const fn key(name: &'static str, form: Form, default: &'static str, about: &'static str) -> Key {
    Key { name, form, simulated: false, default, about }
}

pub(super) const fn sim(name: &'static str, form: Form, default: &'static str, about: &'static str) -> Key {
    Key { name, form, simulated: true, default, about }
}

pub(super) const fn table(title: &'static str, keys: &'static [Key]) -> Schema {
    Schema { title, keys, open: false }
}

/// The most nodes, links and payments of one file.
pub(crate) const NODES_MAX: u64 = 200_000;
pub(crate) const LINKS_MAX: u64 = 4_000_000;
pub(super) const LOADS_MAX: usize = 100_000;
/// The most genesis outputs, of one node and of all.
pub(super) const COINS_PER_NODE_MAX: usize = 1_000;
pub(super) const COINS_MAX: usize = 1_000_000;
pub(super) const DEGREE_MAX: u64 = 100;
pub(super) const INTEGER_MAX: u64 = i64::MAX as u64;

const SIMULATOR: &str = "it needs the simulator";

pub(super) static FILE: Schema = table(
    "the file",
    &[
        key("experiment", Table, "{}", "the run: its name, seed and end"),
        key("chain", Table, "{}", "what all nodes of the chain agree on"),
        key("consensus", Table, "{}", "who may extend the chain, and which tip is best"),
        key("script", Table, "{}", "what locks and unlocks a coin"),
        key("keys", Table, "{}", "signatures and addresses"),
        key("tx", Table, "{}", "the transaction format"),
        key("transport", Table, "{}", "how two neighbours talk"),
        key("relay", Table, "{}", "how news spreads"),
        key("mempool", Table, "{}", "payments that wait for a block"),
        key("network", Table, "{}", "nodes and links made by a rule"),
        key("defaults", Table, "{}", "holds `[defaults.node]`, the keys that every node starts from"),
        key("nodes", Tables, "[]", "nodes, one by one"),
        key("node_groups", Tables, "[]", "nodes that differ in nothing but their names"),
        key("links", Tables, "[]", "cables between two nodes"),
        key("load", Tables, "[]", "payments that are made by themselves"),
        key("expect", Tables, "[]", "what must hold at the end; exit code 1 if it does not"),
        key("output", Table, "{}", "where the results go"),
        key("events", Later(SIMULATOR), NONE, "partitions, restarts, joins"),
        key("sweep", Later(SIMULATOR), NONE, "parameters times seeds"),
    ],
);

/// All of them, in the order of the document.
pub(super) static ALL: &[&Schema] = &[
    &FILE,
    &EXPERIMENT,
    &CHAIN,
    &CONSENSUS,
    &SCRIPT,
    &KEYS,
    &TX,
    &TRANSPORT,
    &RELAY,
    &CHARGE,
    &COMPACT_CLASSES,
    &MEMPOOL,
    &NETWORK,
    &GRAPH,
    &REGIONS,
    &LINK,
    &LATENCY,
    &NETWORK_HASH_RATE,
    &DEFAULTS,
    &DEFAULT_NODE,
    &NODES,
    &NODE_GROUPS,
    &LINKS,
    &LOAD,
    &EXPECT,
    &OUTPUT,
];

/// Every table and key with form, default and meaning, and every metric, in Markdown: the tables of
/// `docs/experiment-file.md`.
pub fn reference() -> String {
    let mut text = String::new();
    for schema in ALL {
        let title = if schema.title.starts_with('[') { format!("`{}`", schema.title) } else { "Tables".into() };
        text += &format!("### {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n");
        for key in schema.keys {
            let default = match key.default {
                REQUIRED | NONE => key.default.to_string(),
                default => format!("`{default}`"),
            };
            let about = simulated_only(key.simulated, key.about);
            text += &format!("| `{}` | {} | {default} | {about} |\n", key.name, key.form.describe());
        }
        text += "\n";
    }
    text += "### Metrics\n\n| metric | value | on | meaning |\n|---|---|---|---|\n";
    for metric in METRICS {
        let on = match metric.on {
            Scope::Node => "a node",
            Scope::Network => "the network",
            Scope::Either => "either",
        };
        let about = simulated_only(metric.simulated, metric.about);
        text += &format!("| `{}` | {} | {on} | {} |\n", metric.name, metric.form.describe(), about);
    }
    text
}

fn simulated_only(simulated: bool, about: &str) -> String {
    if simulated { format!("{about} (`sim` only)") } else { about.into() }
}

impl Form {
    /// The "value" column of the reference.
    fn describe(&self) -> String {
        match self {
            Text => "text".into(),
            Name => "name".into(),
            Flag => "true or false".into(),
            Integer(0, INTEGER_MAX) => "integer".into(),
            Integer(min, INTEGER_MAX) => format!("integer from {min}"),
            Integer(min, max) => format!("integer from {min} to {max}"),
            Coins => "coins".into(),
            Measure(quantity) | Signed(quantity) => quantity.noun.into(),
            Share => "share".into(),
            Degrees => "integer, or list of shares".into(),
            Weights => "list of share and weight".into(),
            Latency => "duration, or `[latency]`".into(),
            Latencies => "list of durations or `[latency]`".into(),
            OneOf(choices) => choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", "),
            CoinsList => "list of coins".into(),
            Texts => "list of texts".into(),
            Names => "name, list of names, or `any`".into(),
            CoinsRange => "coins, or a range of coins".into(),
            Table => "table".into(),
            Tables => "list of tables".into(),
            ByMetric => "as the metric".into(),
            Later(why) => format!("not built in this version: {why}"),
        }
    }
}
