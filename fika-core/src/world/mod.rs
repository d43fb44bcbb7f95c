//! The world: every known block, validated once, and the ledger after it.
//!
//! A block's validity is a pure function of its ancestry and the rules, so a world computes it
//! once, for as many nodes as share the world. What a *node* has accepted is the node's own.
//!
//! A block passes [`World::insert`] (its size, the work in its header, a body that matches the
//! header, a known parent), [`World::validate`] (rules, transactions, scripts, supply; the ledger
//! state after it), and [`World::seal`] (the proof over the header, apart because another seal
//! makes no other block). A transaction passes [`World::check_tx`] for the mempool, then
//! [`World::assemble`] in a producer's template, then `validate` in everyone's block.

mod accept_header;
mod assemble;
mod budget;
mod cell;
mod coin_index;
mod diffs;
mod error;
mod filter_index;
mod filters;
mod headers;
pub mod ledger;
mod root;
mod rules;
mod seen;
mod spends;
mod states;
mod store;
pub mod transfer;
mod tree;
mod tx_table;
mod validate;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) use accept_header::BadHeader;
pub(crate) use assemble::SEAL_BYTES;
pub use assemble::{Assembly, Template};
pub use budget::BudgetError;
pub use error::{BadBlock, BlockError, SupplyError};
use filter_index::Filters;
pub(crate) use filter_index::{Filter, filter_of, touches};
pub use rules::Rules;
pub use seen::{BlockSet, SeenTree, View};
use spends::proof_id;
pub use spends::prove;
pub use states::State;
pub use store::{Record, Store};
pub use tree::{BlockIx, Entry, IdHasher, IdMap, Tree, Verdict};
pub use tx_table::{Confirmed, MempoolEntry, TxIndex, TxTable, WireInfo};
pub(crate) use tx_table::{Use, Validation};

use thiserror::Error;

use crate::address::Address;
use crate::amount::Amount;
use crate::block::{Block, Head, Tx, body_root};
use crate::consensus::Origin;
use crate::hash::Id;
use crate::header::Header;
use crate::reject::{Reason, Reject};
use crate::script::Script;
use crate::tx::{ApplyContext, Ledger, Outcome};
use ledger::{Change, Entries, Overlay, Space, amount_of, supply_key, unowned_key};
use states::States;
use store::Archive;
use transfer::{FormatLedger, carry_out, change_supply};

/// Why a transaction does not go into the mempool.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadTx {
    /// The ledger of this node does not allow it. That of another node may.
    #[error("{0}")]
    Refused(Reason),
    /// It lacks these ledger entries, which another transaction may make.
    #[error("{0}")]
    Needs(Reason, Vec<Vec<u8>>),
    /// Its scripts do not hold on any ledger: whoever passed it on did not check it.
    #[error("{0}")]
    Unproven(Reason),
    /// A plugin failed: nothing is said about the transaction.
    #[error("{0}")]
    Undecided(String),
}

/// The first block's content.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Genesis {
    /// Who owns what at the start; one coin each.
    pub coins: Vec<(Address, Amount)>,
    /// Anything else that makes two chains different, hashed into the genesis id.
    pub identity: Vec<u8>,
}

impl Genesis {
    /// The block itself, and what it does to an empty ledger.
    ///
    /// # Errors
    /// When the transaction format refuses the coinbase, or the coins exceed the limit.
    pub fn block(&self, rules: &Rules) -> Result<(Arc<Block>, Vec<Change>), Reject> {
        let chain = &rules.env.chain;
        let to: Vec<_> = self.coins.iter().map(|(who, amount)| (rules.script.lock(who), *amount)).collect();
        let txs = vec![Tx::new(rules.tx.coinbase(0, 0, &to))];
        let numbers = [chain.tick_us, chain.block_interval_us, chain.reward.0, chain.halving_interval, chain.cap.0];
        let numbers: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let modes = [chain.tie_break as u8, chain.proof as u8];
        let max = chain.max_block_bytes.to_le_bytes();
        let rate = chain.hash_rate.to_le_bytes();
        let parts = [chain.name.as_bytes(), &numbers, &rate, &modes, &max, &self.identity];
        let extra = crate::hash::domain_hash("fika genesis", &parts).0.to_vec();
        let root = body_root(&txs, &extra).0;
        let header = Header { version: 1, root, time: chain.genesis_time, ..Header::default() };
        let context = ApplyContext { height: 0, time: chain.genesis_time, coinbase: true };
        let mut over = Overlay::new(&Empty);
        let outcome = rules.tx.apply(txs[0].bytes(), context, &FormatLedger(&over))?;
        carry_out(&mut over, &outcome, context, &*rules.script)?;
        let sum = Amount::checked_sum(outcome.credits.iter().map(|credit| credit.amount));
        let sum = sum.ok_or(SupplyError::Sum("the genesis coins"))?;
        change_supply(&mut over, sum, Amount::ZERO, Amount::ZERO)?;
        let changes = over.into_changes();
        transfer::check_supply(&changes)?;
        Ok((Arc::new(Block { head: Head { header, extra, seal: Vec::new() }, txs }), changes))
    }
}

