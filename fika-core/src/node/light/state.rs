//! What a light node knows beside the headers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::block::Tx;
use crate::hash::Id;
use crate::node::peer::PeerId;
use crate::tx::{Credit, Outline};
use crate::world::{BlockIx, Tree};

/// What neighbours have said, by who has: no neighbour where it was agreed on before.
pub(super) type Claims<T> = Vec<(Option<PeerId>, T)>;

/// What the node is doing.
#[derive(Default)]
pub(super) enum Step {
    /// Nothing, or waiting for filters.
    #[default]
    Idle,
    /// Comparing the filter headers up to `stop`.
    Headers {
        stop: BlockIx,
        /// Who has not answered.
        open: Vec<PeerId>,
        /// The headers after what is agreed.
        claims: Claims<Vec<Id>>,
    },
    /// Collecting proofs of what the filter of a block seems to have.
    Proofs {
        block: BlockIx,
        matched: Vec<Vec<u8>>,
        open: Vec<PeerId>,
        shown: Vec<(PeerId, Vec<Id>)>,
        /// What was proven.
        txs: BTreeMap<Id, (u32, Tx)>,
    },
    /// Waiting for a whole block.
    Block(Dispute),
}

/// A block that is to say who is right.
pub(super) struct Dispute {
    pub(super) block: BlockIx,
    /// Whom it was asked of, the last one now.
    pub(super) asked: Vec<PeerId>,
    pub(super) about: About,
}

/// What is in dispute.
pub(super) enum About {
    /// The header of its filter.
    Filter(Claims<Id>),
    /// Which of its transactions touch something.
    Txs { matched: Vec<Vec<u8>>, shown: Vec<(PeerId, Vec<Id>)> },
}

/// All that a light node knows.
pub(in crate::node) struct Light {
    /// Of the node's coins.
    pub(super) lock: Vec<u8>,
    /// Up to where filter headers are agreed on.
    pub(super) agreed: BlockIx,
    /// Up to where payments have been looked for, which is never beyond that.
    pub(super) scanned: BlockIx,
    /// The filter headers that were agreed on.
    pub(super) headers: BTreeMap<BlockIx, Id>,
    /// The transactions of blocks that touch the node's coins, in the order of the block. A block is here once it was looked
    /// at, whether on the chain or not.
    pub(super) found: BTreeMap<BlockIx, Vec<Outline>>,
    pub(super) step: Step,
    /// Blocks whose filters are on their way, and who was asked.
    awaited: VecDeque<BlockIx>,
    filters_from: Option<PeerId>,
    /// Filters that have come.
    arrived: VecDeque<(BlockIx, Vec<u8>)>,
    /// Who has not answered lately: others are asked first.
    silent: BTreeSet<PeerId>,
    /// Who has made the node begin anew, whether somebody does so now, and up to which height that must show why.
    pub(super) doubters: Vec<PeerId>,
    pub(super) is_doubted: bool,
    pub(super) doubted_to: u64,
    /// Nobody has the filters yet: not before the next message or timeout.
    pub(super) paused: bool,
    /// A header was too early.
    pub(super) wants_headers: bool,
    /// There may be a next step.
    pub(in crate::node) changed: bool,
    pub(super) timed: bool,
}

impl Default for Light {
    fn default() -> Light {
        Light {
            lock: Vec::new(),
            agreed: Tree::GENESIS,
            scanned: Tree::GENESIS,
            headers: BTreeMap::new(),
            found: BTreeMap::new(),
            step: Step::Idle,
            awaited: VecDeque::new(),
            filters_from: None,
            arrived: VecDeque::new(),
            silent: BTreeSet::new(),
            doubters: Vec::new(),
            is_doubted: false,
            doubted_to: 0,
            paused: false,
            wants_headers: false,
            changed: false,
            timed: false,
        }
    }
}

impl Light {
    /// The node's coins as far as its chain was scanned, by key.
    pub(in crate::node) fn coins(&self, tree: &Tree) -> BTreeMap<Vec<u8>, Credit> {
        let mut coins = BTreeMap::new();
        // Parents come before their children.
        let on_chain = self.found.iter().filter(|(ix, _)| tree.is_ancestor(**ix, self.scanned));
        for outline in on_chain.flat_map(|(_, outlines)| outlines) {
            outline.spends.iter().for_each(|key| drop(coins.remove(key)));
            let own = outline.credits.iter().filter(|coin| coin.lock == self.lock);
            coins.extend(own.map(|coin| (coin.key.clone(), coin.clone())));
        }
        coins
    }

