//! Who is joined to whom, and how long a message takes.
//!
//! The way of a message: it waits for the sender's upload, waits for the cable, is delayed (latency, jitter, lost packets),
//! and waits for the receiver's download; `carry` has the formulas. Messages along one link do not overtake each other, as
//! in a TCP connection.

mod carry;
mod change;
mod class;
mod loss;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use fika_core::hash::stream;
use fika_core::header::Time;
use fika_core::message::Message;
use fika_core::prefetch::fetch;

use super::pages;
use crate::experiment::{Experiment, NodeSpec};
use crate::quantity::NO_LIMIT;
pub(crate) use carry::Delivery;
use class::{Classes, Way};

/// One end of a link, as the node at the other end sees it. Small, for whoever announces a block needs those of all its
/// links.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
struct End {
    /// The neighbour.
    node: u32,
    /// The number that the neighbour has for this node.
    back: u32,
    class: u32,
    /// When the last message that was sent along here arrives.
    last_arrival: Time,
}

/// What all links of one node share: one line of the machine's cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Port {
    upload_bps: u64,
    download_bps: u64,
    /// When what the node has sent has left it.
    upload_free_at: Time,
    /// When what has come in so far has passed the node's own line.
    download_free_at: Time,
    /// The draws made for what the node sends, and how many messages that were.
    stream: u64,
    sent: u64,
}

/// All links, by node.
pub(crate) struct Links {
    first: Vec<u32>,
    ends: Vec<End>,
    /// The ends of links whose nodes do not talk to each other.
    down: BTreeSet<usize>,
    /// By class.
    ways: Vec<Way>,
    /// The classes that ends had before they were changed.
    originals: BTreeMap<usize, u32>,
    /// Whether no link has jitter or loss.
    plain: bool,
    /// When all rates are unlimited nothing queues.
    rates: bool,
    /// By end, when what was sent along here has left the cable. Empty where no cable has a queue.
    cable_free_at: Vec<Time>,
    ports: Vec<Port>,
    one_upload_at_a_time: bool,
    processing_us: [Time; Message::KINDS.len()],
    /// By kind, whether it is one of the [`PAYLOADS`].
    is_payload: [bool; Message::KINDS.len()],
}

/// The purpose of the draws made for links; each node counts its own messages.
const LINKS: u64 = (u32::from_be_bytes(*b"link") as u64) << 32;

/// At most so many links of a node are fetched ahead.
const FETCHED: u32 = 32;

/// Messages with blocks or parts of them: the ones that `one_upload_at_a_time` is about.
const PAYLOADS: [&str; 3] = ["block", "compactblock", "blocktxn"];

impl Links {
    pub(crate) fn new(experiment: &Experiment) -> Links {
        let medium = &experiment.medium;
        let nodes = &experiment.nodes;
        let mut classes = Classes::new(medium, nodes);
        let count = nodes.len();
        let mut first = vec![0u32; count + 1];
        for (a, b) in &experiment.links {
            first[*a as usize + 1] += 1;
            first[*b as usize + 1] += 1;
        }
        (0..count).for_each(|n| first[n + 1] += first[n]);
        let mut used = first.clone();
        let empty = End { node: 0, back: 0, class: 0, last_arrival: 0 };
        let mut ends = pages::list(first[count] as usize);
        ends.resize(first[count] as usize, empty);
        for (index, (a, b)) in experiment.links.iter().enumerate() {
            let (at_a, at_b) = (used[*a as usize], used[*b as usize]);
            let own = medium.own.get(&index);
            let there = classes.of(own, *a, *b);
            ends[at_a as usize] = End { node: *b, back: at_b - first[*b as usize], class: there, ..empty };
            let here = classes.of(own, *b, *a);
            ends[at_b as usize] = End { node: *a, back: at_a - first[*a as usize], class: here, ..empty };
            used[*a as usize] += 1;
            used[*b as usize] += 1;
        }
        let port =
            |node: &NodeSpec| Port { upload_bps: node.upload_bps, download_bps: node.download_bps, ..Port::default() };
        let mut ports: Vec<Port> = nodes.iter().map(port).collect();
        for (node, port) in ports.iter_mut().enumerate() {
            port.stream = stream(experiment.seed, LINKS | node as u64);
        }
        let mut processing_us = [0; Message::KINDS.len()];
        for (kind, name) in Message::KINDS.iter().enumerate() {
            processing_us[kind] = medium.processing_us.get(*name).copied().unwrap_or(0);
        }
        let ways = classes.ways();
        // Every limit of a node narrows the class of its links.
        let rates = ways.iter().any(|way| way.class.bandwidth_bps != NO_LIMIT);
        let queues = rates && !medium.one_upload_at_a_time;
        Links {
            down: BTreeSet::new(),
            originals: BTreeMap::new(),
            ends,
            plain: ways.iter().all(|way| way.plain),
            ways,
            rates,
            cable_free_at: vec![0; if queues { first[count] as usize } else { 0 }],
            ports,
            one_upload_at_a_time: medium.one_upload_at_a_time,
            processing_us,
            is_payload: Message::KINDS.map(|kind| PAYLOADS.contains(&kind)),
            first,
        }
    }

    /// How many neighbours a node has.
    pub(crate) fn degree(&self, node: u32) -> u32 {
        self.first[node as usize + 1] - self.first[node as usize]
    }

    fn end(&self, node: u32, peer: u32) -> usize {
        (self.first[node as usize] + peer) as usize
    }

    /// The neighbour of this number, and the number that it has for this node.
    pub(crate) fn neighbour(&self, node: u32, peer: u32) -> (u32, u32) {
        let end = &self.ends[self.end(node, peer)];
        (end.node, end.back)
    }

    /// Has the machine fetch where a node's links are, and what it has sent.
    pub(crate) fn fetch(&self, node: u32) {
        fetch(&self.first[node as usize], 1);
        fetch(&self.ports[node as usize], size_of::<Port>());
    }

    /// Has the machine fetch the link to this neighbour.
    pub(crate) fn fetch_neighbour(&self, node: u32, peer: u32) {
        fetch(&self.ends[self.end(node, peer)], size_of::<End>());
    }

    /// Has the machine fetch all links of a node, of the first ones if there are many.
    pub(crate) fn fetch_neighbours(&self, node: u32) {
        if let Some(first) = self.ends.get(self.first[node as usize] as usize) {
            fetch(first, self.degree(node).min(FETCHED) as usize * size_of::<End>());
        }
    }

    /// The neighbours whose links are fetched so.
    pub(crate) fn first_neighbours(&self, node: u32) -> impl Iterator<Item = u32> {
        let first = self.first[node as usize] as usize;
        self.ends[first..first + self.degree(node).min(FETCHED) as usize].iter().map(|end| end.node)
    }

    /// Whether a node and its neighbour talk to each other.
    pub(crate) fn is_up(&self, node: u32, peer: u32) -> bool {
        !self.down.contains(&self.end(node, peer))
    }

    /// Lets one end of a link talk to the other, or keeps it from that.
    pub(crate) fn set_end_up(&mut self, node: u32, peer: u32, up: bool) {
        let at = self.end(node, peer);
        if up {
            self.down.remove(&at)
        } else {
            self.down.insert(at)
        };
    }

    /// Lets the two ends of a link talk to each other, or parts them.
    pub(crate) fn set_up(&mut self, node: u32, peer: u32, up: bool) {
        if up && self.down.is_empty() {
            return;
        }
        let (other, back) = self.neighbour(node, peer);
        self.set_end_up(node, peer, up);
        self.set_end_up(other, back, up);
    }
}
