//! What cables do to packets, measured in real networks. Bounds are wide, for a busy machine delays packets;
//! `exact` prints the figures.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::isolation::{Endpoint, Engine, Error, Lab, Launch, Link, Physics, Rates};
use super::physics::{Cable, Latency};

const PORT: u16 = 9;
/// Bytes of a UDP packet that are not payload.
const HEADERS: usize = 28;

/// Two nodes that sleep, joined by these links.
fn pair(directory: &Path, links: &[Link], physics: &Physics) -> Lab {
    let names = ["a", "b"].map(String::from);
    let mut lab = Lab::create(Engine::Netns, "pair", directory, &names, links, physics).expect("creates");
    for node in 0..2 {
        let mut sleep = Launch::own(["sleep", "1000"], directory.join("log"));
        sleep.program = "/bin/sleep".into();
        lab.start(node, sleep).expect("starts");
    }
    lab
}

fn joined(directory: &Path, cable: Cable) -> Lab {
    pair(directory, &[Link::new(0, 1).with([cable; 2])], &Physics { seed: 42, ..Physics::default() })
}

fn delayed(ms: u64) -> Cable {
    Cable { latency: Latency::Fixed { us: ms * 1_000 }, ..Cable::default() }
}

/// What is opened in a node's network stays there.
fn open<T: Send>(lab: &Lab, node: usize, open: impl FnOnce(Ipv4Addr) -> T + Send) -> T {
    let Endpoint::Tcp(own) = &lab.ports(node)[0].local else { panic!("an address") };
    let std::net::IpAddr::V4(own) = own.ip() else { panic!("an IPv4 address") };
    let netns = File::open(format!("/proc/{}/ns/net", lab.process(node).expect("runs").pid)).expect("opens");
    let inside = || {
        move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network)).expect("enters");
        open(own)
    };
    thread::scope(|scope| scope.spawn(inside).join().expect("opens"))
}

/// A UDP socket in each node, connected to each other.
fn sockets(lab: &Lab) -> [UdpSocket; 2] {
    let addresses = [0, 1].map(|node| open(lab, node, |own| own));
    let sockets = [0, 1].map(|node| open(lab, node, |own| UdpSocket::bind((own, PORT)).expect("binds")));
    for (socket, other) in sockets.iter().zip([addresses[1], addresses[0]]) {
        socket.connect((other, PORT)).expect("connects");
    }
    sockets
}

/// Does something while the second node sends everything back.
fn with_echo<T>([own, other]: &[UdpSocket; 2], work: impl FnOnce(&UdpSocket) -> T) -> T {
    let over = AtomicBool::new(false);
    other.set_read_timeout(Some(Duration::from_millis(20))).expect("sets");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; 2_048];
            while !over.load(Ordering::Relaxed) {
                if let Ok(bytes) = other.recv(&mut buffer) {
                    let _ = other.send(&buffer[..bytes]);
                }
            }
        });
        let result = catch_unwind(AssertUnwindSafe(|| work(own)));
        over.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// A round trip of this packet, unless it takes longer than `timeout`.
fn ping(socket: &UdpSocket, number: u64, timeout: Duration) -> Option<Duration> {
    let begin = Instant::now();
    let _ = socket.send(&number.to_ne_bytes());
    let mut answer = [0; 8];
    loop {
        let left = timeout.checked_sub(begin.elapsed()).filter(|left| !left.is_zero())?;
        socket.set_read_timeout(Some(left)).expect("sets");
        if socket.recv(&mut answer).is_ok() && u64::from_ne_bytes(answer) == number {
            return Some(begin.elapsed());
        }
    }
}

/// Round trips in milliseconds, ascending.
fn round_trips(lab: &Lab, count: u64) -> Vec<f64> {
    let trip = |socket: &UdpSocket, number| ping(socket, number, Duration::from_secs(5)).expect("comes back");
    let trips = |socket: &UdpSocket| (0..count).map(|number| trip(socket, number).as_secs_f64() * 1e3).collect();
    let mut trips: Vec<f64> = with_echo(&sockets(lab), trips);
    trips.sort_by(f64::total_cmp);
    trips
}

