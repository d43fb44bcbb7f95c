//! What userspace cables do to packets: pure arithmetic in virtual time. The [`forwarder`](super::forwarder) only moves
//! bytes at the times that this gives.
//!
//! The formulas are those of the simulator (`sim/links/carry.rs`), for packets in place of messages. A packet of `L` bits
//! that is sent at `t`, with `u` the rate of the sender's upload, `d` that of the receiver's download and `b` the
//! narrowest of `u`, the cable's bandwidth and `d`:
//!
//! ```text
//! S = max(t, U),      then U = S + L / u           its first bit leaves the node; U: when the upload is free
//! C = max(S, C) + L / b                            its last bit leaves the cable; C: when the cable was free
//! A = max(C + latency + jitter, A)                 it arrives; A: when the last packet arrived: none overtakes another
//! D = max(A, D + L / d)                            it is received; D: when the last packet was received
//! ```
//!
//! Each of the three lines has a queue of some bytes; a packet that finds it full is dropped. A lost packet has taken its
//! time on the upload and the cable.

use std::collections::BTreeMap;

use fika_core::hash::{below, draw_of, stream};

use crate::physics::{Cable, Latency, Sampler, narrowest};

/// Nanoseconds.
pub(crate) type Nanos = u64;

const SECOND: Nanos = 1_000_000_000;

/// A node's own lines, which all its cables share: bits a second; 0: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    /// To all neighbours together.
    pub(crate) upload_bps: u64,
    /// From all neighbours together.
    pub(crate) download_bps: u64,
}

#[derive(Default)]
struct Port {
    rates: Rates,
    upload_free_at: Nanos,
    download_free_at: Nanos,
}

/// One direction of a cable.
struct Wire {
    from: usize,
    to: usize,
    cable: Cable,
    /// Of the cable and of both nodes.
    bandwidth_bps: u64,
    sampler: Sampler,
    up: bool,
    /// The draws made for it, and how many packets came to it.
    stream: u64,
    sent: u64,
    free_at: Nanos,
    last_arrival: Nanos,
}

/// All userspace cables of a run. Cable `n` has the wires `2 n`, from its first end, and `2 n + 1`, from its second.
pub(crate) struct Wires {
    ports: Vec<Port>,
    wires: Vec<Wire>,
    /// Wires of one latency draw from one table.
    samplers: BTreeMap<Latency, Sampler>,
}

/// The purpose of the draws made for wires; each counts its own packets.
const WIRES: u64 = (u32::from_be_bytes(*b"wire") as u64) << 32;

/// How long so many bytes take at a rate; no time where there is no limit.
fn time(bytes: usize, rate_bps: u64) -> Nanos {
    (u128::from(bytes as u64 * 8) * u128::from(SECOND)).checked_div(u128::from(rate_bps)).unwrap_or(0) as Nanos
}

/// Whether a packet finds the queue of a line full that is busy for so long. One that finds the line free has room.
fn full(busy: Nanos, bytes: usize, rate_bps: u64, cable: &Cable) -> bool {
    let waiting = u128::from(busy) * u128::from(rate_bps) / u128::from(8 * SECOND);
    rate_bps > 0 && busy > 0 && waiting + bytes as u128 > u128::from(cable.queue(rate_bps))
}

impl Wires {
    /// Wires between nodes with these lines of their own. Without figures a line has no limit.
    pub(crate) fn new(rates: &[Rates]) -> Wires {
        let port = |rates: &Rates| Port { rates: *rates, ..Port::default() };
        Wires { ports: rates.iter().map(port).collect(), wires: Vec::new(), samplers: BTreeMap::new() }
    }

    /// Lays a cable from node `a` to node `b`. `link` is its number among all links: the draws depend on it and the
    /// seed alone.
    pub(crate) fn lay(&mut self, seed: u64, link: usize, (a, b): (usize, usize), cables: [Cable; 2]) {
        if self.ports.len() <= a.max(b) {
            self.ports.resize_with(a.max(b) + 1, Port::default);
        }
        for (side, (from, to)) in [(a, b), (b, a)].into_iter().enumerate() {
            self.wires.push(Wire {
                from,
                to,
                cable: Cable::default(),
                bandwidth_bps: 0,
                sampler: Sampler::new(Latency::default()),
                up: true,
                stream: stream(seed, WIRES | (2 * link + side) as u64),
                sent: 0,
                free_at: 0,
                last_arrival: 0,
            });
            self.change(self.wires.len() - 1, cables[side]);
        }
    }

    /// From now on the wire is like this. What has left it is as it was, and may be overtaken.
    pub(crate) fn change(&mut self, wire: usize, cable: Cable) {
        let wire = &mut self.wires[wire];
        let [upload_bps, download_bps] =
            [self.ports[wire.from].rates.upload_bps, self.ports[wire.to].rates.download_bps];
        wire.bandwidth_bps = narrowest([upload_bps, cable.bandwidth_bps, download_bps]);
        wire.sampler = self.samplers.entry(cable.latency).or_insert_with(|| Sampler::new(cable.latency)).clone();
        (wire.cable, wire.free_at, wire.last_arrival) = (cable, 0, 0);
    }

    /// A wire that is not up drops what is sent, and what is under way.
    pub(crate) fn set_up(&mut self, wire: usize, up: bool) {
        self.wires[wire].up = up;
    }

    /// A packet enters a wire: when it arrives, unless it is dropped or lost.
    pub(crate) fn send(&mut self, wire: usize, bytes: usize, now: Nanos) -> Option<Nanos> {
        let wire = &mut self.wires[wire];
        let port = &mut self.ports[wire.from];
        wire.sent += 1;
        let (stream, count) = (wire.stream, wire.sent << 2);
        let drawn = |which: u64| draw_of(stream, count | which);
        let (cable, upload_bps) = (&wire.cable, port.rates.upload_bps);
        let start = port.upload_free_at.max(now);
        let dropped = !wire.up
            || full(start - now, bytes, upload_bps, cable)
            || full(wire.free_at.saturating_sub(start), bytes, wire.bandwidth_bps, cable);
        if dropped {
            return None;
        }
        port.upload_free_at = start + time(bytes, upload_bps);
        wire.free_at = wire.free_at.max(start) + time(bytes, wire.bandwidth_bps);
        if below(drawn(2), 1_000_000) < u64::from(cable.loss_ppm) {
            return None;
        }
        let latency = wire.sampler.sample(|| drawn(0)).saturating_mul(1_000);
        let delay = latency.saturating_add(below(drawn(1), cable.jitter_us.saturating_mul(1_000).saturating_add(1)));
        wire.last_arrival = wire.last_arrival.max(wire.free_at.saturating_add(delay));
        Some(wire.last_arrival)
    }

    /// A packet has arrived at the end of a wire: when the node's own line has passed it, unless it is dropped.
    pub(crate) fn receive(&mut self, wire: usize, bytes: usize, now: Nanos) -> Option<Nanos> {
        let wire = &self.wires[wire];
        let port = &mut self.ports[wire.to];
        let rate_bps = port.rates.download_bps;
        if !wire.up || full(port.download_free_at.saturating_sub(now), bytes, rate_bps, &wire.cable) {
            return None;
        }
        if rate_bps > 0 {
            port.download_free_at = now.max(port.download_free_at + time(bytes, rate_bps));
            return Some(port.download_free_at);
        }
        Some(now)
    }

    /// How many wires there are: two for each cable.
    pub(crate) fn len(&self) -> usize {
        self.wires.len()
    }
}

#[cfg(test)]
mod tests;
