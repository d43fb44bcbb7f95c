//! Wires against closed forms, in virtual time.

use fika_core::hash::draw;

use super::*;

const MS: Nanos = 1_000_000;
const PACKET: usize = 1_500;

fn cable(latency: Latency, bandwidth_bps: u64) -> Cable {
    Cable { latency, bandwidth_bps, ..Cable::default() }
}

fn fixed(us: u64) -> Latency {
    Latency::Fixed { us }
}

/// One cable between two nodes without limits.
fn one(cable: Cable) -> Wires {
    let mut wires = Wires::new(&[]);
    wires.lay(7, 3, (0, 1), [cable; 2]);
    wires
}

/// Cables from node 0 to nodes 1, 2 and 3, each of whose packets takes 1 ms.
fn star(rates: &[Rates], queue_bytes: u64) -> Wires {
    let mut wires = Wires::new(rates);
    let cable = Cable { queue_bytes: Some(queue_bytes), ..cable(fixed(1_000), 0) };
    (0..3).for_each(|link| wires.lay(7, link, (0, link + 1), [cable; 2]));
    wires
}

#[test]
fn a_packet_takes_its_bits_at_the_rate_and_then_the_latency() {
    let mut wires = one(cable(fixed(50_000), 10_000_000));
    let bits = 1_200_000; // 12,000 bits at 10 Mbit/s
    let at: Vec<_> = (0..3).map(|_| wires.send(0, PACKET, 0)).collect();
    assert_eq!(at, [1, 2, 3].map(|n| Some(n * bits + 50 * MS)));
    // The other direction is another line, and a line that was idle takes no longer.
    assert_eq!(wires.send(1, PACKET, 0), Some(bits + 50 * MS));
    assert_eq!(wires.send(0, PACKET / 2, 100 * MS), Some(100 * MS + bits / 2 + 50 * MS));
    // Without a rate a packet takes no time but the latency.
    assert_eq!(one(cable(fixed(10), 0)).send(1, PACKET, 5), Some(10_005));
    assert_eq!(one(Cable::default()).send(0, PACKET, 5), Some(5));
}

#[test]
fn the_line_is_never_faster_than_its_rate() {
    let mut wires = one(cable(fixed(0), 1_000_000_000));
    // Packets come at odd times, faster than they can leave.
    let (mut last, mut bytes) = (0, 0);
    for n in 0..20_000 {
        let size = 40 + (draw(1, 1, n) % 1_461) as usize;
        let before = n * 3_000;
        if let Some(at) = wires.send(0, size, before) {
            assert!(at >= last + time(size, 1_000_000_000) && at > before);
            (last, bytes) = (at, bytes + size);
        }
    }
    let rate = bytes as f64 * 8.0 / last as f64;
    assert!((0.999..=1.0).contains(&rate), "{rate} Gbit/s");
}

#[test]
fn all_cables_of_a_node_share_its_upload_and_its_download() {
    let rates = |upload_bps, download_bps| [Rates { upload_bps, download_bps }];
    // 1,500 bytes at 12 Mbit/s: 1 ms.
    let mut up = star(&rates(12_000_000, 0), 1 << 20);
    let at: Vec<_> = (0..3).map(|cable| up.send(2 * cable, PACKET, 0)).collect();
    assert_eq!(at, [2, 3, 4].map(|ms| Some(ms * MS)));
    // Three senders fill the line of the receiver at once; each has passed its own way in 1 ms of bits and 1 of latency.
    let mut down = star(&rates(0, 12_000_000), 1 << 20);
    let arrivals: Vec<_> = (0..3).map(|cable| down.send(2 * cable + 1, PACKET, 0)).collect();
    assert_eq!(arrivals, [Some(2 * MS); 3]);
    let received: Vec<_> = (0..3).map(|cable| down.receive(2 * cable + 1, PACKET, 2 * MS)).collect();
    assert_eq!(received, [2, 3, 4].map(|ms| Some(ms * MS)));
    // What the node sends is not charged there.
    assert_eq!(down.send(0, PACKET, 0), Some(MS));
    assert_eq!(down.receive(0, PACKET, MS), Some(MS));
}