/// Sends `count` packets of so many bytes each with its number, at these times, and returns what arrived: its number,
/// bytes, and when it was sent and came.
fn stream(
    [from, to]: &[UdpSocket; 2],
    payload: usize,
    times: impl Iterator<Item = Duration> + Send,
) -> Vec<(u64, Duration, Duration)> {
    let begin = Instant::now();
    to.set_read_timeout(Some(Duration::from_secs(1))).expect("sets");
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut packet = vec![0; payload];
            let mut sent = Vec::new();
            for (number, at) in (0u64..).zip(times) {
                thread::sleep((begin + at).saturating_duration_since(Instant::now()));
                packet[..8].copy_from_slice(&number.to_ne_bytes());
                sent.push(begin.elapsed());
                let _ = from.send(&packet);
            }
            sent
        });
        let mut buffer = [0; 2_048];
        let mut came = Vec::new();
        while to.recv(&mut buffer).is_ok() {
            let number = u64::from_ne_bytes(buffer[..8].try_into().expect("8 bytes"));
            came.push((number, begin.elapsed()));
        }
        let sent = sender.join().expect("sends");
        came.into_iter().map(|(number, at)| (number, sent[number as usize], at)).collect()
    })
}

/// Bits a second of a flood of packets, all their headers counted. They come a fifth faster than this rate lets them pass.
fn flood(lab: &Lab, rate_bps: f64, packets: u32) -> f64 {
    let payload = 1_500 - HEADERS;
    let apart = Duration::from_secs_f64(1_500.0 * 8.0 / rate_bps / 1.2);
    let came = stream(&sockets(lab), payload, (0..packets).map(|n| n * apart));
    let (first, last) = (came.first().expect("some came").2, came.last().expect("some came").2);
    (came.len() - 1) as f64 * 1_500.0 * 8.0 / (last - first).as_secs_f64()
}

/// Bits a second of the payload of one TCP connection, from its first byte to its last.
fn bulk(lab: &Lab, bytes: usize) -> f64 {
    let (listener, address) = open(lab, 1, |own| (TcpListener::bind((own, PORT)).expect("binds"), own));
    let mut sender = open(lab, 0, |_| TcpStream::connect((address, PORT)).expect("connects"));
    let (mut receiver, _) = listener.accept().expect("accepts");
    thread::scope(|scope| {
        scope.spawn(move || sender.write_all(&vec![7; bytes]).expect("sends"));
        let mut buffer = vec![0; 1 << 16];
        let mut received = receiver.read(&mut buffer).expect("receives");
        let (first, begin) = (received, Instant::now());
        while received < bytes {
            received += receiver.read(&mut buffer).expect("receives");
        }
        (bytes - first) as f64 * 8.0 / begin.elapsed().as_secs_f64()
    })
}

/// The share of so many packets that does not arrive. Never more of them are under way than the sockets and devices of a
/// machine that does something else can hold.
fn lost(lab: &Lab, packets: u64) -> f64 {
    const UNDER_WAY: u64 = 100;
    let [from, to] = &sockets(lab);
    to.set_read_timeout(Some(Duration::from_secs(2))).expect("sets");
    let seen = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=packets {
                while seen.load(Ordering::Relaxed) + UNDER_WAY < number {
                    thread::sleep(Duration::from_micros(200));
                }
                from.send(&number.to_ne_bytes()).expect("sends");
            }
        });
        let (mut number, mut came) = ([0; 8], 0);
        while to.recv(&mut number).is_ok() {
            seen.store(u64::from_ne_bytes(number), Ordering::Relaxed);
            came += 1;
        }
        1.0 - came as f64 / packets as f64
    })
}

/// How long packets take that are sent so far apart, in milliseconds, ascending.
fn delays(lab: &Lab, apart: Duration, packets: u32) -> Vec<f64> {
    let came = stream(&sockets(lab), 100, (0..packets).map(|n| n * apart));
    let mut delays: Vec<f64> = came.iter().map(|(_, sent, came)| (*came - *sent).as_secs_f64() * 1e3).collect();
    delays.sort_by(f64::total_cmp);
    delays
}

