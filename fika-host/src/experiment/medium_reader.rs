//! Reads the network between the nodes: regions, cables and costs, and the region of each node.

use std::collections::BTreeMap;

use fika_core::message::Message;

use super::nodes::Nodes;
use super::presets;
use super::reader::{Fields, Read, did_you_mean};
use super::schema;
use super::shares::{dealt, normal, purpose};
use super::source::{Item, Problems, Value};
use super::{Cable, CableChange, Charge, CompactFailure, Latency, Medium, Region, Role};
use crate::limits::shortened;
use crate::quantity::DURATION;

const REGIONS_MAX: usize = 100;
const CLASSES_MAX: usize = 100;

/// The medium without the links that have a cable of their own: those are not known yet. Also whether its regions could
/// be read.
pub(super) fn medium(file: &Fields<'_>, problems: &Problems) -> (Medium, bool) {
    let network = file.table("network", &schema::NETWORK);
    let relay = file.table("relay", &schema::RELAY);
    let charge = relay.table("charge", &schema::CHARGE);
    let regions = regions(&network, problems);
    let known = regions.is_some();
    let medium = Medium {
        regions: regions.unwrap_or_default(),
        cable: cable(&network, problems),
        own: BTreeMap::new(),
        one_upload_at_a_time: network.flag("one_upload_at_a_time"),
        processing_us: processing(&network, problems),
        charge: Charge { block_bytes: charge.optional("block"), compact_bytes: charge.optional("compact") },
        compact_failures: compact_classes(&relay).into_iter().map(|(_, class)| class).collect(),
    };
    (medium, known)
}

fn cable(network: &Fields<'_>, problems: &Problems) -> Cable {
    let link = network.table("link", &schema::LINK);
    Cable {
        latency: link.below("latency").and_then(|item| latency(item, problems)).unwrap_or_default(),
        jitter_us: link.number("jitter"),
        bandwidth_bps: link.number("bandwidth"),
        loss_ppm: loss(&link).unwrap_or(0),
        queue_bytes: link.optional("queue"),
        message_loss_ppm: link.number("message_loss") as u32,
    }
}

/// The figures that a table gives of a cable.
pub(super) fn cable_change(fields: &Fields<'_>, problems: &Problems) -> CableChange {
    CableChange {
        latency: fields.given("latency").and_then(|item| latency(item, problems)),
        jitter_us: fields.optional("jitter"),
        bandwidth_bps: fields.optional("bandwidth"),
        loss_ppm: loss(fields),
        queue_bytes: fields.optional("queue"),
        message_loss_ppm: fields.optional("message_loss").map(|loss| loss as u32),
    }
}

/// The share of packets that a cable loses, in parts per million.
pub(super) fn loss(link: &Fields<'_>) -> Option<u32> {
    let loss = link.optional("loss")? as u32;
    if loss >= 1_000_000 {
        let why = "expected less than 100 %, as no connection repeats for ever; 'message_loss' may be all";
        link.problem("loss", || why.into());
    }
    Some(loss)
}

/// A duration, or a table `[latency]`; `None` after an error.
pub(super) fn latency(item: &Item, problems: &Problems) -> Option<Latency> {
    if let Value::Text(text) = &item.value {
        let us = DURATION.parse(text);
        return us.map(|us| Latency::Fixed { us }).map_err(|why| problems.add(item.place, || why)).ok();
    }
    let fields = Fields::new(&schema::LATENCY, Some(item), None, problems);
    let mean_us = fields.optional("mean")?;
    let (sd, scale) = (fields.optional("sd"), fields.optional("scale"));
    let model = fields.text("model");
    for (key, given, of) in [("sd", sd, "normal"), ("scale", scale, "pareto")] {
        if given.is_some() && model != of {
            fields.problem(key, || format!("only the model {of} has it"));
        }
    }
    match (model.as_str(), sd) {
        ("pareto", _) => Latency::pareto(mean_us, scale).map_err(|why| fields.problem("mean", || why)).ok(),
        ("normal", Some(sd_us)) => Some(Latency::Normal { mean_us, sd_us }),
        ("normal", None) => {
            fields.problem("model", || "a normal distribution needs the key 'sd'".into());
            None
        }
        _ => Some(Latency::Fixed { us: mean_us }),
    }
}

