//! Duties, templates, and what becomes of the blocks made of them.

use std::sync::Arc;

use super::block_relay::Refusal;
use super::duties::{Job, TemplateAge};
use super::io::{Event, Work};
use super::mempool::TxReject;
use super::pending::ReceivedBlock;
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use crate::agent::{Duty, Sealed};
use crate::block::{Block, Tx};
use crate::env::Proof;
use crate::hash::Id;
use crate::header::{Header, Time};
use crate::view::BlockView;
use crate::world::Assembly;

impl Node {
    /// Gives the runtime new work when the duties have changed, or when the templates of the old one are too old.
    pub(super) fn refresh_work(&mut self, turn: &mut Turn<'_>) {
        if self.duties.is_current() {
            return;
        }
        self.duties.changed = false;
        let sampled = turn.world.rules().env.chain.proof == Proof::Sampled;
        self.duties.template = TemplateAge { time: turn.now, arrived: self.mempool.arrived() };
        self.duties.jobs.clear();
        if !sampled {
            self.timers.cancel(|timer| *timer == Timer::Template);
        }
        let mut work = std::mem::take(&mut turn.out.work_list);
        for duty in 0..self.duties.duties.len() {
            work.extend(self.new_job(turn, duty, sampled));
        }
        if !sampled && !work.is_empty() {
            // Never in this very moment: time must go on.
            self.timers.set(turn.now + self.config.template_age_us.max(1), Timer::Template);
        }
        turn.out.work = Some(work);
    }

    /// The work for one duty, if it is one to be ground.
    fn new_job(&mut self, turn: &mut Turn<'_>, duty: usize, sampled: bool) -> Option<Work> {
        let Duty::Grind { expected_tries, .. } = self.duties.duties[duty] else { return None };
        if !self.config.mines {
            return None;
        }
        let block = if sampled { None } else { Some(self.assemble(turn, duty, turn.now, false)?) };
        self.duties.tickets += 1;
        let ticket = self.duties.tickets;
        let header = block.as_ref().map(|block| block.head.header);
        self.duties.jobs.push(Job { ticket, duty, block: block.map(Box::new) });
        Some(Work { ticket, header, expected_tries })
    }

    /// A block for one of the duties, without proof.
    fn assemble(&mut self, turn: &mut Turn<'_>, duty: usize, time: Time, exact: bool) -> Option<Block> {
        let (Duty::Grind { draft, .. } | Duty::Slot { draft, .. }) = self.duties.duties[duty].clone();
        self.duties.extra_nonce += 1;
        let (world, chain) = (&*turn.world, &turn.world.rules().env.chain);
        let parent = world.tree().find(&draft.parent).unwrap_or(self.tip);
        let room = world.room(&draft, parent, &self.address, self.duties.extra_nonce);
        let arrived = if exact { self.mempool.arrived() } else { self.duties.template.arrived };
        let selected = self.mempool.select_arrived(world.txs(), room, arrived);
        let order = Assembly {
            draft: &draft,
            time: chain.tick(time),
            exact,
            txs: selected.iter().filter_map(|tx| turn.world.txs().tx(*tx).cloned()).collect(),
            payee: self.address,
            extra_nonce: self.duties.extra_nonce,
        };
        match turn.world.assemble(order) {
            Ok(template) => {
                // On another block than the tip, the same transactions may be fine again.
                let on_tip = draft.parent == turn.world.tree()[self.tip].id;
                for tx in template.dropped.into_iter().filter(|_| on_tip) {
                    self.drop_stale(turn, &tx);
                }
                Some(template.block)
            }
            Err(reject) => {
                turn.fault(format!("no block can be made for a duty: {reject}"));
                None
            }
        }
    }

    /// A transaction that no block can take any longer.
    fn drop_stale(&mut self, turn: &mut Turn<'_>, tx: &Tx) {
        let txs = turn.world.txs_mut();
        let Some(tx) = txs.find(&tx.hash()) else { return };
        let removed = self.mempool.remove_with_descendants(txs, tx);
        self.drop_txs(turn, removed, &TxReject::Stale);
    }

    pub(super) fn on_slot(&mut self, turn: &mut Turn<'_>, generation: u64, duty: usize) {
        if generation != self.duties.generation {
            return;
        }
        let Some(Duty::Slot { time, .. }) = self.duties.duties.get(duty) else { return };
        let time = *time;
        if let Some(block) = self.assemble(turn, duty, time, true) {
            self.finish_block(turn, block);
        }
    }

    #[inline(never)]
    pub(super) fn on_found(&mut self, turn: &mut Turn<'_>, ticket: u64, header: Header) {
        let Some(at) = self.duties.jobs.iter().position(|job| job.ticket == ticket) else { return };
        let Some(mut block) = self.duties.jobs.remove(at).block else { return };
        block.head.header.nonce = header.nonce;
        self.finish_block(turn, *block);
        // Unless the tip has moved, the same duty goes on.
        self.duties.changed = true;
    }

