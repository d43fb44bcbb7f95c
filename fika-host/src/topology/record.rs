//! What a file says about one node or edge, as written.

use std::collections::BTreeSet;

use crate::limits::shortened;

/// Different keys that are remembered, and that a line names.
const KEYS_MAX: usize = 1_000;
const TOLD: usize = 20;

/// What a key belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Graph,
    Nodes,
    Edges,
}

/// The keys of nodes that are read, each as this file writes it and as the project calls it.
const OF_NODES: &[(&str, &str)] = &[
    ("name", "name"),
    ("label", "label"),
    ("role", "role"),
    ("region", "region"),
    ("hash_rate", "hash_rate"),
    ("coins", "coins"),
    ("upload", "upload"),
    ("host_bandwidth_up", "upload"),
    ("download", "download"),
    ("host_bandwidth_down", "download"),
];
/// Those of edges.
const OF_EDGES: &[(&str, &str)] = &[
    ("latency", "latency"),
    ("jitter", "jitter"),
    ("bandwidth", "bandwidth"),
    ("loss", "loss"),
    ("packet_loss", "loss"),
    ("message_loss", "message_loss"),
];

/// What a file says about one node or edge.
pub(super) struct Record {
    pub(super) line: usize,
    of: Of,
    /// Of a node.
    pub(super) id: Option<String>,
    /// Of an edge.
    pub(super) source: Option<String>,
    pub(super) target: Option<String>,
    values: Vec<(&'static str, String)>,
}

impl Record {
    pub(super) fn new(of: Of, line: usize) -> Record {
        Record { line, of, id: None, source: None, target: None, values: vec![] }
    }

    /// Keeps a value if its key is read. An empty one says nothing.
    pub(super) fn set(&mut self, key: &str, value: &str, unread: &mut Unread) {
        let known = if self.of == Of::Nodes { OF_NODES } else { OF_EDGES };
        match known.iter().find(|(name, _)| *name == key) {
            None => unread.add(self.of, key),
            Some(_) if value.trim().is_empty() => {}
            Some((_, name)) => {
                self.values.retain(|(other, _)| other != name);
                self.values.push((name, value.trim().into()));
            }
        }
    }

    /// Keeps a value unless there is one.
    pub(super) fn set_default(&mut self, key: &str, value: &str, unread: &mut Unread) {
        let known = if self.of == Of::Nodes { OF_NODES } else { OF_EDGES };
        let name = known.iter().find(|(name, _)| *name == key).map(|(_, name)| *name);
        if name.is_none_or(|name| self.values.iter().all(|(other, _)| *other != name)) {
            self.set(key, value, unread);
        }
    }

    /// The value of a key of the project.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.values.iter().position(|(key, _)| *key == name)?;
        Some(self.values.swap_remove(at).1)
    }
}

/// Keys that no code reads, each once.
#[derive(Default)]
pub(super) struct Unread {
    nodes: BTreeSet<String>,
    edges: BTreeSet<String>,
    graph: BTreeSet<String>,
}

impl Unread {
    pub(super) fn add(&mut self, of: Of, key: &str) {
        let keys = match of {
            Of::Nodes => &mut self.nodes,
            Of::Edges => &mut self.edges,
            Of::Graph => &mut self.graph,
        };
        if keys.len() < KEYS_MAX && !keys.contains(key) {
            keys.insert(key.into());
        }
    }

    /// One line with all of them.
    pub(super) fn note(&self) -> Option<String> {
        let part = |(keys, owner): (&BTreeSet<String>, &str)| {
            let told: Vec<_> = keys.iter().take(TOLD).map(|key| format!("'{}'", shortened(key))).collect();
            let more = if keys.len() > TOLD { format!(" and {} more", keys.len() - TOLD) } else { String::new() };
            (!keys.is_empty()).then(|| format!("{}{more} of {owner}", told.join(", ")))
        };
        let parts = [(&self.nodes, "nodes"), (&self.edges, "edges"), (&self.graph, "the graph")];
        let parts: Vec<String> = parts.into_iter().filter_map(part).collect();
        (!parts.is_empty()).then(|| format!("not read: {}", parts.join("; ")))
    }
}
