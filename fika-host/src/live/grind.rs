//! Searching nonces, on one thread of low priority, at no more than the node's hash rate.
//!
//! The thread works in slices. Between two of them it looks whether its work has been replaced, and
//! sleeps as long as the rate demands, so that a node of 5,000 hashes a second takes a thousandth of a
//! core. Several pieces of work are ground in turn, so that they share the rate. Where proofs are sampled no thread runs: the time of
//! success is drawn.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fika_core::consensus::Consensus;
use fika_core::hash::draw;
use fika_core::header::Time;
use fika_core::node::{Input, Work};
use fika_core::plugin::Faults;
use tokio::sync::mpsc::UnboundedSender;

use super::Failure;
use crate::experiment::unit;

/// The longest slice: about a millisecond of hashing, so that replaced work is left soon.
const SLICE_MAX: u32 = 4096;
/// Slices a second where the rate is low: how fine the times of success are.
const SLICES_A_SECOND: u128 = 20;
/// All nonces of one header.
const NONCES: u64 = 1 << 32;
/// The thread's stack; plugins' `grind` runs on it.
const STACK_BYTES: usize = 256 << 10;

/// The node's miner. The thread ends when this is dropped.
pub(super) struct Miner {
    shared: Arc<Shared>,
}

struct Shared {
    todo: Mutex<Todo>,
    changed: Condvar,
    /// Counts replacements of the work; read between slices without the lock.
    generation: AtomicU64,
    hashes: AtomicU64,
}

#[derive(Default)]
struct Todo {
    /// In place of all earlier work, if there is any.
    work: Option<Vec<Work>>,
    hash_rate: u128,
    generation: u64,
    ended: bool,
}

impl Miner {
    /// Starts the thread; `found` is sent what becomes of the work.
    pub(super) fn start(
        consensus: Arc<dyn Consensus>,
        faults: Faults,
        hash_rate: u128,
        found: UnboundedSender<Input>,
    ) -> Result<Miner, Failure> {
        let shared = Arc::new(Shared {
            todo: Mutex::new(Todo { hash_rate, ..Todo::default() }),
            changed: Condvar::new(),
            generation: AtomicU64::new(0),
            hashes: AtomicU64::new(0),
        });
        let thread = std::thread::Builder::new().name("miner".into()).stack_size(STACK_BYTES);
        let miner = shared.clone();
        thread
            .spawn(move || {
                lower_priority();
                miner.run(&*consensus, &faults, &found);
            })
            .map_err(|error| Failure::Environment(format!("starting the mining thread: {error}")))?;
        Ok(Miner { shared })
    }

    /// Replaces the work. What was found of earlier work by then may still arrive; its ticket says so.
    pub(super) fn set(&self, work: Vec<Work>) {
        self.change(|todo| todo.work = Some(work));
    }

    /// So many hashes a second from now on; with 0 it rests.
    pub(super) fn set_hash_rate(&self, hash_rate: u128) {
        self.change(|todo| todo.hash_rate = hash_rate);
    }

    fn change(&self, change: impl FnOnce(&mut Todo)) {
        let mut todo = self.shared.todo();
        change(&mut todo);
        todo.generation += 1;
        self.shared.generation.store(todo.generation, Ordering::Release);
        self.shared.changed.notify_one();
    }

    /// Hashes computed so far.
    pub(super) fn hashes(&self) -> u64 {
        self.shared.hashes.load(Ordering::Relaxed)
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.set(Vec::new());
        self.shared.todo().ended = true;
        self.shared.changed.notify_one();
    }
}

/// One piece of work under way.
struct Job {
    work: Work,
    tried: u64,
    /// Of these nonces, those that were hashed: a success ends a slice.
    hashed: u64,
}