    /// The transactions of a block that touch the node's coins: no others of their coins are kept.
    pub(super) fn keep_found(&mut self, block: BlockIx, mut outlines: Vec<Outline>) {
        outlines.iter_mut().for_each(|outline| outline.credits.retain(|coin| coin.lock == self.lock));
        self.found.insert(block, outlines);
    }

    /// Neighbours were asked for something now: the time that they have begins.
    pub(super) fn asks(&mut self, step: Step) {
        (self.step, self.timed, self.changed) = (step, false, true);
    }

    /// Whether somebody's answer is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        !matches!(self.step, Step::Idle) || self.awaits_filters() || self.paused || self.wants_headers
    }

    /// Who was asked for a whole block.
    pub(super) fn asked_for_block(&self) -> Option<PeerId> {
        match &self.step {
            Step::Block(dispute) => dispute.asked.last().copied(),
            _ => None,
        }
    }

    /// Those who have not answered are not waited for.
    pub(super) fn give_up_waiting(&mut self) {
        if let Step::Headers { open, .. } | Step::Proofs { open, .. } = &mut self.step {
            self.silent.extend(open.drain(..));
        }
        self.silent.extend(self.asked_for_block());
        if matches!(self.step, Step::Idle) && self.awaits_filters() {
            self.silent.extend(self.filters_from);
            self.awaited.clear();
        }
        (self.paused, self.timed) = (false, false);
    }

    /// A neighbour is gone.
    pub(super) fn forget(&mut self, peer: PeerId) {
        if let Step::Headers { open, .. } | Step::Proofs { open, .. } = &mut self.step {
            open.retain(|other| *other != peer);
        }
        if self.filters_from == Some(peer) {
            self.awaited.clear();
        }
        self.doubters.retain(|other| *other != peer);
    }

    /// A neighbour answers.
    pub(super) fn heard(&mut self, peer: PeerId) {
        self.silent.remove(&peer);
        self.changed = true;
    }

    /// Those of these neighbours that answer; all of them where none does.
    pub(super) fn answering(&self, peers: Vec<PeerId>) -> Vec<PeerId> {
        let answering: Vec<PeerId> = peers.iter().copied().filter(|peer| !self.silent.contains(peer)).collect();
        if answering.is_empty() { peers } else { answering }
    }

    /// The chain of headers goes on from `fork`, above which all is another branch; `is_above` says what is.
    pub(super) fn leave(&mut self, fork: BlockIx, is_above: impl Fn(BlockIx) -> bool) {
        for at in [&mut self.agreed, &mut self.scanned] {
            if is_above(*at) {
                *at = fork;
            }
        }
        let block = match &self.step {
            Step::Idle => None,
            Step::Headers { stop, .. } => Some(*stop),
            Step::Proofs { block, .. } => Some(*block),
            Step::Block(dispute) => Some(dispute.block),
        };
        if block.is_some_and(is_above) {
            self.step = Step::Idle;
        }
        self.drop_filters();
    }

    /// Filters on their way are not waited for, nor those looked at that have come.
    pub(super) fn drop_filters(&mut self) {
        self.awaited.clear();
        self.arrived.clear();
    }

    /// A neighbour is asked for the filters of these blocks.
    pub(super) fn await_filters(&mut self, from: PeerId, blocks: impl IntoIterator<Item = BlockIx>) {
        (self.filters_from, self.timed) = (Some(from), false);
        self.awaited = blocks.into_iter().collect();
    }

    /// Whether filters are on their way.
    pub(super) fn awaits_filters(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// The block whose filter comes next, if that is this neighbour's.
    pub(super) fn next_awaited(&self, from: PeerId) -> Option<BlockIx> {
        self.awaited.front().copied().filter(|_| self.filters_from == Some(from))
    }

    /// The neighbour does not have the filters that it was asked for: another one is asked.
    pub(super) fn lacks_filters(&mut self, from: PeerId) {
        if self.next_awaited(from).is_some() {
            self.awaited.clear();
            self.silent.insert(from);
        }
    }

    /// It has come.
    pub(super) fn keep_filter(&mut self, filter: Vec<u8>) {
        if let Some(block) = self.awaited.pop_front() {
            self.arrived.push_back((block, filter));
        }
    }

    /// Whether a filter waits to be looked at.
    pub(super) fn has_filter(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Takes it.
    pub(super) fn take_filter(&mut self) -> Option<(BlockIx, Vec<u8>)> {
        self.arrived.pop_front()
    }
}
