//! The network between the nodes in the simulator.

use std::collections::BTreeMap;

use fika_core::header::Time;
use serde::{Deserialize, Serialize};

/// The network between the nodes in the simulator, and the cost of its messages. The live engines use none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Medium {
    /// Where nodes are. Their matrix says how long a message takes from one region to another.
    pub regions: Vec<Region>,
    /// The cable of every link that has none of its own. Where regions are given, it fills in what their matrix
    /// leaves open.
    pub cable: Cable,
    /// Links with figures of their own, by index into [`Experiment::links`](super::Experiment::links).
    pub own: BTreeMap<usize, Cable>,
    /// One payload (block, compact block, missing transactions) leaves a node at a time; the slot is held until it
    /// arrives.
    pub one_upload_at_a_time: bool,
    /// Time added to each message of a kind, by its name in `Message::KINDS` (`inv`, `block`...), in microseconds.
    pub processing_us: BTreeMap<String, Time>,
    /// Bytes charged in place of the real size, for repeating published models.
    pub charge: Charge,
    /// What nodes lack of a compact block, by class. [`NodeSpec::compact_failure`](super::NodeSpec) names the class.
    pub compact_failures: Vec<CompactFailure>,
}

/// A part of the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Region {
    /// Unique.
    pub name: String,
    /// The share of those nodes here that name no region, in parts per million. All regions together have a million.
    pub share_ppm: u32,
    /// Bits a second from a node here to all its neighbours; 0: no limit. [`NodeSpec::upload_bps`](super::NodeSpec)
    /// already includes it.
    pub upload_bps: u64,
    /// Bits a second to a node here, likewise.
    pub download_bps: u64,
    /// From here to each region, in their order. Empty: as the [`Medium::cable`].
    pub latency: Vec<Latency>,
}

/// How a link behaves. Both directions are alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cable {
    /// How long a bit takes from end to end.
    pub latency: Latency,
    /// Up to this much more, drawn from a uniform distribution.
    pub jitter_us: Time,
    /// Bits a second in each direction; 0: no limit.
    pub bandwidth_bps: u64,
    /// The share of packets that are lost, in parts per million, below all. A connection repeats them, so that messages
    /// come later.
    pub loss_ppm: u32,
    /// The share of messages that are lost, in parts per million. Only the node itself can send one again.
    #[serde(default)]
    pub message_loss_ppm: u32,
}

/// What of a cable is otherwise; `None`: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CableChange {
    /// As in [`Cable`], like all of these.
    pub latency: Option<Latency>,
    /// At most so much more.
    pub jitter_us: Option<Time>,
    /// In each direction.
    pub bandwidth_bps: Option<u64>,
    /// Of packets.
    pub loss_ppm: Option<u32>,
    /// Of messages.
    pub message_loss_ppm: Option<u32>,
}

impl CableChange {
    /// The cable with this change.
    pub(crate) fn over(&self, cable: Cable) -> Cable {
        Cable {
            latency: self.latency.unwrap_or(cable.latency),
            jitter_us: self.jitter_us.unwrap_or(cable.jitter_us),
            bandwidth_bps: self.bandwidth_bps.unwrap_or(cable.bandwidth_bps),
            loss_ppm: self.loss_ppm.unwrap_or(cable.loss_ppm),
            message_loss_ppm: self.message_loss_ppm.unwrap_or(cable.message_loss_ppm),
        }
    }
}

/// How long a bit takes, one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub(crate) enum Latency {
    /// Always the same.
    Fixed {
        /// Microseconds.
        us: Time,
    },
    /// Drawn for each message from a normal distribution; below zero counts as zero.
    Normal {
        /// Microseconds.
        mean_us: Time,
        /// Standard deviation in microseconds.
        sd_us: Time,
    },
    /// Drawn for each message: `scale / U^(1/shape)` with U uniform in (0, 1].
    Pareto {
        /// Microseconds: what scale and shape give, for readers.
        mean_us: Time,
        /// The smallest, in microseconds.
        scale_us: Time,
        /// In thousandths. Above 1,000, or there is no mean.
        shape_milli: u64,
    },
}

impl Default for Latency {
    fn default() -> Latency {
        Latency::Fixed { us: 0 }
    }
}

impl Latency {
    /// A Pareto distribution with this mean and smallest value. The default of the latter is 5 ms below the mean, as in
    /// the models of the measurements of 2015 and 2019.
    ///
    /// # Errors
    /// When there is no such distribution.
    pub(crate) fn pareto(mean_us: Time, scale_us: Option<Time>) -> Result<Latency, String> {
        let scale_us = scale_us.unwrap_or(mean_us.saturating_sub(5_000));
        if scale_us == 0 || scale_us >= mean_us {
            return Err("expected a scale above 0 and below the mean; without one, a mean above 5 ms".into());
        }
        let shape_milli = u128::from(mean_us) * 1_000 / u128::from(mean_us - scale_us);
        let shape_milli = u64::try_from(shape_milli).unwrap_or(u64::MAX).max(1_001);
        Ok(Latency::Pareto { mean_us, scale_us, shape_milli })
    }

    /// The mean deviation from the mean in microseconds, to within a quarter.
    pub(crate) fn spread_us(&self) -> Time {
        match *self {
            Latency::Fixed { .. } => 0,
            Latency::Normal { sd_us, .. } => sd_us,
            Latency::Pareto { mean_us, scale_us, .. } => mean_us - scale_us,
        }
    }

    /// The mean in microseconds.
    pub(crate) fn mean_us(&self) -> Time {
        match *self {
            Latency::Fixed { us } => us,
            Latency::Normal { mean_us, .. } | Latency::Pareto { mean_us, .. } => mean_us,
        }
    }
}

/// Bytes charged in place of the real size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    /// For a whole block. The missing transactions of a compact block are charged as a share of it.
    pub block_bytes: Option<u64>,
    /// For a compact block.
    pub compact_bytes: Option<u64>,
}

/// In place of a real mempool: how often a node lacks transactions of a compact block, and how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompactFailure {
    /// How often.
    pub probability_ppm: u32,
    /// The share of the block that is missing then, in parts per million: each possible one with its weight.
    pub missing: Vec<(u32, u32)>,
}
