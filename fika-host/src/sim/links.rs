//! Who is joined to whom, and how long a message takes.
//!
//! The way of a message: it waits for the sender's upload (and the link's own rate), is put on the wire, is delayed, and
//! waits for the receiver's download. Messages along one link do not overtake each other, as in a TCP connection.

use fika_core::hash::draw;
use fika_core::header::{SECOND, Time};
use fika_core::message::Message;

use crate::experiment::{Cable, Experiment, Latency, Medium};

/// One end of a link, as the node at the other end sees it.
#[derive(Clone, Copy, Debug)]
struct End {
    /// The neighbour.
    node: u32,
    /// The number that the neighbour has for this node.
    back: u32,
    class: u32,
    /// Whether the two talk to each other.
    up: bool,
    /// When the last message that was sent along here arrives.
    last_arrival: Time,
}

/// What links of one kind are like.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Class {
    latency: Latency,
    jitter_us: Time,
    bandwidth_bps: u64,
    loss_ppm: u32,
}

/// What all links of one node share.
#[derive(Clone, Copy, Debug, Default)]
struct Port {
    upload_bps: u64,
    download_bps: u64,
    /// When what the node has sent has left it.
    upload_free_at: Time,
    /// When what has come in so far has passed the node's own line.
    download_free_at: Time,
    /// Messages sent so far.
    sent: u64,
}

/// All links, by node.
pub(crate) struct Links {
    first: Vec<u32>,
    ends: Vec<End>,
    classes: Vec<Class>,
    /// When all rates are unlimited nothing queues.
    rates: bool,
    ports: Vec<Port>,
    one_upload_at_a_time: bool,
    processing_us: [Time; Message::KINDS.len()],
    seed: u64,
}

/// A message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    /// The neighbour.
    pub(crate) to: u32,
    /// The number of the sender there.
    pub(crate) back: u32,
    /// When it arrives; `None`: never.
    pub(crate) at: Option<Time>,
}

/// The purpose of the draws made here; each node counts its own messages.
const LINKS: u64 = (u32::from_be_bytes(*b"link") as u64) << 32;

/// Messages with blocks or parts of them: the ones that `one_upload_at_a_time` is about.
fn is_payload(kind: u8) -> bool {
    matches!(Message::KINDS[usize::from(kind)], "block" | "compactblock" | "blocktxn")
}