/// The regions; `None` if it is not known which they are.
fn regions(network: &Fields<'_>, problems: &Problems) -> Option<Vec<Region>> {
    let tables = network.tables("regions", &schema::REGIONS, None);
    if !network.has_list("regions") {
        return None;
    }
    if tables.is_empty() {
        return match network.optional_text("preset") {
            Some(preset) => Some(presets::regions(&preset)),
            None if network.given("preset").is_some() => None,
            None => Some(vec![]),
        };
    }
    if tables.len() > REGIONS_MAX {
        network.problem("regions", || format!("expected at most {REGIONS_MAX} regions, found {}", tables.len()));
        return None;
    }
    let (mut regions, mut named, mut shared): (Vec<Region>, bool, bool) = (vec![], true, true);
    for fields in &tables {
        let latency = match fields.below("latency").map(|item| &item.value) {
            None => vec![],
            Some(Value::List(items)) if items.is_empty() || items.len() == tables.len() => {
                items.iter().map(|item| latency(item, problems).unwrap_or_default()).collect()
            }
            Some(_) => {
                fields.problem("latency", || format!("expected one entry for each of the {} regions", tables.len()));
                vec![]
            }
        };
        let (name, share) = (fields.optional_text("name"), fields.optional("share"));
        named &= name.is_some();
        shared &= share.is_some();
        let name = name.unwrap_or_default();
        if !name.is_empty() && regions.iter().any(|region| region.name == name) {
            fields.problem("name", || format!("expected each region once, found '{name}' again"));
        }
        regions.push(Region {
            name,
            share_ppm: share.unwrap_or(0) as u32,
            upload_bps: fields.number("upload"),
            download_bps: fields.number("download"),
            latency,
        });
    }
    let sum: u32 = regions.iter().map(|region| region.share_ppm).sum();
    if shared && sum != 0 && sum != 1_000_000 {
        let percent = f64::from(sum) / 10_000.0;
        network.problem("regions", || format!("expected shares of 100 % in all, found {percent} %"));
    }
    (named && shared).then_some(regions)
}

fn processing(network: &Fields<'_>, problems: &Problems) -> BTreeMap<String, u64> {
    let Some(item) = network.below("processing") else { return BTreeMap::new() };
    let Value::Table(table) = &item.value else {
        network.problem("processing", || format!("expected a table, found {}", item.found()));
        return BTreeMap::new();
    };
    let mut times = BTreeMap::new();
    for (kind, (place, item)) in table {
        if !Message::KINDS.contains(&kind.as_str()) {
            let expected = Message::KINDS.join(", ");
            let meant = did_you_mean(kind, Message::KINDS.iter().copied());
            problems
                .add(*place, || format!("expected a kind of message ({expected}), found '{}'{meant}", shortened(kind)));
        }
        let time = match &item.value {
            Value::Text(text) => DURATION.parse(text),
            _ => Err(DURATION.expected()),
        };
        match time {
            Ok(time) => drop(times.insert(kind.clone(), time)),
            Err(why) => problems.add(item.place, || format!("{why}, found {}", item.found())),
        }
    }
    times
}