/// A ledger without entries: what genesis starts from.
struct Empty;

impl Entries for Empty {
    fn entry(&self, _: &[u8]) -> Option<ledger::Value> {
        None
    }
    fn entries(&self, _: &[u8]) -> Vec<(ledger::Key, ledger::Value)> {
        Vec::new()
    }
}

/// How many transactions' proofs are remembered.
const PROVEN_KEPT: usize = 50_000;

/// Blocks and their changes stay in memory for this many heights behind the heaviest tip, even where a store has them.
/// Deeper reorganisations are rare. The root of the states lags further behind and reads each change from the store
/// once.
const BODIES_KEPT: u64 = 16;

/// What a transaction does, and which ledger entries it read; `None` if it read anything else.
pub(crate) type Validated = (Outcome, Option<Vec<Vec<u8>>>);

/// How many blocks keep a set of their transactions.
const CONTENTS_KEPT: usize = 4;

/// A ledger that notes what is read of it.
struct Watched<'a> {
    ledger: &'a dyn Ledger,
    keys: RefCell<Vec<Vec<u8>>>,
    /// Whether anything but entries was read.
    more: Cell<bool>,
}

impl Ledger for Watched<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.keys.borrow_mut().push(key.to_vec());
        self.ledger.get(key)
    }

    fn balance(&self, owner: &Address) -> Amount {
        self.more.set(true);
        self.ledger.balance(owner)
    }

    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)> {
        self.more.set(true);
        self.ledger.coins(owner)
    }

    fn coin_worth(&self, owner: &Address, least: Amount) -> Option<(Vec<u8>, Amount)> {
        self.more.set(true);
        self.ledger.coin_worth(owner, least)
    }
}

/// The transactions that a block executed, in ledger order, without its coinbase.
#[derive(Clone, Debug)]
pub struct Executed(Option<Arc<Block>>);

impl Executed {
    /// The transactions; none where the block is not known.
    pub fn txs(&self) -> &[Tx] {
        self.0.as_ref().and_then(|block| block.txs.get(1..)).unwrap_or_default()
    }
}

/// All known blocks of one chain and their ledger states. Many nodes may share a world.
pub struct World {
    rules: Rules,
    tree: Tree,
    states: States,
    archive: Archive,
    /// The proofs that held, by [`proof_id`].
    proven: IdMap<()>,
    proven_order: VecDeque<Id>,
    /// The seal that held last, and of which block.
    proven_seal: Option<(Id, Vec<u8>)>,
    /// Transactions that nodes hold or remember.
    txs: TxTable,
    /// The transactions of blocks that nodes accepted lately.
    contents: VecDeque<(BlockIx, IdMap<()>)>,
    /// The heaviest valid block: where the quick states are.
    heaviest: BlockIx,
    /// Blocks whose bodies are in memory although a store has them, oldest first.
    bodies: VecDeque<BlockIx>,
    /// What light nodes have asked for.
    filters: Filters,
}

impl World {
    /// A world in memory, with nothing but genesis.
    ///
    /// # Errors
    /// As [`Genesis::block`].
    pub fn new(rules: Rules, genesis: &Genesis) -> Result<World, Reject> {
        World::open(rules, genesis, None)
    }

    /// A world over a store, with all that the store has.
    ///
    /// # Errors
    /// As [`Genesis::block`]; also when the store belongs to another chain.
    pub fn open(rules: Rules, genesis: &Genesis, store: Option<Box<dyn Store>>) -> Result<World, Reject> {
        let (block, changes) = genesis.block(&rules)?;
        let mut world = World {
            tree: Tree::new(block.clone()),
            states: States::new(&changes),
            archive: Archive::new(None),
            proven: IdMap::default(),
            proven_order: VecDeque::new(),
            proven_seal: None,
            txs: TxTable::default(),
            contents: VecDeque::new(),
            heaviest: Tree::GENESIS,
            bodies: VecDeque::new(),
            filters: Filters::new(),
            rules,
        };
        world.tree[Tree::GENESIS].state_root = ledger::state_root(Id::ZERO, &changes);
        world.archive.keep(Tree::GENESIS, block.id(), changes.into());
        let Some(store) = store else { return Ok(world) };
        let mut foreign = None;
        store.load(&mut |record| match world.restore(record) {
            Ok(()) => {}
            Err(id) => foreign = foreign.or(Some(id)),
        });
        match foreign {
            Some(id) => {
                Err(Reject::invalid(format!("the database belongs to another chain: block {id} has no parent here")))
            }
            None => {
                world.archive.store = Some(store);
                world.release_bodies();
                Ok(world)
            }
        }
    }

