//! The honest producer: grinds work blocks, and makes a stake block whenever one of its coins may.

use std::cmp::Reverse;
use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty, Effect, Sealed, SigningGuard};
use fika_core::hash::Id;
use fika_core::header::Time;
use fika_core::reject::Reject;
use fika_core::target::Target;
use fika_core::view::{BlockView, median_time};

use crate::kernel::Kernel;
use crate::rules::{Rules, digest, stake_extra};
use crate::version::{STAKE, WORK};

/// How many steps ahead kernels are searched at once: two block intervals by default.
const SEARCHED_STEPS: u32 = 32;
/// How many coins are tried at each step, the largest first.
const SEARCHED_COINS: usize = 128;

pub(crate) struct Producer {
    rules: Arc<Rules>,
    me: Address,
    /// Allows one stake block at each time.
    guard: SigningGuard,
    /// When its timer runs out.
    wake: Time,
    /// How long a seal is, once it is known.
    seal_bytes: Option<u32>,
}

impl Producer {
    pub(crate) fn new(rules: Arc<Rules>, me: Address) -> Producer {
        Producer { rules, me, guard: SigningGuard::default(), wake: 0, seal_bytes: None }
    }

    fn plan(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) -> Result<Vec<Duty>, Reject> {
        let rules = self.rules.clone();
        let targets = rules.targets(&tip.id, ctx.chain)?;
        let mut duties = Vec::new();
        let bits = targets.work.bits();
        if let Some(target) = Target::from_bits(bits) {
            let draft = Draft::new(tip.id).with_version(WORK).with_bits(bits).with_seal_bytes(0);
            duties.push(Duty::grind(draft, target.work().saturating_u128()));
        }
        if !ctx.catching_up
            && let Some((time, coin)) = self.next_kernel(targets.stake.bits(), tip, ctx)?
        {
            let draft = Draft::new(tip.id).with_version(STAKE).with_bits(targets.stake.bits());
            let seal_bytes = *self.seal_bytes.get_or_insert_with(|| ctx.signer.sign(&digest(&Id::ZERO)).len() as u32);
            let draft = draft.with_extra(stake_extra(&self.me, &coin)).with_seal_bytes(seal_bytes);
            duties.push(Duty::slot(draft, rules.env.chain.time(time)));
        }
        Ok(duties)
    }

    /// The first time, from the current step on, at which one of the producer's coins may make a block.
    /// No call comes when that time passes without a new tip, so a timer continues the search.
    fn next_kernel(
        &mut self,
        bits: u32,
        tip: &BlockView<'_>,
        ctx: &mut Ctx<'_>,
    ) -> Result<Option<(u32, Vec<u8>)>, Reject> {
        let (rules, chain) = (self.rules.clone(), &self.rules.env.chain);
        let unsigned = u32::try_from(self.guard.next()).unwrap_or(u32::MAX);
        let mut coins = ctx.chain.coins(&tip.id, &self.me)?;
        coins.sort_by_key(|coin| Reverse(coin.amount));
        coins.truncate(SEARCHED_COINS);
        let kernels = coins.iter().map(|coin| Kernel::new(coin, tip, ctx.chain)).collect::<Result<Vec<_>, _>>()?;
        // Without coins there is nothing to search before the next tip.
        let Some(target) = Target::from_bits(bits).filter(|_| !kernels.is_empty()) else { return Ok(None) };

        let running = chain.tick(ctx.now).saturating_sub(rules.step - 1);
        let after = median_time(tip, ctx.chain)?.saturating_add(1);
        let from = running.max(after).max(unsigned);
        let Some(from) = from.checked_next_multiple_of(rules.step) else { return Ok(None) };
        let mut times = (0..SEARCHED_STEPS).filter_map(|n| from.checked_add(n.checked_mul(rules.step)?));
        let found = times.clone().find_map(|time| {
            let kernel = kernels.iter().find(|kernel| kernel.meets(target, time, rules.ages))?;
            Some((time, kernel.key().to_vec()))
        });
        let last = found.as_ref().map(|(time, _)| *time).or_else(|| times.next_back());
        // One timer is enough; an earlier one that is still running looks again in time.
        let wake = last.and_then(|last| last.checked_add(rules.step)).map(|tick| chain.time(tick));
        if let Some(wake) = wake.filter(|wake| self.wake <= ctx.now || *wake < self.wake) {
            self.wake = wake;
            ctx.effect(Effect::Timer(wake, wake));
        }
        Ok(found)
    }
}

impl Agent for Producer {
    fn restore(&mut self, kept: &[(Vec<u8>, Vec<u8>)]) {
        self.guard.restore(kept);
    }

    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        // Without the state of this tip there is no plan. The next tip may have one.
        let duties = self.plan(tip, ctx).unwrap_or_default();
        ctx.set_duties(duties);
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        if block.header.version == STAKE {
            if !self.guard.sign(block.header.time.into(), ctx) {
                return Sealed::Drop;
            }
            seal.extend(ctx.signer.sign(&digest(&block.id)));
        }
        Sealed::Publish
    }

    fn on_timer(&mut self, token: u64, ctx: &mut Ctx<'_>) {
        if token != self.wake {
            return;
        }
        let chain = ctx.chain;
        if let Ok(tip) = chain.block(&ctx.tip) {
            self.on_tip(&tip, ctx);
        }
    }
}
