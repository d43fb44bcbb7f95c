//! Who is joined to whom, and how long a message takes.
//!
//! The way of a message: it waits for the sender's upload (and the link's own rate), is put on the wire, is delayed, and
//! waits for the receiver's download. Messages along one link do not overtake each other, as in a TCP connection.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use fika_core::hash::{below, draw_of, stream};
use fika_core::header::{SECOND, Time};
use fika_core::message::Message;
use fika_core::prefetch::fetch;

use super::latency::Sampler;
use super::pages;
use super::tournament::NEVER;
use crate::experiment::{Cable, Experiment, Latency, Medium, NodeSpec};

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

/// What links of one kind are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    latency: Latency,
    jitter_us: Time,
    /// The narrowest of the sender's upload, the cable and the receiver's download; 0: no limit.
    bandwidth_bps: u64,
    loss_ppm: u32,
}

/// A class as messages need it.
struct Way {
    sampler: Sampler,
    class: Class,
    /// Whether there is neither jitter nor loss.
    plain: bool,
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
    classes: Vec<Way>,
    /// Whether no link has jitter or loss.
    plain: bool,
    /// When all rates are unlimited nothing queues.
    rates: bool,
    ports: Vec<Port>,
    one_upload_at_a_time: bool,
    processing_us: [Time; Message::KINDS.len()],
    /// By kind, whether it is one of the [`PAYLOADS`].
    is_payload: [bool; Message::KINDS.len()],
}

/// A message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// The neighbour.
    pub(crate) to: u32,
    /// The number of the sender there.
    pub(crate) back: u32,
    /// When it arrives, or [`NEVER`].
    pub(crate) at: Time,
}

/// The purpose of the draws made here; each node counts its own messages.
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
        let rates = ports.iter().any(|port| port.upload_bps + port.download_bps > 0)
            || classes.all.iter().any(|class| class.bandwidth_bps > 0);
        // Links of one latency draw from one table, so that few are in use.
        let mut samplers = BTreeMap::new();
        let way = |class: Class| Way {
            sampler: samplers.entry(class.latency).or_insert_with(|| Sampler::new(class.latency)).clone(),
            class,
            plain: class.jitter_us == 0 && class.loss_ppm == 0,
        };
        let classes: Vec<Way> = classes.all.into_iter().map(way).collect();
        Links {
            first,
            down: BTreeSet::new(),
            ends,
            plain: classes.iter().all(|way| way.plain),
            classes,
            rates,
            ports,
            one_upload_at_a_time: medium.one_upload_at_a_time,
            processing_us,
            is_payload: Message::KINDS.map(|kind| PAYLOADS.contains(&kind)),
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
        is_up(&self.down, self.end(node, peer))
    }

    /// Lets the two ends of a link talk to each other, or parts them.
    pub(crate) fn set_up(&mut self, node: u32, peer: u32, up: bool) {
        if up && self.down.is_empty() {
            return;
        }
        let at = self.end(node, peer);
        let (other, back) = self.neighbour(node, peer);
        for at in [at, self.end(other, back)] {
            match up {
                true => self.down.remove(&at),
                false => self.down.insert(at),
            };
        }
    }

    /// Puts a message of this kind and of `bytes` on the way from a node to the neighbours of these numbers, but for one.
    /// Adds to `deliveries` to whom it is sent, and when it is there, if ever.
    pub(crate) fn carry(
        &mut self,
        from: u32,
        (to, but): (Range<u32>, Option<u32>),
        (kind, bytes): (u8, u64),
        now: Time,
        deliveries: &mut Vec<Delivery>,
    ) {
        let load = self.load(kind, bytes, now);
        let only_latency = !load.waits && self.down.is_empty() && self.plain;
        let but = but.filter(|but| to.contains(but)).unwrap_or(to.end);
        let [first, but, after, end] = [to.start, but, (but + 1).min(to.end), to.end].map(|to| self.end(from, to));
        let Links { ends, ports, classes, down, .. } = self;
        let port = &mut ports[from as usize];
        for places in [first..but, after..end] {
            let mut sent = port.sent;
            port.sent += places.len() as u64;
            if only_latency {
                let stream = port.stream;
                deliveries.extend(ends[places].iter_mut().map(|end| {
                    sent += 1;
                    load.put_plain(end, &classes[end.class as usize], stream, sent)
                }));
            } else {
                deliveries.extend(ends[places.clone()].iter_mut().zip(places).map(|(end, place)| {
                    sent += 1;
                    load.put(end, is_up(down, place), &classes[end.class as usize], port, sent)
                }));
            }
        }
    }

    /// The same to one neighbour.
    #[inline]
    pub(crate) fn carry_one(&mut self, from: u32, to: u32, (kind, bytes): (u8, u64), now: Time) -> Delivery {
        let load = self.load(kind, bytes, now);
        let place = self.end(from, to);
        let end = &mut self.ends[place];
        let port = &mut self.ports[from as usize];
        port.sent += 1;
        let (sent, way) = (port.sent, &self.classes[end.class as usize]);
        if !load.waits && way.plain && self.down.is_empty() {
            return load.put_plain(end, way, port.stream, sent);
        }
        load.put(end, is_up(&self.down, place), way, port, sent)
    }

    /// The same for so many messages, if they arrive together whatever they weigh; else nothing is done.
    pub(crate) fn carry_together(&mut self, from: u32, to: u32, kind: u8, count: u64, now: Time) -> Option<Delivery> {
        let load = self.load(kind, 0, now);
        let up = self.is_up(from, to);
        let place = self.end(from, to);
        let end = &mut self.ends[place];
        let way = &self.classes[end.class as usize];
        if load.waits || !up || !way.plain || !matches!(way.sampler, Sampler::Fixed { .. }) {
            return None;
        }
        let port = &mut self.ports[from as usize];
        port.sent += count;
        let sent = port.sent;
        Some(load.put(end, up, way, port, sent))
    }

    #[inline(always)]
    fn load(&self, kind: u8, bytes: u64, now: Time) -> Load {
        Load {
            now,
            bits: bytes * 8 * SECOND,
            processing_us: self.processing_us[usize::from(kind)],
            waits: self.rates && (!self.one_upload_at_a_time || self.is_payload[usize::from(kind)]),
            one_upload_at_a_time: self.one_upload_at_a_time,
        }
    }
}

