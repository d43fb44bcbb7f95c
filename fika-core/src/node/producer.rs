//! Duties, templates, and what becomes of the blocks made of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::ahead::at;
use super::chain::{Arrival, Refusal};
use super::io::{Event, PeerId, Work};
use super::rare::{Empty, Rare};
use super::timers::Timer;
use super::{Announce, Node, Role, Turn};
use smallvec::SmallVec;

use crate::agent::{Duty, Sealed};
use crate::block::{Block, Tx};
use crate::env::Proof;
use crate::hash::Id;
use crate::header::{Header, Time};
use crate::message::{Item, Message};
use crate::transport::BAN_POINTS;
use crate::view::BlockView;
use crate::world::{Assembly, BlockIx};

/// Proposed blocks kept at the same time.
const MAX_CANDIDATES: usize = 64;

/// One piece of work that a duty asks for.
struct Job {
    ticket: u64,
    duty: usize,
    /// The block whose header is being ground; `None` where time is drawn.
    block: Option<Box<Block>>,
}

/// What the node is about to produce, and what it has produced but not published.
#[derive(Default)]
pub(super) struct Producer {
    duties: Vec<Duty>,
    generation: u64,
    jobs: SmallVec<[Job; 1]>,
    tickets: u64,
    extra_nonce: u64,
    /// The work has changed and the runtime must be told.
    changed: bool,
    pub(super) mempool_changed: bool,
    pub(super) template_due: bool,
    template_time: Time,
    unpublished: Rare<Unpublished>,
}

/// Blocks that the node has made or been shown but that are not public.
#[derive(Default)]
struct Unpublished {
    candidates: VecDeque<(Id, Arc<Block>)>,
    hidden: BTreeSet<BlockIx>,
    /// Own blocks whose time has not come, by that time.
    early: BTreeMap<(Time, Id), (Arc<Block>, Sealed)>,
}

impl Empty for Unpublished {
    const EMPTY: &'static Unpublished =
        &Unpublished { candidates: VecDeque::new(), hidden: BTreeSet::new(), early: BTreeMap::new() };
}

impl Producer {
    /// Where the first duty is, and its bytes.
    pub(super) fn newest(&self) -> (*const u8, usize) {
        (self.duties.as_ptr().cast(), size_of::<Duty>())
    }

    /// Where it is said what is not public.
    pub(super) fn unpublished_at(&self) -> *const u8 {
        at(&self.unpublished)
    }

    /// Whether the runtime has the work that it is to have, but for newer transactions.
    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        !self.changed && !self.template_due
    }

    pub(super) fn has_candidate(&self, id: &Id) -> bool {
        self.unpublished.candidates.iter().any(|(known, _)| known == id)
    }

    pub(super) fn candidate(&self, id: &Id) -> Option<Arc<Block>> {
        self.unpublished.candidates.iter().find(|(known, _)| known == id).map(|(_, block)| block.clone())
    }

    fn keep_candidate(&mut self, block: Arc<Block>) {
        let candidates = &mut self.unpublished.candidates;
        candidates.push_back((block.id(), block));
        if candidates.len() > MAX_CANDIDATES {
            candidates.pop_front();
        }
    }

    /// Nobody else may know of this block yet.
    #[cold]
    pub(super) fn hide(&mut self, ix: BlockIx) {
        self.unpublished.hidden.insert(ix);
    }

    pub(super) fn is_hidden(&self, ix: BlockIx) -> bool {
        self.unpublished.hidden.contains(&ix)
    }
}

impl Node {
    #[inline(never)]
    pub(super) fn start(&mut self, turn: &mut Turn<'_>) {
        let tip = self.tip;
        self.show_block(turn, None, tip, |agent, view, ctx| agent.on_tip(view, ctx));
        self.rebroadcast(turn);
    }

    /// Replaces all duties.
    pub(super) fn set_duties(&mut self, turn: &mut Turn<'_>, duties: Vec<Duty>) {
        if self.config.role == Role::Wallet {
            return;
        }
        self.producer.generation += 1;
        let generation = self.producer.generation;
        self.timers.cancel(|timer| matches!(timer, Timer::Slot { .. } | Timer::Template));
        for (duty, wanted) in (0..).zip(&duties) {
            if let Duty::Slot { time, .. } = wanted {
                self.timers.set((*time).max(turn.now), Timer::Slot { generation, duty });
            }
        }
        turn.out.duty_list = std::mem::replace(&mut self.producer.duties, duties);
        turn.out.duty_list.clear();
        self.producer.changed = true;
    }

