//! Proof of work: compact targets, Bitcoin's retarget and a per-block one.
//!
//! A block is valid when its `bits` are the ones that [`Retarget`] prescribes after its parent,
//! its time lies above the median of the eleven blocks before it, and its id meets the target.
//! It weighs the number of hashes that its target costs on average. It carries no seal and no
//! extra, so its root is the plain Merkle root of its transactions, as in Bitcoin.
//!
//! A node that makes a block starts from its clock or from the parent's time, whichever is later,
//! and takes the first of the next ticks at which [`Consensus::check`] passes. Where blocks come
//! faster than ticks, the median rule pushes times ahead of the clock. Other nodes accept a block
//! up to `max_future_ms` before its time.

mod error;
mod params;
mod retarget;

use std::sync::{Arc, Mutex, PoisonError};

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty};
use fika_core::consensus::Consensus;
use fika_core::env::{ChainParams, Env};
use fika_core::header::{Header, Time};
use fika_core::plugin::Plugin;
use fika_core::reject::{Missing, Reject, ensure};
use fika_core::target::{Target, Work};
use fika_core::view::{BlockView, ChainView};

pub use error::PowError;
pub use params::{Params, Retarget};
pub use retarget::{asert, rescale};

/// How many blocks the median is taken over, Bitcoin's number.
const MEDIAN_BLOCKS: usize = 11;

/// What the first block costs where the nodes' hash rate is not known.
const TRIES_UNKNOWN: u64 = 120_000;

/// Proof-of-work rules. Clones share them.
#[derive(Clone)]
pub struct Pow(Arc<Rules>);

struct Rules {
    params: Params,
    chain: ChainParams,
    /// The bits asked for last, and the tries that they cost: they seldom change, and all miners of a process ask.
    last: Mutex<Option<(u32, u128)>>,
}

impl Plugin for Pow {
    const NAME: &'static str = "pow";
    const ABOUT: &'static str = "proof of work: compact targets, Bitcoin's retarget or a per-block one";
    const PARAMS: &'static [(&'static str, &'static str)] = &[
        (
            "initial_tries",
            "hashes that the first block costs on average; 0: those of all nodes in a block interval (0)",
        ),
        ("min_tries", "hashes that the easiest block costs on average (1)"),
        ("retarget", "bitcoin: every retarget_interval blocks; per_block: ASERT at every block; none (bitcoin)"),
        ("retarget_interval", "blocks between two changes of the target under bitcoin (2016)"),
        ("off_by_one", "whether bitcoin compares one gap too few with the wanted time, as Bitcoin does (true)"),
        ("max_change", "largest factor by which bitcoin changes a target at once (4)"),
        ("half_life_blocks", "block intervals of delay at which per_block halves the difficulty (288)"),
        ("max_future_ms", "how far ahead of its clock a node accepts a block, in milliseconds (7200000)"),
    ];
    type Params = Params;

    fn new(mut params: Params, env: &Env) -> Result<Self, String> {
        if params.initial_tries == 0 {
            let tries = env.chain.tries_in(env.chain.block_interval_us).unwrap_or(TRIES_UNKNOWN);
            params.initial_tries = tries.max(params.min_tries);
        }
        let at_least = |key: &str, value: u64, least: u64| {
            if value >= least { Ok(()) } else { Err(format!("{key}: expected at least {least}, found {value}")) }
        };
        at_least("min_tries", params.min_tries, 1)?;
        at_least("initial_tries", params.initial_tries, params.min_tries)?;
        at_least("retarget_interval", params.retarget_interval, 2)?;
        at_least("max_change", params.max_change.into(), 1)?;
        at_least("half_life_blocks", params.half_life_blocks.into(), 1)?;
        Ok(Pow(Arc::new(Rules { params, chain: env.chain.clone(), last: Mutex::default() })))
    }
}

impl Pow {
    /// The bits that a child of `parent` must carry.
    ///
    /// # Errors
    /// [`Missing`] when `past` lacks an ancestor of `parent`.
    pub fn expected_bits(&self, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<u32, Missing> {
        retarget::expected_bits(&self.0.params, &self.0.chain, parent, past)
    }

    /// Mean number of hashes for one success with these bits, if they are a target's.
    fn expected_tries(&self, bits: u32) -> Option<u128> {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|(last, _)| last != bits) {
            *last = Some((bits, Target::from_bits(bits)?.work().saturating_u128()));
        }
        last.map(|(_, tries)| tries)
    }
}

/// The median of the times of `parent` and the ten blocks before it; of fewer near genesis.
fn median_time(parent: &BlockView<'_>, past: &dyn ChainView) -> Result<u32, Missing> {
    let mut times = Vec::with_capacity(MEDIAN_BLOCKS);
    let (mut header, mut height) = (parent.header, parent.height);
    loop {
        times.push(header.time);
        if times.len() == MEDIAN_BLOCKS || height == 0 {
            break;
        }
        let before = past.block(&header.parent)?;
        (header, height) = (before.header, before.height);
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

impl Consensus for Pow {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let (expected, found) = (self.expected_bits(parent, past)?, block.header.bits);
        ensure(found == expected, || PowError::Bits { expected, found })?;
        let (median, found) = (median_time(parent, past)?, block.header.time);
        ensure(found > median, || PowError::TimeTooOld { median, found })?;
        ensure(block.extra.is_empty(), || PowError::Extra { found: block.extra.len() })
    }

    fn check_work(&self, header: &Header) -> Result<(), Reject> {
        let met = Target::from_bits(header.bits).is_some_and(|target| target.is_met_by(&header.id()));
        ensure(met, || PowError::HighHash { bits: header.bits, id: header.id() })
    }

    fn earliest(&self, header: &Header) -> Option<Time> {
        let Rules { params, chain, .. } = &*self.0;
        Some(chain.time(header.time).saturating_sub(params.max_future_ms.saturating_mul(1000)))
    }

    fn weight(&self, block: &BlockView<'_>) -> Work {
        Target::from_bits(block.header.bits).map_or(Work::ZERO, Target::work)
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(Miner(self.clone()))
    }
}

/// Mines on the tip.
struct Miner(Pow);

impl Agent for Miner {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let Miner(rules) = self;
        let bits = rules.expected_bits(tip, ctx.chain).ok();
        let duty = bits.and_then(|bits| {
            let expected_tries = rules.expected_tries(bits)?;
            let draft = Draft::new(tip.id).with_bits(bits);
            Some(Duty::grind(draft, expected_tries))
        });
        ctx.set_duties(duty);
    }
}

fika_core::export!(consensus Pow);
