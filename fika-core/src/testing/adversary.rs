//! Adversaries that work against any rules: attacks to be put around the agents of chosen nodes.
//!
//! ```
//! use fika_core::consensus::Anyone;
//! use fika_core::header::SECOND;
//! use fika_core::testing::Setup;
//! use fika_core::testing::adversary::{Delaying, Silent};
//!
//! let setup = Setup::new(|env| Ok(Anyone(env.clone())))
//!     .attack(1, Silent)
//!     .attack(2, Delaying { by_us: 3 * SECOND })
//!     .equivocator(3);
//! setup.start().run(60 * SECOND);
//! ```
//!
//! What depends on the rules (false votes, false evidence, ...) is an [`Attack`] of their author's.

mod twins;

pub use twins::Twins;

use std::collections::BTreeMap;

use crate::address::Address;
use crate::agent::{Agent, Attack, Ctx, Effect, Gossip, Sealed};
use crate::hash::Id;
use crate::header::Time;
use crate::view::BlockView;

/// Says nothing: makes no block public, passes none on, and sends nothing. It listens, as a node whose sending side
/// is dead.
pub struct Silent;

impl Attack for Silent {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Mute(honest))
    }
}

struct Mute(Box<dyn Agent>);

impl Mute {
    fn call<R>(&mut self, ctx: &mut Ctx<'_>, call: impl FnOnce(&mut dyn Agent, &mut Ctx<'_>) -> R) -> R {
        let answer = call(&mut *self.0, ctx);
        let inward = |effect: &Effect| {
            matches!(effect, Effect::Timer(..) | Effect::Adopt(_) | Effect::Finalize(_) | Effect::Keep(..))
        };
        ctx.effects.retain(inward);
        answer
    }
}

impl Agent for Mute {
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        Some(&mut *self.0)
    }

    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.call(ctx, |honest, ctx| honest.on_tip(tip, ctx));
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        self.call(ctx, |honest, ctx| honest.seal(block, seal, ctx));
        Sealed::Drop
    }

    fn on_block(&mut self, block: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.call(ctx, |honest, ctx| honest.on_block(block, ctx));
        ctx.effect(Effect::Withhold(block.id));
    }

    fn on_proposal(&mut self, block: &BlockView<'_>, seal: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        self.call(ctx, |honest, ctx| honest.on_proposal(block, seal, ctx))
    }

    fn on_message(&mut self, from: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        match self.call(ctx, |honest, ctx| honest.on_message(from, bytes, ctx)) {
            Gossip::Forward => Gossip::Ignore,
            other => other,
        }
    }

    fn on_passing(&mut self, from: &Address, to: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        self.call(ctx, |honest, ctx| honest.on_passing(from, to, bytes, ctx))
    }

    fn on_timer(&mut self, token: u64, ctx: &mut Ctx<'_>) {
        self.call(ctx, |honest, ctx| honest.on_timer(token, ctx));
    }
}

/// Publishes each of its blocks so many microseconds after it has made it. Until then it extends them alone.
pub struct Delaying {
    /// How long a block is held.
    pub by_us: Time,
}

impl Attack for Delaying {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Holder { honest, by_us: self.by_us, held: BTreeMap::new(), tokens: 0 })
    }
}

struct Holder {
    honest: Box<dyn Agent>,
    by_us: Time,
    /// The blocks that are held, by the tokens of their timers.
    held: BTreeMap<u64, Id>,
    tokens: u64,
}

/// The tokens of the holder's timers start here; agents count from below.
const FIRST_TOKEN: u64 = u64::MAX / 2;

impl Agent for Holder {
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        Some(&mut *self.honest)
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        match self.honest.seal(block, seal, ctx) {
            Sealed::Publish => {
                let token = FIRST_TOKEN + self.tokens;
                self.tokens += 1;
                self.held.insert(token, block.id);
                ctx.effect(Effect::Timer(ctx.now.saturating_add(self.by_us), token));
                Sealed::Hold
            }
            other => other,
        }
    }

    fn on_timer(&mut self, token: u64, ctx: &mut Ctx<'_>) {
        match self.held.remove(&token) {
            Some(block) => ctx.effect(Effect::Publish(block, Vec::new())),
            None => self.honest.on_timer(token, ctx),
        }
    }
}
