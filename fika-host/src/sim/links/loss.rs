//! Lost packets: a connection repeats them, so that a message comes later.
//!
//! A message of `n` packets, of which each is lost with probability `p`, needs `r` repetitions until all of them are
//! there: `P(r <= k) = (1 - p^(k+1))^n`. As Linux does it, the first repetition comes after one round trip if the last
//! packet arrived, for then the receiver reports a gap. Else, and before each further repetition, it comes with the
//! timer: `RTO = srtt + max(200 ms, 4 rttvar)`, which doubles each time, up to 120 s (RFC 6298, and `net/ipv4/tcp_input.c`
//! for the minimum). With `T(k) = RTO (2^k - 1)` the delay is
//!
//! ```text
//! 0                  with probability (1 - p)^n
//! RTT + T(r - 1)     (1 - p) ((1 - p^(r+1))^(n-1) - (1 - p^r)^(n-1))           the last packet arrived
//! T(r)               the rest of (1 - p^(r+1))^n - (1 - p^r)^n                 it was lost
//! ```
//!
//! All of it is drawn at once. What this leaves out is in `docs/limitations.md`.

use fika_core::header::{SECOND, Time};

use crate::experiment::{Latency, unit};

/// Bytes in one packet: 1,500 of an Ethernet frame less the headers of IP, and of TCP with time stamps.
const PACKET_BYTES: u64 = 1_448;
/// `TCP_RTO_MIN` and `TCP_RTO_MAX`.
const RTO_MIN_US: Time = SECOND / 5;
const RTO_MAX_US: Time = 120 * SECOND;
/// After so many repetitions a packet has come: Linux gives the connection up then (`tcp_retries2`).
const REPETITIONS_MAX: u32 = 15;

/// How a connection over a cable repeats what the cable loses.
pub(super) struct Loss {
    /// The share of packets that are lost.
    share: f64,
    round_trip_us: Time,
    /// The timer before it has doubled.
    rto_us: Time,
}

impl Loss {
    /// Of packets in a million, on a cable alike in both directions. `None`: it loses nothing.
    pub(super) fn new(loss_ppm: u32, latency: Latency, jitter_us: Time) -> Option<Loss> {
        (loss_ppm > 0).then(|| Loss {
            share: f64::from(loss_ppm) / 1e6,
            round_trip_us: round_trip_us(latency, jitter_us),
            rto_us: repeat_us(latency, jitter_us),
        })
    }

    /// How much later a message of so many bytes comes.
    #[inline(never)]
    pub(super) fn delay(&self, bytes: u64, drawn: u64) -> Time {
        let drawn = unit(drawn);
        let others = (bytes.div_ceil(PACKET_BYTES).max(1) - 1) as f64;
        // The chance of one packet to be there after the repetitions so far, and that of all but the last.
        let mut one = 1.0 - self.share;
        let mut all_others = libm::pow(one, others);
        if drawn <= one * all_others {
            return 0;
        }
        for repetitions in 1..REPETITIONS_MAX {
            let (before, others_before) = (one, all_others);
            one = 1.0 - self.share * (1.0 - one);
            all_others = libm::pow(one, others);
            if drawn <= before * others_before + (1.0 - self.share) * (all_others - others_before) {
                return self.round_trip_us + self.timers(repetitions - 1);
            }
            if drawn <= one * all_others {
                return self.timers(repetitions);
            }
        }
        self.timers(REPETITIONS_MAX)
    }

    /// How long so many runs of the timer take.
    fn timers(&self, count: u32) -> Time {
        (0..count).map(|doubled| self.rto_us.saturating_mul(1 << doubled).min(RTO_MAX_US.max(self.rto_us))).sum()
    }
}

fn round_trip_us(latency: Latency, jitter_us: Time) -> Time {
    2 * latency.mean_us() + jitter_us
}

/// The timer before it has doubled.
pub(super) fn repeat_us(latency: Latency, jitter_us: Time) -> Time {
    // The sum of two uniform draws is a triangle; its mean deviation is a third of the width of one.
    let deviation_us = latency.spread_us() + jitter_us / 3;
    round_trip_us(latency, jitter_us) + RTO_MIN_US.max(4 * deviation_us)
}

#[cfg(test)]
mod tests {
    use fika_core::hash::draw;

    use super::*;

    const ROUND_TRIP_US: Time = 100_000;
    const RTO_US: Time = 300_000;
    const DRAWS: u64 = 40_000;

    fn loss(percent: u32) -> Loss {
        Loss::new(percent * 10_000, Latency::Fixed { us: ROUND_TRIP_US / 2 }, 0).expect("a loss")
    }

