//! Producers on one chain without delays: who comes first makes the next block.

use std::sync::Arc;

use fika_core::agent::{Agent, Ctx, Draft, Duty, Effect, Sealed};
use fika_core::consensus::Consensus;
use fika_core::env::{ChainParams, Env};
use fika_core::hash::draw;
use fika_core::header::{SECOND, Time};
use fika_core::keys::NoKeys;
use fika_hybrid::{Hybrid, STAKE};

use super::chain::{Chain, Keys};

/// Ticks of a millisecond, blocks every 2 s.
pub(crate) fn env() -> Env {
    let chain = ChainParams { tick_us: 1_000, block_interval_us: 2 * SECOND, ..ChainParams::default() };
    Env { chain, keys: Arc::new(NoKeys) }
}

pub(crate) fn ctx<'a>(now: Time, keys: &'a Keys, chain: &'a Chain) -> Ctx<'a> {
    Ctx::new(now, keys.address(), chain.tip().id, chain, keys, 1)
}

/// The bits that the next stake block must carry.
pub(crate) fn stake_bits(rules: &Hybrid, chain: &Chain) -> u32 {
    rules.targets(&chain.tip().id, chain).unwrap().stake.bits
}

/// A node with its agent, what the agent asked for, and its hash rate.
pub(crate) struct Miner {
    keys: Keys,
    agent: Box<dyn Agent>,
    hash_rate: u64,
    duties: Vec<Duty>,
    timers: Vec<(Time, u64)>,
    draws: u64,
}

/// What a miner does next.
enum Next {
    Block(Draft),
    Timer(u64),
}

impl Miner {
    /// `hash_rate` is in hashes a second.
    pub(crate) fn new(rules: &Hybrid, seed: u8, hash_rate: u64) -> Miner {
        let keys = Keys::new(seed);
        let agent = rules.agent(keys.address());
        Miner { keys, agent, hash_rate, duties: Vec::new(), timers: Vec::new(), draws: u64::from(seed) << 32 }
    }

    fn call(&mut self, now: Time, chain: &Chain, token: Option<u64>) {
        let mut ctx = ctx(now, &self.keys, chain);
        match token {
            Some(token) => self.agent.on_timer(token, &mut ctx),
            None => self.agent.on_tip(&chain.tip(), &mut ctx),
        }
        for effect in ctx.effects {
            let Effect::Timer(time, token) = effect else { panic!("expected timers, found {effect:?}") };
            assert!(time > now, "a timer in the past");
            self.timers.push((time, token));
        }
        if let Some(duties) = ctx.duties {
            self.duties = duties;
        }
    }

    /// The first of its duties and timers; work is drawn from an exponential distribution.
    fn next(&mut self, now: Time) -> Option<(Time, Next)> {
        let mut coming: Vec<(Time, Next)> = Vec::new();
        for duty in &self.duties {
            match duty {
                Duty::Slot { draft, time } => coming.push(((*time).max(now), Next::Block(draft.clone()))),
                Duty::Grind { draft, expected_tries } if self.hash_rate > 0 => {
                    self.draws += 1;
                    let uniform = (draw(1, 1, self.draws) as f64 + 1.0) / 2f64.powi(64);
                    let wait_s = -uniform.ln() * *expected_tries as f64 / self.hash_rate as f64;
                    coming.push((now + (wait_s * 1e6) as Time, Next::Block(draft.clone())));
                }
                Duty::Grind { .. } => {}
            }
        }
        coming.extend(self.timers.iter().map(|(time, token)| (*time, Next::Timer(*token))));
        coming.into_iter().min_by_key(|(time, _)| *time)
    }
}

/// Lets the miners work until the chain has grown by `blocks`, each of which must pass all checks. Returns the time of
/// the last one in microseconds, and how many were made by stake.
pub(crate) fn run(rules: &Hybrid, chain: &mut Chain, miners: &mut [Miner], blocks: usize) -> (Time, usize) {
    let (mut now, mut made, mut stakes) = (u64::from(chain.tip().header.time) * 1_000, 0, 0);
    miners.iter_mut().for_each(|miner| miner.call(now, chain, None));
    while made < blocks {
        // Exponential waits have no memory, so they may be drawn anew at every event.
        let nexts = miners.iter_mut().enumerate().filter_map(|(n, miner)| Some((n, miner.next(now)?)));
        let (who, (time, next)) = nexts.min_by_key(|(n, (time, _))| (*time, *n)).expect("somebody has something to do");
        now = time;
        let miner = &mut miners[who];
        match next {
            Next::Timer(token) => {
                miner.timers.retain(|(_, other)| *other != token);
                miner.call(now, chain, Some(token));
            }
            Next::Block(draft) => {
                let tick = u32::try_from(now / 1_000).unwrap();
                let header = chain.next(draft.version, tick, draft.bits);
                let (mut seal, view) = (Vec::new(), chain.view(header, &draft.extra));
                let sealed = miner.agent.seal(&view, &mut seal, &mut ctx(now, &miner.keys, chain));
                assert_eq!(sealed, Sealed::Publish);
                assert_eq!(rules.check(&view, &chain.tip(), chain), Ok(()));
                assert_eq!(rules.check_seal(&view, &seal, chain), Ok(()));
                stakes += usize::from(draft.version == STAKE);
                made += 1;
                chain.push(rules, header, &draft.extra);
                miners.iter_mut().for_each(|miner| miner.call(now, chain, None));
            }
        }
    }
    (now, stakes)
}
