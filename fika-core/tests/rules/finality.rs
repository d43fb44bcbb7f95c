//! Founders take turns, and vote on every fifth block: with two thirds of the votes it is final and adopted.

use std::collections::BTreeMap;

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Effect, Gossip, Sealed};
use fika_core::codec::{Decode, Encode};
use fika_core::consensus::Consensus;
use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};
use fika_core::reject::Reject;
use fika_core::view::{BlockView, ChainView};

use super::RoundRobin;

/// Blocks between votes.
pub const CHECKPOINT: u64 = 5;

#[derive(Clone)]
pub struct Finality(pub Env);

pub fn vote_digest(id: &Id) -> Id {
    domain_hash("final vote", &[&id.0])
}

impl Consensus for Finality {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        RoundRobin(self.0.clone()).check(block, parent, past)
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], past: &dyn ChainView) -> Result<(), Reject> {
        RoundRobin(self.0.clone()).check_seal(block, seal, past)
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        let turns = RoundRobin(self.0.clone()).agent(me);
        Box::new(Voter { env: self.0.clone(), turns, voted: 0, votes: BTreeMap::new(), waiting: None })
    }
}

struct Voter {
    env: Env,
    turns: Box<dyn Agent>,
    voted: u64,
    votes: BTreeMap<Id, Vec<Address>>,
    /// Final by its votes, but not here yet.
    waiting: Option<Id>,
}

impl Voter {
    fn count(&mut self, id: Id, who: Address, ctx: &mut Ctx<'_>) {
        let genesis = ctx.chain.ancestor(&ctx.tip, 0).expect("genesis").id;
        let founders = ctx.chain.stakes(&genesis).expect("at genesis");
        let votes = self.votes.entry(id).or_default();
        if votes.contains(&who) || !founders.iter().any(|(founder, _)| *founder == who) {
            return;
        }
        votes.push(who);
        if 3 * (votes.len() - 1) < 2 * founders.len() && 3 * votes.len() >= 2 * founders.len() {
            self.waiting = Some(id);
            self.settle(ctx);
        }
    }

    fn settle(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(id) = self.waiting.filter(|id| ctx.chain.block(id).is_ok()) {
            self.waiting = None;
            ctx.effect(Effect::Finalize(id));
            ctx.effect(Effect::Adopt(id));
        }
    }
}

impl Agent for Voter {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.turns.on_tip(tip, ctx);
        let height = tip.height / CHECKPOINT * CHECKPOINT;
        if height > self.voted {
            self.voted = height;
            let id = ctx.chain.ancestor(&tip.id, height).expect("below the tip").id;
            let vote = (id, ctx.signer.sign(&vote_digest(&id)));
            ctx.effect(Effect::Broadcast(vote.to_bytes()));
            let me = ctx.me;
            self.count(id, me, ctx);
        }
        self.settle(ctx);
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        self.turns.seal(block, seal, ctx)
    }

    fn on_block(&mut self, _: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.settle(ctx);
    }

    fn on_message(&mut self, _: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        let Ok((id, proof)) = <(Id, Vec<u8>)>::from_bytes(bytes) else { return Gossip::Penalize };
        let Some(who) = self.env.signer(&vote_digest(&id), &proof) else { return Gossip::Penalize };
        self.count(id, who, ctx);
        Gossip::Forward
    }
}
