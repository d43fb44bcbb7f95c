//! __Name__: the founders take turns and sign their blocks.
//!
//! Founders are all who own coins at genesis, in the order of their addresses. Time is cut into
//! slots of one block interval; each slot belongs to the next founder in the row. A founder who
//! is away leaves the slot empty. A block's extra is its producer's address, its seal the
//! producer's signature. Every block weighs the same: the longest chain wins.

use std::sync::{Arc, OnceLock};

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty, Sealed};
use fika_core::consensus::Consensus;
use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};
use fika_core::plugin::Plugin;
use fika_core::reject::{Missing, Reject, ensure};
use fika_core::view::{BlockView, ChainView};
use serde::{Deserialize, Serialize};

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

/// The rules. Clones share them; each agent is such a clone.
#[derive(Clone)]
pub struct __Name__(Arc<Rules>);

struct Rules {
    env: Env,
    slot_ticks: u32,
    /// Read from the genesis state once: later it would have to be rebuilt.
    founders: OnceLock<Vec<Address>>,
}

impl Plugin for __Name__ {
    const NAME: &'static str = "__name__";
    const ABOUT: &'static str = "the founders take turns and sign their blocks";
    const PARAMS: &'static [(&'static str, &'static str)] =
        &[("slot_intervals", "how many block intervals of the chain a slot lasts")];
    type Params = Params;

    fn new(params: Params, env: &Env) -> Result<Self, String> {
        let slot_ticks = env.chain.block_interval_ticks().checked_mul(params.slot_intervals);
        let slot_ticks = slot_ticks.filter(|ticks| *ticks > 0);
        let slot_ticks = slot_ticks.ok_or("slot_intervals: expected a slot of 1 to 2^32 ticks")?;
        Ok(__Name__(Arc::new(Rules { env: env.clone(), slot_ticks, founders: OnceLock::new() })))
    }
}

impl __Name__ {
    /// Whose turn the slot is.
    fn producer(&self, slot: u32, tip: &BlockView<'_>, past: &dyn ChainView) -> Result<Option<Address>, Missing> {
        let founders = match self.0.founders.get() {
            Some(founders) => founders,
            None => {
                let genesis = past.ancestor(&tip.id, 0)?.id;
                let stakes = past.stakes(&genesis)?;
                self.0.founders.get_or_init(|| stakes.into_iter().map(|(who, _)| who).collect())
            }
        };
        let turn = (slot as usize).checked_rem(founders.len());
        Ok(turn.map(|turn| founders[turn]))
    }

    fn slot(&self, time: u32) -> u32 {
        time / self.0.slot_ticks
    }
}

/// What a producer signs.
fn digest(block: &Id) -> Id {
    domain_hash("__name__ block", &[&block.0])
}

impl Consensus for __Name__ {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let (slot, last) = (self.slot(block.header.time), self.slot(parent.header.time));
        ensure(slot > last, || format!("expected a slot after the parent's {last}, found {slot}"))?;
        let producer = self.producer(slot, parent, past)?;
        let expected = || producer.map_or("nobody".into(), |who| who.to_string());
        let is_producer = producer.is_some_and(|who| who.0 == block.extra);
        ensure(is_producer, || format!("expected {} to produce in slot {slot}", expected()))
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], _: &dyn ChainView) -> Result<(), Reject> {
        let signer = self.0.env.signer(&digest(&block.id), seal);
        ensure(signer.is_some_and(|who| who.0 == block.extra), || "expected the producer's signature")
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}

/// How many of its slots a node plans ahead, should the others stay silent.
const PLANNED: usize = 8;

impl Agent for __Name__ {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let chain = &self.0.env.chain;
        let next = self.slot(tip.header.time.max(chain.tick(ctx.now))).saturating_add(1);
        let is_mine = |slot: &u32| matches!(self.producer(*slot, tip, ctx.chain), Ok(Some(who)) if who == ctx.me);
        let founders = self.0.founders.get().map_or(1, Vec::len);
        let mine = (next..).take((founders + 1) * PLANNED).filter(is_mine);
        let draft = Draft { parent: tip.id, version: 1, bits: 0, extra: ctx.me.0.to_vec() };
        let duty = |slot: u32| {
            let time = chain.time(slot.saturating_mul(self.0.slot_ticks));
            Duty::Slot { draft: draft.clone(), time }
        };
        let duties: Vec<Duty> = mine.map(duty).collect();
        ctx.set_duties(duties);
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        seal.extend(ctx.signer.sign(&digest(&block.id)));
        Sealed::Publish
    }
}

fika_core::export!(consensus __Name__);