    /// Takes over a block that was validated in an earlier run.
    fn restore(&mut self, record: Record) -> Result<(), Id> {
        let id = record.block.id();
        let seal = record.block.head.seal.as_slice().into();
        let ix = self.tree.insert(record.block).ok_or(id)?;
        let entry = &mut self.tree[ix];
        entry.weight = record.weight;
        entry.state_root = record.state_root;
        entry.verdict = Verdict::Valid;
        entry.seal = Some(seal);
        self.states.prepare(self.tree[ix].parent, &self.tree, &self.archive);
        self.states.commit(ix, &record.diff, &self.tree);
        self.archive.keep(ix, id, record.diff);
        self.follow_up(ix);
        Ok(())
    }

    /// Updates memory after a new valid block: the quick states move on, old bodies go.
    fn follow_up(&mut self, ix: BlockIx) {
        if self.tree[ix].weight > self.tree[self.heaviest].weight {
            self.heaviest = ix;
        }
        self.states.advance(ix, &self.tree, &self.archive);
        self.bodies.push_back(ix);
        if self.has_store() {
            self.release_bodies();
        }
    }

    /// Frees the bodies that only the store needs to keep.
    fn release_bodies(&mut self) {
        let height = self.tree[self.heaviest].height;
        while let Some(&old) = self.bodies.front() {
            if self.tree[old].height + BODIES_KEPT > height {
                break;
            }
            self.bodies.pop_front();
            self.archive.release(old, &mut self.tree);
        }
    }

    /// For a caller that validates one chain from end to end. New states are then quick to make, and older ones slow to
    /// read. Verdicts stay the same.
    pub fn follow_closely(&mut self) {
        self.states.follow_closely();
    }

    /// The plugins and parameters.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// All blocks.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The genesis id: which chain this is.
    pub fn chain_id(&self) -> Id {
        self.tree[Tree::GENESIS].id
    }

    /// The whole block, from memory or from the store.
    pub fn block(&self, ix: BlockIx) -> Option<Arc<Block>> {
        self.archive.block(ix, &self.tree)
    }

    /// Whether there is a store: then the world is one node's own.
    pub fn has_store(&self) -> bool {
        self.archive.store.is_some()
    }

    /// The store, if there is one.
    pub fn store(&mut self) -> Option<&mut (dyn Store + 'static)> {
        self.archive.store.as_deref_mut()
    }

    /// What the valid block `ix` changed in the ledger.
    pub fn diff(&self, ix: BlockIx) -> Arc<[Change]> {
        diffs::Diffs::diff(&self.archive, ix)
    }

