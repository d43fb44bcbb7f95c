//! Proof of work: compact targets, Bitcoin's retarget and a per-block one.
//!
//! A block is valid when its `bits` are the ones that [`Retarget`] prescribes after its parent,
//! its time lies above the median of the eleven blocks before it, and its id meets the target.
//! It weighs the number of hashes that its target costs on average. It carries no seal and no
//! extra, so its root is the plain Merkle root of its transactions, as in Bitcoin.
//!
//! A block's time is the first tick from its producer's own clock on at which [`Consensus::check`]
//! passes: the clock's, or the one after the median. So one fast clock drags nobody. Where blocks
//! come faster than ticks, the median rule pushes times ahead of the clock. Other nodes accept a
//! block up to `max_future_ms` before its time: by default twelve block intervals, which are
//! Bitcoin's two hours.

mod error;
mod params;
mod retarget;

use std::sync::{Arc, Mutex, PoisonError};

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty};
use fika_core::consensus::{Consensus, Origin};
use fika_core::env::{ChainParams, Env};
use fika_core::header::{Header, SECOND, Time};
use fika_core::plugin::Plugin;
use fika_core::reject::{Missing, Reject, ensure};
use fika_core::target::{Target, Work};
use fika_core::view::{BlockView, ChainView, median_time};

pub use error::PowError;
pub use params::{Params, Retarget};
pub use retarget::{asert, rescale};

/// How far ahead of its clock a node accepts a block by default, in block intervals: two of Bitcoin's hours.
const MAX_FUTURE_BLOCKS: u64 = 12;

/// What the first block costs where the nodes' hash rate is not known.
const TRIES_UNKNOWN: u128 = 120_000;

/// Proof-of-work rules. Clones share them.
#[derive(Clone)]
pub struct Pow(Arc<Rules>);

struct Rules {
    params: Params,
    /// The target of the first block.
    initial: Target,
    max_future_us: Time,
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
        (
            "max_future_ms",
            "how far ahead of its clock a node accepts a block, in milliseconds; 0: 12 block intervals (0)",
        ),
    ];
    type Params = Params;

    fn new(params: Params, env: &Env) -> Result<Self, String> {
        let chain = &env.chain;
        let initial_tries = match params.initial_tries {
            0 => chain.tries_in(chain.block_interval_us)?.unwrap_or(TRIES_UNKNOWN).max(params.min_tries.into()),
            tries => tries.into(),
        };
        let at_least = |key: &str, value: u64, least: u64| {
            if value >= least { Ok(()) } else { Err(format!("{key}: expected at least {least}, found {value}")) }
        };
        at_least("min_tries", params.min_tries, 1)?;
        if initial_tries < params.min_tries.into() {
            return Err(format!("initial_tries: expected at least {}, found {initial_tries}", params.min_tries));
        }
        at_least("retarget_interval", params.retarget_interval, 2)?;
        at_least("max_change", params.max_change.into(), 1)?;
        at_least("half_life_blocks", params.half_life_blocks.into(), 1)?;
        let max_future_us = match params.max_future_ms {
            0 => chain.block_interval_us.max(chain.tick_us).saturating_mul(MAX_FUTURE_BLOCKS),
            // Beyond the range of times nothing is too early.
            ms => ms.saturating_mul(SECOND / 1000),
        };
        let initial = Target::for_tries(initial_tries);
        Ok(Pow(Arc::new(Rules { params, initial, max_future_us, chain: chain.clone(), last: Mutex::default() })))
    }
}

impl Pow {
    /// The bits that a child of `parent` must carry.
    ///
    /// # Errors
    /// [`Missing`] when `past` lacks an ancestor of `parent`.
    pub fn expected_bits(&self, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<u32, Missing> {
        retarget::expected_bits(&self.0.params, self.0.initial, &self.0.chain, parent, past)
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

impl Consensus for Pow {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let (expected, found) = (self.expected_bits(parent, past)?, block.header.bits);
        ensure(found == expected, || PowError::Bits { expected, found })?;
        let (median, found) = (median_time(parent, past)?, block.header.time);
        ensure(found > median, || PowError::TimeTooOld { median, found })?;
        ensure(block.extra.is_empty(), || PowError::Extra { found: block.extra.len() })
    }

    fn check_header(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        self.check(block, parent, past)
    }

    fn check_work(&self, header: &Header) -> Result<(), Reject> {
        let met = Target::from_bits(header.bits).is_some_and(|target| target.is_met_by(&header.id()));
        ensure(met, || PowError::HighHash { bits: header.bits, id: header.id() })
    }

    fn earliest(&self, header: &Header) -> Option<Time> {
        let Rules { max_future_us, chain, .. } = &*self.0;
        Some(chain.time(header.time).saturating_sub(*max_future_us))
    }

    fn weight(&self, block: &BlockView<'_>) -> Work {
        Target::from_bits(block.header.bits).map_or(Work::ZERO, Target::work)
    }

    fn origin(&self, _: &BlockView<'_>) -> Origin {
        Origin::new("work")
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
            let draft = Draft::new(tip.id).with_bits(bits).with_seal_bytes(0);
            Some(Duty::grind(draft, expected_tries))
        });
        ctx.set_duties(duty);
    }
}

fika_core::export!(consensus Pow);
