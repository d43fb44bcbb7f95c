//! The worlds of a network: how they are made, what is asked of them, and one that blocks are given to directly.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;

use super::lockstep::Network;
use super::setup::Setup;
use crate::amount::Amount;
use crate::block::Block;
use crate::hash::Id;
use crate::header::Time;
use crate::plugin::Faults;
use crate::reject::{Reason, Reject};
use crate::target::Work;
use crate::view::{BlockView, ChainView, TreeView};
use crate::world::ledger::{Entries, Space, amount_of, unowned_key};
use crate::world::{BadBlock, BlockIx, BlockSet, Genesis, Rules, Store, Tree, World};

impl Setup {
    /// The first block: everybody's coins.
    pub fn genesis(&self) -> Genesis {
        let coins = (0..self.nodes).map(|n| (self.address(n), self.coins)).collect();
        Genesis { coins, identity: Vec::new() }
    }

    /// The chain's rules.
    ///
    /// # Panics
    /// When one of them cannot be made.
    pub fn rules(&self) -> Rules {
        fn made<T>(what: &str, made: Result<T, String>) -> T {
            made.unwrap_or_else(|error| panic!("the {what} cannot be made: {error}"))
        }
        let env = self.env();
        Rules {
            consensus: made("consensus", (self.consensus)(&env)),
            script: made("script", (self.script)(&env)),
            tx: made("transaction format", (self.tx)(&env)),
            env,
            faults: Faults::new(),
            workers: NonZero::<usize>::MIN,
        }
    }

    /// A world of this chain with nothing but genesis.
    ///
    /// # Panics
    /// As [`rules`](Setup::rules), and when the rules refuse genesis.
    pub fn world(&self) -> World {
        self.open(&self.genesis(), None).unwrap_or_else(|reject| panic!("the rules refuse genesis: {reject}"))
    }

    /// A world over a store.
    ///
    /// # Errors
    /// As [`World::open`].
    ///
    /// # Panics
    /// As [`rules`](Setup::rules).
    pub fn open(&self, genesis: &Genesis, store: Option<Box<dyn Store>>) -> Result<World, Reject> {
        World::open(self.rules(), genesis, store)
    }
}

impl Network {
    /// The last block of a node's chain.
    ///
    /// # Panics
    /// When the node is dead, as all that ask for its chain.
    pub fn tip(&self, node: u32) -> Id {
        self.world(node).tree()[self.node(node).tip()].id
    }

    /// Its height.
    pub fn height(&self, node: u32) -> u64 {
        self.world(node).tree()[self.node(node).tip()].height
    }

    /// A node's chain, genesis first.
    pub fn chain(&self, node: u32) -> Vec<Arc<Block>> {
        let (world, tip) = (self.world(node), self.node(node).tip());
        let path = world.tree().path(Tree::GENESIS, tip);
        let all = std::iter::once(Tree::GENESIS).chain(path);
        all.map(|ix| world.block(ix).expect("the blocks of a chain are in memory or in the store")).collect()
    }

    /// The blocks that a node has accepted, on its chain or not, parents first. Genesis is not among them.
    pub fn accepted(&self, node: u32) -> Vec<Arc<Block>> {
        let (world, accepted) = (self.world(node), &self.host(node).accepted);
        let all = (1..world.tree().len() as u32).map(BlockIx).filter(|ix| accepted.contains(*ix));
        all.filter_map(|ix| world.block(ix)).collect()
    }

    /// The blocks that a node has made, and when.
    pub fn produced(&self, node: u32) -> &[(Time, Id)] {
        &self.host(node).produced
    }

    /// The blocks that a node's agent has called final, with their heights, in this order. A restarted node begins anew.
    pub fn finalized(&self, node: u32) -> &[(u64, Id)] {
        &self.host(node).finalized
    }

    /// Asks the view that a node's agent has, and names its tip.
    pub fn ask<R>(&self, node: u32, ask: impl FnOnce(&dyn ChainView, &Id) -> R) -> R {
        let mut seen = self.host(node).accepted.clone();
        seen.insert(Tree::GENESIS);
        ask(&self.world(node).view(&seen), &self.tip(node))
    }

    /// The coins that exist at a node's tip by its ledger's own count.
    pub fn supply(&self, node: u32) -> Amount {
        self.world(node).supply(self.node(node).tip())
    }

    /// The sum of all balances, deposits and coins without an owner at a node's tip.
    pub fn holdings(&self, node: u32) -> Amount {
        let state = self.world(node).state(self.node(node).tip());
        let sum = |space: Space| -> Amount {
            state.entries(&space.key(&[])).iter().map(|(_, value)| amount_of(Some(value))).sum()
        };
        sum(Space::Balance) + sum(Space::Locked) + state.amount(&unowned_key())
    }
}

