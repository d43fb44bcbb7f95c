//! A topology while its file is read, and the checks that all formats share.

use std::collections::BTreeMap;

use super::graph::{Topology, TopologyLink, TopologyNode};
use crate::limits::{LINKS_MAX, NODES_MAX, is_name, shortened};
use crate::quantity::{BITS, DURATION, NO_LIMIT, Quantity, above_zero, hash_rate};

/// The deepest nesting of lists and elements.
pub(super) const DEPTH_MAX: usize = 64;

/// What a file says about one node or link, as written.
#[derive(Default)]
pub(super) struct Record {
    pub(super) line: usize,
    /// Of a node.
    pub(super) id: Option<String>,
    name: Option<String>,
    region: Option<String>,
    hash_rate: Option<String>,
    /// Of a link.
    pub(super) source: Option<String>,
    pub(super) target: Option<String>,
    latency: Option<String>,
    bandwidth: Option<String>,
}

impl Record {
    pub(super) fn at(line: usize) -> Record {
        Record { line, ..Record::default() }
    }

    /// Keeps an attribute if it is one of those that are read.
    pub(super) fn set(&mut self, attribute: &str, value: &str) {
        let slot = match attribute {
            "name" | "label" => &mut self.name,
            "region" => &mut self.region,
            "hash_rate" => &mut self.hash_rate,
            "latency" => &mut self.latency,
            "bandwidth" => &mut self.bandwidth,
            _ => return,
        };
        *slot = Some(value.trim().into());
    }
}

/// Ids in the order in which they are met, nodes in the order in which they are declared.
#[derive(Default)]
pub(super) struct Assembly {
    ids: BTreeMap<String, usize>,
    /// By id: the node that has it.
    declared: Vec<Option<u32>>,
    nodes: Vec<TopologyNode>,
    lines: Vec<usize>,
    /// Ends are ids until all nodes are known.
    links: Vec<(usize, TopologyLink)>,
}

impl Assembly {
    pub(super) fn node(&mut self, record: Record) -> Result<(), String> {
        let line = record.line;
        let id = record.id.ok_or_else(|| format!("{line}: expected a node with an id, found none"))?;
        if self.nodes.len() as u64 == NODES_MAX {
            return Err(format!("{line}: expected at most {NODES_MAX} nodes, found more"));
        }
        let name = record.name.filter(|name| is_name(name)).unwrap_or_else(|| id.clone());
        if !is_name(&name) {
            let expected = "expected a node whose name or id is of 1 to 40 letters, digits, '-' and '_'";
            return Err(format!("{line}: {expected}, found '{}'", shortened(&name)));
        }
        let node = TopologyNode {
            name,
            region: record.region,
            hash_rate: record.hash_rate.map(|text| rate(&text, line)).transpose()?,
        };
        let number = self.nodes.len() as u32;
        let slot = self.id(id);
        if self.declared[slot].replace(number).is_some() {
            return Err(format!("{line}: expected each node once, found '{}' again", node.name));
        }
        self.nodes.push(node);
        self.lines.push(line);
        Ok(())
    }

    pub(super) fn link(&mut self, record: Record) -> Result<(), String> {
        let line = record.line;
        let (Some(source), Some(target)) = (record.source, record.target) else {
            return Err(format!("{line}: expected an edge with a source and a target"));
        };
        if self.links.len() as u64 == LINKS_MAX {
            return Err(format!("{line}: expected at most {LINKS_MAX} links, found more"));
        }
        if source == target {
            return Err(format!("{line}: expected a link to another node, found '{}' twice", shortened(&source)));
        }
        let (a, b) = (self.id(source) as u32, self.id(target) as u32);
        let latency_us = record.latency.map(|text| figure(&text, &DURATION, 1_000, line)).transpose()?;
        let bandwidth_bps = record.bandwidth.map(|text| bit_rate(&text, line)).transpose()?;
        self.links.push((line, TopologyLink { a, b, latency_us, bandwidth_bps }));
        Ok(())
    }

    fn id(&mut self, id: String) -> usize {
        let next = self.declared.len();
        let slot = *self.ids.entry(id).or_insert(next);
        if slot == next {
            self.declared.push(None);
        }
        slot
    }

    pub(super) fn finish(mut self) -> Result<Topology, String> {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|node| &self.nodes[*node].name);
        if let Some(pair) = order.windows(2).find(|pair| self.nodes[pair[0]].name == self.nodes[pair[1]].name) {
            let (name, line) = (&self.nodes[pair[1]].name, self.lines[pair[1]]);
            return Err(format!("{line}: expected each name once, found '{name}' again"));
        }
        for (line, link) in &mut self.links {
            for end in [&mut link.a, &mut link.b] {
                let id = *end as usize;
                *end = self.declared[id].ok_or_else(|| {
                    let id = self.ids.iter().find(|(_, slot)| **slot == id).map_or("", |(id, _)| id);
                    format!("{line}: expected the id of a node, found '{}', which no node has", shortened(id))
                })?;
            }
        }
        let mut pairs: Vec<_> =
            self.links.iter().map(|(line, link)| (link.a.min(link.b), link.a.max(link.b), *line)).collect();
        pairs.sort_unstable();
        if let Some(pair) = pairs.windows(2).find(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1)) {
            let (a, b, line) = pair[1];
            let (a, b) = (&self.nodes[a as usize].name, &self.nodes[b as usize].name);
            return Err(format!("{line}: expected each link once, found {a} - {b} again"));
        }
        Ok(Topology { nodes: self.nodes, links: self.links.into_iter().map(|(_, link)| link).collect() })
    }
}

/// A number of bits per second, or `none`.
fn bit_rate(text: &str, line: usize) -> Result<u64, String> {
    if text == "none" {
        return Ok(NO_LIMIT);
    }
    above_zero(figure(text, &BITS, 1, line)?).map_err(|why| format!("{line}: {why}, found '{}'", shortened(text)))
}

/// A hash rate with its unit, or a plain number of hashes per second. A fraction is refused rather than rounded: shares of
/// power would become none.
fn rate(text: &str, line: usize) -> Result<u128, String> {
    let plain = text.parse::<f64>().is_ok();
    let with_unit = if plain { format!("{} H/s", text.trim()) } else { text.to_string() };
    let expected = |why: String| match plain && text.contains('.') {
        true => "expected whole hashes per second (multiply all hash rates alike: their ratios matter)".into(),
        false => why,
    };
    hash_rate(&with_unit).map_err(|why| format!("{line}: {}, found '{}'", expected(why), shortened(text)))
}

/// A number with its unit, or a plain number in units of `plain` base units.
fn figure(text: &str, quantity: &Quantity, plain: u64, line: usize) -> Result<u64, String> {
    const LARGEST: f64 = 1e15;
    match text.parse::<f64>() {
        Ok(number) if (0.0..=LARGEST).contains(&number) => Ok((number * plain as f64).round() as u64),
        Ok(_) => Err(format!("{line}: expected a number from 0 to {LARGEST}, found '{}'", shortened(text))),
        Err(_) => quantity.parse(text).map_err(|why| format!("{line}: {why}, found '{}'", shortened(text))),
    }
}
