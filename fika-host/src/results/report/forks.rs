//! The block tree where it forks: small drawings, the chain above and the stale blocks below it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use fika_core::hash::Id;
use plotters::style::RGBColor;

use super::chart::{Look, field};
use super::section::{Content, Section};
use super::source::{Block, Blocks};
use super::text::{escape, short as cut};
use crate::results::short;

/// Forks that are drawn; the rest is counted.
const DRAWN: usize = 12;
/// Heights of one drawing.
const COLUMNS: u64 = 12;
/// Branches of one drawing.
const ROWS: usize = 6;

const COLUMN_WIDTH: f64 = 128.0;
const ROW_HEIGHT: f64 = 58.0;
const BOX_WIDTH: f64 = 98.0;
const BOX_HEIGHT: f64 = 38.0;
/// Letters of a producer that have room in a box.
const NAME_CHARS: usize = 14;

/// The forks by height: stale blocks of successive heights are one fork.
pub(super) fn forks(blocks: Option<&Blocks>) -> Content {
    let blocks = blocks.ok_or("there is no blocks.csv")?;
    let stale: Vec<&Block> = blocks.rows.iter().filter(|block| block.stale).collect();
    if stale.is_empty() {
        return Ok(Section::default().note("The chain never forked."));
    }
    let groups: Vec<&[&Block]> = stale.chunk_by(|one, next| next.height <= one.height + 1).collect();
    let heights: BTreeSet<u64> = groups.iter().take(DRAWN).flat_map(|group| drawn_heights(group)).collect();
    let of_chain = blocks.rows.iter().filter(|block| !block.stale && heights.contains(&block.height));
    let chain: BTreeMap<u64, &Block> = of_chain.map(|block| (block.height, block)).collect();
    let mut section = Section::default().html("<div class=\"forks\">\n");
    for (number, group) in (1..).zip(groups.iter().take(DRAWN)) {
        section = fork(section, number, group, &chain, &blocks.producers);
    }
    let more = groups.len().saturating_sub(DRAWN);
    let more = if more > 0 { format!(" {more} more forks are not drawn.") } else { String::new() };
    let said =
        "The chain is above, stale blocks are below it; each box has the end of the block's id and its producer.";
    let said = format!("{} forks, {} stale blocks. {said}{more}", groups.len(), stale.len());
    Ok(section.html("</div>\n").note(&said))
}

/// From the last common block to the one that decided, if that is not too far.
fn drawn_heights(group: &[&Block]) -> std::ops::RangeInclusive<u64> {
    let (low, high) = (group[0].height, group[group.len() - 1].height);
    let from = low.saturating_sub(1);
    from..=(high + 1).min(from + COLUMNS - 1)
}

fn fork(
    section: Section,
    number: usize,
    group: &[&Block],
    chain: &BTreeMap<u64, &Block>,
    producers: &[String],
) -> Section {
    let heights = drawn_heights(group);
    let from = *heights.start();
    let column = |height: u64| (height - from) as usize;
    // Where each block is: column and row.
    let mut places: HashMap<Id, (usize, usize)> = HashMap::new();
    let mut drawn: Vec<&Block> = heights.clone().filter_map(|height| chain.get(&height).copied()).collect();
    drawn.iter().for_each(|block| {
        places.insert(block.id, (column(block.height), 0));
    });
    let mut taken: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut hidden = 0;
    for block in group {
        let at = heights.contains(&block.height).then(|| column(block.height));
        // Beside its parent, or in the first row that is free.
        let beside = places.get(&block.parent).map(|(_, row)| *row).filter(|row| *row > 0);
        let row = at.and_then(|at| beside.into_iter().chain(1..ROWS).find(|row| !taken.contains(&(at, *row))));
        let (Some(at), Some(row)) = (at, row) else {
            hidden += 1;
            continue;
        };
        taken.insert((at, row));
        places.insert(block.id, (at, row));
        drawn.push(block);
    }
    let rows = taken.iter().map(|(_, row)| *row).max().unwrap_or(0) + 1;
    let columns = column(*heights.end()) + 1;
    let (width, height) = (columns as f64 * COLUMN_WIDTH + 30.0, rows as f64 * ROW_HEIGHT + 22.0);
    let (low, high) = (group[0].height, group[group.len() - 1].height);
    let about = if low == high { format!("height {low}") } else { format!("heights {low} to {high}") };
    let title = format!("Fork at {about}");
    let mut svg = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\" \
         font-family=\"sans-serif\" font-size=\"12\" text-anchor=\"middle\">\n"
    );
    let mut csv = "id,parent,height,producer,status,first_seen_us\n".to_string();
    let corner = |(column, row): (usize, usize)| (column as f64 * COLUMN_WIDTH + 15.0, row as f64 * ROW_HEIGHT + 20.0);
    // Writing to a string does not fail.
    for height in heights.clone() {
        let (x, _) = corner((column(height), 0));
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"12\">{height}</text>", x + BOX_WIDTH / 2.0);
    }
    if from == 0 {
        let (x, y) = corner((0, 0));
        let (x, y) = (x + BOX_WIDTH / 2.0, y + 23.0);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\">genesis</text>");
    }
    for block in &drawn {
        let (x, y) = corner(places[&block.id]);
        let middle = y + BOX_HEIGHT / 2.0;
        let genesis = (block.height == 1 && from == 0).then_some((0, 0));
        if let Some(parent) = places.get(&block.parent).copied().or(genesis) {
            let (start, parent_y) = corner(parent);
            let (start, parent_middle, bend) = (start + BOX_WIDTH, parent_y + BOX_HEIGHT / 2.0, x - 15.0);
            let _ = writeln!(
                svg,
                "<path fill=\"none\" stroke=\"#555\" d=\"M{start:.1} {parent_middle:.1}H{bend:.1}V{middle:.1}H{x:.1}\"/>"
            );
        }
        let producer = block.producer.map_or("", |producer| &producers[producer as usize]);
        // Stale ones are dashed.
        let (look, dashes, status) =
            if block.stale { (Look::Second, " stroke-dasharray=\"5 3\"", "stale") } else { (Look::First, "", "chain") };
        let RGBColor(red, green, blue) = look.colour();
        let id = short(block.id);
        let (text_x, first, second) = (x + BOX_WIDTH / 2.0, y + 16.0, y + 31.0);
        let _ = writeln!(
            svg,
            "<rect fill=\"none\" stroke=\"rgb({red},{green},{blue})\" stroke-width=\"2\"{dashes} x=\"{x:.1}\" y=\"{y:.1}\" \
             width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"4\"/><text x=\"{text_x:.1}\" y=\"{first:.1}\">{}</text>\
             <text x=\"{text_x:.1}\" y=\"{second:.1}\">{}</text>",
            &id[id.len() - 8..],
            escape(&cut(producer, NAME_CHARS))
        );
        let Block { id, parent, height, first_us, .. } = block;
        let _ = writeln!(csv, "{id},{parent},{height},{},{status},{first_us}", field(producer));
    }
    svg += "</svg>\n";
    let section = section.figure(&format!("fork-{number}"), &title, &svg, csv);
    let said = || format!("{hidden} more stale blocks of this fork have no room here.");
    if hidden > 0 { section.note(&said()) } else { section }
}
