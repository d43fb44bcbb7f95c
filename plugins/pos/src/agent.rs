//! The honest producer: one block in each of its own slots.

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty, Effect, Sealed};
use fika_core::header::Time;
use fika_core::reject::Missing;
use fika_core::view::BlockView;

use crate::{Pos, digest};

/// How many own slots are planned at once.
const PLANNED_SLOTS: usize = 16;

pub(crate) struct Producer {
    pos: Pos,
    me: Address,
    /// When this producer first looked. It leaves out slots that began before, because it may have signed in them
    /// before a restart.
    since: Option<Time>,
    /// The last slot that it signed a block for; it never signs two for one.
    signed: Option<u64>,
    /// When its timer runs out.
    wake: Time,
}

impl Producer {
    pub(crate) fn new(pos: Pos, me: Address) -> Producer {
        Producer { pos, me, since: None, signed: None, wake: 0 }
    }

    /// Own slots of the present epoch and the next. Nobody calls when a slot passes without a new tip, so a timer
    /// asks for more where the plan ends.
    fn plan(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) -> Result<(), Missing> {
        let (rules, schedule) = (&self.pos.0, &self.pos.0.schedule);
        let chain = &rules.env.chain;
        let slot_at = |time: Time| schedule.slot(chain.tick(time)).unwrap_or(0);
        let begins = |slot: u64| schedule.start(slot).map(|tick| chain.time(tick));

        let since = *self.since.get_or_insert(ctx.now);
        let whole = if begins(slot_at(since)).is_some_and(|begin| begin >= since) { 0 } else { 1 };
        let after_tip = schedule.slot(tip.header.time).unwrap_or(0) + 1;
        let from = (slot_at(since) + whole).max(slot_at(ctx.now)).max(after_tip).max(self.signed.map_or(0, |s| s + 1));

        let epoch = schedule.epoch_of(from);
        let mut slots = Vec::new();
        for epoch in [epoch, epoch + 1] {
            let leaders = schedule.epoch(epoch, tip, ctx.chain)?;
            slots.extend(leaders.slots_of(&self.me).iter().copied().filter(|slot| *slot >= from));
        }
        let end = slots.get(PLANNED_SLOTS).copied().unwrap_or(schedule.first_slot(epoch + 2));
        slots.truncate(PLANNED_SLOTS);
        let draft = Draft { version: 1, parent: tip.id, bits: 0, extra: self.me.0.to_vec() };
        let duties = slots.iter().filter_map(|slot| Some(Duty::Slot { draft: draft.clone(), time: begins(*slot)? }));
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
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        if self.plan(tip, ctx).is_err() {
            // Without the boundary's state nobody can tell who leads; the next tip may.
            ctx.set_duties([]);
        }
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        let slot = self.pos.0.schedule.slot(block.header.time);
        if slot <= self.signed {
            return Sealed::Drop;
        }
        self.signed = slot;
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