/// A message that is put on its way.
struct Load {
    now: Time,
    bits: u64,
    processing_us: Time,
    /// Whether it has to wait for the node's upload; nothing does where there are no limits.
    waits: bool,
    one_upload_at_a_time: bool,
}

impl Load {
    /// Puts it on the way along a link, as the message of this number that the node sends.
    #[inline(always)]
    fn put(&self, end: &mut End, up: bool, way: &Way, port: &mut Port, sent: u64) -> Delivery {
        let Way { sampler, class, plain } = way;
        let (stream, count) = (port.stream, sent << 2);
        // Three draws for each message at most.
        let drawn = |which: u64| draw_of(stream, count | which);
        let mut delay = sampler.sample(|| drawn(0)) + self.processing_us;
        let mut lost = false;
        if !plain {
            delay += if class.jitter_us > 0 { below(drawn(1), class.jitter_us + 1) } else { 0 };
            lost = class.loss_ppm > 0 && below(drawn(2), 1_000_000) < u64::from(class.loss_ppm);
        }
        let mut arrival = self.now + delay;
        if self.waits {
            let start = port.upload_free_at.max(self.now);
            arrival = start + self.bits.checked_div(class.bandwidth_bps).unwrap_or(0) + delay;
            port.upload_free_at = match self.one_upload_at_a_time {
                true => arrival,
                false => start + self.bits.checked_div(port.upload_bps).unwrap_or(0),
            };
        }
        let arrives = !lost && up;
        if arrives {
            arrival = arrival.max(end.last_arrival);
            end.last_arrival = arrival;
        }
        Delivery { to: end.node, back: end.back, at: if arrives { arrival } else { NEVER } }
    }

