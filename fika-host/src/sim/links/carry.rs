//! The way of one message.
//!
//! A message of `L` bits that leaves a node at `t`, with `u` the rate of the sender's upload, `d` that of the receiver's
//! download and `b` the narrowest of `u`, the cable's bandwidth and `d`:
//!
//! ```text
//! S  = max(t, U),       then U = S + L / u          its first bit leaves the node; U: when the upload is free
//! C  = max(S, C) + L / b                            its last bit leaves the cable; C: when the cable was free
//! A  = max(C + latency + jitter + lost packets, A)  it arrives; A: when the last message along the link arrived
//! D  = max(A, D + L / d)                            it is received; D: when the last message was received
//! ```
//!
//! Each stage is first come, first served, and passes at most its rate. A message does not wait for its last bit
//! before it enters the next stage, so that lines of one rate cost its length once.
//!
//! With `one_upload_at_a_time`, the model of SimBlock, only payloads are charged. `A = max(t, U) + L / b + latency`, then
//! `U = A`: the node sends its next payload when the last one has arrived.

use std::ops::Range;

use fika_core::hash::{below, draw_of};
use fika_core::header::{SECOND, Time};

use super::super::tournament::NEVER;
use super::Links;
use crate::physics::Sampler;
use crate::quantity::NO_LIMIT;

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

/// What a message brings with it.
struct Load {
    now: Time,
    bytes: u64,
    processing_us: Time,
    /// Whether it waits where there are limits.
    queues: bool,
    /// Whether nothing but latency matters.
    plain: bool,
}

impl Load {
    /// How long its bits take.
    fn time(&self, rate_bps: u64) -> Time {
        time(self.bytes, rate_bps)
    }
}

/// How long so many bytes take at a rate; no time where there is no limit.
fn time(bytes: u64, rate_bps: u64) -> Time {
    bytes.saturating_mul(8 * SECOND).checked_div(rate_bps).unwrap_or(0)
}

impl Links {
    /// Puts a message of this kind and of `bytes` on the way from a node to the neighbour of this number.
    #[inline]
    pub(crate) fn carry(&mut self, from: u32, to: u32, (kind, bytes): (u8, u64), now: Time) -> Delivery {
        let load = self.load(kind, bytes, now);
        self.put(from, self.end(from, to), &load)
    }

    /// The same to the neighbours of these numbers, but for one.
    pub(crate) fn carry_to_many(
        &mut self,
        from: u32,
        (to, but): (Range<u32>, Option<u32>),
        (kind, bytes): (u8, u64),
        now: Time,
        deliveries: &mut Vec<Delivery>,
    ) {
        let load = self.load(kind, bytes, now);
        let but = but.filter(|but| to.contains(but)).unwrap_or(to.end);
        let [first, but, after, end] = [to.start, but, (but + 1).min(to.end), to.end].map(|to| self.end(from, to));
        for places in [first..but, after..end] {
            deliveries.extend(places.map(|place| self.put(from, place, &load)));
        }
    }

    /// Whether messages of this kind that leave together arrive together, whatever they weigh.
    pub(crate) fn arrive_together(&self, from: u32, to: u32, kind: u8) -> bool {
        let place = self.end(from, to);
        let way = &self.ways[self.ends[place].class as usize];
        let plain = way.plain && matches!(way.sampler, Sampler::Fixed { .. });
        plain && !self.queues(kind) && self.is_up(from, to)
    }

    fn queues(&self, kind: u8) -> bool {
        self.rates && (!self.one_upload_at_a_time || self.is_payload[usize::from(kind)])
    }

    #[inline(always)]
    fn load(&self, kind: u8, bytes: u64, now: Time) -> Load {
        let queues = self.queues(kind);
        let plain = !queues && self.plain && self.down.is_empty();
        Load { now, bytes, processing_us: self.processing_us[usize::from(kind)], queues, plain }
    }

    /// Puts a message on its way along the link of this end.
    #[inline(always)]
    fn put(&mut self, from: u32, place: usize, load: &Load) -> Delivery {
        let port = &mut self.ports[from as usize];
        let end = &mut self.ends[place];
        let way = &self.ways[end.class as usize];
        port.sent += 1;
        let (stream, count) = (port.stream, port.sent << 2);
        // Four draws for each message at most.
        let drawn = |which: u64| draw_of(stream, count | which);
        let (to, back) = (end.node, end.back);
        let mut delay = way.sampler.sample(|| drawn(0)) + load.processing_us;
        let mut left_at = load.now;
        if !load.plain {
            if self.down.contains(&place) {
                return Delivery { to, back, at: NEVER };
            }
            let class = &way.class;
            if !way.plain {
                delay += below(drawn(1), class.jitter_us + 1);
                delay += way.loss.as_ref().map_or(0, |loss| loss.delay(load.bytes, drawn(3)));
            }
            if load.queues {
                let start = port.upload_free_at.max(load.now);
                left_at = start.saturating_add(load.time(class.bandwidth_bps));
                if self.one_upload_at_a_time {
                    port.upload_free_at = left_at.saturating_add(delay);
                } else {
                    port.upload_free_at = start.saturating_add(load.time(port.upload_bps));
                    let cable_free_at = &mut self.cable_free_at[place];
                    left_at = left_at.max(cable_free_at.saturating_add(load.time(class.bandwidth_bps)));
                    *cable_free_at = left_at;
                }
            }
            if below(drawn(2), 1_000_000) < u64::from(class.message_loss_ppm) {
                return Delivery { to, back, at: NEVER };
            }
        }
        let at = end.last_arrival.max(left_at.saturating_add(delay));
        end.last_arrival = at;
        Delivery { to, back, at }
    }

    /// Whether the time of a message's arrival is known when it is sent: not where it may have to wait for others on
    /// the receiver's own line.
    pub(crate) fn arrivals_are_known(&self) -> bool {
        self.one_upload_at_a_time || self.ports.iter().all(|port| port.download_bps == NO_LIMIT)
    }

    /// A message of `bytes` has come to a node at `now`: when it has passed the node's own line, which takes one after
    /// the other.
    pub(crate) fn receive(&mut self, node: u32, bytes: u64, now: Time) -> Time {
        if !self.rates || self.one_upload_at_a_time {
            return now;
        }
        let port = &mut self.ports[node as usize];
        port.download_free_at = now.max(port.download_free_at.saturating_add(time(bytes, port.download_bps)));
        port.download_free_at
    }
}