/// The largest distance between the distribution of these delays and the uniform one (Kolmogorov 1933).
fn distance(delays: &[f64], low_ms: f64, width_ms: f64) -> f64 {
    let count = delays.len() as f64;
    let distance = |(n, ms): (usize, &f64)| {
        let expected = ((ms - low_ms) / width_ms).clamp(0.0, 1.0);
        (expected - n as f64 / count).max((n + 1) as f64 / count - expected)
    };
    delays.iter().enumerate().map(distance).fold(0.0, f64::max)
}

const MBIT: f64 = 1e6;

fn rate(bandwidth_bps: u64, latency_ms: u64) -> Cable {
    Cable { bandwidth_bps, ..delayed(latency_ms) }
}

/// From 10 to 30 ms.
fn jittery() -> Cable {
    Cable { jitter_us: 20_000, ..delayed(10) }
}

const APART: Duration = Duration::from_millis(22);

fn lossy(percent: u32) -> Cable {
    Cable { loss_ppm: percent * 10_000, ..delayed(1) }
}

/// Cables delay, limit and lose what they are to, and another engine refuses to pretend.
pub(crate) fn physics(engine: Engine, directory: &Path) {
    if engine == Engine::Process {
        let names = ["a", "b"].map(String::from);
        let create = |link: Link, rates| {
            Lab::create(engine, "pair", directory, &names, &[link], &Physics { seed: 1, rates }).err()
        };
        let slow = Rates { upload_bps: 1, download_bps: 0 };
        assert!(matches!(create(Link::new(0, 1).with([delayed(1); 2]), vec![]), Some(Error::NoCables)));
        assert!(matches!(create(Link::new(0, 1), vec![Rates::default(), slow]), Some(Error::NoCables)));
        return;
    }
    let lab = joined(directory, delayed(50));
    let kinds = lab.cable_kinds().expect("cables");
    assert_eq!((kinds.direct, kinds.userspace), (0, 1));
    // A busy machine makes packets late, never early.
    let trips = round_trips(&lab, 15);
    assert!((100.0..150.0).contains(&trips[0]), "{trips:?}");
    drop(lab);
    let measured = flood(&joined(directory, rate(10_000_000, 20)), 10.0 * MBIT, 1_500) / MBIT;
    assert!((7.0..13.0).contains(&measured), "{measured} Mbit/s");
    let measured = lost(&joined(directory, lossy(5)), 4_000);
    let error = (0.05 * 0.95 / 4_000.0_f64).sqrt();
    assert!((measured - 0.05).abs() < 4.0 * error, "{measured}");
    let delays = delays(&joined(directory, jittery()), APART, 150);
    let early = delays.iter().filter(|ms| **ms < 20.0).count() as f64 / delays.len() as f64;
    assert!(delays[0] >= 10.0 && early < 0.5 + 4.0 * (0.25_f64 / 150.0).sqrt(), "{delays:?}");
    assert!(delays[140] - delays[10] > 14.0, "{delays:?}");
}

