//! The thread that carries the packets of all userspace cables of a run, each at its time.
//!
//! It sleeps until a packet comes, one is due, or the lab has a request. Where the system permits, it runs before
//! ordinary processes (`SCHED_RR`), so that a busy machine delays packets less.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::thread;

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::{Errno, read, write};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};

use super::wires::{Nanos, Wires};
use crate::physics::Cable;

/// Larger than any packet of an interface with an MTU of 1,500 bytes.
const PACKET_MAX: usize = 2_048;
/// So many packets are read from one device before others have their turn.
const READS_MAX: usize = 16;
/// Bytes that may be under way in all cables together. What comes on top is dropped.
const UNDER_WAY_MAX: usize = 512 << 20;
const EVENTS_MAX: usize = 16;

/// A packet that comes so much later than it is due is late.
const LATE: Nanos = 1_000_000;

const WAKE: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// What the lab asks for.
enum Request {
    Change(usize, Cable),
    SetUp(usize, bool),
}

type Job = (Vec<Request>, mpsc::Sender<()>);

/// The running thread. It ends, and the devices with it, when this is dropped.
pub(crate) struct Forwarder {
    jobs: Option<mpsc::Sender<Job>>,
    wake: OwnedFd,
    thread: Option<thread::JoinHandle<()>>,
    realtime: bool,
    delivered: Arc<Delivered>,
}

/// How punctual the thread is.
#[derive(Default)]
struct Delivered {
    packets: AtomicU64,
    late: AtomicU64,
    latest: AtomicU64,
}

impl Delivered {
    fn count(&self, late: Nanos) {
        self.packets.fetch_add(1, Relaxed);
        self.late.fetch_add(u64::from(late > LATE), Relaxed);
        self.latest.fetch_max(late, Relaxed);
    }
}

impl Forwarder {
    /// Carries packets over these wires; `devices` are their beginnings, in their order.
    pub(crate) fn start(wires: Wires, devices: Vec<OwnedFd>) -> io::Result<Forwarder> {
        debug_assert_eq!(wires.len(), devices.len());
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (jobs, todo) = mpsc::channel();
        let mut carrier = Carrier::new(wires, devices, wake.try_clone()?, todo)?;
        let delivered = carrier.delivered.clone();
        let (answer, realtime) = mpsc::channel();
        let work = move || {
            // The asker waits for the answer.
            let _ = answer.send(ask_for_precedence());
            carrier.run();
        };
        let thread = thread::Builder::new().name("cables".into()).stack_size(256 * 1024).spawn(work)?;
        let realtime = realtime.recv().map_err(|_| ended())?;
        Ok(Forwarder { jobs: Some(jobs), wake, thread: Some(thread), realtime, delivered })
    }

    /// Whether the thread runs before ordinary processes.
    pub(crate) fn realtime(&self) -> bool {
        self.realtime
    }

    /// What to say where more than one packet in a hundred came more than a millisecond late, since the machine had something
    /// else to do.
    pub(crate) fn lateness(&self) -> Option<String> {
        let Delivered { packets, late, latest } = &*self.delivered;
        let [packets, late, latest] = [packets, late, latest].map(|number| number.load(Relaxed));
        let latest_ms = latest as f64 / 1e6;
        (late > packets / 100).then(|| {
            format!("{late} of {packets} packets came more than 1 ms late over their cables, up to {latest_ms:.1} ms")
        })
    }

    /// From now on the two wires of this cable are like these.
    pub(crate) fn change(&self, cable: usize, cables: [Cable; 2]) -> io::Result<()> {
        let [there, back] = cables;
        self.ask(vec![Request::Change(2 * cable, there), Request::Change(2 * cable + 1, back)])
    }

    /// From now on the cable carries packets, or drops them.
    pub(crate) fn set_up(&self, cable: usize, up: bool) -> io::Result<()> {
        self.ask(vec![Request::SetUp(2 * cable, up), Request::SetUp(2 * cable + 1, up)])
    }

    /// Returns once it is so.
    fn ask(&self, requests: Vec<Request>) -> io::Result<()> {
        let (answer, done) = mpsc::channel();
        let jobs = self.jobs.as_ref().expect("taken only by drop");
        jobs.send((requests, answer)).map_err(|_| ended())?;
        self.wake()?;
        done.recv().map_err(|_| ended())
    }

    fn wake(&self) -> io::Result<()> {
        write(&self.wake, &1u64.to_ne_bytes())?;
        Ok(())
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread of the cables has ended")
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.jobs = None;
        let woken = self.wake().is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

/// Has this thread run before ordinary ones, and says whether that was permitted; where it is not, its timers are on time
/// at least.
fn ask_for_precedence() -> bool {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: plain calls; the first reads a value that outlives it.
    unsafe {
        let permitted = libc::sched_setscheduler(0, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &raw const lowest) == 0;
        // By default timers of ordinary threads are up to 50 us late.
        libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong);
        permitted
    }
}

/// A packet under way. The earlier one is the lesser; of two at one time, the one that was sent earlier.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    at: Nanos,
    number: u64,
    wire: usize,
    /// Whether it has passed the receiver's line, too.
    received: bool,
    packet: Box<[u8]>,
}

