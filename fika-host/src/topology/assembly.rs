//! A topology while its file is read, and the checks that all formats share.

use std::collections::BTreeMap;

use fika_core::amount::Amount;

use super::figures::{self, Figures};
use super::graph::{Import, Topology, TopologyLink, TopologyNode};
use super::merging::merged;
use super::naming::names;
use super::record::{Of, Record, Unread};
use crate::limits::{LINKS_MAX, NODES_MAX, shortened};

/// The deepest nesting of lists and elements.
pub(super) const DEPTH_MAX: usize = 64;

/// Ids in the order in which they are met, nodes in the order in which they are declared.
#[derive(Default)]
pub(super) struct Assembly {
    slots: BTreeMap<String, usize>,
    /// By slot: the node that has it.
    declared: Vec<Option<u32>>,
    nodes: Vec<TopologyNode>,
    ids: Vec<String>,
    labels: Vec<Option<String>>,
    /// Ends are slots until all nodes are known.
    links: Vec<(usize, TopologyLink)>,
    figures: Figures,
    pub(super) unread: Unread,
}

impl Assembly {
    pub(super) fn node(&mut self, mut record: Record) -> Result<(), String> {
        let line = record.line;
        let id = record.id.take().ok_or_else(|| format!("{line}: expected a node with an id, found none"))?;
        if self.nodes.len() as u64 == NODES_MAX {
            return Err(format!("{line}: expected at most {NODES_MAX} nodes, found more"));
        }
        let wallet = match record.take("role").as_deref() {
            Some("wallet") => Some(true),
            Some("full") => Some(false),
            // In files of others the word may mean anything.
            other => {
                other.is_some().then(|| self.unread.add(Of::Nodes, "role"));
                None
            }
        };
        let rate = record.take("hash_rate").map(|text| {
            self.figures
                .read(&text, line, figures::hash_rate, || format!("'hash_rate' of the node '{}'", shortened(&id)))
        });
        let hash_rate = rate.transpose()?;
        let mut figure = |name: &'static str| {
            let text = record.take(name);
            let of = || format!("'{name}' of the node '{}'", shortened(&id));
            text.map(|text| self.figures.read(&text, line, figures::bits, of)).transpose()
        };
        let (upload_bps, download_bps) = (figure("upload")?, figure("download")?);
        if wallet == Some(true) && hash_rate.is_some_and(|rate| rate > 0) {
            return Err(format!(
                "{line}: the node '{}': a wallet does not mine; expected no hash_rate",
                shortened(&id)
            ));
        }
        let coins = record.take("coins").map(|text| coins(&text));
        let coins =
            coins.transpose().map_err(|why| format!("{line}: 'coins' of the node '{}': {why}", shortened(&id)))?;
        let region = record.take("region");
        let (name, label) = (record.take("name"), record.take("label"));
        let slot = self.slot(id.clone());
        if self.declared[slot].replace(self.nodes.len() as u32).is_some() {
            return Err(format!("{line}: expected each node once, found '{}' again", shortened(&id)));
        }
        self.nodes.push(TopologyNode {
            wallet,
            region,
            hash_rate,
            coins,
            upload_bps,
            download_bps,
            ..Default::default()
        });
        self.ids.push(id);
        self.labels.push(name.or(label));
        Ok(())
    }

    pub(super) fn link(&mut self, mut record: Record) -> Result<(), String> {
        let line = record.line;
        let (Some(source), Some(target)) = (record.source.take(), record.target.take()) else {
            return Err(format!("{line}: expected an edge with a source and a target"));
        };
        if self.links.len() as u64 == LINKS_MAX {
            return Err(format!("{line}: expected at most {LINKS_MAX} links, found more"));
        }
        let mut figure = |name: &'static str, read: figures::Reader<u64>| {
            let text = record.take(name);
            let of = || format!("'{name}' of the edge '{}' - '{}'", shortened(&source), shortened(&target));
            text.map(|text| self.figures.read(&text, line, read, of)).transpose()
        };
        let mut link = TopologyLink {
            latency_us: figure("latency", figures::duration)?,
            jitter_us: figure("jitter", figures::duration)?,
            bandwidth_bps: figure("bandwidth", figures::bits)?,
            loss_ppm: figure("loss", figures::loss)?.map(|ppm| ppm as u32),
            message_loss_ppm: figure("message_loss", figures::share)?.map(|ppm| ppm as u32),
            ..TopologyLink::default()
        };
        (link.a, link.b) = (self.slot(source) as u32, self.slot(target) as u32);
        self.links.push((line, link));
        Ok(())
    }

    fn slot(&mut self, id: String) -> usize {
        let next = self.declared.len();
        let slot = *self.slots.entry(id).or_insert(next);
        if slot == next {
            self.declared.push(None);
        }
        slot
    }

    /// The whole, with a line for each thing that was changed or not read.
    pub(super) fn finish(mut self) -> Result<Import, String> {
        for (line, link) in &mut self.links {
            for end in [&mut link.a, &mut link.b] {
                let slot = *end as usize;
                *end = self.declared[slot].ok_or_else(|| {
                    let id = self.slots.iter().find(|(_, other)| **other == slot).map_or("", |(id, _)| id);
                    format!("{line}: expected the id of a node, found '{}', which no node has", shortened(id))
                })?;
            }
        }
        let (names, mut notes) = names(&self.ids, &self.labels);
        let (links, changed) = merged(self.links);
        notes.extend(changed);
        notes.extend(self.figures.note());
        notes.extend(self.unread.note());
        let texts = names.into_iter().zip(self.ids).zip(self.labels);
        for (node, ((name, id), label)) in self.nodes.iter_mut().zip(texts) {
            node.id = Some(id).filter(|id| *id != name);
            node.label = label.filter(|label| *label != name);
            node.name = name;
        }
        Ok(Import { topology: Topology { nodes: self.nodes, links }, notes })
    }
}

/// `30, 30.5`: coins of each output.
fn coins(text: &str) -> Result<Vec<Amount>, String> {
    let outputs = text.split([',', ' ']).filter(|part| !part.is_empty());
    let outputs = outputs.map(|part| part.parse::<Amount>().ok().filter(|coins| *coins > Amount::ZERO));
    outputs.collect::<Option<_>>().ok_or_else(|| format!("expected coins such as 30, 0.5, found '{}'", shortened(text)))
}