/// A link changes, breaks and is mended while the run goes on, whatever it is made of.
pub(crate) fn changes(engine: Engine, directory: &Path) {
    if engine == Engine::Process {
        let names = ["a", "b"].map(String::from);
        let made = Lab::create(engine, "pair", directory, &names, &[Link::new(0, 1)], &Physics::default());
        let mut lab = made.expect("creates");
        assert!(matches!(lab.set_link_up(0, false), Err(Error::NoCables)));
        assert!(matches!(lab.change_link(0, [delayed(1); 2]), Err(Error::NoCables)));
        return;
    }
    let wait = Duration::from_secs(5);
    for (link, changes) in [(Link::new(0, 1), false), (Link { changes: true, ..Link::new(0, 1) }, true)] {
        let mut lab = pair(directory, &[link], &Physics::default());
        let arp = |lab: &Lab| open(lab, 0, |_| fs::read_to_string("/proc/thread-self/net/arp").expect("reads"));
        let before = arp(&lab);
        with_echo(&sockets(&lab), |socket| {
            ping(socket, 1, wait).expect("comes back");
            lab.set_link_up(0, false).expect("breaks");
            assert_eq!(ping(socket, 2, Duration::from_millis(200)), None);
            lab.set_link_up(0, true).expect("mends");
            // The kernel may still drop what is sent at the moment in which both ends are up.
            let mut numbers = 100..150;
            numbers.find_map(|number| ping(socket, number, wait / 50)).expect("comes back");
            assert_eq!(arp(&lab), before, "neighbours are pinned again");
            if !changes {
                let refused = lab.change_link(0, [delayed(1); 2]);
                return assert!(matches!(refused, Err(Error::PlainCable(0))), "{refused:?}");
            }
            lab.change_link(0, [delayed(300), delayed(0)]).expect("changes");
            assert!(ping(socket, 4, wait).expect("comes back") >= Duration::from_millis(300));
            lab.change_link(0, [Cable::default(); 2]).expect("changes");
            let trip = (5..20).map(|number| ping(socket, number, wait).expect("comes back")).min();
            assert!(trip < Some(Duration::from_millis(100)), "{trip:?}");
        });
    }
}

/// Prints how exact cables are.
pub(crate) fn exact(engine: Engine, directory: &Path) {
    if engine == Engine::Process {
        return;
    }
    // Measured is what the cables do, and not how long a busy machine leaves the one who measures waiting.
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: a plain call that reads a value which outlives it.
    let measures_in_time = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const lowest) } == 0;
    println!("measured {} SCHED_RR", if measures_in_time { "with" } else { "without" });
    for ms in [10, 50, 100] {
        let lab = joined(directory, delayed(ms));
        let trips = round_trips(&lab, 41);
        let at = |share: f64| trips[(share * 40.0) as usize];
        println!(
            "{ms} ms one way: round trips of {:.3} ms (median), {:.3} to {:.3} (5 to 95 %)",
            at(0.5),
            at(0.05),
            at(0.95)
        );
        if let Some(line) = lab.lateness() {
            println!("    {line}");
        }
    }
    let plain = pair(directory, &[Link { changes: true, ..Link::new(0, 1) }], &Physics::default());
    let trips = round_trips(&plain, 41);
    println!("no physics, through the thread: {:.3} ms; TCP {:.0} Mbit/s", trips[20], bulk(&plain, 200 << 20) / MBIT);
    drop(plain);
    for mbit in [1, 10, 100] {
        let flood =
            flood(&joined(directory, rate(mbit * 1_000_000, 10)), mbit as f64 * MBIT, 1_000 * mbit.min(10) as u32);
        let bulk = bulk(&joined(directory, rate(mbit * 1_000_000, 10)), mbit as usize * 500_000);
        println!(
            "{mbit} Mbit/s: a flood {:.4} Mbit/s, TCP {:.4} Mbit/s of payload, 96.5 % of the rate at most",
            flood / MBIT,
            bulk / MBIT
        );
    }
    for percent in [1, 5] {
        let share = lost(&joined(directory, lossy(percent)), 20_000);
        let error = (share * (1.0 - share) / 20_000.0).sqrt();
        println!("{percent} % loss: {:.3} % +- {:.3} % (standard error)", share * 100.0, error * 100.0);
    }
    let distance = distance(&delays(&joined(directory, jittery()), APART, 400), 10.0, 20.0);
    println!("jitter: Kolmogorov's distance {distance:.4}; 0.0815 is passed by chance once in a hundred");
    let mut lab = joined(directory, delayed(10));
    with_echo(&sockets(&lab), |socket| {
        let begin = Instant::now();
        lab.change_link(0, [delayed(200); 2]).expect("changes");
        let taken = begin.elapsed();
        let trip = ping(socket, 1, Duration::from_secs(5)).expect("comes back");
        println!("a changed link: {taken:?} until it holds; the next round trip {trip:?}");
    });
}
