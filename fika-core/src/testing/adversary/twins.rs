//! A signer that signs twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::Address;
use crate::agent::{Agent, Attack, Ctx, Duty, Effect, Gossip, Sealed};
use crate::consensus::Consensus;
use crate::hash::Id;
use crate::view::BlockView;

/// Two honest agents of these rules in one node, with one key (Bano et al. 2020): an equivocator under any rules.
///
/// For each of its slots the node makes two blocks on the same parent and publishes both. The first agent signs one.
/// What its guard refuses to sign then, the second agent signs, since it was not told. Blocks that are ground are
/// made once.
pub struct Twins {
    /// The rules whose honest agent both are.
    pub rules: Arc<dyn Consensus>,
}

impl Attack for Twins {
    fn agent(&self, honest: Box<dyn Agent>, me: Address) -> Box<dyn Agent> {
        let agents = [honest, self.rules.agent(me)];
        Box::new(Pair { agents, plans: Default::default(), signed: None, timers: BTreeMap::new(), tokens: 0 })
    }
}

struct Pair {
    agents: [Box<dyn Agent>; 2],
    /// What each of them would do.
    plans: [Vec<Duty>; 2],
    /// Parent and time of the last block that the first has signed, until the second has signed another one.
    signed: Option<(Id, u32)>,
    /// Whose timer it is, and its token.
    timers: BTreeMap<u64, (usize, u64)>,
    tokens: u64,
}

impl Pair {
    /// Calls one of the two, and notes its duties and timers.
    fn call<R>(&mut self, n: usize, ctx: &mut Ctx<'_>, call: impl FnOnce(&mut dyn Agent, &mut Ctx<'_>) -> R) -> R {
        let earlier = std::mem::take(&mut ctx.effects);
        let others = ctx.duties.take();
        let answer = call(&mut *self.agents[n], ctx);
        let changed = ctx.duties.take();
        // A duty to grind has a block made already, and the wallet acts for both.
        let passes = |effect: &Effect| n == 0 || !matches!(effect, Effect::Act { .. });
        for effect in std::mem::replace(&mut ctx.effects, earlier).into_iter().filter(passes) {
            ctx.effect(match effect {
                Effect::Timer(at, token) => {
                    self.tokens += 1;
                    self.timers.insert(self.tokens, (n, token));
                    Effect::Timer(at, self.tokens)
                }
                other => other,
            });
        }
        ctx.duties = match changed {
            Some(mut plan) => {
                plan.retain(|duty| n == 0 || matches!(duty, Duty::Slot { .. }));
                self.plans[n] = plan;
                Some(self.plans.concat())
            }
            None => others,
        };
        answer
    }

    /// Calls both; the answer is the first one's.
    fn call_both<R>(&mut self, ctx: &mut Ctx<'_>, mut call: impl FnMut(&mut dyn Agent, &mut Ctx<'_>) -> R) -> R {
        let answer = self.call(0, ctx, &mut call);
        self.call(1, ctx, call);
        answer
    }

    /// Whether `tip` is the first one's block and the second still means to make one beside it.
    fn owes_another(&self, tip: &BlockView<'_>, ctx: &Ctx<'_>) -> bool {
        let parent = tip.header.parent;
        let due =
            |duty: &Duty| matches!(duty, Duty::Slot { draft, time } if draft.parent == parent && *time <= ctx.now);
        self.signed == Some((parent, tip.header.time)) && self.plans[1].iter().any(due)
    }
}

impl Agent for Pair {
    fn restore(&mut self, kept: &[(Vec<u8>, Vec<u8>)]) {
        self.agents.iter_mut().for_each(|agent| agent.restore(kept));
    }

    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        if self.owes_another(tip, ctx) {
            self.call(0, ctx, |agent, ctx| agent.on_tip(tip, ctx));
        } else {
            self.call_both(ctx, |agent, ctx| agent.on_tip(tip, ctx));
        }
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        let place = Some((block.header.parent, block.header.time));
        if self.signed != place {
            self.signed = place;
            return self.call(0, ctx, |agent, ctx| agent.seal(block, seal, ctx));
        }
        self.signed = None;
        let sealed = self.call(1, ctx, |agent, ctx| agent.seal(block, seal, ctx));
        // Now it may know what the node has been extending since.
        let chain = ctx.chain;
        if let Ok(tip) = chain.block(&ctx.tip) {
            self.call(1, ctx, |agent, ctx| agent.on_tip(&tip, ctx));
        }
        sealed
    }

    fn on_block(&mut self, block: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.call_both(ctx, |agent, ctx| agent.on_block(block, ctx));
    }

    fn on_proposal(&mut self, block: &BlockView<'_>, seal: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        self.call_both(ctx, |agent, ctx| agent.on_proposal(block, seal, ctx))
    }

    fn on_message(&mut self, from: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        self.call_both(ctx, |agent, ctx| agent.on_message(from, bytes, ctx))
    }

    fn on_passing(&mut self, from: &Address, to: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        self.call_both(ctx, |agent, ctx| agent.on_passing(from, to, bytes, ctx))
    }

    fn on_timer(&mut self, token: u64, ctx: &mut Ctx<'_>) {
        if let Some((n, token)) = self.timers.remove(&token) {
            self.call(n, ctx, |agent, ctx| agent.on_timer(token, ctx));
        }
    }
}