    /// A message packet by packet: each round sends what is missing.
    fn by_packets(share: f64, packets: u64, draws: &mut impl FnMut() -> f64) -> Time {
        let lost = |count: u64, draws: &mut dyn FnMut() -> f64| (0..count).filter(|_| draws() <= share).count() as u64;
        let last_lost = lost(1, draws);
        let mut missing = lost(packets - 1, draws) + last_lost;
        let (mut delay, mut timer) = (0, RTO_US);
        if missing > 0 && last_lost == 0 {
            delay = ROUND_TRIP_US;
            missing = lost(missing, draws);
        }
        while missing > 0 {
            delay += timer;
            timer *= 2;
            missing = lost(missing, draws);
        }
        delay
    }

    /// Of a thousand delays, how many are at most so long, at all lengths that occur.
    fn distribution(delays: Vec<Time>) -> Vec<(Time, f64)> {
        let (mut delays, count) = (delays, DRAWS as f64);
        delays.sort_unstable();
        let ends = (1..).zip(&delays).filter(|(n, delay)| delays.get(*n) != Some(delay));
        ends.map(|(n, delay)| (*delay, 1_000.0 * n as f64 / count)).collect()
    }

    #[test]
    fn delays_are_those_of_packets_sent_one_by_one() {
        for (percent, packets) in [(1, 1), (1, 10), (1, 400), (5, 1), (5, 2), (5, 40), (20, 1), (20, 3), (20, 100)] {
            let loss = loss(percent);
            let mut number = 0;
            let mut draws = || {
                number += 1;
                unit(draw(1, u64::from(percent), number))
            };
            let packet_by_packet = (0..DRAWS).map(|_| by_packets(loss.share, packets, &mut draws)).collect();
            let bytes = packets * PACKET_BYTES;
            let at_once = (0..DRAWS).map(|n| loss.delay(bytes, draw(2, bytes, n))).collect();
            let (expected, found) = (distribution(packet_by_packet), distribution(at_once));
            for (delay, share) in &expected {
                let (_, other) = found.iter().rev().find(|(other, _)| other <= delay).unwrap_or(&(0, 0.0));
                // Four standard errors of a difference are at most 14 in a thousand.
                assert!((share - other).abs() < 14.0, "{percent} %, {packets}: {expected:?}\n{found:?}");
            }
        }
    }

    #[test]
    fn delays_are_those_of_the_formula() {
        for percent in [1, 5, 20] {
            let (p, loss) = (f64::from(percent) / 100.0, loss(percent));
            for n in [1, 7, 60] {
                let delays: Vec<Time> =
                    (0..DRAWS).map(|i| loss.delay(n as u64 * PACKET_BYTES, draw(3, u64::from(percent), i))).collect();
                let power = |k: i32, of: i32| (1.0 - p.powi(k)).powi(of);
                let fast = |r: i32| (1.0 - p) * (power(r + 1, n - 1) - power(r, n - 1));
                let slow = |r: i32| power(r + 1, n) - power(r, n) - fast(r);
                for (delay, expected) in [
                    (0, power(1, n)),
                    (ROUND_TRIP_US, fast(1)),
                    (RTO_US, slow(1)),
                    (ROUND_TRIP_US + RTO_US, fast(2)),
                    (3 * RTO_US, slow(2)),
                    (ROUND_TRIP_US + 3 * RTO_US, fast(3)),
                    (7 * RTO_US, slow(3)),
                ] {
                    let found = delays.iter().filter(|found| **found == delay).count() as f64 / DRAWS as f64;
                    let error = (expected * (1.0 - expected) / DRAWS as f64).sqrt();
                    let wrong = (found - expected).abs();
                    assert!(wrong <= 4.0 * error + 1e-4, "{percent} %, {n}: {found} of {delay} us, {expected}");
                }
            }
        }
    }

    #[test]
    fn the_timer_follows_round_trip_and_deviation_and_doubles_up_to_two_minutes() {
        let rto = |latency, jitter_us| Loss::new(1, latency, jitter_us).expect("a loss").rto_us;
        assert_eq!(rto(Latency::Fixed { us: 0 }, 0), 200_000);
        assert_eq!(rto(Latency::Fixed { us: 50_000 }, 30_000), 330_000);
        assert_eq!(rto(Latency::Normal { mean_us: 100_000, sd_us: 80_000 }, 0), 520_000);
        assert!(Loss::new(0, Latency::default(), 0).is_none());
        let loss = loss(1);
        assert_eq!([0, 1, 2, 3].map(|count| loss.timers(count)), [0, 300_000, 900_000, 2_100_000]);
        assert_eq!(loss.timers(11) - loss.timers(10), RTO_MAX_US);
        // What loses nearly everything delays, but not for ever.
        let worst = Loss { share: 0.999_999, ..loss };
        assert_eq!(worst.delay(PACKET_BYTES, u64::MAX), worst.timers(15));
    }
}
