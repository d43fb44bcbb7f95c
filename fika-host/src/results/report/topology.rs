//! The map of the network, coloured by when a typical block came.

use std::fmt::Write;

use super::chart::field;
use super::layout::layout;
use super::section::{Content, Section};
use super::source::{MAP_NODES_MAX, Source};
use super::text::{escape, short};
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
/// Colours for time, from the first to the last: dark to light, in grey too.
const COLOURS: [&str; 7] = ["#0b2f66", "#17508f", "#2a73b8", "#4c93d2", "#79b2e2", "#a5cdee", "#d8e9f8"];
/// Of nodes that never had the block, of those without a time, and of wallets: fill and stroke.
const NEVER: (&str, &str) = ("#fff", "#b3261e\" stroke-width=\"3\" stroke-dasharray=\"3 2");
const UNTIMED: (&str, &str) = ("#005aa0", "#005aa0");
const WALLET: (&str, &str) = ("#fff", "#555");
/// The width of the map and of the legend beside it.
const WIDTH: f64 = 820.0;
const LEGEND: f64 = 180.0;

/// The map, if the network is not too large for one.
pub(super) fn topology(source: &Source) -> Content {
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
    let mut svg = format!(
        "<svg width=\"{0}\" height=\"{HEIGHT}\" viewBox=\"0 0 {0} {HEIGHT}\" xmlns=\"http://www.w3.org/2000/svg\" \
         font-family=\"sans-serif\" font-size=\"13\">\n",
        WIDTH + LEGEND
    );
    // Few links are to be seen one by one, many only as a ground.
    let opacity = if links.len() <= LINKS_FEW { 0.8 } else { 0.3 };
    // Writing to a string does not fail.
    let _ = write!(svg, "<path fill=\"none\" stroke=\"#555\" stroke-width=\"0.7\" opacity=\"{opacity}\" d=\"");
    for (a, b) in links.iter().take(LINKS_MAX) {
        let ((ax, ay), (bx, by)) = (place(*a as usize), place(*b as usize));
        let _ = write!(svg, "M{ax:.0} {ay:.0}L{bx:.0} {by:.0}");
    }
    svg += "\"/>\n";
    let slowest_us = source.arrivals.iter().flat_map(|arrivals| arrivals.values()).copied().max().unwrap_or(0);
    let class = |delay_us: u64| (delay_us as u128 * COLOURS.len() as u128 / (slowest_us as u128 + 1)) as usize;
    let radius = (150.0 / (nodes.len() as f64).sqrt()).clamp(2.5, 11.0);
    let dot = |svg: &mut String, (x, y): (f64, f64), radius: f64, (fill, stroke): (&str, &str), title: &str| {
        let circle =
            format!("<circle fill=\"{fill}\" stroke=\"{stroke}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\">");
        let _ = writeln!(svg, "{circle}<title>{}</title></circle>", escape(title));
    };
    let mut csv = "node,x,y,delay_us\n".to_string();
    for (index, node) in nodes.iter().enumerate() {
        let (x, y) = place(index);
        let arrival = source.arrivals.as_ref().map(|arrivals| arrivals.get(&node.name).copied());
        let (look, when) = match (arrival, node.role) {
            (Some(Some(delay_us)), _) => ((COLOURS[class(delay_us)], "#555"), format!("after {}", duration(delay_us))),
            (Some(None), Role::Full) => (NEVER, "never".into()),
            (None, Role::Full) => (UNTIMED, String::new()),
            (_, Role::Wallet | Role::Light) => (WALLET, node.role.name().into()),
        };
        dot(&mut svg, (x, y), radius, look, &format!("{} {when}", node.name));
        if nodes.len() <= NAMED_MAX {
            let (y, name) = (y - radius - 5.0, escape(&short(&node.name, NAME_CHARS)));
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{name}</text>");
        }
        let delay = arrival.flatten().map_or_else(String::new, |delay_us| delay_us.to_string());
        let _ = writeln!(csv, "{},{x:.1},{y:.1},{delay}", field(&node.name));
    }
    let mut entries: Vec<((&str, &str), String)> = vec![];
    if source.arrivals.is_some() {
        let bound = |class: usize| duration(slowest_us * class as u64 / COLOURS.len() as u64);
        let colours = COLOURS.iter().enumerate().filter(|_| slowest_us > 0);
        entries.extend(colours.map(|(class, fill)| ((*fill, "#555"), format!("up to {}", bound(class + 1)))));
        entries.push((NEVER, "never".into()));
    }
    for role in [Role::Wallet, Role::Light] {
        if nodes.iter().any(|node| node.role == role) {
            entries.push((WALLET, role.name().into()));
        }
    }
    for (row, (look, text)) in entries.iter().enumerate() {
        let y = 30.0 + row as f64 * 24.0;
        dot(&mut svg, (WIDTH + 20.0, y), 8.0, *look, text);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{text}</text>", WIDTH + 36.0, y + 5.0);
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
    Ok(Section::default().figure("topology", "Map of the network", &svg, csv).note(&said))
}