    /// Gives the runtime new work when the duties have changed, or when the old work lacks transactions for too long.
    pub(super) fn refresh_work(&mut self, turn: &mut Turn<'_>) {
        let producer = &self.producer;
        if producer.is_settled() && !producer.mempool_changed {
            return;
        }
        let sampled = turn.world.rules().env.chain.proof == Proof::Sampled;
        let grinds = |duties: &[Duty]| duties.iter().any(|duty| matches!(duty, Duty::Grind { .. }));
        if std::mem::take(&mut self.producer.mempool_changed) && !sampled && grinds(&self.producer.duties) {
            let at = self.producer.template_time + self.config.template_age_us;
            self.timers.cancel(|timer| *timer == Timer::Template);
            self.timers.set(at.max(turn.now), Timer::Template);
        }
        let due = std::mem::take(&mut self.producer.template_due) && grinds(&self.producer.duties);
        if !std::mem::take(&mut self.producer.changed) && !due {
            return;
        }
        self.producer.template_time = turn.now;
        self.producer.jobs.clear();
        let mut work = turn.out.list_of_work();
        for duty in 0..self.producer.duties.len() {
            work.extend(self.new_job(turn, duty, sampled));
        }
        turn.out.work = Some(work);
    }

    /// The work for one duty, if it is one to be ground.
    fn new_job(&mut self, turn: &mut Turn<'_>, duty: usize, sampled: bool) -> Option<Work> {
        let Duty::Grind { expected_tries, .. } = self.producer.duties[duty] else { return None };
        let block = if sampled { None } else { Some(self.assemble(turn, duty, turn.now, false)?) };
        self.producer.tickets += 1;
        let ticket = self.producer.tickets;
        let header = block.as_ref().map(|block| block.head.header);
        self.producer.jobs.push(Job { ticket, duty, block: block.map(Box::new) });
        Some(Work { ticket, header, expected_tries })
    }

    /// A block for one of the duties, without proof.
    fn assemble(&mut self, turn: &mut Turn<'_>, duty: usize, time: Time, exact: bool) -> Option<Block> {
        let (Duty::Grind { draft, .. } | Duty::Slot { draft, .. }) = self.producer.duties[duty].clone();
        self.producer.extra_nonce += 1;
        let chain = &turn.world.rules().env.chain;
        let parent_time = turn.world.tree().find(&draft.parent).map_or(0, |ix| turn.world.tree()[ix].header.time);
        let now = chain.tick(time);
        let order = Assembly {
            draft: &draft,
            time: if exact { now } else { now.max(parent_time) },
            exact,
            txs: self.mempool.select(turn.world.txs(), chain.max_block_bytes),
            payee: self.address,
            extra_nonce: self.producer.extra_nonce,
        };
        match turn.world.assemble(order) {
            Ok(template) => {
                // On another block than the tip, the same transactions may be fine again.
                let on_tip = draft.parent == turn.world.tree()[self.tip].id;
                for tx in template.dropped.into_iter().filter(|_| on_tip) {
                    self.drop_tx(turn, &tx);
                }
                Some(template.block)
            }
            Err(reject) => {
                turn.out.event(Event::Fault { why: format!("no block can be made for a duty: {reject}") });
                None
            }
        }
    }

    /// A transaction that no block can take any more.
    fn drop_tx(&mut self, turn: &mut Turn<'_>, tx: &Tx) {
        for hash in self.mempool.remove_with_children(turn.world.txs_mut(), &tx.hash()) {
            turn.out.event(Event::TxDropped { hash, why: "it can no longer be applied".into() });
        }
    }

    pub(super) fn on_slot(&mut self, turn: &mut Turn<'_>, generation: u64, duty: usize) {
        if generation != self.producer.generation {
            return;
        }
        let Some(Duty::Slot { time, .. }) = self.producer.duties.get(duty) else { return };
        let time = *time;
        if let Some(block) = self.assemble(turn, duty, time, true) {
            self.finish_block(turn, block);
        }
    }

    #[inline(never)]
    pub(super) fn on_found(&mut self, turn: &mut Turn<'_>, ticket: u64, header: Header) {
        let Some(at) = self.producer.jobs.iter().position(|job| job.ticket == ticket) else { return };
        let Some(mut block) = self.producer.jobs.remove(at).block else { return };
        block.head.header.nonce = header.nonce;
        self.finish_block(turn, *block);
        // Unless the tip has moved, the same duty goes on.
        self.producer.changed = true;
    }

    #[inline(never)]
    pub(super) fn on_exhausted(&mut self, turn: &mut Turn<'_>, ticket: u64) {
        if self.producer.jobs.iter().any(|job| job.ticket == ticket) {
            self.producer.changed = true;
            turn.out.work = None;
        }
    }

    #[inline(never)]
    pub(super) fn on_drawn(&mut self, turn: &mut Turn<'_>, ticket: u64) {
        let Some(at) = self.producer.jobs.iter().position(|job| job.ticket == ticket) else { return };
        let duty = self.producer.jobs.remove(at).duty;
        if let Some(block) = self.assemble(turn, duty, turn.now, false) {
            self.finish_block(turn, block);
        }
        self.producer.changed = true;
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
        self.settle_own(turn, Arc::new(block), sealed);
    }

