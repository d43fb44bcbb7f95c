//! One leader per slot, drawn by the stakes after the last block of the epoch before the last.

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty};
use fika_core::consensus::Consensus;
use fika_core::env::Env;
use fika_core::hash::domain_hash;
use fika_core::reject::{Missing, Reject, ensure};
use fika_core::view::{BlockView, ChainView};

/// Blocks in an epoch: the state that leaders are drawn from lies up to twice as far back.
pub const EPOCH: u64 = 60;

#[derive(Clone)]
pub struct Lots(pub Env);

impl Lots {
    fn leader(&self, parent: &BlockView<'_>, slot: u32, past: &dyn ChainView) -> Result<Address, Missing> {
        let boundary = ((parent.height + 1) / EPOCH).saturating_sub(1) * EPOCH;
        let boundary = past.ancestor(&parent.id, boundary)?.id;
        let stakes = past.stakes(&boundary)?;
        let total: u64 = stakes.iter().map(|(_, stake)| stake.0).sum();
        let mut at = domain_hash("lot", &[&boundary.0, &slot.to_le_bytes()]).prefix() % total;
        for (who, stake) in stakes {
            match at.checked_sub(stake.0) {
                Some(rest) => at = rest,
                None => return Ok(who),
            }
        }
        unreachable!("the draw lies below the total");
    }

    fn slot(&self, time: u32) -> u32 {
        time / self.0.chain.block_interval_ticks()
    }
}

impl Consensus for Lots {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let slot = self.slot(block.header.time);
        ensure(slot > self.slot(parent.header.time), || "not a later slot")?;
        ensure(self.leader(parent, slot, past)?.0 == block.extra, || "not the leader of its slot")
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}

impl Agent for Lots {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let chain = &self.0.chain;
        let next = self.slot(chain.tick(ctx.now).max(tip.header.time)) + 1;
        let mine = (next..next + 60).find(|slot| self.leader(tip, *slot, ctx.chain) == Ok(ctx.me));
        let draft = Draft::new(tip.id).with_extra(ctx.me.0);
        let ticks = chain.block_interval_ticks();
        ctx.set_duties(mine.map(|slot| Duty::slot(draft, chain.time(slot * ticks))));
    }
}
