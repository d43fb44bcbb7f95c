//! Everything that must hold before a block is a node's own, in order.

use std::sync::Arc;

use crate::block::{Block, Head};
use crate::hash::Id;
use crate::header::Time;
use crate::node::pending::ReceivedBlock;
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::reject::{Reason, Reject};
use crate::transport::BAN_SCORE;
use crate::world::{BadBlock, BlockError, BlockIx, Verdict, World};

/// Why a block is not this node's, or not yet.
pub(in crate::node) enum Refusal {
    /// These blocks must come first.
    Orphan(Vec<Id>),
    /// The node's clock must pass this time first.
    Future(Time),
    /// A plugin failed, so nothing is known.
    Undecided(String),
    /// Not this one.
    Bad {
        /// The misbehaviour score for whoever sent it.
        score: u32,
        /// The broken rule.
        why: Reason,
    },
}

impl From<BadBlock> for Refusal {
    fn from(bad: BadBlock) -> Refusal {
        match bad {
            BadBlock::Orphan(parent) => Refusal::Orphan(vec![parent]),
            BadBlock::Fault(why) => Refusal::Undecided(why),
            bad => Refusal::Bad { score: BAN_SCORE, why: bad.into() },
        }
    }
}

impl Node {
    /// Checks headers before their blocks are asked for: that each is the parent of the next, their work, and, where they
    /// follow a block of this node, what else the rules can tell.
    ///
    /// # Errors
    /// What the neighbour that sent them has done.
    pub(in crate::node) fn check_heads(&self, turn: &Turn<'_>, heads: &[(Id, &Head)]) -> Result<(), String> {
        if heads.windows(2).any(|pair| pair[1].1.header.parent != pair[0].0) {
            return Err("its headers are not linked".into());
        }
        let checked = |reject: Reject| match reject {
            Reject::Fault(_) => Ok(()),
            other => Err(format!("it sent a header that is not accepted: {other}")),
        };
        heads.iter().try_for_each(|(_, head)| turn.world.check_work(&head.header).or_else(checked))?;
        let new = heads.partition_point(|(id, _)| self.has_block(turn.world, id));
        let Some((_, first)) = heads.get(new) else { return Ok(()) };
        let base = turn.world.tree().find(&first.header.parent).filter(|ix| self.seen.contains(*ix));
        base.map_or(Ok(()), |base| turn.world.check_headers(self.tip, base, &heads[new..]).or_else(checked))
    }

    /// Validates a received block, its seal included.
    pub(super) fn check_block(&mut self, turn: &mut Turn<'_>, received: &ReceivedBlock) -> Result<BlockIx, Refusal> {
        let ReceivedBlock { id, block, .. } = received;
        let header = &block.head.header;
        if self.is_refused(turn.world, &header.parent) {
            return Err(Refusal::Bad { score: BAN_SCORE, why: BlockError::InvalidParent.into() });
        }
        if !self.has_block(turn.world, &header.parent) {
            turn.world.check_alone(block)?;
            return Err(Refusal::Orphan(vec![header.parent]));
        }
        let ix = self.validate(turn, *id, block, World::insert_sealed)?;
        turn.world.seal(ix, &block.head.seal).map_err(|reject| match reject {
            Reject::Fault(why) => Refusal::Undecided(why),
            Reject::Invalid(why) => Refusal::Bad { score: BAN_SCORE, why: why.within("seal") },
            other => Refusal::Bad { score: 0, why: other.into_reason().within("seal") },
        })?;
        Ok(ix)
    }

    /// Validates a block on one that the node has, but for its seal.
    pub(in crate::node) fn validate_unsealed(
        &mut self,
        turn: &mut Turn<'_>,
        id: Id,
        block: &Arc<Block>,
    ) -> Result<BlockIx, Refusal> {
        self.validate(turn, id, block, World::insert_named)
    }

    fn validate(
        &mut self,
        turn: &mut Turn<'_>,
        id: Id,
        block: &Arc<Block>,
        insert: fn(&mut World, Id, Arc<Block>) -> Result<BlockIx, BadBlock>,
    ) -> Result<BlockIx, Refusal> {
        let header = &block.head.header;
        let earliest = turn.world.earliest(&id, header).map_err(Refusal::Undecided)?;
        if earliest > turn.now {
            turn.world.check_alone(block)?;
            return Err(Refusal::Future(earliest));
        }
        // Before it has a place in the tree, which nothing ever leaves.
        let mut unseen = turn.world.named_by(&id, block);
        unseen.retain(|id| !self.has_block(turn.world, id) && !self.is_refused(turn.world, id));
        if !unseen.is_empty() {
            turn.world.check_alone(block)?;
            return Err(Refusal::Orphan(unseen));
        }
        let ix = insert(turn.world, id, block.clone())?;
        let Err(reject) = turn.world.validate(ix) else { return Ok(ix) };
        // Not what another node of a shared world has found out: this node must have asked for itself.
        if matches!(turn.world.tree()[ix].verdict, Verdict::Invalid(_)) {
            self.seldom.refused.insert(ix);
        }
        Err(match reject {
            Reject::NotYet(missing) if !missing.is_empty() => Refusal::Orphan(missing),
            Reject::Fault(why) => Refusal::Undecided(why),
            Reject::Invalid(why) => Refusal::Bad { score: BAN_SCORE, why },
            other => Refusal::Bad { score: 0, why: other.into_reason() },
        })
    }
}
