//! Every key of the experiment file: its form, default and meaning, in one place.
//!
//! The reader takes forms and defaults from here, and a test compares `docs/experiment-file.md` with it.

pub(super) use super::event_keys::EVENTS;
use super::key::Form::{Later, Table, Tables};
use super::key::{NONE, Needs, REQUIRED, Schema, key, table};
use super::metrics::{METRICS, Scope};
pub(super) use super::network_keys::*;
pub(super) use super::run_keys::*;

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
        key("relay", Table, "{}", "how blocks and transactions spread"),
        key("mempool", Table, "{}", "unconfirmed payments"),
        key("network", Table, "{}", "nodes and links made by a rule"),
        key("defaults", Table, "{}", "holds `[defaults.node]`, the keys that every node starts from"),
        key("nodes", Tables, "[]", "nodes, one by one"),
        key("node_groups", Tables, "[]", "nodes that differ in nothing but their names"),
        key("links", Tables, "[]", "cables between two nodes"),
        key("load", Tables, "[]", "payments that are made by themselves"),
        key("events", Tables, "[]", "what happens to the network: partitions, crashes, changes"),
        key("expect", Tables, "[]", "what must hold at the end; exit code 1 if it does not"),
        key("output", Table, "{}", "where the results go"),
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
    &EVENTS,
    &EXPECT,
    &OUTPUT,
];

/// See [`Experiment::reference`](super::Experiment::reference).
pub(super) fn reference() -> String {
    let mut text = String::new();
    for schema in ALL {
        let title = if schema.title.starts_with('[') { format!("`{}`", schema.title) } else { "Tables".into() };
        text += &format!("### {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n");
        for key in schema.keys {
            let default = match key.default {
                REQUIRED | NONE => key.default.to_string(),
                default => format!("`{default}`"),
            };
            let about = limited(key.needs, key.about);
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
        let about = limited(metric.needs, metric.about);
        text += &format!("| `{}` | {} | {on} | {} |\n", metric.name, metric.form.describe(), about);
    }
    text
}

fn limited(needs: Needs, about: &str) -> String {
    match needs {
        Needs::Nothing => about.into(),
        Needs::Cables => format!("{about} (not `process`)"),
        Needs::Simulator => format!("{about} (`sim` only)"),
    }
}
