//! Proof of stake: one leader per slot, drawn by stake at an epoch boundary.
//!
//! Time since genesis is cut into slots, and slots into epochs. One address may produce in each
//! slot: drawn with a chance proportional to its coins and deposits, from the ledger as it was
//! after the *boundary* of the slot's epoch, the last block before the previous epoch began. So
//! the draw is fixed a whole epoch ahead, and is the same on all forks that share the boundary.
//! The block's time is the start of its slot, its extra the producer's address, its seal the
//! producer's signature over the id. Every block weighs 1: the longest chain wins.
//!
//! A block's slot comes after its parent's, as in Ouroboros and in Ethereum. A node accepts a block once its slot has
//! begun by the node's own clock, so that a fast clock drags nobody.
//!
//! What this simple design does not prevent: a leader who signs two blocks for one slot goes
//! unpunished, whoever produces a boundary block can try several to bend a later draw, the
//! leaders of an epoch are known to all ahead of it, and old keys can rewrite history.

mod agent;
mod error;
mod rules;
mod schedule;

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::Agent;
use fika_core::consensus::{Consensus, Origin};
use fika_core::env::Env;
use fika_core::header::SECOND;
use fika_core::plugin::Plugin;
use fika_core::reject::{Missing, Reject, ensure};
use fika_core::view::{BlockView, ChainView};
use serde::{Deserialize, Serialize};

pub use error::PosError;

use rules::{Rules, digest};
use schedule::Schedule;

/// The longest epoch, whose leaders take about 50 ms to draw and 3 MiB to keep.
const MAX_EPOCH_SLOTS: u64 = 100_000;

/// The table `[consensus.pos]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Length of a slot in milliseconds, a whole number of the chain's ticks; 0 for the chain's block interval.
    pub slot_ms: u64,
    /// Slots in an epoch.
    pub epoch_slots: u64,
}

impl Default for Params {
    fn default() -> Self {
        Params { slot_ms: 0, epoch_slots: 32 }
    }
}

/// Proof-of-stake rules. Clones share the epochs that were worked out.
#[derive(Clone)]
pub struct Pos(Arc<Rules>);

impl Plugin for Pos {
    const NAME: &'static str = "pos";
    const ABOUT: &'static str = "proof of stake: one leader per slot, drawn by stake at an epoch boundary";
    const PARAMS: &'static [(&'static str, &'static str)] = &[
        ("slot_ms", "length of a slot in milliseconds, in whole ticks; 0 for the chain's block interval (0)"),
        ("epoch_slots", "slots in an epoch, whose leaders are drawn from one ledger state (32)"),
    ];
    type Params = Params;

    fn new(params: Params, env: &Env) -> Result<Self, String> {
        if !(1..=MAX_EPOCH_SLOTS).contains(&params.epoch_slots) {
            return Err(format!("epoch_slots: expected 1 to {MAX_EPOCH_SLOTS}, found {}", params.epoch_slots));
        }
        let tick_us = env.chain.tick_us;
        let slot_us = params.slot_ms.saturating_mul(SECOND / 1000);
        let slot_ticks = match params.slot_ms {
            0 => Some(env.chain.block_interval_ticks()),
            _ => u32::try_from(slot_us / tick_us).ok().filter(|_| slot_us.is_multiple_of(tick_us)),
        };
        let slot_ticks = slot_ticks.ok_or_else(|| {
            format!("slot_ms: expected a whole number of ticks of {tick_us} us, found {} ms", params.slot_ms)
        })?;
        let schedule = Schedule::new(env.chain.genesis_time, slot_ticks, params.epoch_slots);
        Ok(Pos(Arc::new(Rules { env: env.clone(), schedule })))
    }
}

impl Pos {
    /// Who may produce a child of `parent` in the slot that begins at the tick `time`. `None` when
    /// no slot begins there, or nobody had a stake.
    ///
    /// # Errors
    /// [`Missing`] when `past` lacks an ancestor of `parent` or its state.
    pub fn leader(&self, time: u32, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<Option<Address>, Missing> {
        let schedule = &self.0.schedule;
        let Some(slot) = schedule.slot_starting(time) else { return Ok(None) };
        Ok(schedule.epoch(schedule.epoch_of(slot), parent, past)?.leader(slot))
    }
}

impl Consensus for Pos {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let (header, schedule) = (&block.header, &self.0.schedule);
        let (bits, nonce) = (header.bits, header.nonce);
        ensure(bits == 0 && nonce == 0, || PosError::Work { bits, nonce })?;
        let slot = schedule.slot_starting(header.time).ok_or(PosError::NoSlot { found: header.time })?;
        let last = schedule.slot(parent.header.time).unwrap_or(0);
        ensure(slot > last, || PosError::SlotTooOld { last, found: slot })?;
        let leader = self.leader(header.time, parent, past)?.ok_or(PosError::NoStake { slot })?;
        ensure(block.extra == leader.0, || PosError::NotYourSlot { slot, leader, found: block.extra.to_vec() })
    }

    fn check_header(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        self.check(block, parent, past)
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], _: &dyn ChainView) -> Result<(), Reject> {
        let signer = self.0.env.signer(&digest(&block.id), seal);
        ensure(signer.is_some_and(|who| who.0 == block.extra), || PosError::SealSignature { signer })
    }

    fn origin(&self, _: &BlockView<'_>) -> Origin {
        Origin::new("stake")
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        Box::new(agent::Producer::new(self.0.clone(), me))
    }
}

fika_core::export!(consensus Pos);
