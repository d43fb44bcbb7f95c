//! Proposals: blocks whose seals are not complete, on their way to those who are to sign them.

use std::sync::Arc;

use super::{Missing, Refusal};
use crate::block::Block;
use crate::message::{InvItem, Message};
use crate::node::config::{Announce, Role};
use crate::node::io::Event;
use crate::node::peer::PeerId;
use crate::node::price;
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::transport::BAN_SCORE;

impl Node {
    /// Tells the neighbours about a proposal.
    pub(in crate::node) fn announce_proposal(&mut self, turn: &mut Turn<'_>, block: &Arc<Block>, from: Option<PeerId>) {
        let id = block.id();
        let message = match self.config.relay.announce {
            Announce::Flood => Message::Proposal(block.clone()),
            Announce::Inv | Announce::Headers => Message::Inv(vec![InvItem::Proposal(id)]),
        };
        turn.out.send_all(from, message);
        turn.out.event(Event::Forwarded { id, what: "proposal" });
    }

    /// A neighbour proposes a block: validated like any other but for its seal, shown to the agent, and passed on if that
    /// says so. Gives what must come first.
    #[inline(never)]
    pub(in crate::node) fn on_proposal(
        &mut self,
        turn: &mut Turn<'_>,
        from: PeerId,
        block: Arc<Block>,
    ) -> Option<Missing> {
        let id = block.id();
        self.fulfil_request(turn, from, &InvItem::Proposal(id));
        let interval = turn.world.rules().env.chain.block_interval_us;
        self.charge_traffic(turn, from, price::of_proposal(interval));
        if self.config.role == Role::Wallet
            || self.seldom.unpublished.has_proposal(&id)
            || self.knows_block(turn.world, &id)
        {
            return None;
        }
        let parent = block.head.header.parent;
        if !self.has_block(turn.world, &parent) {
            return Some((from, vec![parent]));
        }
        match self.validate_unsealed(turn, id, &block) {
            Ok(ix) => {
                let verdict = self.with_agent(turn, Some(from), |agent, world, ctx| {
                    let mut view = world.tree().view(ix);
                    view.extra = &block.head.extra;
                    agent.on_proposal(&view, &block.head.seal, ctx)
                });
                // What does not pass leaves no trace: the same block may come with the seal of its true proposer.
                if self.lets_pass(turn, from, verdict) {
                    self.seldom.unpublished.keep_proposal(block.clone());
                    self.announce_proposal(turn, &block, Some(from));
                }
            }
            Err(Refusal::Bad { score, why }) => {
                let why = why.within("proposal").into();
                turn.out.event(Event::BlockRejected { id, from: Some(from), why });
                self.penalize(turn, Some(from), score.min(BAN_SCORE), "it proposed a block that is not valid");
            }
            Err(Refusal::Undecided(why)) => turn.fault(format!("the proposal {id} is undecided: {why}")),
            Err(Refusal::Orphan(_) | Refusal::Future(_)) => {}
        }
        None
    }
}
