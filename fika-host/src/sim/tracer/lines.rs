//! A JSON object a line.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use fika_core::hash::Id;
use fika_core::header::Time;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Event, PeerId};
use serde::Serialize;

use super::super::links::{Delivery, Links};
use super::super::observer::Seen;
use super::super::tournament::NEVER;
use super::format::Format;
use crate::experiment::Experiment;
use crate::results::trace::TraceEvent;
use crate::results::{Ended, short};

/// `trace.jsonl`.
pub(super) struct Lines {
    out: BufWriter<File>,
    /// By node. They hold nothing that JSON would write otherwise.
    names: Vec<String>,
    /// What all lines of one message have in common.
    message: Vec<u8>,
}

/// Something that a node did, in the words of a live node's trace.
#[derive(Serialize)]
struct Line<'a> {
    at_us: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(flatten)]
    event: TraceEvent,
}

/// What concerns the run and no node alone.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
enum OfRun<'a> {
    Link { at_us: Time, a: &'a str, b: &'a str },
    Network { at_us: Time, what: &'a str },
    Ended { at_us: Time, why: Ended },
}

/// What messages are about, by the names that the lines have for it.
const SUBJECTS: [&str; 4] = ["block", "proposal", "tx", "gossip"];

impl Lines {
    pub(super) fn new(out: BufWriter<File>, experiment: &Experiment) -> io::Result<Lines> {
        let names = experiment.nodes.iter().map(|node| node.name.clone()).collect();
        let mut lines = Lines { out, names, message: Vec::new() };
        for node in &experiment.nodes {
            let event = TraceEvent::Started { height: 0 };
            lines.line(&Line { at_us: 0, node: Some(&node.name), event })?;
        }
        let name = |node: u32| experiment.nodes[node as usize].name.as_str();
        for (a, b) in &experiment.links {
            lines.line(&OfRun::Link { at_us: 0, a: name(*a), b: name(*b) })?;
        }
        Ok(lines)
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        write_line(&mut self.out, line)
    }
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

impl Format for Lines {
    fn message(&mut self, message: &Message, bytes: u64) -> io::Result<()> {
        self.message.clear();
        write!(self.message, ",\"kind\":\"{}\",\"bytes\":{bytes}", message.kind_name())?;
        let about = about(message);
        for subject in SUBJECTS {
            let ids = about.iter().filter(|(what, _)| *what == subject).map(|(_, id)| short(*id));
            let ids: Vec<String> = ids.collect();
            if !ids.is_empty() {
                write!(self.message, ",\"{subject}\":[\"{}\"]", ids.join("\",\""))?;
            }
        }
        self.message.extend_from_slice(b"}\n");
        Ok(())
    }

    fn sent(&mut self, now: Time, from: u32, delivery: Delivery) -> io::Result<()> {
        let (from, to) = (&self.names[from as usize], &self.names[delivery.to as usize]);
        write!(self.out, "{{\"at_us\":{now},\"event\":\"sent\",\"from\":\"{from}\",\"to\":\"{to}\",\"arrives_us\":")?;
        match delivery.at {
            NEVER => self.out.write_all(b"null")?,
            at => write!(self.out, "{at}")?,
        }
        self.out.write_all(&self.message)
    }

    fn event(&mut self, now: Time, node: u32, event: &Event, seen: Seen<'_>, links: &Links) -> io::Result<()> {
        let peer = |peer: PeerId| self.names[links.neighbour(node, peer.0).0 as usize].clone();
        let Some(event) = TraceEvent::of(event, seen.world, seen.node, peer) else { return Ok(()) };
        write_line(&mut self.out, &Line { at_us: now, node: Some(&self.names[node as usize]), event })
    }

    fn happened(&mut self, at_us: Time, what: &str) -> io::Result<()> {
        self.line(&OfRun::Network { at_us, what })
    }

    fn fault(&mut self, now: Time, why: String) -> io::Result<()> {
        self.line(&Line { at_us: now, node: None, event: TraceEvent::Fault { why } })
    }

    fn ended(&mut self, now: Time, _: Time, why: Ended) -> io::Result<()> {
        self.line(&OfRun::Ended { at_us: now, why })
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

/// The ids that a message names, each with what it is the id of.
fn about(message: &Message) -> Vec<(&'static str, Id)> {
    let item = |item: &InvItem| match item {
        InvItem::Block(id) | InvItem::Compact(id) => ("block", *id),
        InvItem::Proposal(id) => ("proposal", *id),
        InvItem::Tx(id) | InvItem::Ancestors(id) => ("tx", *id),
        InvItem::Gossip(id) => ("gossip", *id),
    };
    match message {
        Message::Inv(items) | Message::GetData(items) | Message::NotFound(items) => items.iter().map(item).collect(),
        Message::Tx(tx) => vec![("tx", tx.hash())],
        Message::Block(block) => vec![("block", block.id())],
        Message::Proposal(block) => vec![("proposal", block.id())],
        // Its own tip: the others only help to find where two chains part.
        Message::GetHeaders(locator) => locator.first().map(|id| ("block", *id)).into_iter().collect(),
        Message::Headers(heads) => heads.iter().map(|head| ("block", head.header.id())).collect(),
        Message::Gossip(gossip) => vec![("gossip", gossip.id())],
        Message::Direct(_) => vec![],
        Message::CompactBlock(compact) => vec![("block", compact.id())],
        Message::GetBlockTxn(request) => vec![("block", request.id)],
        Message::BlockTxn(answer) => vec![("block", answer.id)],
        Message::GetCfHeaders(range) | Message::GetCFilters(range) => vec![("block", range.stop)],
        Message::CfHeaders(answer) => vec![("block", answer.stop)],
        Message::CFilter(answer) => vec![("block", answer.block)],
        Message::GetMerkle(request) => vec![("block", request.block)],
        Message::MerkleBlock(answer) => vec![("block", answer.block)],
    }
}
