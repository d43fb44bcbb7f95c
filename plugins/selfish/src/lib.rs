//! Selfish mining around any honest agent (Eyal and Sirer 2014, algorithm 1).
//!
//! The attacker keeps what it produces to itself and extends it. When others publish a block, its remaining lead
//! decides what it does. It
//!
//! - gives up its branch, when theirs is longer now;
//! - publishes its branch and races, when both are equally long; its next block wins the race and is published at once;
//! - publishes all of its branch and wins, when it leads by one;
//! - publishes as many blocks as the others have, when it leads by more.
//!
//! What the attacker earns depends on its share of the power and on gamma, the share of the honest power that extends
//! its branch in a race. Gamma is not a parameter: it is what the network and `chain.tie_break` make of it.
//!
//! The branch is compared by height, as if all blocks weighed the same. Blocks of others are not passed on: that would
//! only help them in a race.

#[cfg(test)]
mod tests;

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx, Effect, Sealed};
use fika_core::env::Env;
use fika_core::hash::Id;
use fika_core::plugin::Plugin;
use fika_core::view::BlockView;
use serde::{Deserialize, Serialize};

/// The attack.
pub struct Selfish;

/// It has no parameters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Plugin for Selfish {
    const NAME: &'static str = "selfish";
    const ABOUT: &'static str = "keeps its blocks back and publishes them when others lose by it (Eyal and Sirer 2014)";
    type Params = Params;

    fn new(_: Params, _: &Env) -> Result<Self, String> {
        Ok(Selfish)
    }
}

impl Attack for Selfish {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Miner { honest, sealed: Vec::new(), held: Vec::new(), public_height: 0, race: None })
    }
}

struct Miner {
    honest: Box<dyn Agent>,
    /// Own blocks that the node has not accepted yet, and whether they are to be held.
    sealed: Vec<(Id, bool)>,
    /// Own blocks that nobody knows, with their heights, oldest first.
    held: Vec<(u64, Id)>,
    /// Height of the longest chain that everybody knows.
    public_height: u64,
    /// The own tip while it and another one are public and equally high.
    race: Option<Id>,
}

impl Miner {
    fn publish_to(&mut self, height: u64, ctx: &mut Ctx<'_>) {
        let known = self.held.partition_point(|(own, _)| *own <= height);
        self.held.drain(..known).for_each(|(_, id)| ctx.effect(Effect::Publish(id, Vec::new())));
    }

    /// All know the block: others made it, or it is an own one that was published at once.
    fn on_public(&mut self, block: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        if block.height > self.public_height {
            (self.public_height, self.race) = (block.height, None);
            if let Some(&(last, tip)) = self.held.last() {
                match last.checked_sub(block.height) {
                    None => self.held.clear(),
                    Some(0) => self.race = Some(tip),
                    Some(1) => self.public_height = last,
                    Some(_) => {}
                }
                self.publish_to(self.public_height, ctx);
            }
        }
        // A tie break by lot must not move the attacker to the other branch.
        if let Some(own) = self.race {
            ctx.effect(Effect::Adopt(own));
        }
    }
}

impl Agent for Miner {
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        Some(&mut *self.honest)
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        let sealed = self.honest.seal(block, seal, ctx);
        if sealed != Sealed::Publish {
            return sealed;
        }
        let wins = self.race == Some(block.header.parent);
        self.sealed.push((block.id, !wins));
        if wins { Sealed::Publish } else { Sealed::Hold }
    }

    fn on_block(&mut self, block: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.honest.on_block(block, ctx);
        let own = self.sealed.iter().position(|(id, _)| *id == block.id);
        match own.map(|at| self.sealed.remove(at)) {
            Some((_, true)) => self.held.push((block.height, block.id)),
            Some((_, false)) => self.on_public(block, ctx),
            None => {
                ctx.effect(Effect::Withhold(block.id));
                self.on_public(block, ctx);
            }
        }
    }
}

fika_core::export!(attack Selfish);