impl Links {
    pub(crate) fn new(experiment: &Experiment) -> Links {
        let medium = &experiment.medium;
        let nodes = &experiment.nodes;
        let mut classes = Classes::new(medium);
        let count = nodes.len();
        let mut first = vec![0u32; count + 1];
        for (a, b) in &experiment.links {
            first[*a as usize + 1] += 1;
            first[*b as usize + 1] += 1;
        }
        (0..count).for_each(|n| first[n + 1] += first[n]);
        let mut used = first.clone();
        let empty = End { node: 0, back: 0, class: 0, up: false, last_arrival: 0 };
        let mut ends = vec![empty; first[count] as usize];
        for (index, (a, b)) in experiment.links.iter().enumerate() {
            let (at_a, at_b) = (used[*a as usize], used[*b as usize]);
            let own = medium.own.get(&index);
            let class = |from: u32, to: u32, classes: &mut Classes<'_>| {
                classes.of(own, nodes[from as usize].region, nodes[to as usize].region)
            };
            let there = class(*a, *b, &mut classes);
            ends[at_a as usize] = End { node: *b, back: at_b - first[*b as usize], class: there, ..empty };
            let here = class(*b, *a, &mut classes);
            ends[at_b as usize] = End { node: *a, back: at_a - first[*a as usize], class: here, ..empty };
            used[*a as usize] += 1;
            used[*b as usize] += 1;
        }
        let port = |node: &crate::experiment::NodeSpec| Port {
            upload_bps: node.upload_bps,
            download_bps: node.download_bps,
            ..Port::default()
        };
        let ports: Vec<Port> = nodes.iter().map(port).collect();
        let mut processing_us = [0; Message::KINDS.len()];
        for (kind, name) in Message::KINDS.iter().enumerate() {
            processing_us[kind] = medium.processing_us.get(*name).copied().unwrap_or(0);
        }
        let rates = ports.iter().any(|port| port.upload_bps + port.download_bps > 0)
            || classes.all.iter().any(|class| class.bandwidth_bps > 0);
        Links {
            first,
            ends,
            classes: classes.all,
            rates,
            ports,
            one_upload_at_a_time: medium.one_upload_at_a_time,
            processing_us,
            seed: experiment.seed,
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

    /// Whether a node and its neighbour talk to each other.
    pub(crate) fn is_up(&self, node: u32, peer: u32) -> bool {
        self.ends[self.end(node, peer)].up
    }

    /// Lets the two ends of a link talk to each other, or parts them.
    pub(crate) fn set_up(&mut self, node: u32, peer: u32, up: bool) {
        let at = self.end(node, peer);
        let (other, back) = (self.ends[at].node, self.ends[at].back);
        self.ends[at].up = up;
        let at = self.end(other, back);
        self.ends[at].up = up;
    }

    /// Puts a message of this kind and of `bytes` on the way from a node to its neighbour.
    pub(crate) fn carry(&mut self, from: u32, peer: u32, kind: u8, bytes: u64, now: Time) -> Carried {
        let at = self.end(from, peer);
        let end = self.ends[at];
        let class = self.classes[end.class as usize];
        let port = &mut self.ports[from as usize];
        port.sent += 1;
        let purpose = LINKS | u64::from(from);
        // Three draws for each message at most.
        let drawn = |which: u64| draw(self.seed, purpose, port.sent << 2 | which);
        let mut delay = latency(class.latency, || drawn(0)) + self.processing_us[usize::from(kind)];
        if class.jitter_us > 0 {
            delay += below(drawn(1), class.jitter_us + 1);
        }
        let lost = class.loss_ppm > 0 && below(drawn(2), 1_000_000) < u64::from(class.loss_ppm);
        let mut arrival = now + delay;
        if self.rates {
            let download_bps = self.ports[end.node as usize].download_bps;
            let port = &mut self.ports[from as usize];
            let bits = bytes * 8 * SECOND;
            let narrowest = [port.upload_bps, download_bps, class.bandwidth_bps].into_iter().filter(|rate| *rate > 0);
            let transfer = narrowest.min().map_or(0, |rate| bits / rate);
            if !self.one_upload_at_a_time {
                let start = port.upload_free_at.max(now);
                port.upload_free_at = start + bits.checked_div(port.upload_bps).unwrap_or(0);
                arrival = start + transfer + delay;
            } else if is_payload(kind) {
                let start = port.upload_free_at.max(now);
                arrival = start + transfer + delay;
                port.upload_free_at = arrival;
            }
        }
        if lost || !end.up {
            return Carried { to: end.node, back: end.back, at: None };
        }
        let arrival = arrival.max(end.last_arrival);
        self.ends[at].last_arrival = arrival;
        Carried { to: end.node, back: end.back, at: Some(arrival) }
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
        let port = &mut self.ports[node as usize];
        if port.download_bps == 0 || self.one_upload_at_a_time {
            return now;
        }
        port.download_free_at = now.max(port.download_free_at + bytes * 8 * SECOND / port.download_bps);
        port.download_free_at
    }
}

/// Uniform in `0..bound`, of a draw.
fn below(drawn: u64, bound: u64) -> u64 {
    ((u128::from(drawn) * u128::from(bound)) >> 64) as u64
}

/// Uniform in (0, 1], of a draw.
fn uniform(drawn: u64) -> f64 {
    ((drawn >> 11) + 1) as f64 / (1u64 << 53) as f64
}

/// One way, of one draw. Transcendental functions come from `libm`, which gives the same bits on every machine.
fn latency(model: Latency, drawn: impl FnOnce() -> u64) -> Time {
    match model {
        Latency::Fixed { us } => us,
        Latency::Pareto { scale_us, shape_milli, .. } => {
            let exponent = 1_000.0 / shape_milli.max(1) as f64;
            (scale_us as f64 * libm::exp(-libm::log(uniform(drawn())) * exponent)) as Time
        }
        Latency::Normal { mean_us, sd_us } => {
            // Box and Muller 1958, with the two halves of one draw.
            let drawn = drawn();
            let radius = libm::sqrt(-2.0 * libm::log(uniform(drawn)));
            let angle = (drawn & 0x7ff) as f64 / 2048.0 * std::f64::consts::TAU;
            (mean_us as f64 + sd_us as f64 * radius * libm::cos(angle)).max(0.0) as Time
        }
    }
}

/// The classes of links, each once.
struct Classes<'a> {
    medium: &'a Medium,
    all: Vec<Class>,
    /// By region of sender and receiver.
    regional: Vec<Option<u32>>,
}

impl<'a> Classes<'a> {
    fn new(medium: &'a Medium) -> Classes<'a> {
        let regions = medium.regions.len();
        Classes { medium, all: Vec::new(), regional: vec![None; regions * regions] }
    }

    fn add(&mut self, cable: &Cable) -> u32 {
        let &Cable { latency, jitter_us, bandwidth_bps, loss_ppm } = cable;
        let class = Class { latency, jitter_us, bandwidth_bps, loss_ppm };
        let known = self.all.iter().rposition(|known| *known == class);
        known.unwrap_or_else(|| {
            self.all.push(class);
            self.all.len() - 1
        }) as u32
    }

    fn of(&mut self, own: Option<&Cable>, from: Option<u16>, to: Option<u16>) -> u32 {
        if let Some(cable) = own {
            return self.add(cable);
        }
        let (Some(from), Some(to)) = (from, to) else { return self.add(&self.medium.cable) };
        let (from, to) = (usize::from(from), usize::from(to));
        let at = from * self.medium.regions.len() + to;
        if let Some(class) = self.regional[at] {
            return class;
        }
        let latency = self.medium.regions[from].latency.get(to).copied().unwrap_or(self.medium.cable.latency);
        let class = self.add(&Cable { latency, ..self.medium.cable });
        self.regional[at] = Some(class);
        class
    }
}