    /// The ledger after the valid block `at`.
    pub fn state(&self, at: BlockIx) -> State<'_> {
        self.states.at(at, &self.tree, &self.archive)
    }

    /// How the valid block `ix` was made, as the rules see it.
    pub fn origin(&self, ix: BlockIx) -> Origin {
        self.rules.consensus.origin(&self.tree.view(ix))
    }

    /// All coins that exist after the valid block `at`, deposits included: what the rules' operations have created, less
    /// what they have destroyed.
    pub fn supply(&self, at: BlockIx) -> Amount {
        self.state(at).amount(&supply_key())
    }

    /// The same, counted: what all owners have after the valid block `at`, in coins and deposits, and what nobody owns.
    pub fn counted_supply(&self, at: BlockIx) -> Amount {
        let state = self.state(at);
        let mut sum = state.amount(&unowned_key()).0;
        for space in [Space::Balance, Space::Locked] {
            state.visit(&space.bytes(&[]), &mut |_, value| sum = sum.saturating_add(amount_of(Some(value)).0));
        }
        Amount(sum)
    }

    /// The view that the agent of a node has: what the node has accepted.
    pub fn view<'a>(&'a self, seen: &'a BlockSet) -> View<'a> {
        self.view_of(seen::Scope::Seen(seen))
    }

    fn view_of<'a>(&'a self, scope: seen::Scope<'a>) -> View<'a> {
        View { tree: &self.tree, states: &self.states, archive: &self.archive, scope }
    }

    /// The tree that the fork choice of a node sees.
    pub fn seen_tree<'a>(&'a self, seen: &'a BlockSet, seed: u64) -> SeenTree<'a> {
        SeenTree { tree: &self.tree, seen, tie_break: self.rules.env.chain.tie_break, seed }
    }

    /// The context of a transaction in the next block after `tip`.
    pub fn next_context(&self, tip: BlockIx) -> ApplyContext {
        let tip = &self.tree[tip];
        ApplyContext { height: tip.height + 1, time: tip.header.time, coinbase: false }
    }

    /// Validates a transaction for the mempool, over `ledger`: structure, existence of what it
    /// spends, sums, and scripts. Call [`World::remember_proven`] when the mempool accepts it; its
    /// scripts are then not run again in a block.
    ///
    /// # Errors
    /// [`BadTx`].
    pub fn check_tx(&self, tx: &Tx, context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, BadTx> {
        let before = self.rules.faults.count();
        let verdict = self.examine_tx(tx, context, ledger);
        self.rules.faults.since(before).map_or(verdict, |fault| Err(BadTx::Undecided(fault)))
    }

    fn examine_tx(&self, tx: &Tx, context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, BadTx> {
        let refused = |reject: Reject| match reject {
            Reject::Needs { why, keys } => BadTx::Needs(why, keys),
            Reject::Fault(why) => BadTx::Undecided(why),
            other => BadTx::Refused(other.into_reason()),
        };
        let outcome = self.rules.tx.apply(tx.bytes(), context, ledger).map_err(refused)?;
        transfer::check_sums(&outcome, context).map_err(refused)?;
        transfer::check_funds(&outcome, ledger, &*self.rules.script).map_err(refused)?;
        if !self.is_proven(tx, &outcome) {
            let proof = prove(&self.rules, &[(tx, &outcome)]).pop().expect("one answer per transaction");
            proof.map_err(|reject| match reject {
                Reject::Fault(why) => BadTx::Undecided(why),
                other => BadTx::Unproven(other.into_reason()),
            })?;
        }
        Ok(outcome)
    }

    /// The same, with the ledger entries that were read; see [`Validated`].
    pub(crate) fn check_tx_reading(
        &self,
        tx: &Tx,
        context: ApplyContext,
        ledger: &dyn Ledger,
    ) -> Result<Validated, BadTx> {
        let watched = Watched { ledger, keys: RefCell::default(), more: Cell::new(false) };
        let outcome = self.check_tx(tx, context, &watched)?;
        Ok((outcome, (!watched.more.get()).then(|| watched.keys.into_inner())))
    }

    /// The transactions that nodes of this world hold or remember.
    pub fn txs(&self) -> &TxTable {
        &self.txs
    }

    /// The same, to be changed.
    pub fn txs_mut(&mut self) -> &mut TxTable {
        &mut self.txs
    }

    /// The same, with the script that knows the owner of a lock.
    pub(crate) fn txs_and_script(&mut self) -> (&mut TxTable, &dyn Script) {
        (&mut self.txs, &*self.rules.script)
    }

    /// What the valid block `ix` means for mempools.
    pub(crate) fn confirmed(&mut self, ix: BlockIx) -> Arc<Confirmed> {
        let spent = self.tree[ix].spent.clone().unwrap_or_default();
        self.txs.confirmed_by(ix, self.executed(ix).txs(), &spent)
    }

    /// What the block `ix` executed, and so confirms. This, not what it carries, is what mempools, wallets and tables ask for.
    pub fn executed(&self, ix: BlockIx) -> Executed {
        Executed(self.block(ix))
    }

    /// Which of `some` are transactions that the block `ix` executed.
    pub(crate) fn find_in<T: Copy>(&mut self, ix: BlockIx, some: &[T], hash: impl Fn(&T) -> Id) -> Vec<T> {
        if some.is_empty() {
            return Vec::new();
        }
        if !self.contents.iter().any(|(known, _)| *known == ix) {
            let executed = self.executed(ix).txs().iter().map(|tx| (tx.hash(), ())).collect();
            self.contents.truncate(CONTENTS_KEPT - 1);
            self.contents.push_front((ix, executed));
        }
        let contents = self.contents.iter().find(|(known, _)| *known == ix);
        let inside = |one: &&T| contents.is_some_and(|(_, content)| content.contains_key(&hash(one)));
        some.iter().filter(inside).copied().collect()
    }

    /// Whether the scripts of a transaction are known to hold for these spends.
    fn is_proven(&self, tx: &Tx, outcome: &Outcome) -> bool {
        self.proven.contains_key(&proof_id(tx, outcome))
    }

    /// Notes that the scripts of the transaction hold for the spends of this outcome.
    pub fn remember_proven(&mut self, tx: &Tx, outcome: &Outcome) {
        self.keep_proof(proof_id(tx, outcome));
    }

    fn keep_proof(&mut self, proof: Id) {
        if self.proven.insert(proof, ()).is_none() {
            self.proven_order.push_back(proof);
        }
        if self.proven_order.len() > PROVEN_KEPT
            && let Some(oldest) = self.proven_order.pop_front()
        {
            self.proven.remove(&oldest);
        }
    }
}
