//! Kinds of links: what all links between two sorts of nodes have in common.

use std::collections::BTreeMap;

use fika_core::header::Time;

use super::loss::{self, Loss};
use crate::experiment::{Medium, NodeSpec};
use crate::physics::{Cable, CableChange, Latency, Sampler, narrowest};

/// What links of one kind are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    latency: Latency,
    pub(super) jitter_us: Time,
    /// The narrowest of the sender's upload, the cable and the receiver's download; 0: no limit.
    pub(super) bandwidth_bps: u64,
    loss_ppm: u32,
    pub(super) message_loss_ppm: u32,
}

/// A class as messages need it.
pub(super) struct Way {
    pub(super) sampler: Sampler,
    pub(super) class: Class,
    pub(super) loss: Option<Loss>,
    /// Whether there is neither jitter nor loss.
    pub(super) plain: bool,
}

impl Class {
    /// The same with a change of the cable, between lines of these rates.
    pub(super) fn changed(self, change: &CableChange, lines: [u64; 2]) -> Class {
        let bandwidth_bps =
            change.bandwidth_bps.map_or(self.bandwidth_bps, |cable| narrowest([lines[0], cable, lines[1]]));
        Class {
            latency: change.latency.unwrap_or(self.latency),
            jitter_us: change.jitter_us.unwrap_or(self.jitter_us),
            bandwidth_bps,
            loss_ppm: change.loss_ppm.unwrap_or(self.loss_ppm),
            message_loss_ppm: change.message_loss_ppm.unwrap_or(self.message_loss_ppm),
        }
    }
}

impl Way {
    pub(super) fn new(class: Class) -> Way {
        Way::drawn_by(Sampler::new(class.latency), class)
    }

    fn drawn_by(sampler: Sampler, class: Class) -> Way {
        Way {
            sampler,
            class,
            loss: Loss::new(class.loss_ppm, class.latency, class.jitter_us),
            plain: class.jitter_us == 0 && class.loss_ppm == 0 && class.message_loss_ppm == 0,
        }
    }

    /// How long a message takes on average that waits for nothing.
    pub(super) fn mean_us(&self) -> Time {
        self.class.latency.mean_us() + self.class.jitter_us / 2
    }

    /// After how long a packet is repeated first.
    pub(super) fn repeat_us(&self) -> Time {
        loss::repeat_us(self.class.latency, self.class.jitter_us)
    }
}

/// So many pairs of sorts of nodes have their class at hand.
const PAIRS_MAX: usize = 1 << 16;

/// The classes of links, each once.
pub(super) struct Classes<'a> {
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
    pub(super) fn new(medium: &'a Medium, nodes: &'a [NodeSpec]) -> Classes<'a> {
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

    /// The number of the class of a link in one direction; `own` is its cable if it is not the common one.
    pub(super) fn of(&mut self, own: Option<&Cable>, from: u32, to: u32) -> u32 {
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
        let cable = self.medium.between(own, from, to);
        let class = Class {
            latency: cable.latency,
            jitter_us: cable.jitter_us,
            bandwidth_bps: narrowest([from.upload_bps, cable.bandwidth_bps, to.download_bps]),
            loss_ppm: cable.loss_ppm,
            message_loss_ppm: cable.message_loss_ppm,
        };
        *self.numbers.entry(class).or_insert_with(|| {
            self.all.push(class);
            self.all.len() as u32 - 1
        })
    }

    /// All classes, by number.
    pub(super) fn ways(self) -> Vec<Way> {
        // Links of one latency draw from one table, so that few are in use.
        let mut samplers = BTreeMap::new();
        let way = |class: Class| {
            let sampler = samplers.entry(class.latency).or_insert_with(|| Sampler::new(class.latency)).clone();
            Way::drawn_by(sampler, class)
        };
        self.all.into_iter().map(way).collect()
    }
}
