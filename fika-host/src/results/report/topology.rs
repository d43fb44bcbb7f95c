//! The map of the network, coloured by when a typical block came.

use std::fmt::Write;

use super::layout::layout;
use super::page::{escape, legend, note};
use super::plot::WIDTH;
use super::source::{MAP_NODES_MAX, Source};
use crate::experiment::Role;
use crate::results::duration;

const HEIGHT: f64 = 620.0;
const MARGIN: f64 = 46.0;
/// Links that are drawn.
const LINKS_MAX: usize = 20_000;
/// Up to so many links are drawn strongly.
const LINKS_FEW: usize = 200;
/// Up to so many nodes have their names beside them.
const NAMED_MAX: usize = 40;
const NAME_CHARS: usize = 16;
/// Colours of the style sheet for time.
const CLASSES: usize = 7;

/// The map, if the network is not too large for one.
pub(super) fn topology(source: &Source) -> Result<String, String> {
    let nodes = &source.run.experiment.nodes;
    if nodes.len() > MAP_NODES_MAX {
        return Err(format!("{} nodes are more than the {MAP_NODES_MAX} that a map can show", nodes.len()));
    }
    let all = &source.run.experiment.links;
    let inside = |(a, b): &(u32, u32)| (*a.max(b) as usize) < nodes.len();
    let links: Vec<(u32, u32)> = all.iter().copied().filter(inside).collect();
    if links.is_empty() {
        return Err("run.json has no links".into());
    }
    let places = layout(nodes.len(), &links);
    let place = |node: usize| {
        let (x, y) = (f64::from(places[node].0), f64::from(places[node].1));
        (MARGIN + x * (WIDTH - 2.0 * MARGIN), MARGIN + y * (HEIGHT - 2.0 * MARGIN))
    };
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Map of the network\">\n");
    // Writing to a string does not fail.
    // Few links are to be seen one by one, many only as a ground.
    let few = if links.len() <= LINKS_FEW { " few" } else { "" };
    let _ = write!(svg, "<path class=\"edge{few}\" d=\"");
    for (a, b) in links.iter().take(LINKS_MAX) {
        let ((ax, ay), (bx, by)) = (place(*a as usize), place(*b as usize));
        let _ = write!(svg, "M{ax:.0} {ay:.0}L{bx:.0} {by:.0}");
    }
    svg += "\"/>\n";
    let slowest_us = source.arrivals.iter().flat_map(|arrivals| arrivals.values()).copied().max().unwrap_or(0);
    let class = |delay_us: u64| (delay_us as u128 * CLASSES as u128 / (slowest_us as u128 + 1)) as usize;
    let radius = (150.0 / (nodes.len() as f64).sqrt()).clamp(2.5, 11.0);
    for (index, node) in nodes.iter().enumerate() {
        let (x, y) = place(index);
        let arrival = source.arrivals.as_ref().map(|arrivals| arrivals.get(&node.name));
        let (class, when) = match (arrival, node.role) {
            (Some(Some(delay_us)), _) => {
                (format!("dot q{}", class(*delay_us)), format!("after {}", duration(*delay_us)))
            }
            (Some(None), Role::Full) => ("dot never".into(), "never".into()),
            (None, Role::Full) => ("dot c0".into(), String::new()),
            (_, Role::Wallet) => ("off".into(), "wallet".into()),
        };
        let (name, short) = (escape(&node.name), node.name.chars().take(NAME_CHARS).collect::<String>());
        let _ = writeln!(
            svg,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"><title>{name} {when}</title></circle>"
        );
        if nodes.len() <= NAMED_MAX {
            let y = y - radius - 5.0;
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>", escape(&short));
        }
    }
    svg += "</svg>\n";
    let mut said = match &source.arrivals {
        Some(_) => {
            "How long one typical block, the median one by its time to the last nodes, took to each node.".into()
        }
        None => "Without colours for time, because there is no arrivals.csv.".to_string(),
    };
    if links.len() > LINKS_MAX {
        said += &format!(" {LINKS_MAX} of {} links are drawn.", links.len());
    }
    if links.len() < all.len() {
        said += &format!(" {} links of nodes that run.json does not have are not drawn.", all.len() - links.len());
    }
    let mut entries: Vec<(String, String)> = vec![];
    if source.arrivals.is_some() {
        let bound = |class: usize| duration(slowest_us * class as u64 / CLASSES as u64);
        let classes = if slowest_us == 0 { 0 } else { CLASSES };
        entries.extend((0..classes).map(|class| (format!("q{class}"), format!("up to {}", bound(class + 1)))));
        entries.push(("never".into(), "never".into()));
    }
    if nodes.iter().any(|node| node.role == Role::Wallet) {
        entries.push(("off".into(), "wallet".into()));
    }
    Ok(legend(&entries) + &svg + &note(&said))
}
