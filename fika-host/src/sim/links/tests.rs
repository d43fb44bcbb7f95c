//! Queues and losses of links against closed forms.

use fika_core::hash::draw;
use fika_core::header::{SECOND, Time};

use super::super::tournament::NEVER;
use super::{Delivery, Links};
use crate::experiment::{Experiment, unit};

const BLOCK: u8 = 4;
const LATENCY_US: Time = 20_000;

/// A star of a hub, which is node 0, and of nodes around it.
fn star(around: u32, hub: &str, link: &str) -> Links {
    let text = format!(
        "[experiment]\nengine = 'sim'\n[network]\nnodes = {around}\ngraph = {{ kind = 'star' }}\n\
         link = {{ latency = '20 ms', {link} }}\n[[nodes]]\nname = 'hub'\n{hub}\n"
    );
    Links::new(&Experiment::parse("x.toml", &text, &[]).unwrap_or_else(|errors| panic!("{errors}")))
}

/// Exponential gaps with this mean, as times from 0 on.
fn poisson(mean_us: f64, seed: u64) -> impl Iterator<Item = Time> {
    (0..).scan(0.0, move |now, number| {
        *now -= unit(draw(seed, 1, number)).ln() * mean_us;
        Some(*now as Time)
    })
}

/// 10 ms at 1 Mbit/s.
const BYTES: u64 = 1_250;
const SERVICE_US: f64 = 10_000.0;
const MESSAGES: usize = 200_000;

/// The mean of waiting in a queue with Poisson arrivals and equal service (Pollaczek 1930, Khinchine 1932).
fn assert_md1(rho: f64, waits: &[f64], what: &str) {
    let expected = rho / (2.0 * (1.0 - rho)) * SERVICE_US;
    let found = waits.iter().sum::<f64>() / waits.len() as f64;
    assert!((found / expected - 1.0).abs() < 0.05, "{what}, load {rho}: expected {expected} us, found {found}");
}

#[test]
fn a_cable_an_upload_and_a_download_are_queues() {
    for rho in [0.3, 0.5, 0.8] {
        let times = || poisson(SERVICE_US / rho, 7).take(MESSAGES).zip(0_u64..);
        let wait = |now: Time, done: Time| done as f64 - now as f64 - SERVICE_US - LATENCY_US as f64;

        let mut cable = star(1, "", "bandwidth = '1 Mbit/s'");
        let mut send = |now| cable.carry(1, 0, (BLOCK, BYTES), now).at;
        let waits: Vec<f64> = times().map(|(now, _)| wait(now, send(now))).collect();
        assert_md1(rho, &waits, "cable");

        let mut upload = star(5, "upload = '1 Mbit/s'", "bandwidth = '9 Mbit/s'");
        let mut send = |now, number| upload.carry(0, (draw(7, 2, number) % 5) as u32, (BLOCK, BYTES), now).at;
        let waits: Vec<f64> = times().map(|(now, number)| wait(now, send(now, number))).collect();
        assert_md1(rho, &waits, "upload");

        let mut download = star(5, "download = '1 Mbit/s'", "bandwidth = '9 Mbit/s'");
        let mut send = |now, number| download.carry(1 + (draw(7, 2, number) % 5) as u32, 0, (BLOCK, BYTES), now).at;
        let mut arrivals: Vec<_> = times().map(|(now, number)| (send(now, number), now)).collect();
        arrivals.sort_unstable();
        let mut receive = |at| download.receive(0, BYTES, at);
        let waits: Vec<f64> = arrivals.into_iter().map(|(at, now)| wait(now, receive(at))).collect();
        assert_md1(rho, &waits, "download");
    }
}

#[test]
fn a_cable_never_passes_more_than_its_bandwidth() {
    let mut links = star(2, "upload = '5 Mbit/s'", "bandwidth = '2 Mbit/s', jitter = '5 ms', loss = '5 %'");
    let mut last: [Option<Time>; 2] = [None; 2];
    let (mut first_sent, mut bits) = (None, 0);
    for (now, number) in poisson(2_000.0, 1).take(20_000).zip(0_u64..) {
        let (peer, bytes) = ((draw(1, 2, number) % 2) as u32, 1 + draw(1, 3, number) % 3_000);
        let before = links.cable_free_at[peer as usize].max(now);
        links.carry(0, peer, (BLOCK, bytes), now);
        let left = links.cable_free_at[peer as usize];
        // A microsecond for what integers cut off.
        assert!(left - before + 1 >= bytes * 8 * SECOND / 2_000_000, "{number}");
        assert!(last[peer as usize].is_none_or(|last| last < left));
        last[peer as usize] = Some(left);
        bits += bytes * 8;
        first_sent = first_sent.or(Some(now));
    }
    // 6 Mbit/s are wanted of an upload of 5, so that it is busy from the first to the last.
    let upload = bits as f64 / (links.ports[0].upload_free_at - first_sent.unwrap_or(0)) as f64;
    assert!((4.97..5.001).contains(&upload), "{upload} Mbit/s");
}

