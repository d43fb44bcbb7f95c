//! Small consensus rules that the tests of the node run on.

#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod accounts;
pub mod dpos;
pub mod finality;
pub mod ghost;
pub mod lots;
pub mod quiet;
pub mod uncles;

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty, Sealed};
use fika_core::consensus::Consensus;
use fika_core::env::Env;
use fika_core::hash::domain_hash;
use fika_core::reject::{Reject, ensure};
use fika_core::target::{Target, Work};
use fika_core::view::{BlockView, ChainView};

/// Work of a fixed difficulty: on average one block per interval when five nodes hash a million times a second.
#[derive(Clone)]
pub struct FixedWork(pub Env);

impl FixedWork {
    pub fn bits(&self) -> u32 {
        Target::for_tries(u128::from(5 * self.0.chain.block_interval_us)).to_bits()
    }

    /// Hashes of one success on average.
    pub fn tries(&self) -> u128 {
        Target::from_bits(self.bits()).expect("these bits are a target's").work().saturating_u128()
    }
}

impl Consensus for FixedWork {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
        ensure(block.header.bits == self.bits(), || "other bits")?;
        ensure(block.header.time > parent.header.time, || "not later than its parent")
    }

    fn weight(&self, block: &BlockView<'_>) -> Work {
        Target::from_bits(block.header.bits).map_or(Work::ZERO, Target::work)
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}

impl Agent for FixedWork {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let draft = Draft::new(tip.id).with_bits(self.bits());
        ctx.set_duties([Duty::grind(draft, self.tries())]);
    }
}

/// The founders take turns, one slot each, and sign their blocks.
#[derive(Clone)]
pub struct RoundRobin(pub Env);

impl RoundRobin {
    pub fn turn(&self, tip: &BlockView<'_>, time: u32, past: &dyn ChainView) -> Option<Address> {
        let genesis = past.ancestor(&tip.id, 0).ok()?.id;
        let founders = past.stakes(&genesis).ok()?;
        let slot = time / self.0.chain.block_interval_ticks();
        Some(founders[slot as usize % founders.len()].0)
    }
}

impl Consensus for RoundRobin {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let slot = self.0.chain.block_interval_ticks();
        ensure(block.header.time / slot > parent.header.time / slot, || "not a later slot")?;
        let turn = self.turn(parent, block.header.time, past);
        ensure(turn.is_some_and(|who| who.0 == block.extra), || "out of turn")
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], _: &dyn ChainView) -> Result<(), Reject> {
        let signer = self.0.signer(&domain_hash("turn", &[&block.id.0]), seal);
        ensure(signer.is_some_and(|who| who.0 == block.extra), || "not signed by its producer")
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}

impl Agent for RoundRobin {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let slot = self.0.chain.block_interval_ticks();
        let next = self.0.chain.tick(ctx.now).max(tip.header.time) / slot + 1;
        let mine = (next..next + 100).map(|n| n * slot).find(|t| self.turn(tip, *t, ctx.chain) == Some(ctx.me));
        let draft = Draft::new(tip.id).with_extra(ctx.me.0);
        ctx.set_duties(mine.map(|tick| Duty::slot(draft, self.0.chain.time(tick))));
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        *seal = ctx.signer.sign(&domain_hash("turn", &[&block.id.0]));
        Sealed::Publish
    }
}
