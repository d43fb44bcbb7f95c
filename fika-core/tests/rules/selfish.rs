//! Selfish mining around any honest agent (Eyal and Sirer 2014).

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx, Effect, Gossip, Sealed};
use fika_core::hash::Id;
use fika_core::view::BlockView;

pub struct Selfish;

impl Attack for Selfish {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Miner { honest, held: Vec::new(), public_height: 0, race: false })
    }
}

struct Miner {
    honest: Box<dyn Agent>,
    /// Own blocks that nobody knows, oldest first.
    held: Vec<(u64, Id)>,
    public_height: u64,
    /// Own branch and that of the others are public and equally long.
    race: bool,
}

impl Miner {
    fn publish_to(&mut self, height: u64, ctx: &mut Ctx<'_>) {
        while self.held.first().is_some_and(|(own, _)| *own <= height) {
            ctx.effect(Effect::Publish(self.held.remove(0).1, Vec::new()));
        }
    }
}

impl Agent for Miner {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.honest.on_tip(tip, ctx);
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        match self.honest.seal(block, seal, ctx) {
            Sealed::Publish if !std::mem::take(&mut self.race) => {
                self.held.push((block.height, block.id));
                Sealed::Hold
            }
            other => other,
        }
    }

    fn on_block(&mut self, block: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.honest.on_block(block, ctx);
        if self.held.iter().any(|(_, id)| *id == block.id) || block.height <= self.public_height {
            return;
        }
        self.public_height = block.height;
        self.race = false;
        let Some((last, _)) = self.held.last().copied() else { return };
        match last.saturating_sub(block.height) {
            _ if last < block.height => self.held.clear(),
            0 => {
                self.publish_to(last, ctx);
                self.race = true;
            }
            1 => {
                self.publish_to(last, ctx);
                self.public_height = last;
            }
            _ => self.publish_to(block.height, ctx),
        }
    }

    fn on_message(&mut self, from: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        self.honest.on_message(from, bytes, ctx)
    }

    fn on_timer(&mut self, token: u64, ctx: &mut Ctx<'_>) {
        self.honest.on_timer(token, ctx);
    }
}
