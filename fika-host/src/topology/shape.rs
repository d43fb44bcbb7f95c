//! The summary of a topology.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use super::Topology;

/// With more nodes than this the diameter is bounded from below.
const EXACT_NODES_MAX: usize = 2_000;
/// Searches that the estimate makes.
const SWEEPS: usize = 8;
/// Lines of the table of degrees.
const ROWS_MAX: usize = 20;

impl Topology {
    /// Counts, degrees, parts and diameter, as text of a few lines.
    pub(crate) fn summary(&self) -> String {
        let neighbours = self.neighbours();
        let mut degrees: Vec<usize> = neighbours.iter().map(Vec::len).collect();
        degrees.sort_unstable();
        let mut text = format!("{} nodes, {} links\n", self.nodes.len(), self.links.len());
        let (Some(least), Some(most)) = (degrees.first(), degrees.last()) else { return text };
        let mean = 2.0 * self.links.len() as f64 / self.nodes.len() as f64;
        let median = degrees[degrees.len() / 2];
        let _ = writeln!(text, "links of a node: {least} to {most}, median {median}, mean {mean:.2}");
        text += &histogram(&degrees);
        let parts = parts(&neighbours);
        let largest = parts.iter().max_by_key(|part| part.len()).map_or(&[][..], Vec::as_slice);
        text += &match parts.len() {
            1 => "connected: yes\n".to_string(),
            count => format!("connected: no, {count} parts, the largest of {} nodes\n", largest.len()),
        };
        let (diameter, exact) = diameter(&neighbours, largest);
        let _ = writeln!(text, "diameter: {}{diameter} links", if exact { "" } else { "at least " });
        text + &self.regions() + &self.latencies()
    }

    fn neighbours(&self) -> Vec<Vec<u32>> {
        let mut neighbours = vec![vec![]; self.nodes.len()];
        for link in &self.links {
            neighbours[link.a as usize].push(link.b);
            neighbours[link.b as usize].push(link.a);
        }
        neighbours
    }

    fn regions(&self) -> String {
        let mut counts = BTreeMap::new();
        for region in self.nodes.iter().filter_map(|node| node.region.as_deref()) {
            *counts.entry(region).or_insert(0_usize) += 1;
        }
        if counts.is_empty() {
            return String::new();
        }
        let counts: Vec<_> = counts.iter().map(|(region, count)| format!("{region} {count}")).collect();
        format!("nodes by region: {}\n", counts.join(", "))
    }

    fn latencies(&self) -> String {
        let latencies = || self.links.iter().filter_map(|link| link.latency_us);
        let (Some(least), Some(most)) = (latencies().min(), latencies().max()) else { return String::new() };
        let millis = |us: f64| us / 1_000.0;
        let mean = latencies().map(|us| us as f64).sum::<f64>() / latencies().count() as f64;
        let (least, most, mean) = (millis(least as f64), millis(most as f64), millis(mean));
        format!("latency of a link: {least} ms to {most} ms, mean {mean:.1} ms\n")
    }
}

/// How many nodes have how many links, in at most [`ROWS_MAX`] lines.
fn histogram(degrees: &[usize]) -> String {
    let (least, most) = (degrees[0], degrees[degrees.len() - 1]);
    let width = (most - least + 1).div_ceil(ROWS_MAX);
    let mut text = String::new();
    let mut from = least;
    while from <= most {
        let end = from + width - 1;
        let count = degrees.partition_point(|degree| *degree <= end) - degrees.partition_point(|degree| *degree < from);
        let range = if width == 1 { from.to_string() } else { format!("{from}-{end}") };
        if count > 0 {
            let _ = writeln!(text, "  {range:>9} links: {count} nodes");
        }
        from += width;
    }
    text
}

/// The nodes of each part that hangs together.
fn parts(neighbours: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut seen = vec![false; neighbours.len()];
    let mut parts = vec![];
    for start in 0..neighbours.len() as u32 {
        if std::mem::replace(&mut seen[start as usize], true) {
            continue;
        }
        let mut part = vec![start];
        let mut next = 0;
        while let Some(node) = part.get(next) {
            next += 1;
            for peer in &neighbours[*node as usize] {
                if !std::mem::replace(&mut seen[*peer as usize], true) {
                    part.push(*peer);
                }
            }
        }
        parts.push(part);
    }
    parts
}

/// The longest of the shortest ways within a part, and whether that is exact: each search from a node gives the
/// way to its farthest one, so searches from all give the diameter and a few give a bound from below.
fn diameter(neighbours: &[Vec<u32>], part: &[u32]) -> (u32, bool) {
    let mut distance = vec![u32::MAX; neighbours.len()];
    if part.len() <= EXACT_NODES_MAX {
        return (part.iter().map(|start| farthest(neighbours, *start, &mut distance).1).max().unwrap_or(0), true);
    }
    let mut most = 0;
    let mut start = part[0];
    for _ in 0..SWEEPS {
        let (node, length) = farthest(neighbours, start, &mut distance);
        most = most.max(length);
        start = node;
    }
    (most, false)
}

fn farthest(neighbours: &[Vec<u32>], start: u32, distance: &mut [u32]) -> (u32, u32) {
    distance.fill(u32::MAX);
    distance[start as usize] = 0;
    let mut open = VecDeque::from([start]);
    let mut last = start;
    while let Some(node) = open.pop_front() {
        last = node;
        for peer in &neighbours[node as usize] {
            if distance[*peer as usize] == u32::MAX {
                distance[*peer as usize] = distance[node as usize] + 1;
                open.push_back(*peer);
            }
        }
    }
    (last, distance[last as usize])
}