/// The classes of `[relay]` with their shares of the full nodes.
fn compact_classes(relay: &Fields<'_>) -> Vec<(u32, CompactFailure)> {
    let tables = relay.tables("compact_classes", &schema::COMPACT_CLASSES, None);
    if tables.len() > CLASSES_MAX {
        relay.problem("compact_classes", || format!("expected at most {CLASSES_MAX} classes, found {}", tables.len()));
        return vec![];
    }
    let class = |fields: &Fields<'_>| {
        let missing: Option<Vec<_>> = match fields.read("missing") {
            Read::Pairs(pairs) => {
                Some(pairs.into_iter().map(|(share, weight)| (share as u32, weight as u32)).collect())
            }
            _ if fields.given("missing").is_some() => None,
            _ => Some(vec![]),
        };
        let probability_ppm = fields.number("failure") as u32;
        if probability_ppm > 0 && missing.as_ref().is_some_and(Vec::is_empty) {
            fields.problem("missing", || "expected at least one pair, as blocks fail".into());
        }
        (fields.number("share") as u32, CompactFailure { probability_ppm, missing: missing.unwrap_or_default() })
    };
    let classes: Vec<_> = tables.iter().map(class).collect();
    if classes.iter().map(|(share, _)| u64::from(*share)).sum::<u64>() > 1_000_000 {
        relay.problem("compact_classes", || "expected shares of at most 100 % in all".into());
    }
    classes
}

/// Draws what nodes leave open: the region with its bandwidths, the hash rate, and the part in compact relay.
pub(super) fn place(nodes: &mut Nodes, file: &Fields<'_>, medium: &Medium, seed: u64, problems: &Problems) {
    let network = file.table("network", &schema::NETWORK);
    stand(nodes, &network, &medium.regions, seed);
    let rate = network.table("hash_rate", &schema::NETWORK_HASH_RATE);
    if network.given("hash_rate").is_some()
        && let Some(mean) = rate.hash_rate("mean")
    {
        let sd = rate.hash_rate("sd").unwrap_or(0);
        for (index, (spec, open)) in (0..).zip(nodes.specs.iter_mut().zip(&nodes.open)) {
            if open.hash_rate && spec.role == Role::Full {
                spec.hash_rate = normal(mean, sd, seed, purpose(*b"hash"), index);
            }
        }
    }
    let relay = file.table("relay", &schema::RELAY);
    let mut full: Vec<_> = nodes.specs.iter_mut().filter(|spec| spec.role == Role::Full).collect();
    let share = relay.number("compact_share") as u32;
    if share < 1_000_000 {
        let dealt = dealt(full.len(), &[share], seed, purpose(*b"cmpt"));
        full.iter_mut().zip(dealt).for_each(|(spec, class)| spec.compact = class == 0);
    }
    let shares: Vec<u32> = compact_classes(&relay).into_iter().map(|(share, _)| share).collect();
    if !shares.is_empty() && problems.none() {
        let dealt = dealt(full.len(), &shares, seed, purpose(*b"clas"));
        let class = |class: u16| Some(class).filter(|class| usize::from(*class) < shares.len());
        full.iter_mut().zip(dealt).for_each(|(spec, dealt)| spec.compact_failure = class(dealt));
    }
}

fn stand(nodes: &mut Nodes, network: &Fields<'_>, regions: &[Region], seed: u64) {
    if regions.is_empty() {
        return;
    }
    let shares: Vec<u32> = regions.iter().map(|region| region.share_ppm).collect();
    let mut lost: Vec<_> = nodes.specs.iter_mut().filter(|spec| spec.region.is_none()).collect();
    if !lost.is_empty() && shares.iter().all(|share| *share == 0) {
        let name = &lost[0].name;
        network.problem("regions", || format!("expected shares, as '{name}' has no region of its own"));
        return;
    }
    let dealt = dealt(lost.len(), &shares, seed, purpose(*b"area"));
    lost.iter_mut().zip(dealt).for_each(|(spec, region)| spec.region = Some(region));
    for (spec, open) in nodes.specs.iter_mut().zip(&nodes.open) {
        let Some(region) = spec.region.and_then(|region| regions.get(usize::from(region))) else { continue };
        if open.upload {
            spec.upload_bps = region.upload_bps;
        }
        if open.download {
            spec.download_bps = region.download_bps;
        }
    }
}
