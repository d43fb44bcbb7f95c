//! The work of nodes: drawn, or done in slices of virtual time.

use fika_core::hash::draw;
use fika_core::header::{SECOND, Time};
use fika_core::node::{Input, Work};

use super::super::observer::Observer;
use super::super::tournament::NEVER;
use super::Engine;
use super::miner::{Job, MinerState, Tries};

/// The purpose of the draws of work; each node counts its own.
const WORK: u64 = (u32::from_be_bytes(*b"work") as u64) << 32;
/// Real work is done in slices of the time that it would take, so that little is done for nothing.
const SLICES_PER_SECOND: u128 = 20;

impl Engine<'_> {
    /// A node works on this from now on. Several searches share its hash rate.
    pub(super) fn begin(&mut self, node: u32, work: &mut Vec<Work>) {
        let n = node as usize;
        let miner = &mut self.miners[n];
        let hash_rate = miner.hash_rate;
        miner.jobs.clear();
        let searches = work.len();
        if let Some(tries) = &mut self.outages.tries {
            tries.insert(node, work.iter().map(|work| (work.ticket, work.expected_tries)).collect());
        }
        for work in work.drain(..).filter(|_| hash_rate > 0 || self.outages.tries.is_some()) {
            let (at, real) = match work.header {
                None => (drawn_at(self.seed, node, miner, (work.expected_tries, searches), self.now), None),
                Some(header) => {
                    let at = if hash_rate > 0 { self.now } else { NEVER };
                    (at, Some(Box::new(Tries { header, tried: 0, found: false })))
                }
            };
            miner.jobs.push(Job { ticket: work.ticket, at, real });
        }
        self.await_success(node);
    }

    /// Lets a node's searches go on from now at the hash rate that it has by now. As drawn times of success are exponential,
    /// it does not matter how long it has searched.
    pub(super) fn search_on(&mut self, node: u32) {
        let Some(tries) = self.outages.tries.as_ref().and_then(|tries| tries.get(&node)) else { return };
        let miner = &mut self.miners[node as usize];
        let searches = miner.jobs.len();
        for at in 0..searches {
            let Job { ticket, real, .. } = &miner.jobs[at];
            let expected = tries.iter().find(|(known, _)| known == ticket).map_or(u128::MAX, |(_, tries)| *tries);
            miner.jobs[at].at = match real {
                Some(_) if miner.hash_rate > 0 => self.now,
                Some(_) => NEVER,
                None => drawn_at(self.seed, node, miner, (expected, searches), self.now),
            };
        }
        self.await_success(node);
    }

    fn await_success(&mut self, node: u32) {
        let first = self.miners[node as usize].jobs.iter().map(|job| job.at).min();
        self.successes.set(node, first.unwrap_or(NEVER));
    }

    /// The first of a node's pieces of work has come to its time.
    #[inline(never)]
    pub(super) fn succeed(&mut self, node: u32, observer: &mut dyn Observer) {
        let jobs = &mut self.miners[node as usize].jobs;
        let Some(at) = (0..jobs.len()).min_by_key(|job| jobs[*job].at) else {
            self.successes.set(node, NEVER);
            return;
        };
        let ticket = jobs[at].ticket;
        let input = match &jobs[at].real {
            None => Input::Drawn { ticket },
            Some(tries) if tries.found => Input::Found { ticket, header: tries.header },
            Some(tries) if tries.tried > u64::from(u32::MAX) => Input::Exhausted { ticket },
            Some(_) => {
                self.grind(node, at);
                return self.await_success(node);
            }
        };
        self.miners[node as usize].jobs.remove(at);
        self.await_success(node);
        self.name_announcers(node, observer);
        self.give(node, input, observer);
    }

    /// Does a slice of real work: what is found counts from the moment at which so many hashes would be done.
    fn grind(&mut self, node: u32, at: usize) {
        let miner = &self.miners[node as usize];
        // Searches are never added or removed one by one: the node gives new work for all of them.
        let (hash_rate, searches) = (miner.hash_rate, miner.jobs.len() as u128);
        let job = &mut self.miners[node as usize].jobs[at];
        let Some(work) = &mut job.real else { return };
        let left = (1 << 32) - u128::from(work.tried);
        let tries = (hash_rate / SLICES_PER_SECOND).clamp(1, left.min(u32::MAX.into())) as u32;
        let first = work.tried as u32;
        work.header.nonce = first;
        work.found = self.consensus.grind(&mut work.header, tries);
        let took = if work.found { u64::from(work.header.nonce - first) + 1 } else { u64::from(tries) };
        work.tried += took;
        job.at = self.now + (u128::from(took) * searches * u128::from(SECOND)).div_ceil(hash_rate) as Time;
    }
}

/// When a search that takes so many tries on average succeeds, beside others of the same node; drawn from an exponential
/// distribution, since every hash may be the one.
fn drawn_at(seed: u64, node: u32, miner: &mut MinerState, (tries, searches): (u128, usize), now: Time) -> Time {
    if miner.hash_rate == 0 {
        return NEVER;
    }
    miner.draws += 1;
    let drawn = draw(seed, WORK | u64::from(node), miner.draws);
    let uniform = (drawn >> 11) as f64 / (1u64 << 53) as f64;
    let mean_us = tries as f64 * searches as f64 / miner.hash_rate as f64 * 1e6;
    now.saturating_add((-libm::log1p(-uniform) * mean_us) as Time)
}