    /// Takes in the node's own blocks whose time has come.
    pub(super) fn release_own(&mut self, turn: &mut Turn<'_>) {
        while let Some(first) = self.producer.unpublished.early.first_entry().filter(|entry| entry.key().0 <= turn.now)
        {
            let (block, sealed) = first.remove();
            self.settle_own(turn, block, sealed);
        }
    }

    fn settle_own(&mut self, turn: &mut Turn<'_>, block: Arc<Block>, sealed: Sealed) {
        if sealed == Sealed::Drop {
            return;
        }
        let id = block.id();
        let ix = match self.insert_judged(turn, id, &block) {
            Ok(ix) => ix,
            // The rules wanted a later time than the clock's: it is taken in when that has come.
            Err(Refusal::Early(at)) => {
                self.producer.unpublished.early.insert((at, id), (block, sealed));
                self.timers.set(at, Timer::Held);
                return;
            }
            Err(Refusal::Waits(_)) => return,
            Err(Refusal::Bad { why, .. }) => {
                turn.out.event(Event::BlockRejected { id, from: None, why: format!("own block: {why}") });
                return;
            }
        };
        turn.out.event(Event::Produced { block: ix });
        match sealed {
            Sealed::Drop => {}
            Sealed::Publish | Sealed::Hold => {
                if let Err(reject) = turn.world.seal(ix, &block.head.seal) {
                    let why = format!("own block: seal: {reject}");
                    turn.out.event(Event::BlockRejected { id, from: None, why });
                    return;
                }
                self.accept_block(turn, ix, None, sealed == Sealed::Publish);
            }
            Sealed::Propose => {
                self.producer.keep_candidate(block.clone());
                self.announce_candidate(turn, &block, None);
            }
        }
    }

    fn announce_candidate(&mut self, turn: &mut Turn<'_>, block: &Arc<Block>, from: Option<PeerId>) {
        let id = block.id();
        let message = match self.config.relay.announce {
            Announce::Flood => Message::Candidate(block.clone()),
            Announce::Inv | Announce::Headers => Message::Inv(vec![Item::Candidate(id)]),
        };
        turn.out.send_all(from, message);
        turn.out.event(Event::Forwarded { id, what: "candidate" });
    }

    /// A neighbour proposes a block: judged like any other but for its seal, and shown to the agent.
    #[inline(never)]
    pub(super) fn on_candidate(&mut self, turn: &mut Turn<'_>, from: PeerId, block: Arc<Block>) {
        let id = block.id();
        self.end_request(&Item::Candidate(id));
        if self.config.role == Role::Wallet || self.producer.has_candidate(&id) || self.knows_block(turn, &id) {
            return;
        }
        let parent = block.head.header.parent;
        if !self.has_block(turn.world, &parent) {
            return self.fetch_missing(turn, Some(from), vec![parent]);
        }
        match self.insert_judged(turn, id, &block) {
            Ok(ix) => {
                self.producer.keep_candidate(block.clone());
                self.announce_candidate(turn, &block, Some(from));
                self.with_agent(turn, Some(from), |agent, world, ctx| {
                    let mut view = world.tree().view(ix);
                    view.extra = &block.head.extra;
                    agent.on_candidate(&view, &block.head.seal, ctx);
                });
            }
            Err(Refusal::Bad { points, why }) => {
                turn.out.event(Event::BlockRejected { id, from: Some(from), why: format!("candidate: {why}") });
                self.blame(turn, Some(from), points.min(BAN_POINTS), "it proposed a block that is not valid");
            }
            Err(_) => {}
        }
    }

    /// The agent publishes a block that was held or proposed, with its complete seal.
    #[inline(never)]
    pub(super) fn publish(&mut self, turn: &mut Turn<'_>, id: &Id, seal: Vec<u8>) {
        let held = turn.world.tree().find(id).filter(|ix| self.producer.is_hidden(*ix));
        if let Some(ix) = held {
            // Its ancestors must be public too, or nobody could use it.
            let tree = turn.world.tree();
            let mut chain = vec![ix];
            while self.producer.is_hidden(tree[chain[chain.len() - 1]].parent) {
                chain.push(tree[chain[chain.len() - 1]].parent);
            }
            for ix in chain.into_iter().rev() {
                self.producer.unpublished.hidden.remove(&ix);
                self.announce_block(turn, ix, None);
            }
            return;
        }
        let Some(block) = self.producer.candidate(id) else {
            turn.out
                .event(Event::Fault { why: format!("the agent publishes {id}, which was neither held nor proposed") });
            return;
        };
        let mut block = Arc::unwrap_or_clone(block);
        block.head.seal = seal;
        turn.out.arrived.push_back(Arrival { id: *id, block: Arc::new(block), from: None });
    }
}
