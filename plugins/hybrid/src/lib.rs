//! Proof of work and proof of stake with coin age, each with its own target.
//!
//! The shape of Peercoin (King and Nadal 2012). A chain has two kinds of blocks:
//!
//! - *work*: header version [`WORK`], no extra, no seal, an id that meets the work target;
//! - *stake*: header version [`STAKE`]; the extra names the producer and one of its coins, the
//!   coin's kernel meets the stake target times its age (see kernel.rs), and the seal is the
//!   producer's signature over the id. It uses the coin up: its age starts anew.
//!
//! The version tells the kinds apart, so that the work can be checked on the bare header.
//! Each kind has an interval of its own and a target that follows it (see targets.rs). Both
//! create what the chain's schedule says.
//!
//! **Times.** A block's time lies above the median of the eleven blocks before it, as in Peercoin, and
//! is the first such tick (or step) from its producer's own clock on. Other nodes accept a work block up to
//! `max_future_ms` before its time, by default twelve block intervals; Peercoin's were two hours. They
//! accept a stake block as soon as its time has come: kernels of the future must be of no use.
//!
//! **Weight.** A block weighs what its target costs on average, in hashes or in coin age, relative to the first
//! target of its kind. At the start both kinds count alike. Later each counts in proportion to what
//! its blocks cost.
//!
//! What this design does not prevent: stakers may extend every fork at no cost and sign two
//! blocks with one kernel; a coin's kernels are known once its modifier is, eight blocks after
//! the coin. A chain on which every coin is younger than that needs work blocks to go on.

mod agent;
mod error;
mod kernel;
mod params;
mod rules;
mod targets;
mod version;

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::Agent;
use fika_core::codec::Encode;
use fika_core::consensus::{Consensus, LedgerOp, Origin, Summary};
use fika_core::env::{ChainParams, Env};
use fika_core::hash::Id;
use fika_core::header::{Header, SECOND, Time};
use fika_core::plugin::Plugin;
use fika_core::reject::{Reject, ensure};
use fika_core::target::{Target, Work};
use fika_core::view::{BlockView, ChainView, median_time};

use kernel::{Ages, USED, used_key};
use rules::{Rules, digest, staker};
use targets::Pace;

pub use error::HybridError;
pub use params::Params;
pub use targets::{Kind, Targets};
pub use version::{STAKE, WORK};

/// What a block with the first target of its kind weighs.
const FIRST_WEIGHT: u64 = 1 << 20;

/// What the first work block costs where the nodes' hash rate is not known.
const TRIES_UNKNOWN: u128 = 240_000;

/// How far ahead of its clock a node accepts a work block by default, in block intervals: twelve are Bitcoin's two hours.
const MAX_FUTURE_BLOCKS: u64 = 12;

/// Rules for both kinds of blocks.
#[derive(Clone)]
pub struct Hybrid(Arc<Rules>);

impl Plugin for Hybrid {
    const NAME: &'static str = "hybrid";
    const ABOUT: &'static str = "proof of work and proof of stake with coin age, each with its own target";
    const PARAMS: &'static [(&'static str, &'static str)] = &[
        ("initial_tries", "hashes of the first work block on average; 0: those of all nodes in its interval (0)"),
        ("initial_stake_coins", "coins, of middle age, for which the first stake target fits its interval (300)"),
        ("pow_interval_ms", "mean time between work blocks, in milliseconds; 0 for two block intervals (0)"),
        ("pos_interval_ms", "mean time between stake blocks, in milliseconds; 0 for two block intervals (0)"),
        ("retarget_blocks", "how many blocks of its kind a target averages over (16)"),
        ("min_age_ms", "age up to which a coin has no weight, in milliseconds; 0 for one block interval (0)"),
        ("max_age_ms", "age from which a coin gains no more weight, in milliseconds; 0 for ten block intervals (0)"),
        ("step_ms", "stake blocks lie on multiples of this, in milliseconds; 0 for a block interval / 16 (0)"),
        ("max_future_ms", "how far ahead of its clock a node accepts a work block, in ms; 0: 12 block intervals (0)"),
    ];
    const NEEDS: &'static [&'static str] = &["tx.coins"];
    type Params = Params;

    fn new(params: Params, env: &Env) -> Result<Self, String> {
        let chain = &env.chain;
        let interval = chain.block_interval_ticks();
        let times = |n: u32| interval.saturating_mul(n);
        let ages = Ages {
            min: ticks("min_age_ms", params.min_age_ms, times(1), chain)?,
            max: ticks("max_age_ms", params.max_age_ms, times(10), chain)?,
        };
        if ages.max <= ages.min {
            return Err(format!(
                "max_age_ms: expected more than the minimum of {} ticks, found {}",
                ages.min, ages.max
            ));
        }
        for (key, value) in
            [("initial_stake_coins", params.initial_stake_coins), ("retarget_blocks", params.retarget_blocks.into())]
        {
            if value == 0 {
                return Err(format!("{key}: expected at least 1, found 0"));
            }
        }
        let step = ticks("step_ms", params.step_ms, (interval / 16).max(1), chain)?;
        let interval = ticks("pow_interval_ms", params.pow_interval_ms, times(2), chain)?;
        let tries = match params.initial_tries {
            0 => chain.tries_in(chain.time(interval))?.unwrap_or(TRIES_UNKNOWN),
            tries => tries.into(),
        };
        let work = Pace { interval, blocks: params.retarget_blocks, first: Target::for_tries(tries) };
        let interval = ticks("pos_interval_ms", params.pos_interval_ms, times(2), chain)?;
        let steps = (interval / step).max(1);
        let tries = ages.middle_weight(params.initial_stake_coins).checked_mul(steps.into());
        let found = params.initial_stake_coins;
        let tries = tries.ok_or_else(|| format!("initial_stake_coins: expected fewer coins, found {found}"))?;
        let stake = Pace { interval, blocks: params.retarget_blocks, first: Target::for_tries(tries) };
        let max_future_us = match params.max_future_ms {
            0 => chain.block_interval_us.max(chain.tick_us).saturating_mul(MAX_FUTURE_BLOCKS),
            // Beyond the range of times nothing is too early.
            ms => ms.saturating_mul(SECOND / 1000),
        };
        Ok(Hybrid(Arc::new(Rules { env: env.clone(), work, stake, ages, step, max_future_us })))
    }
}