    /// The same where nothing but latency matters.
    #[inline(always)]
    fn put_plain(&self, end: &mut End, way: &Way, stream: u64, sent: u64) -> Delivery {
        let delay = way.sampler.sample(|| draw_of(stream, sent << 2)) + self.processing_us;
        end.last_arrival = end.last_arrival.max(self.now + delay);
        Delivery { to: end.node, back: end.back, at: end.last_arrival }
    }
}

impl Links {
    /// Whether the time of a message's arrival is known when it is sent: not where it may have to wait for others on
    /// the receiver's own line.
    pub(crate) fn arrivals_are_known(&self) -> bool {
        self.one_upload_at_a_time || self.ports.iter().all(|port| port.download_bps == 0)
    }

    /// A message of `bytes` has come to a node at `now`: when it has passed the node's own line, which takes one after
    /// the other.
    pub(crate) fn receive(&mut self, node: u32, bytes: u64, now: Time) -> Time {
        if !self.rates || self.one_upload_at_a_time {
            return now;
        }
        let port = &mut self.ports[node as usize];
        if port.download_bps == 0 {
            return now;
        }
        port.download_free_at = now.max(port.download_free_at + bytes * 8 * SECOND / port.download_bps);
        port.download_free_at
    }
}

#[inline]
fn is_up(down: &BTreeSet<usize>, end: usize) -> bool {
    down.is_empty() || !down.contains(&end)
}

/// So many pairs of sorts of nodes have their class at hand.
const PAIRS_MAX: usize = 1 << 16;

/// The classes of links, each once.
struct Classes<'a> {
    medium: &'a Medium,
    nodes: &'a [NodeSpec],
    all: Vec<Class>,
    numbers: BTreeMap<Class, u32>,
    /// By node, its sort: nodes of one sort are alike in everything that a class depends on.
    sorts: Vec<u32>,
    /// By sorts of the two ends, the number of the class where no cable of its own lies, and 1; 0: not known yet. Empty
    /// where there are too many.
    of_sorts: Vec<u32>,
    sorts_count: usize,
}

impl<'a> Classes<'a> {
    fn new(medium: &'a Medium, nodes: &'a [NodeSpec]) -> Classes<'a> {
        let mut known = BTreeMap::new();
        let sort = |node: &NodeSpec| {
            let new = known.len() as u32;
            *known.entry((node.region, node.upload_bps, node.download_bps)).or_insert(new)
        };
        let sorts = nodes.iter().map(sort).collect();
        let sorts_count = known.len();
        let of_sorts = vec![0; Some(sorts_count.pow(2)).filter(|pairs| *pairs <= PAIRS_MAX).unwrap_or(0)];
        Classes { medium, nodes, all: Vec::new(), numbers: BTreeMap::new(), sorts, of_sorts, sorts_count }
    }

    fn of(&mut self, own: Option<&Cable>, from: u32, to: u32) -> u32 {
        if own.is_some() || self.of_sorts.is_empty() {
            return self.find(own, from, to);
        }
        let [of_from, of_to] = [from, to].map(|node| self.sorts[node as usize] as usize);
        let at = of_from * self.sorts_count + of_to;
        if self.of_sorts[at] == 0 {
            self.of_sorts[at] = self.find(None, from, to) + 1;
        }
        self.of_sorts[at] - 1
    }

    fn find(&mut self, own: Option<&Cable>, from: u32, to: u32) -> u32 {
        let (from, to) = (&self.nodes[from as usize], &self.nodes[to as usize]);
        let cable = own.unwrap_or(&self.medium.cable);
        let regional = || {
            let row = &self.medium.regions.get(usize::from(from.region?))?.latency;
            row.get(usize::from(to.region?)).copied()
        };
        let narrowest = [from.upload_bps, cable.bandwidth_bps, to.download_bps].into_iter().filter(|rate| *rate > 0);
        let class = Class {
            latency: own.map(|own| own.latency).or_else(regional).unwrap_or(cable.latency),
            jitter_us: cable.jitter_us,
            bandwidth_bps: narrowest.min().unwrap_or(0),
            loss_ppm: cable.loss_ppm,
        };
        *self.numbers.entry(class).or_insert_with(|| {
            self.all.push(class);
            self.all.len() as u32 - 1
        })
    }
}