#[test]
fn lines_of_one_rate_cost_a_packet_once() {
    let rates = Rates { upload_bps: 12_000_000, download_bps: 12_000_000 };
    let mut wires = Wires::new(&[rates; 2]);
    wires.lay(7, 0, (0, 1), [cable(fixed(0), 12_000_000); 2]);
    let at = wires.send(0, PACKET, 0).expect("passes");
    assert_eq!((at, wires.receive(0, PACKET, at)), (MS, Some(MS)));
    // The narrowest of the three is what counts.
    wires.change(0, cable(fixed(0), 6_000_000));
    let at = wires.send(0, PACKET, 10 * MS).expect("passes");
    assert_eq!((at, wires.receive(0, PACKET, at)), (12 * MS, Some(12 * MS)));
}

#[test]
fn a_full_queue_drops_what_comes_last() {
    let burst = |wires: &mut Wires, now| (0..1_000).filter(|_| wires.send(0, PACKET, now).is_some()).count();
    let queue = |queue_bytes| Cable { queue_bytes, ..cable(fixed(0), 12_000_000) };
    // The packet that finds the line idle, and those that the queue holds with it: one leaves each millisecond.
    for (bytes, packets) in [(0, 1), (2_999, 1), (3_000, 2), (15_000, 10)] {
        let mut wires = one(queue(Some(bytes)));
        assert_eq!((burst(&mut wires, 0), burst(&mut wires, MS)), (packets, 1), "{bytes}");
    }
    // 100 ms at the rate, and 64 KiB where that is more.
    assert_eq!(burst(&mut one(queue(None)), 0), 100);
    assert_eq!(burst(&mut one(cable(fixed(0), 1_000_000)), 0), (64 << 10) / PACKET);
    assert_eq!(burst(&mut one(cable(fixed(0), 0)), 0), 1_000);
    // The lines of nodes have queues, too, shared by all their cables.
    let rates = [Rates { upload_bps: 12_000_000, download_bps: 12_000_000 }];
    let mut wires = star(&rates, 15_000);
    assert_eq!((0..60).filter(|n| wires.send(2 * (n % 3), PACKET, 0).is_some()).count(), 10);
    assert_eq!((0..60).filter(|n| wires.receive(2 * (n % 3) + 1, PACKET, MS).is_some()).count(), 11);
}

#[test]
fn packets_are_lost_at_their_share_and_take_their_time_all_the_same() {
    for percent in [1, 5, 40] {
        let loss_ppm = percent * 10_000;
        let mut wires = one(Cable { loss_ppm, ..cable(fixed(1_000), 12_000_000) });
        let count = 40_000;
        let passed: Vec<_> = (0..count).map(|n| wires.send(0, PACKET, n * MS)).collect();
        let lost = passed.iter().filter(|at| at.is_none()).count() as f64 / count as f64;
        let share = f64::from(percent) / 100.0;
        let error = (share * (1.0 - share) / count as f64).sqrt();
        assert!((lost - share).abs() < 4.0 * error, "{percent} %: {lost}");
        assert!(passed.iter().zip(0..).all(|(at, n)| at.is_none_or(|at| at == (n + 2) * MS)));
        // Two in a row are lost as often as chance has it.
        let pairs = passed.windows(2).filter(|pair| pair == &[None, None]).count() as f64 / count as f64;
        assert!((pairs - share * share).abs() < 4.0 * (share * share / count as f64).sqrt(), "{percent} %: {pairs}");
    }
}

/// The largest distance between the distribution of these delays in milliseconds and `expected`, in units in which 1.63
/// is passed by one in a hundred (Kolmogorov 1933).
fn kolmogorov(mut delays: Vec<f64>, expected: impl Fn(f64) -> f64) -> f64 {
    delays.sort_by(f64::total_cmp);
    let count = delays.len() as f64;
    let distance = |(n, delay): (usize, &f64)| {
        let expected = expected(*delay);
        (expected - n as f64 / count).max((n + 1) as f64 / count - expected)
    };
    delays.iter().enumerate().map(distance).fold(0.0, f64::max) * count.sqrt()
}