/// The parameter `key` in whole ticks, at least 1.
fn ticks(key: &str, ms: u64, default: u32, chain: &ChainParams) -> Result<u32, String> {
    let (us, tick_us) = (ms.saturating_mul(SECOND / 1000), chain.tick_us);
    match ms {
        0 => Ok(default),
        _ => u32::try_from(us / tick_us)
            .ok()
            .filter(|_| us.is_multiple_of(tick_us))
            .ok_or_else(|| format!("{key}: expected a whole number of ticks of {tick_us} us, found {ms} ms")),
    }
}

impl Hybrid {
    /// The bits that the next block of either kind on `parent` must carry.
    ///
    /// # Errors
    /// [`Reject::NotYet`] when the state after `parent` is not at hand.
    pub fn targets(&self, parent: &Id, past: &dyn ChainView) -> Result<Targets, Reject> {
        self.0.targets(parent, past)
    }
}

impl Consensus for Hybrid {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let (rules, header) = (&self.0, &block.header);
        let (median, found) = (median_time(parent, past)?, header.time);
        ensure(found > median, || HybridError::TimeTooOld { median, found })?;
        let staker = staker(block.extra)?;
        let (expected, found) = (if staker.is_some() { STAKE } else { WORK }, header.version);
        ensure(found == expected, || HybridError::Version { expected, found })?;
        let targets = rules.targets(&parent.id, past)?;
        let expected = if staker.is_some() { targets.stake.bits() } else { targets.work.bits() };
        ensure(header.bits == expected, || HybridError::Bits { expected, found: header.bits })?;
        match staker {
            Some((producer, coin)) => rules.check_stake(&producer, coin, header, parent, past),
            None => Ok(()),
        }
    }

    fn check_header(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        self.check(block, parent, past)
    }

    fn check_work(&self, header: &Header) -> Result<(), Reject> {
        let met = || Target::from_bits(header.bits).is_some_and(|target| target.is_met_by(&header.id()));
        let error = || HybridError::HighHash { bits: header.bits, id: header.id() };
        ensure(header.version == STAKE || met(), error)
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], _: &dyn ChainView) -> Result<(), Reject> {
        match staker(block.extra)? {
            None => ensure(seal.is_empty(), || HybridError::WorkSeal { found: seal.len() }),
            Some((producer, _)) => {
                let signer = self.0.env.signer(&digest(&block.id), seal);
                ensure(signer == Some(producer), || HybridError::SealSignature { producer, signer })
            }
        }
    }

    fn earliest(&self, header: &Header) -> Option<Time> {
        let Rules { max_future_us, env, .. } = &*self.0;
        (header.version != STAKE).then(|| env.chain.time(header.time).saturating_sub(*max_future_us))
    }

    fn settle(&self, summary: &Summary<'_>, past: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        let rules = &self.0;
        let parent = &summary.parent.id;
        let mut targets = rules.targets(parent, past)?;
        let mut ops = vec![LedgerOp::MayMint(summary.subsidy)];
        match staker(summary.extra)? {
            None => targets.work.advance(&rules.work, summary.time),
            Some((_, coin)) => {
                targets.stake.advance(&rules.stake, summary.time);
                // After a use so old that the coin is of full age again, its record is of no use.
                for (key, used) in past.scan(parent, USED)? {
                    if kernel::used_time(&used).is_none_or(|used| summary.time.saturating_sub(used) >= rules.ages.max) {
                        ops.push(LedgerOp::Put(key, None));
                    }
                }
                ops.push(LedgerOp::Put(used_key(coin), Some(summary.time.to_bytes())));
            }
        }
        ops.push(targets.put());
        Ok(ops)
    }

    fn weight(&self, block: &BlockView<'_>) -> Work {
        let pace = if block.header.version == STAKE { &self.0.stake } else { &self.0.work };
        Target::from_bits(block.header.bits).map_or(Work::ZERO, |target| pace.weight(target, FIRST_WEIGHT))
    }

    fn origin(&self, block: &BlockView<'_>) -> Origin {
        match staker(block.extra) {
            Ok(Some((_, coin))) => Origin::new("stake").with_coin(coin),
            _ => Origin::new("work"),
        }
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        Box::new(agent::Producer::new(self.0.clone(), me))
    }
}

fika_core::export!(consensus Hybrid);
