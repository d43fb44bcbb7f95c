//! The honest producer: one block in each of its own slots.

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty, Effect, Sealed, SigningGuard};
use fika_core::hash::Id;
use fika_core::header::Time;
use fika_core::reject::Missing;
use fika_core::view::BlockView;

use crate::rules::{Rules, digest};

/// How many own slots are planned at once.
const PLANNED_SLOTS: usize = 16;

pub(crate) struct Producer {
    rules: Arc<Rules>,
    me: Address,
    /// Allows one block in each slot.
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

    /// Plans the own slots of the current epoch and the next. No call comes when a slot passes without a new tip, so a
    /// timer plans again where the plan ends.
    fn plan(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) -> Result<(), Missing> {
        let (chain, schedule) = (&self.rules.env.chain, &self.rules.schedule);
        let slot_at = |time: Time| schedule.slot(chain.tick(time)).unwrap_or(0);
        let begins = |slot: u64| schedule.start(slot).map(|tick| chain.time(tick));

        let after_tip = schedule.slot(tip.header.time).unwrap_or(0) + 1;
        let from = self.guard.next().max(slot_at(ctx.now)).max(after_tip);

        let epoch = schedule.epoch_of(from);
        let mut slots = Vec::new();
        for epoch in [epoch, epoch + 1] {
            let leaders = schedule.epoch(epoch, tip, ctx.chain)?;
            slots.extend(leaders.slots_of(&self.me).iter().copied().filter(|slot| *slot >= from));
        }
        let end = slots.get(PLANNED_SLOTS).copied().unwrap_or(schedule.first_slot(epoch + 2));
        slots.truncate(PLANNED_SLOTS);
        let seal_bytes = *self.seal_bytes.get_or_insert_with(|| ctx.signer.sign(&digest(&Id::ZERO)).len() as u32);
        let draft = Draft::new(tip.id).with_extra(self.me.0).with_seal_bytes(seal_bytes);
        let duties = slots.iter().filter_map(|slot| Some(Duty::slot(draft.clone(), begins(*slot)?)));
        ctx.set_duties(duties);
        // One timer is enough; an earlier one that is still running looks again in time.
        let wake = begins(end).filter(|wake| self.wake <= ctx.now || *wake < self.wake);
        if let Some(wake) = wake {
            self.wake = wake;
            ctx.effect(Effect::Timer(wake, wake));
        }
        Ok(())
    }
}

impl Agent for Producer {
    fn restore(&mut self, kept: &[(Vec<u8>, Vec<u8>)]) {
        self.guard.restore(kept);
    }

    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        if ctx.catching_up || self.plan(tip, ctx).is_err() {
            // On an old tip a block would be of no use. Without the boundary's state nobody can tell who leads; on the
            // next tip somebody may.
            ctx.set_duties([]);
        }
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        let slot = self.rules.schedule.slot(block.header.time);
        if !slot.is_some_and(|slot| self.guard.sign(slot, ctx)) {
            return Sealed::Drop;
        }
        seal.extend(ctx.signer.sign(&digest(&block.id)));
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