/// Delays of packets that are sent far apart, in milliseconds.
fn delays(cable: Cable) -> Vec<f64> {
    let mut wires = one(cable);
    let times = (0..20_000).map(|n| n * 1_000 * MS);
    times.map(|now| (wires.send(1, PACKET, now).expect("passes") - now) as f64 / MS as f64).collect()
}

#[test]
fn delays_have_the_distribution_of_their_model() {
    let uniform = delays(Cable { jitter_us: 20_000, ..cable(fixed(30_000), 0) });
    let distance = kolmogorov(uniform, |ms| ((ms - 30.0) / 20.0).clamp(0.0, 1.0));
    assert!(distance < 1.63, "uniform: {distance}");
    let pareto = delays(cable(Latency::pareto(100_000, Some(90_000)).expect("exists"), 0));
    let distance = kolmogorov(pareto, |ms| 1.0 - (90.0 / ms.max(90.0)).powi(10));
    assert!(distance < 1.63, "Pareto: {distance}");
    let normal = delays(cable(Latency::Normal { mean_us: 100_000, sd_us: 10_000 }, 0));
    let distance = kolmogorov(normal, |ms| 0.5 * libm::erfc((100.0 - ms) / 10.0 / 2.0_f64.sqrt()));
    assert!(distance < 1.63, "normal: {distance}");
}

#[test]
fn no_packet_overtakes_another() {
    let mut wires = one(Cable { jitter_us: 50_000, ..cable(fixed(1_000), 0) });
    let at: Vec<_> = (0..5_000).map(|n| wires.send(0, 100, n * MS).expect("passes")).collect();
    assert!(at.is_sorted() && at.windows(2).any(|pair| pair[0] == pair[1]));
}

#[test]
fn draws_depend_on_the_seed_and_the_link_alone() {
    let cable = Cable { jitter_us: 50_000, ..Cable::default() };
    let times = |seed, link, others: usize| {
        let mut wires = Wires::new(&[]);
        (0..others).for_each(|_| wires.lay(seed, 9, (0, 1), [cable; 2]));
        wires.lay(seed, link, (0, 1), [cable; 2]);
        (0..10).map(|n| wires.send(2 * others, 100, n * 1_000 * MS)).collect::<Vec<_>>()
    };
    assert_eq!(times(1, 5, 0), times(1, 5, 3));
    assert_ne!(times(1, 5, 0), times(2, 5, 0));
    assert_ne!(times(1, 5, 0), times(1, 6, 0));
    let mut wires = one(cable);
    assert_ne!(wires.send(0, 100, 0), wires.send(1, 100, 0), "directions differ");
}

#[test]
fn a_change_holds_from_the_next_packet_on() {
    let mut wires = one(cable(fixed(10_000_000), 12_000));
    let slow = wires.send(0, PACKET, 0);
    assert_eq!(slow, Some(11_000 * MS));
    wires.change(0, cable(fixed(5_000), 12_000_000));
    assert_eq!(wires.send(0, PACKET, 0), Some(6 * MS));
    assert_eq!(wires.send(1, PACKET, 0), slow, "the other direction is as it was");
}

#[test]
fn a_wire_that_is_down_drops_what_is_sent_and_what_is_under_way() {
    let mut wires = one(cable(fixed(5_000), 0));
    let at = wires.send(0, PACKET, 0).expect("passes");
    wires.set_up(0, false);
    assert_eq!((wires.receive(0, PACKET, at), wires.send(0, PACKET, at)), (None, None));
    assert!(wires.send(1, PACKET, at).is_some());
    wires.set_up(0, true);
    let at = wires.send(0, PACKET, 20 * MS).expect("passes");
    assert_eq!((at, wires.receive(0, PACKET, at)), (25 * MS, Some(25 * MS)));
}
