//! __Name__: some own blocks are published late.
//!
//! The attacker does what its honest agent would do, but keeps every third of its blocks back for two block intervals.
//! What it makes on top of such a block stays back with it. Others waste their work on the old tip in the meantime; the
//! price is that they may be quicker, and then the attacker's blocks are stale.

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx, Effect, Sealed};
use fika_core::env::Env;
use fika_core::hash::Id;
use fika_core::header::Time;
use fika_core::plugin::Plugin;
use fika_core::view::BlockView;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// One of so many blocks is kept back.
const EVERY: u64 = 3;
/// For how many block intervals of the chain.
const DELAY_INTERVALS: Time = 2;

/// Experiments have no table for attacks, so it has no parameters.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {}

/// The attack.
pub struct __Name__ {
    delay: Time,
}

impl Plugin for __Name__ {
    const NAME: &'static str = "__name__";
    const ABOUT: &'static str = "keeps some of its blocks back for a while";
    type Params = Params;

    fn new(_: Params, env: &Env) -> Result<Self, String> {
        Ok(__Name__ { delay: DELAY_INTERVALS * env.chain.block_interval_us })
    }
}

impl Attack for __Name__ {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Attacker { honest, delay: self.delay, made: 0, held: Vec::new() })
    }
}

struct Attacker {
    honest: Box<dyn Agent>,
    delay: Time,
    /// How many blocks it has made.
    made: u64,
    /// Own blocks that nobody knows, oldest first.
    held: Vec<Id>,
}

/// The timer that ends the wait. The honest agent has timers too: its tokens are others.
const RELEASE: u64 = u64::from_be_bytes(*b"release!");

impl Agent for Attacker {
    // What is not defined here is up to the honest agent.
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        Some(&mut *self.honest)
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        let sealed = self.honest.seal(block, seal, ctx);
        if sealed != Sealed::Publish {
            return sealed;
        }
        self.made += 1;
        if self.held.is_empty() {
            if !self.made.is_multiple_of(EVERY) {
                return Sealed::Publish;
            }
            ctx.effect(Effect::Timer(ctx.now + self.delay, RELEASE));
        }
        self.held.push(block.id);
        Sealed::Hold
    }

    fn on_timer(&mut self, token: u64, ctx: &mut Ctx<'_>) {
        match token {
            // The node knows their seals.
            RELEASE => self.held.drain(..).for_each(|id| ctx.effect(Effect::Publish(id, Vec::new()))),
            _ => self.honest.on_timer(token, ctx),
        }
    }
}

fika_core::export!(attack __Name__);
