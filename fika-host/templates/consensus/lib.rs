//! __Name__: the founders take turns and sign their blocks.
//!
//! Founders are all who own coins at genesis, in the order of their addresses. Time is cut into slots; each belongs to
//! the next founder in the row, who leaves it empty when away. A block's extra is its producer's address, its seal the
//! producer's signature. Every block weighs the same: the longest chain wins.

use std::sync::{Arc, OnceLock};

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty, Sealed};
use fika_core::consensus::Consensus;
use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};
use fika_core::plugin::Plugin;
use fika_core::reject::{Missing, Reject, Rule, ensure};
use fika_core::view::{BlockView, ChainView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// The table `[consensus.__name__]` of an experiment.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// How many block intervals of the chain a slot lasts.
    pub slot_intervals: u32,
}

impl Default for Params {
    fn default() -> Self {
        Params { slot_intervals: 1 }
    }
}

/// The rules that a block can break.
#[derive(Debug, Error)]
pub enum RuleError {
    /// The slot does not come after the parent's.
    #[error("expected a slot after the parent's {last}, found {found}")]
    SlotTooOld { last: u32, found: u32 },
    /// Another founder has the slot.
    #[error("expected the producer of slot {slot}")]
    NotYourSlot { slot: u32 },
    /// The seal is not the producer's signature.
    #[error("expected the producer's signature")]
    SealSignature,
}

impl Rule for RuleError {
    fn code(&self) -> &'static str {
        match self {
            RuleError::SlotTooOld { .. } => "slot-too-old",
            RuleError::NotYourSlot { .. } => "not-your-slot",
            RuleError::SealSignature => "bad-seal-signature",
        }
    }
}

/// The rules, and the agent that follows them.
#[derive(Clone)]
pub struct __Name__ {
    env: Env,
    slot_ticks: u32,
    /// Read from the genesis state once: later it would have to be rebuilt.
    founders: Arc<OnceLock<Vec<Address>>>,
}

impl Plugin for __Name__ {
    const NAME: &'static str = "__name__";
    const ABOUT: &'static str = "the founders take turns and sign their blocks";
    const PARAMS: &'static [(&'static str, &'static str)] =
        &[("slot_intervals", "how many block intervals of the chain a slot lasts")];
    type Params = Params;

    fn new(params: Params, env: &Env) -> Result<Self, String> {
        match env.chain.block_interval_ticks().checked_mul(params.slot_intervals) {
            Some(slot_ticks @ 1..) => Ok(__Name__ { env: env.clone(), slot_ticks, founders: Arc::default() }),
            _ => Err("slot_intervals: expected a slot of 1 to 2^32 ticks".into()),
        }
    }
}

impl __Name__ {
    fn founders(&self, tip: &BlockView<'_>, past: &dyn ChainView) -> Result<&[Address], Missing> {
        if let Some(founders) = self.founders.get() {
            return Ok(founders);
        }
        let stakes = past.stakes(&past.ancestor(&tip.id, 0)?.id)?;
        Ok(self.founders.get_or_init(|| stakes.into_iter().map(|(who, _)| who).collect()))
    }

    fn slot(&self, time: u32) -> u32 {
        time / self.slot_ticks
    }
}

fn producer(slot: u32, founders: &[Address]) -> Option<&Address> {
    founders.get((slot as usize).checked_rem(founders.len())?)
}

/// What a producer signs.
fn digest(block: &Id) -> Id {
    domain_hash("__name__ block", &[&block.0])
}

impl Consensus for __Name__ {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let (slot, last) = (self.slot(block.header.time), self.slot(parent.header.time));
        ensure(slot > last, || RuleError::SlotTooOld { last, found: slot })?;
        let producer = producer(slot, self.founders(parent, past)?);
        ensure(producer.is_some_and(|who| who.0 == block.extra), || RuleError::NotYourSlot { slot })
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], _: &dyn ChainView) -> Result<(), Reject> {
        let signer = self.env.signer(&digest(&block.id), seal);
        ensure(signer.is_some_and(|who| who.0 == block.extra), || RuleError::SealSignature)
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}

impl Agent for __Name__ {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let (chain, Ok(founders)) = (&self.env.chain, self.founders(tip, ctx.chain)) else { return };
        let next = self.slot(tip.header.time.max(chain.tick(ctx.now))).saturating_add(1);
        let mine = (next..=u32::MAX).take(founders.len()).find(|slot| producer(*slot, founders) == Some(&ctx.me));
        // On a tip that the others have left behind, a block would be of no use.
        let mine = mine.filter(|_| !ctx.catching_up);
        let draft = Draft::new(tip.id).with_extra(ctx.me.0);
        // One slot is enough: its block becomes the tip, and the next one is planned.
        ctx.set_duties(mine.map(|slot| Duty::slot(draft, chain.time(slot.saturating_mul(self.slot_ticks)))));
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        seal.extend(ctx.signer.sign(&digest(&block.id)));
        Sealed::Publish
    }
}

fika_core::export!(consensus __Name__);
