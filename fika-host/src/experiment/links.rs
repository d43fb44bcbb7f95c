//! The links of an experiment: `[[links]]`, peers, and a graph.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use super::medium_reader;
use super::nodes::{Nodes, Peers};
use super::presets::{self, Degrees};
use super::reader::{Fields, Read};
use super::schema;
use super::source::Problems;
use super::{Cable, CableChange, Latency, Medium, NodeIndex, Role};
use crate::limits::LINKS_MAX;

/// The links that were written one by one.
#[derive(Default)]
pub(super) struct Written {
    links: BTreeMap<(NodeIndex, NodeIndex), CableChange>,
}

impl Written {
    /// The cables of links with figures of their own. What these leave open is as between the regions, or as the
    /// default cable.
    pub(super) fn own(&self, nodes: &Nodes, medium: &Medium) -> BTreeMap<usize, Cable> {
        let told = self.links.iter().filter(|(_, figures)| **figures != CableChange::default());
        let cable = |((a, b), figures): (&(NodeIndex, NodeIndex), &CableChange)| {
            let common = medium.between(None, &nodes.specs[*a as usize], &nodes.specs[*b as usize]);
            let index = nodes.links.binary_search(&(*a, *b)).ok()?;
            Some((index, figures.over(common)))
        };
        told.filter_map(cable).collect()
    }
}

impl Nodes {
    /// Finds the links of all sources. Returns those that were written one by one.
    pub(super) fn links(&mut self, file: &Fields<'_>, seed: u64, problems: &Problems) -> Written {
        let mut written = Written::default();
        for fields in file.tables("links", &schema::LINKS, None) {
            let end = |key: &str| {
                let place = fields.below(key).map_or(fields.place, |item| item.place);
                fields.optional_text(key).and_then(|name| self.find(place, &name, problems))
            };
            let figures = medium_reader::cable_change(&fields, problems);
            let (Some(a), Some(b)) = (end("a"), end("b")) else { continue };
            if a == b {
                fields.problem("b", || "expected another node than 'a', found the same".into());
            } else if written.links.insert((a.min(b), a.max(b)), figures).is_some() {
                let (a, b) = (&self.specs[a as usize].name, &self.specs[b as usize].name);
                problems.add(fields.place, || format!("expected each link once, found {a} - {b} again"));
            }
        }
        for link in std::mem::take(&mut self.drawn) {
            let figures = CableChange {
                latency: link.latency_us.map(|us| Latency::Fixed { us }),
                jitter_us: link.jitter_us,
                bandwidth_bps: link.bandwidth_bps,
                loss_ppm: link.loss_ppm,
                queue_bytes: None,
                message_loss_ppm: link.message_loss_ppm,
            };
            written.links.entry((link.a.min(link.b), link.a.max(link.b))).or_insert(figures);
        }
        self.links = written.links.keys().copied().collect();
        for (index, peers) in std::mem::take(&mut self.peers) {
            self.peers_of(index, &peers, problems);
        }
        let network = file.table("network", &schema::NETWORK);
        if let Some(graph) = graph(&network)
            && problems.none()
        {
            self.join(&graph, &network, seed);
        }
        self.links.sort_unstable();
        self.links.dedup();
        if self.links.len() as u64 > LINKS_MAX {
            let (most, found) = (LINKS_MAX, self.links.len());
            problems.add(file.place, || format!("expected at most {most} links, found {found}"));
        }
        written
    }

    fn peers_of(&mut self, index: NodeIndex, peers: &Peers, problems: &Problems) {
        let mut own = BTreeSet::new();
        for (place, name) in peers.iter() {
            let Some(peer) = self.find(*place, name, problems) else { continue };
            if peer == index {
                problems.add(*place, || format!("expected another node as a peer, found '{name}' itself"));
            } else if !own.insert(peer) {
                problems.add(*place, || format!("expected each peer once, found '{name}' again"));
            } else {
                self.links.push((peer.min(index), peer.max(index)));
            }
        }
    }

    /// The links of a graph over the full nodes.
    fn join(&mut self, graph: &Graph, network: &Fields<'_>, seed: u64) {
        let full: Vec<NodeIndex> =
            (0..).zip(&self.specs).filter(|(_, spec)| spec.role == Role::Full).map(|(i, _)| i).collect();
        match graph.links(full.len() as u32, seed) {
            Ok(links) => self.links.extend(links.into_iter().map(|(a, b)| {
                let (a, b) = (full[a as usize], full[b as usize]);
                (a.min(b), a.max(b))
            })),
            Err(why) => network.table("graph", &schema::GRAPH).problem("kind", || why),
        }
    }
}

/// Which graph each key belongs to.
const GRAPH_KEYS: &[(&str, &str)] = &[
    ("degree", "random_regular"),
    ("degrees", "out_degrees"),
    ("m", "scale_free"),
    ("k", "small_world"),
    ("beta", "small_world"),
    ("file", "file"),
];

/// The graph that `[network.graph]` or the preset describes. The graph of a file is read with the nodes.
fn graph(network: &Fields<'_>) -> Option<Graph> {
    let fields = network.table("graph", &schema::GRAPH);
    let kind = fields.optional_text("kind");
    if kind.is_none() && fields.given("kind").is_some() {
        return None;
    }
    let wanted = kind.as_deref().unwrap_or_default();
    for (key, of) in GRAPH_KEYS {
        if *of == wanted && fields.given(key).is_none() {
            let article = if *of == "out_degrees" { "an" } else { "a" };
            fields.problem("kind", || format!("{article} {of} graph needs the key '{key}'"));
            return None;
        }
        if *of != wanted && fields.given(key).is_some() {
            fields.problem(key, || format!("only a graph of the kind {of} has it"));
            return None;
        }
    }
    Some(match wanted {
        "ring" => Graph::Ring,
        "line" => Graph::Line,
        "star" => Graph::Star,
        "full" => Graph::Full,
        "random_regular" => Graph::RandomRegular(fields.number("degree")),
        "out_degrees" => match fields.read("degrees") {
            Read::Number(degree) => Graph::OutDegrees(Degrees::Fixed(degree as u32)),
            Read::Numbers(sums) => {
                Graph::OutDegrees(Degrees::cumulative(&sums).map_err(|why| fields.problem("degrees", || why)).ok()?)
            }
            _ => return None,
        },
        "scale_free" => Graph::ScaleFree(fields.number("m") as u32),
        "small_world" => {
            Graph::SmallWorld { degree: fields.number("k") as u32, beta_ppm: fields.number("beta") as u32 }
        }
        "file" => return None,
        _ => match network.optional_text("preset").and_then(|preset| presets::degrees(&preset)) {
            Some(degrees) => Graph::OutDegrees(degrees),
            None if network.number("nodes") > 0 => Graph::Ring,
            None => return None,
        },
    })
}