    #[inline(never)]
    pub(super) fn on_exhausted(&mut self, turn: &mut Turn<'_>, ticket: u64) {
        if self.duties.jobs.iter().any(|job| job.ticket == ticket) {
            self.duties.changed = true;
            turn.out.work = None;
        }
    }

    #[inline(never)]
    pub(super) fn on_drawn(&mut self, turn: &mut Turn<'_>, ticket: u64) {
        let Some(at) = self.duties.jobs.iter().position(|job| job.ticket == ticket) else { return };
        let duty = self.duties.jobs.remove(at).duty;
        self.duties.template.renew(turn.now, self.config.template_age_us, self.mempool.arrived());
        if let Some(block) = self.assemble(turn, duty, self.duties.template.time, false) {
            self.finish_block(turn, block);
        }
        self.duties.changed = true;
    }

    /// Lets the agent sign a block of this node, and does with it what the agent says.
    fn finish_block(&mut self, turn: &mut Turn<'_>, mut block: Block) {
        let header = block.head.header;
        let extra = std::mem::take(&mut block.head.extra);
        let tree = turn.world.tree();
        let Some(parent) = tree.find(&header.parent) else { return };
        let (height, weight) = (tree[parent].height + 1, tree[parent].weight);
        let mut seal = Vec::new();
        let sealed = self.with_agent(turn, None, |agent, _, ctx| {
            let view = BlockView { id: header.id(), header, height, weight, extra: &extra };
            agent.seal(&view, &mut seal, ctx)
        });
        (block.head.extra, block.head.seal) = (extra, seal);
        self.finish_own(turn, Arc::new(block), sealed);
    }

    /// The time of own blocks has come.
    pub(super) fn release_own(&mut self, turn: &mut Turn<'_>) {
        while let Some((block, sealed)) = self.seldom.unpublished.due(turn.now) {
            self.finish_own(turn, block, sealed);
        }
    }

    /// Does with an own block what the agent has said.
    fn finish_own(&mut self, turn: &mut Turn<'_>, block: Arc<Block>, sealed: Sealed) {
        if sealed == Sealed::Drop {
            return;
        }
        let id = block.id();
        let ix = match self.validate_unsealed(turn, id, &block) {
            Ok(ix) => ix,
            // The rules wanted a later time than the clock's: it is accepted when that has come.
            Err(Refusal::Future(at)) => {
                self.seldom.unpublished.defer(at, id, block, sealed);
                self.timers.set(at, Timer::FutureBlock);
                return;
            }
            Err(Refusal::Orphan(_)) => return,
            Err(Refusal::Undecided(why)) => return turn.fault(format!("own block {id} is undecided: {why}")),
            Err(Refusal::Bad { why, .. }) => {
                let why = why.within("own block").into();
                turn.out.event(Event::BlockRejected { id, from: None, why });
                return;
            }
        };
        turn.out.event(Event::Produced { block: ix });
        match sealed {
            Sealed::Drop => {}
            Sealed::Publish | Sealed::Hold => {
                if let Err(reject) = turn.world.seal(ix, &block.head.seal) {
                    let why = reject.into_reason().within("own block: seal").into();
                    turn.out.event(Event::BlockRejected { id, from: None, why });
                    return;
                }
                self.accept_block(turn, ix, None, sealed == Sealed::Publish);
            }
            Sealed::Propose => {
                self.seldom.unpublished.keep_proposal(block.clone());
                self.announce_proposal(turn, &block, None);
            }
        }
    }

    /// The agent publishes a block that was held or proposed, with its complete seal.
    #[inline(never)]
    pub(super) fn publish(&mut self, turn: &mut Turn<'_>, id: &Id, seal: Vec<u8>) {
        let held = turn.world.tree().find(id).filter(|ix| self.seldom.unpublished.is_hidden(*ix));
        if let Some(ix) = held {
            // Its ancestors must be public too, or nobody could use it.
            let tree = turn.world.tree();
            let mut chain = vec![ix];
            while self.seldom.unpublished.is_hidden(tree[chain[chain.len() - 1]].parent) {
                chain.push(tree[chain[chain.len() - 1]].parent);
            }
            for ix in chain.into_iter().rev() {
                self.seldom.unpublished.reveal(ix);
                turn.out.event(Event::Published { block: ix });
                self.announce_block(turn, ix, None);
            }
            return;
        }
        let Some(block) = self.seldom.unpublished.proposal(id) else {
            return turn.fault(format!("the agent publishes {id}, which was neither held nor proposed"));
        };
        let mut block = Arc::unwrap_or_clone(block);
        block.head.seal = seal;
        turn.out.pending.blocks.push_back(ReceivedBlock { id: *id, block: Arc::new(block), from: None });
    }
}