impl Shared {
    fn todo(&self) -> MutexGuard<'_, Todo> {
        self.todo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, consensus: &dyn Consensus, faults: &Faults, found: &UnboundedSender<Input>) {
        let mut hash_rate = self.todo().hash_rate;
        let mut pace = Pace::new(hash_rate);
        let mut jobs: Vec<Job> = Vec::new();
        let mut generation = 0;
        loop {
            if self.generation.load(Ordering::Acquire) != generation || jobs.is_empty() || hash_rate == 0 {
                let mut todo = self.todo();
                while todo.generation == generation && !todo.ended {
                    todo = self.changed.wait(todo).unwrap_or_else(PoisonError::into_inner);
                }
                if todo.ended {
                    return;
                }
                generation = todo.generation;
                if let Some(work) = todo.work.take() {
                    jobs = work.into_iter().map(|work| Job { work, tried: 0, hashed: 0 }).collect();
                }
                if todo.hash_rate != hash_rate {
                    hash_rate = todo.hash_rate;
                    pace = Pace::new(hash_rate);
                }
                continue;
            }
            if !self.wait(generation, pace.wait()) {
                continue;
            }
            let mut job = jobs.remove(0);
            let tries = u64::from(pace.slice).min(NONCES - job.tried) as u32;
            let before = job.hashed;
            let input = job.grind(consensus, tries, &self.hashes);
            pace.used(job.hashed - before, Instant::now());
            if faults.count() > 0 {
                // The node looks for the fault, and ends.
                let _ = found.send(Input::Wake);
                return;
            }
            let Some(input) = input else {
                jobs.push(job);
                continue;
            };
            if found.send(input).is_err() {
                // The node has gone: nobody is left to mine for.
                return;
            }
        }
    }

    /// Sleeps; false as soon as the work is replaced.
    fn wait(&self, generation: u64, time: Duration) -> bool {
        if time.is_zero() {
            return true;
        }
        let end = Instant::now() + time;
        let mut todo = self.todo();
        while todo.generation == generation && !todo.ended {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            todo = self.changed.wait_timeout(todo, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

impl Job {
    /// Tries some nonces. What to tell the node, if the work is over.
    fn grind(&mut self, consensus: &dyn Consensus, tries: u32, hashes: &AtomicU64) -> Option<Input> {
        let ticket = self.work.ticket;
        // Without a header there is nothing to grind: such work belongs to chains with sampled proofs.
        let header = self.work.header.as_mut()?;
        let before = header.nonce;
        let success = consensus.grind(header, tries);
        let done = if success { u64::from(header.nonce.wrapping_sub(before)) + 1 } else { tries.into() };
        hashes.fetch_add(done, Ordering::Relaxed);
        self.hashed += done;
        self.tried += u64::from(tries);
        match success {
            true => Some(Input::Found { ticket, header: *header }),
            false => (self.tried >= NONCES).then_some(Input::Exhausted { ticket }),
        }
    }
}

/// Spreads hashes evenly over time.
struct Pace {
    hash_rate: u128,
    slice: u32,
    next: Instant,
}

impl Pace {
    fn new(hash_rate: u128) -> Pace {
        let slice = (hash_rate / SLICES_A_SECOND).clamp(1, SLICE_MAX.into()) as u32;
        Pace { hash_rate: hash_rate.max(1), slice, next: Instant::now() }
    }

    /// How long to wait for the next slice.
    fn wait(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// So many hashes were made. Time in which there was no work, or no processor, is not made up for.
    fn used(&mut self, hashes: u64, now: Instant) {
        let took = Duration::from_nanos((u128::from(hashes) * 1_000_000_000 / self.hash_rate) as u64);
        let late = now.saturating_duration_since(self.next);
        self.next = if late > took.max(Duration::from_millis(100)) { now } else { self.next } + took;
    }
}

/// Networking must stay quick while others mine on the same core.
fn lower_priority() {
    // On Linux a priority belongs to the thread that asks; elsewhere it would be the whole process's.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
}

/// When each piece of work succeeds, drawn from Exp(hash_rate / expected_tries) for one; several share the rate. `drawn` counts the
/// draws of this node. Empty when the node has no hash rate.
pub(super) fn sample(work: &[Work], hash_rate: u128, now: Time, seed: u64, drawn: &mut u64) -> Vec<(Time, u64)> {
    let mut times: Vec<(Time, u64)> = Vec::new();
    let searches = work.len() as f64;
    for work in work.iter().filter(|_| hash_rate > 0) {
        *drawn += 1;
        let uniform = unit(draw(seed, u64::from(u32::from_be_bytes(*b"pow ")), *drawn));
        let mean_us = work.expected_tries as f64 * searches / hash_rate as f64 * 1e6;
        // A conversion from floating point stays at the largest value where the delay does not fit.
        times.push((now.saturating_add((-uniform.ln() * mean_us) as u64), work.ticket));
    }
    times.sort_unstable();
    times
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use fika_core::consensus::Anyone;
    use fika_core::env::{ChainParams, Env};
    use fika_core::header::Header;
    use fika_core::keys::NoKeys;
    use fika_core::reject::Reject;
    use fika_core::target::Target;
    use fika_core::view::{BlockView, ChainView};
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    fn rules() -> Arc<dyn Consensus> {
        Arc::new(Anyone(Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) }))
    }

    fn work(ticket: u64, tries: u128) -> Work {
        let bits = Target::for_tries(tries).to_bits();
        Work { ticket, header: Some(Header { bits, ..Header::default() }), expected_tries: tries }
    }

    #[test]
    fn several_pieces_of_work_are_ground_in_turn_until_found() {
        let (found, mut results) = unbounded_channel();
        let miner = Miner::start(rules(), Faults::new(), u64::MAX.into(), found).unwrap();
        miner.set(vec![work(1, u128::MAX), work(2, 1000), work(3, 50_000)]);
        let mut tickets = Vec::new();
        for _ in 0..2 {
            let Some(Input::Found { ticket, header }) = results.blocking_recv() else { panic!("expected a success") };
            assert!(Target::from_bits(header.bits).unwrap().is_met_by(&header.id()));
            tickets.push(ticket);
        }
        tickets.sort_unstable();
        assert_eq!(tickets, [2, 3]);
        assert!(miner.hashes() > 0);
        miner.set(vec![work(4, 1)]);
        assert!(matches!(results.blocking_recv(), Some(Input::Found { ticket: 4, .. })));
        drop(miner);
        assert!(results.blocking_recv().is_none(), "the thread has ended");
    }

    /// Rules whose grinding says how often it was called.
    struct Never(AtomicBool);

    impl Consensus for Never {
        fn check(&self, _: &BlockView<'_>, _: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
            Ok(())
        }
        fn grind(&self, header: &mut Header, tries: u32) -> bool {
            header.nonce = header.nonce.wrapping_add(tries);
            self.0.store(true, Ordering::Relaxed);
            false
        }
        fn agent(&self, _: fika_core::address::Address) -> Box<dyn fika_core::agent::Agent> {
            unreachable!("nobody mines for an agent here")
        }
    }

    #[test]
    fn a_miner_rests_without_hash_rate_and_goes_on_where_it_was() {
        let (found, mut results) = unbounded_channel();
        let miner = Miner::start(rules(), Faults::new(), 0, found).unwrap();
        miner.set(vec![work(1, 1_000)]);
        std::thread::sleep(Duration::from_millis(100));
        assert!(results.try_recv().is_err() && miner.hashes() == 0);
        miner.set_hash_rate(u64::MAX.into());
        assert!(matches!(results.blocking_recv(), Some(Input::Found { ticket: 1, .. })));
    }

    #[test]
    fn all_nonces_tried_are_reported_once() {
        let rules = Never(AtomicBool::new(false));
        let hashes = AtomicU64::new(0);
        let mut job = Job { work: work(7, 1), tried: NONCES - 10, hashed: 0 };
        assert!(matches!(job.grind(&rules, 10, &hashes), Some(Input::Exhausted { ticket: 7 })));
        assert_eq!(hashes.load(Ordering::Relaxed), 10);
        let mut job = Job { work: work(7, 1), tried: 0, hashed: 0 };
        assert!(job.grind(&rules, 10, &hashes).is_none());
    }

    #[test]
    fn the_pace_demands_the_time_that_the_rate_gives() {
        let mut pace = Pace::new(5_000);
        assert_eq!(pace.slice, 250);
        let begin = pace.next;
        (0..10).for_each(|_| pace.used(250, begin));
        assert_eq!(pace.next - begin, Duration::from_millis(500));
        let late = begin + Duration::from_secs(60);
        pace.used(250, late);
        assert_eq!(pace.next - late, Duration::from_millis(50));
        assert_eq!(Pace::new(u128::MAX).slice, SLICE_MAX);
        assert_eq!(Pace::new(3).slice, 1);
    }

    #[test]
    fn drawn_times_have_the_mean_that_rate_and_difficulty_give() {
        let mut drawn = 0;
        let work: Vec<Work> = (0..4000).map(|ticket| Work { ticket, header: None, expected_tries: 1000 }).collect();
        let times: Vec<_> = work.chunks(1).flat_map(|work| sample(work, 100, 5, 42, &mut drawn)).collect();
        let mean_us = times.iter().map(|(at, _)| at - 5).sum::<u64>() / 4000;
        assert!((9_500_000..10_500_000).contains(&mean_us), "expected about 10 s, found {mean_us} us");
        assert_eq!(drawn, 4000);
        assert!(sample(&work, 0, 5, 42, &mut drawn).is_empty());
        // Two searches of one node share its rate: the first of them succeeds as soon as one alone would.
        let first = |pair: &[Work]| sample(pair, 100, 0, 42, &mut drawn)[0].0;
        let mean_us = work.chunks(2).map(first).sum::<u64>() / 2000;
        assert!((9_000_000..11_000_000).contains(&mean_us), "expected about 10 s, found {mean_us} us");
    }
}