#[test]
fn lines_of_one_rate_cost_a_message_once() {
    let second = 125_000;
    let at = |links: &mut Links, from, to| links.carry(from, to, (BLOCK, second), 0).at;
    let mut same = star(1, "upload = '1 Mbit/s'", "bandwidth = '1 Mbit/s'");
    assert_eq!(at(&mut same, 0, 0), SECOND + LATENCY_US);
    let mut narrow = star(1, "upload = '4 Mbit/s'", "bandwidth = '1 Mbit/s'");
    assert_eq!(at(&mut narrow, 0, 0), SECOND + LATENCY_US);
    // The other direction is another queue, and without limits at all nothing takes time.
    assert_eq!(at(&mut narrow, 0, 0), 2 * SECOND + LATENCY_US);
    assert_eq!(at(&mut narrow, 1, 0), SECOND + LATENCY_US);
    assert_eq!(at(&mut star(1, "upload = 'none'", "bandwidth = 'none'"), 0, 0), LATENCY_US);
    // Each neighbour's copy leaves after the one before, and passes its own cable.
    let mut links = star(3, "upload = '4 Mbit/s'", "bandwidth = '1 Mbit/s'");
    let mut deliveries = Vec::new();
    links.carry_to_many(0, (0..3, None), (BLOCK, second), 0, &mut deliveries);
    let times: Vec<Time> = deliveries.iter().map(|delivery: &Delivery| delivery.at - LATENCY_US).collect();
    assert_eq!(times, [SECOND, SECOND + SECOND / 4, SECOND + SECOND / 2]);
}

#[test]
fn what_is_not_connected_sends_nothing() {
    let mut links = star(2, "upload = '1 Mbit/s'", "bandwidth = '1 Mbit/s'");
    links.set_up(0, 0, false);
    assert_eq!(links.carry(0, 0, (BLOCK, 125_000), 0).at, NEVER);
    assert_eq!(links.carry(0, 1, (BLOCK, 125_000), 0).at, SECOND + LATENCY_US);
}

#[test]
fn lost_packets_delay_and_lost_messages_never_arrive() {
    for percent in [1, 5, 20] {
        let p = f64::from(percent) / 100.0;
        // Far apart, so that no message waits for another: three packets each.
        let send = |links: &mut Links, number: Time| links.carry(0, 0, (BLOCK, 4_000), number * 2_000 * SECOND).at;
        let mut loss = star(1, "", &format!("loss = '{percent} %'"));
        let delays: Vec<Time> = (0..40_000).map(|n| send(&mut loss, n) - n * 2_000 * SECOND - LATENCY_US).collect();
        let share = |of: &dyn Fn(Time) -> bool| delays.iter().filter(|delay| of(**delay)).count() as f64 / 40_000.0;
        // On time; a round trip of 40 ms later; a timer of 240 ms later.
        let on_time = (1.0 - p).powi(3);
        let fast = (1.0 - p) * ((1.0 - p * p).powi(2) - (1.0 - p).powi(2));
        let slow = (1.0 - p * p).powi(3) - on_time - fast;
        for (delay, expected) in [(0, on_time), (40_000, fast), (240_000, slow)] {
            let found = share(&|found| found == delay);
            let error = (expected * (1.0 - expected) / 40_000.0).sqrt();
            assert!((found - expected).abs() < 4.0 * error, "{percent} %, {delay} us: {expected}, found {found}");
        }
        let mut messages = star(1, "", &format!("message_loss = '{percent} %'"));
        let lost = (0..40_000).filter(|n| send(&mut messages, *n) == NEVER).count() as f64 / 40_000.0;
        assert!((lost - p).abs() < 4.0 * (p * (1.0 - p) / 40_000.0).sqrt(), "{percent} %: {lost}");
    }
}

#[test]
fn a_late_message_holds_up_those_behind_it() {
    let mut links = star(1, "", "loss = '20 %'");
    let mut last = 0;
    for now in (0..2_000).map(|n| n * 10_000) {
        let at = links.carry(0, 0, (BLOCK, 100), now).at;
        assert!(at >= last && at != NEVER);
        last = at;
    }
}
