//! The figures of a cable.

use fika_core::header::Time;
use serde::{Deserialize, Serialize};

use super::latency::Latency;

/// How a link behaves, in one direction or alike in both.
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
    /// Bytes that may wait for a line of a live cable; what comes after them is lost. `None`: [`Cable::queue`] chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_bytes: Option<u64>,
    /// The share of messages that are lost, in parts per million. Only the node itself can send one again. Only the
    /// simulator has it.
    #[serde(default)]
    pub message_loss_ppm: u32,
}

/// What of a cable is otherwise; `None`: nothing. Each is as in [`Cable`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CableChange {
    pub latency: Option<Latency>,
    pub jitter_us: Option<Time>,
    pub bandwidth_bps: Option<u64>,
    pub loss_ppm: Option<u32>,
    pub queue_bytes: Option<u64>,
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
            queue_bytes: self.queue_bytes.or(cable.queue_bytes),
            message_loss_ppm: self.message_loss_ppm.unwrap_or(cable.message_loss_ppm),
        }
    }
}

/// The narrowest of these rates in bits a second, of which 0 is no limit.
pub(crate) fn narrowest(rates_bps: [u64; 3]) -> u64 {
    rates_bps.into_iter().filter(|rate| *rate > 0).min().unwrap_or(0)
}

/// What may wait where a line is slow: so many bytes at least, which is some forty packets.
const QUEUE_MIN_BYTES: u64 = 64 << 10;

impl Cable {
    /// Whether it does nothing to packets.
    pub(crate) fn is_plain(&self) -> bool {
        self.latency == Latency::default() && self.jitter_us == 0 && self.bandwidth_bps == 0 && self.loss_ppm == 0
    }

    /// Bytes that may wait for a line of this rate, above 0: without a figure what passes in 100 ms, 64 KiB at least.
    pub(crate) fn queue(&self, rate_bps: u64) -> u64 {
        self.queue_bytes.unwrap_or(QUEUE_MIN_BYTES.max(rate_bps / 8 / 10))
    }
}