/// What is the same wherever a block is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) height: u64,
    /// Weight of the block and its ancestors.
    pub(crate) weight: Work,
    /// The ledger after it.
    pub(crate) state_root: Id,
}

/// Whether fork choice may keep either of two tips.
pub(crate) type Tie = dyn Fn(&BlockView<'_>, &BlockView<'_>, &dyn TreeView) -> bool + Send + Sync;

/// Accepts blocks one after the other, in any order, as a node does that hears nothing else.
pub(crate) struct Receiver {
    world: World,
    seen: BlockSet,
    tip: BlockIx,
    /// Blocks that wait for others.
    waiting: Vec<Arc<Block>>,
    /// The blocks that were turned down, and why.
    refused: Vec<(Id, Reason)>,
}

enum Refusal {
    Waits,
    Never(Reason),
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Refusal {
        match reject {
            Reject::NotYet(_) => Refusal::Waits,
            other => Refusal::Never(other.into_reason()),
        }
    }
}

impl Receiver {
    pub(crate) fn new(setup: &Setup) -> Receiver {
        let mut seen = BlockSet::default();
        seen.insert(Tree::GENESIS);
        Receiver { world: setup.world(), seen, tip: Tree::GENESIS, waiting: Vec::new(), refused: Vec::new() }
    }

    /// Hears of a block. Then it looks again at those that have waited.
    pub(crate) fn hear(&mut self, block: Arc<Block>) {
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            match self.accept(&block) {
                Ok(true) => open.append(&mut self.waiting),
                Ok(false) => {}
                Err(Refusal::Waits) => self.waiting.push(block),
                Err(Refusal::Never(why)) => self.refused.push((block.id(), why)),
            }
        }
    }

    /// Whether the block is a new one.
    fn accept(&mut self, block: &Arc<Block>) -> Result<bool, Refusal> {
        let ix = self.world.insert(block.clone()).map_err(|bad| match bad {
            BadBlock::Orphan(_) => Refusal::Waits,
            other => Refusal::Never(other.into()),
        })?;
        self.world.validate(ix)?;
        self.world.seal(ix, &block.head.seal)?;
        let parent = self.world.tree()[ix].parent;
        if !self.seen.contains(parent) {
            return Err(Refusal::Waits);
        }
        if !self.seen.insert(ix) {
            return Ok(false);
        }
        let best = self.choose(self.tip, ix);
        self.tip = self.find(&best);
        Ok(true)
    }

    fn find(&self, id: &Id) -> BlockIx {
        let known = self.world.tree().find(id).filter(|ix| self.seen.contains(*ix));
        known.unwrap_or_else(|| panic!("block {id} was not accepted"))
    }

    fn choose(&self, current: BlockIx, new: BlockIx) -> Id {
        let tree = self.world.tree();
        let seen = self.world.seen_tree(&self.seen, 0);
        self.world.rules().consensus.choose(&tree.view(current), &tree.view(new), &seen)
    }

    /// The tip of a node with tip `current` when it hears of `new` after all the others.
    pub(crate) fn preferred(&self, current: &Id, new: &Id) -> Id {
        self.choose(self.find(current), self.find(new))
    }

    /// Asks about two accepted blocks.
    pub(crate) fn compare(&self, one: &Id, other: &Id, ask: &Tie) -> bool {
        let (tree, seen) = (self.world.tree(), self.world.seen_tree(&self.seen, 0));
        ask(&tree.view(self.find(one)), &tree.view(self.find(other)), &seen)
    }

    /// The tip.
    pub(crate) fn tip(&self) -> Id {
        self.world.tree()[self.tip].id
    }

    /// All accepted blocks but genesis.
    pub(crate) fn accepted(&self) -> BTreeMap<Id, Accepted> {
        let tree = self.world.tree();
        let all = (1..tree.len() as u32).map(BlockIx).filter(|ix| self.seen.contains(*ix)).map(|ix| &tree[ix]);
        all.map(|b| (b.id, Accepted { height: b.height, weight: b.weight, state_root: b.state_root })).collect()
    }

    /// The accepted blocks that no accepted block extends.
    pub(crate) fn leaves(&self) -> Vec<Id> {
        let seen = self.world.seen_tree(&self.seen, 0);
        self.accepted().into_keys().filter(|id| seen.children(id).is_empty()).collect()
    }

    /// Why a block was turned down, if it was.
    pub(crate) fn refusal(&self, id: &Id) -> Option<&str> {
        self.refused.iter().find(|(refused, _)| refused == id).map(|(_, why)| why.text.as_str())
    }
}