/// What the thread has.
struct Carrier {
    wires: Wires,
    devices: Vec<OwnedFd>,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    bytes_under_way: usize,
    sent: u64,
    delivered: Arc<Delivered>,
    todo: mpsc::Receiver<Job>,
    poll: OwnedFd,
    wake: OwnedFd,
    timer: OwnedFd,
    /// When the timer goes off; 0: never.
    timer_at: Nanos,
}

impl Carrier {
    fn new(wires: Wires, devices: Vec<OwnedFd>, wake: OwnedFd, todo: mpsc::Receiver<Job>) -> io::Result<Carrier> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let watched = devices.iter().zip(0..).chain([(&wake, WAKE), (&timer, TIMER)]);
        for (descriptor, number) in watched {
            epoll::add(&poll, descriptor, epoll::EventData::new_u64(number), epoll::EventFlags::IN)?;
        }
        Ok(Carrier {
            wires,
            devices,
            under_way: BinaryHeap::new(),
            bytes_under_way: 0,
            sent: 0,
            delivered: Arc::default(),
            todo,
            poll,
            wake,
            timer,
            timer_at: 0,
        })
    }

    fn run(&mut self) {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            self.deliver();
            self.set_timer();
            events.clear();
            match epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                // All descriptors are our own: this cannot be.
                Err(_) => return,
            }
            for event in &events {
                match event.data.u64() {
                    WAKE if !self.answer() => return,
                    WAKE => {}
                    TIMER => {
                        let _ = read(&self.timer, &mut [0; 8]);
                        self.timer_at = 0;
                    }
                    wire => self.read(wire as usize),
                }
            }
        }
    }

    /// Does what the lab asks for; false: it is over.
    fn answer(&mut self) -> bool {
        let _ = read(&self.wake, &mut [0; 8]);
        loop {
            let (requests, answer) = match self.todo.try_recv() {
                Ok(job) => job,
                Err(mpsc::TryRecvError::Empty) => return true,
                Err(mpsc::TryRecvError::Disconnected) => return false,
            };
            for request in requests {
                match request {
                    Request::Change(wire, cable) => self.wires.change(wire, cable),
                    Request::SetUp(wire, up) => self.wires.set_up(wire, up),
                }
            }
            let _ = answer.send(());
        }
    }

    /// Takes what a node has sent.
    fn read(&mut self, wire: usize) {
        let mut buffer = [0; PACKET_MAX];
        for _ in 0..READS_MAX {
            let bytes = match read(&self.devices[wire], &mut buffer) {
                Ok(bytes) => bytes,
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(_) => {
                    // The node has removed its interface: nothing will come any more.
                    let _ = epoll::delete(&self.poll, &self.devices[wire]);
                    return;
                }
            };
            let has_room = self.bytes_under_way + bytes <= UNDER_WAY_MAX;
            if let Some(at) = self.wires.send(wire, bytes, now()).filter(|_| has_room) {
                self.bytes_under_way += bytes;
                self.hold(UnderWay { at, number: self.sent, wire, received: false, packet: buffer[..bytes].into() });
            }
        }
    }

    fn hold(&mut self, packet: UnderWay) {
        self.sent += 1;
        self.under_way.push(Reverse(packet));
    }

    /// Delivers all that is due by now.
    fn deliver(&mut self) {
        let due = now();
        while self.under_way.peek().is_some_and(|Reverse(next)| next.at <= due) {
            let Some(Reverse(UnderWay { at, wire, received, packet, .. })) = self.under_way.pop() else { return };
            let bytes = packet.len();
            match if received { Some(at) } else { self.wires.receive(wire, bytes, at) } {
                Some(later) if later > due => {
                    self.hold(UnderWay { at: later, number: self.sent, wire, received: true, packet });
                    continue;
                }
                // A node that cannot take it loses it, as it would any packet.
                Some(at) => {
                    self.delivered.count(due - at);
                    let _ = write(&self.devices[wire ^ 1], &packet);
                }
                None => {}
            }
            self.bytes_under_way -= bytes;
        }
    }

    fn set_timer(&mut self) {
        let at = self.under_way.peek().map_or(0, |Reverse(next)| next.at);
        if at == self.timer_at {
            return;
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec { tv_sec: (at / SECOND) as i64, tv_nsec: (at % SECOND) as i64 };
        let spec = Itimerspec { it_interval: zero, it_value };
        if timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &spec).is_ok() {
            self.timer_at = at;
        }
    }
}

const SECOND: Nanos = 1_000_000_000;

fn now() -> Nanos {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * SECOND + now.tv_nsec as u64
}
