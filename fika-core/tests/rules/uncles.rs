//! Work with uncles: a block names up to two stale ones, whose producers are rewarded too.

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty};
use fika_core::amount::Amount;
use fika_core::consensus::{Consensus, LedgerOp, Summary};
use fika_core::env::Env;
use fika_core::hash::Id;
use fika_core::reject::{Reject, ensure};
use fika_core::target::Work;
use fika_core::view::{BlockView, ChainView};

use super::FixedWork;

/// How far back an uncle's parent may lie.
const DEPTH: u64 = 6;

#[derive(Clone)]
pub struct Uncles(pub Env);

/// The producer and the uncles in an extra.
pub fn parse(extra: &[u8]) -> Option<(Address, Vec<Id>)> {
    let (producer, uncles) = extra.split_first_chunk::<20>()?;
    let (uncles, rest) = uncles.as_chunks::<32>();
    (rest.is_empty() && uncles.len() <= 2).then(|| (Address(*producer), uncles.iter().map(|id| Id(*id)).collect()))
}

/// What an uncle's producer gets of a reward.
pub fn uncle_reward(subsidy: Amount) -> Amount {
    Amount(subsidy.0 / 2)
}

impl Uncles {
    /// Whether a child of `parent` may name `uncle`.
    fn allowed(&self, uncle: &Id, parent: &Id, past: &dyn ChainView) -> Result<bool, Reject> {
        let (uncle, parent) = (past.block(uncle)?, past.block(parent)?);
        if uncle.height == 0 || uncle.height > parent.height || uncle.height + DEPTH < parent.height {
            return Ok(false);
        }
        let stem = past.ancestor(&parent.id, uncle.height - 1)?.id == uncle.header.parent;
        let on_chain = past.ancestor(&parent.id, uncle.height)?.id == uncle.id;
        let mut named = false;
        for height in uncle.height..=parent.height {
            let block = past.ancestor(&parent.id, height)?;
            named |= parse(block.extra).is_some_and(|(_, uncles)| uncles.contains(&uncle.id));
        }
        Ok(stem && !on_chain && !named)
    }
}

impl Consensus for Uncles {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        FixedWork(self.0.clone()).check(block, parent, past)?;
        for uncle in self.references(block)? {
            ensure(self.allowed(&uncle, &parent.id, past)?, || format!("{uncle} is no uncle here"))?;
        }
        Ok(())
    }

    fn settle(&self, summary: &Summary<'_>, past: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        let (_, uncles) = parse(summary.extra).ok_or_else(|| Reject::invalid("no producer and uncles"))?;
        let nephew = Amount(summary.subsidy.0 / 32 * uncles.len() as u64);
        let mut ops = vec![LedgerOp::MayMint(summary.subsidy + nephew)];
        for uncle in uncles {
            let producer = parse(past.block(&uncle)?.extra).map(|(who, _)| who).unwrap_or_default();
            ops.push(LedgerOp::Mint(producer, uncle_reward(summary.subsidy)));
        }
        Ok(ops)
    }

    fn weight(&self, block: &BlockView<'_>) -> Work {
        FixedWork(self.0.clone()).weight(block)
    }

    fn references(&self, block: &BlockView<'_>) -> Result<Vec<Id>, Reject> {
        let (_, uncles) = parse(block.extra).ok_or_else(|| Reject::invalid("no producer and uncles"))?;
        ensure(uncles.first() != uncles.get(1) || uncles.is_empty(), || "the same uncle twice")?;
        Ok(uncles)
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(Nephew { rules: self.clone(), recent: Vec::new() })
    }
}

struct Nephew {
    rules: Uncles,
    /// The last blocks that this node has seen.
    recent: Vec<Id>,
}

impl Agent for Nephew {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let fits = |id: &&Id| self.rules.allowed(id, &tip.id, ctx.chain).unwrap_or(false);
        let uncles = self.recent.iter().filter(fits).take(2).flat_map(|id| id.0);
        let extra: Vec<u8> = ctx.me.0.into_iter().chain(uncles).collect();
        let work = FixedWork(self.rules.0.clone());
        let draft = Draft::new(tip.id).with_bits(work.bits()).with_extra(extra);
        ctx.set_duties([Duty::grind(draft, work.tries())]);
    }

    fn on_block(&mut self, block: &BlockView<'_>, _: &mut Ctx<'_>) {
        self.recent.push(block.id);
        if self.recent.len() > 20 {
            self.recent.remove(0);
        }
    }
}
