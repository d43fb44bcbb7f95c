//! Validating a block.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::{BadBlock, BlockError, SupplyError};
use super::ledger::{Change, Overlay, state_root};
use super::seen::Scope;
use super::spends::{proof_id, prove};
use super::transfer::{FormatLedger, carry_out, change_supply, check_supply, settle};
use super::tree::{BlockIx, Entry, Tree, Verdict};
use super::{Rules, World};
use crate::amount::Amount;
use crate::block::{Block, Head, Tx, body_root, same_proof};
use crate::codec::Encode;
use crate::compact::{CompactBlock, Few};
use crate::consensus::Summary;
use crate::env::Proof;
use crate::hash::Id;
use crate::header::{Header, Time};
use crate::reject::{Reason, Reject, ensure};
use crate::tx::{Action, ApplyContext, Outcome};
use crate::view::BlockView;

/// How many entries a payment usually changes: one coin goes and two come, with two entries each, and two balances.
const CHANGES_PER_TX: usize = 8;

impl World {
    /// Checks what needs no ancestors and adds the block to the tree. Finds a block that is there already.
    ///
    /// # Errors
    /// [`BadBlock`].
    pub fn insert(&mut self, block: Arc<Block>) -> Result<BlockIx, BadBlock> {
        self.insert_named(block.id(), block)
    }

    /// The same for a block whose id is known.
    pub(crate) fn insert_named(&mut self, id: Id, block: Arc<Block>) -> Result<BlockIx, BadBlock> {
        let parent = block.head.header.parent;
        let Some(known) = self.tree.find(&id) else {
            self.check_alone(&block)?;
            return self.tree.insert(block).ok_or(BadBlock::Orphan(parent));
        };
        if self.tree[known].block.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, &block)) {
            return Ok(known);
        }
        if self.is_body_of(known, &block) {
            self.check_size(&block)?
        } else {
            self.check_alone(&block)?
        }
        if self.tree[known].verdict == Verdict::Open && self.tree[known].block.is_none() {
            self.tree.keep_body(known, block);
        }
        Ok(known)
    }

    /// The same for a block that must be sealed: before it has a place in the tree, which nothing ever leaves, its seal is
    /// looked at.
    pub(crate) fn insert_sealed(&mut self, id: Id, block: Arc<Block>) -> Result<BlockIx, BadBlock> {
        let parent = block.head.header.parent;
        let Some(known) = self.tree.find(&id) else {
            self.check_alone(&block)?;
            self.check_proof(&id, &block.head)?;
            return self.tree.insert(block).ok_or(BadBlock::Orphan(parent));
        };
        let head = (self.tree[known].seal.is_none()).then(|| block.head.clone());
        self.insert_named(id, block)?;
        head.map_or(Ok(()), |head| self.check_proof(&id, &head))?;
        Ok(known)
    }

    /// Checks the seal of a block whose body is the one that its header names, if the rules accept the rest of its head.
    /// Where they do not, or cannot tell, [`World::validate`] and [`World::seal`] say why.
    fn check_proof(&mut self, id: &Id, head: &Head) -> Result<(), BadBlock> {
        let Some(parent) = self.tree.find(&head.header.parent) else { return Ok(()) };
        let before = self.rules.faults.count();
        let verdict = self.examine_head(id, head, parent);
        if let Some(fault) = self.rules.faults.since(before) {
            return Err(BadBlock::Fault(fault));
        }
        if let Some(Err(Reject::Invalid(why))) = verdict {
            return Err(BadBlock::Header(why.within("seal")));
        }
        self.proven_seal = verdict.and_then(Result::ok).map(|()| (*id, head.seal.clone()));
        Ok(())
    }

    /// What the rules say of a seal; nothing where they do not accept the rest.
    fn examine_head(&self, id: &Id, head: &Head, parent: BlockIx) -> Option<Result<(), Reject>> {
        let (rules, above) = (&self.rules.consensus, self.tree.view(parent));
        let Head { header, extra, seal } = head;
        let mut view = BlockView { id: *id, header: *header, height: above.height + 1, weight: above.weight, extra };
        let references = self.references(&view).ok()?;
        rules.check(&view, &above, &self.view_of(Scope::Ancestry(parent, &references))).ok()?;
        view.weight = view.weight.plus(rules.weight(&view));
        Some(rules.check_seal(&view, seal, &self.view_of(Scope::Ancestry(parent, &[]))))
    }

    /// Whether `block` has the body of the known block. That one was compared with its header when it was inserted;
    /// `block` may be a mutation of it.
    fn is_body_of(&self, known: BlockIx, block: &Block) -> bool {
        self.block(known).is_some_and(|b| same_proof(&b.head.extra, &block.head.extra) && b.txs == block.txs)
    }

    /// The block called `id`, if its transactions and extra are those that its header names; the tree's own copy where
    /// that is equal.
    pub(crate) fn fitting(&self, id: &Id, head: &Head, txs: Few<Tx>) -> Option<Arc<Block>> {
        if let Some(kept) = self.tree.find(id).and_then(|known| self.tree[known].block.as_ref())
            && kept.head == *head
            && kept.txs[..] == txs[..]
        {
            return Some(kept.clone());
        }
        let block = Block { head: head.clone(), txs: txs.into_vec() };
        body_matches(&block).is_ok().then(|| Arc::new(block))
    }

    /// The tree's own copy of the block called `id`, if `compact` has all of it and no short ids.
    pub(crate) fn kept(&self, id: &Id, compact: &CompactBlock) -> Option<Arc<Block>> {
        let kept = self.tree.find(id).and_then(|known| self.tree[known].block.as_ref())?;
        let given = compact.prefilled.iter().map(|(place, tx)| (*place as usize, tx));
        let equal = compact.short.is_empty() && kept.head == compact.head && given.eq(kept.txs.iter().enumerate());
        equal.then(|| kept.clone())
    }

    /// Checks what needs no ancestors: the size, the work in the header, and that the body belongs to the header.
    ///
    /// # Errors
    /// [`BadBlock`], but not [`BadBlock::Orphan`].
    pub fn check_alone(&self, block: &Block) -> Result<(), BadBlock> {
        self.check_size(block)?;
        self.check_work(&block.head.header).map_err(|reject| match reject {
            Reject::Fault(why) => BadBlock::Fault(why),
            other => BadBlock::Header(other.into_reason()),
        })?;
        body_matches(block)
    }

    /// The seal counts, but is not part of the id: where this block is too large, another one with its id may not be.
    fn check_size(&self, block: &Block) -> Result<(), BadBlock> {
        match (self.rules.env.chain.max_block_bytes, block.encoded_len() as u64) {
            (limit, found) if found <= limit => Ok(()),
            (limit, found) => Err(BadBlock::Body(BlockError::TooLarge { limit, found })),
        }
    }

    /// Checks the work in a header, unless the chain samples its proofs.
    ///
    /// # Errors
    /// As [`Consensus::check_work`](crate::consensus::Consensus::check_work).
    pub fn check_work(&self, header: &Header) -> Result<(), Reject> {
        if self.rules.env.chain.proof == Proof::Sampled {
            return Ok(());
        }
        let before = self.rules.faults.count();
        let verdict = self.rules.consensus.check_work(header);
        self.rules.faults.since(before).map_or(verdict, |fault| Err(Reject::Fault(fault)))
    }

    /// From when on a node whose clock is right may accept the block called `id`.
    ///
    /// # Errors
    /// What the plugin that was asked has died of.
    pub(crate) fn earliest(&mut self, id: &Id, header: &Header) -> Result<Time, String> {
        let known = self.tree.find(id);
        if let Some(earliest) = known.and_then(|ix| self.tree[ix].earliest) {
            return Ok(earliest);
        }
        let Rules { consensus, env, faults, .. } = &self.rules;
        let before = faults.count();
        let earliest = consensus.earliest(header).unwrap_or_else(|| env.chain.time(header.time));
        if let Some(fault) = faults.since(before) {
            return Err(fault);
        }
        if let Some(ix) = known {
            self.tree[ix].earliest = Some(earliest);
        }
        Ok(earliest)
    }

    /// The blocks off its ancestry that a block called `id` names. None where they cannot be read: `validate` reports that.
    pub(crate) fn named_by(&mut self, id: &Id, block: &Block) -> Vec<Id> {
        let Some(ix) = self.tree.find(id) else {
            let Some(parent) = self.tree.find(&block.head.header.parent) else { return Vec::new() };
            let Head { header, extra, .. } = &block.head;
            let Entry { height, weight, .. } = self.tree[parent];
            let view = BlockView { id: *id, header: *header, height: height + 1, weight, extra };
            return self.rules.consensus.references(&view).unwrap_or_default();
        };
        if self.tree[ix].references.is_none() {
            let before = self.rules.faults.count();
            let references: Box<[Id]> = self.references_of(ix).into();
            if self.rules.faults.count() == before {
                self.tree[ix].references = Some(references);
            }
        }
        self.tree[ix].references.as_deref().unwrap_or_default().to_vec()
    }

    /// The same, asked of the rules unless it is known.
    fn references_of(&self, ix: BlockIx) -> Cow<'_, [Id]> {
        match &self.tree[ix].references {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(self.rules.consensus.references(&self.tree.view(ix)).unwrap_or_default()),
        }
    }

    /// A valid block and all that it builds on: parents, the blocks that they name, and the same of those. Each comes
    /// once, after what it needs itself; genesis is left out.
    pub fn ancestry(&self, tip: BlockIx) -> Vec<BlockIx> {
        self.ancestry_beyond(tip, |_| false)
    }

    /// The same without the blocks that are `known`, and without what those build on.
    pub fn ancestry_beyond(&self, tip: BlockIx, known: impl Fn(BlockIx) -> bool) -> Vec<BlockIx> {
        let mut is_in = vec![false; self.tree.len()];
        is_in[Tree::GENESIS.0 as usize] = true;
        let (mut open, mut order) = (vec![tip], Vec::new());
        while let Some(&ix) = open.last() {
            if is_in[ix.0 as usize] || known(ix) {
                open.pop();
                continue;
            }
            let named = self.references_of(ix);
            let named = named.iter().filter_map(|id| self.tree.find(id));
            let before = open.len();
            let lacking = |needed: &BlockIx| !is_in[needed.0 as usize] && !known(*needed);
            open.extend(named.chain([self.tree[ix].parent]).filter(lacking));
            if open.len() == before {
                open.pop();
                is_in[ix.0 as usize] = true;
                order.push(ix);
            }
        }
        order
    }

    /// Validates a block except for its seal, once. Afterwards the ledger state after it exists.
    ///
    /// # Errors
    /// [`Reject::Invalid`] for good; [`Reject::NotYet`] while blocks that it needs are missing; [`Reject::Fault`] when a plugin
    /// failed meanwhile, whatever came of it.
    pub fn validate(&mut self, ix: BlockIx) -> Result<(), Reject> {
        match &self.tree[ix].verdict {
            Verdict::Valid => return Ok(()),
            Verdict::Invalid(why) => return Err(Reject::Invalid(Reason::clone(why))),
            Verdict::Open => {}
        }
        let before = self.rules.faults.count();
        let parent = self.tree[ix].parent;
        let verdict = match &self.tree[parent].verdict {
            Verdict::Valid => {
                self.states.prepare(parent, &self.tree, &self.archive);
                self.examine(ix, parent)
            }
            Verdict::Invalid(_) => Err(BlockError::InvalidParent.into()),
            Verdict::Open => Err(Reject::NotYet(vec![self.tree[parent].id])),
        };
        let verdict = verdict.map(|done| (done, self.rules.consensus.weight(&self.tree.view(ix))));
        let verdict = self.rules.faults.since(before).map_or(verdict, |fault| Err(Reject::Fault(fault)));
        match verdict {
            Ok(((changes, spent), own)) => {
                let root = state_root(self.tree[parent].state_root, &changes);
                let weight = self.tree[parent].weight.plus(own);
                let entry = &mut self.tree[ix];
                (entry.weight, entry.state_root, entry.verdict) = (weight, root, Verdict::Valid);
                entry.spent = Some(spent.into());
                let id = entry.id;
                self.states.commit(ix, &changes, &self.tree);
                self.archive.keep(ix, id, changes.into());
                Ok(())
            }
            Err(reject) => {
                let reject = reject.in_block();
                if let Reject::Invalid(reason) = &reject {
                    // If every transaction is as long as two hashes, they may be inner nodes of the Merkle tree of a
                    // valid block (CVE-2017-12842). Then the verdict is about this body alone.
                    let inner = |tx: &Tx| tx.bytes().len() == 2 * Id::ZERO.0.len();
                    let entry = &mut self.tree[ix];
                    if !entry.block.take().is_some_and(|block| block.txs.iter().all(inner)) {
                        entry.verdict = Verdict::Invalid(Arc::new(reason.clone()));
                    }
                }
                Err(reject)
            }
        }
    }

    fn examine(&mut self, ix: BlockIx, parent: BlockIx) -> Result<(Vec<Change>, Vec<Vec<u8>>), Reject> {
        let block = self.block(ix).ok_or_else(|| Reject::Fault("the block's body is gone".into()))?;
        let references = self.references(&self.tree.view(ix))?;
        let past = self.view_of(Scope::Ancestry(parent, &references));
        // The block's own weight is not known yet: rules see that of its parent.
        let mut view = self.tree.view(ix);
        view.weight = self.tree[parent].weight;
        self.rules.consensus.check(&view, &self.tree.view(parent), &past)?;
        let applied = self.apply(&block, parent, &references)?;
        applied.proven.into_iter().for_each(|proof| self.keep_proof(proof));
        Ok((applied.changes, applied.spent))
    }

    /// The blocks off the ancestry that `block` names; all must be valid.
    pub(super) fn references(&self, block: &BlockView<'_>) -> Result<Vec<BlockIx>, Reject> {
        let (mut valid, mut missing) = (Vec::new(), Vec::new());
        for id in self.rules.consensus.references(block)? {
            match self.tree.find(&id).map(|ix| (ix, &self.tree[ix].verdict)) {
                Some((ix, Verdict::Valid)) => valid.push(ix),
                Some((_, Verdict::Invalid(_))) => {
                    return Err(BlockError::InvalidReference(id).into());
                }
                _ => missing.push(id),
            }
        }
        if missing.is_empty() { Ok(valid) } else { Err(Reject::NotYet(missing)) }
    }

    /// What a block's transactions and rules do to the ledger.
    fn apply(&self, block: &Block, parent: BlockIx, references: &[BlockIx]) -> Result<Applied, Reject> {
        let rules = &self.rules;
        let [coinbase, txs @ ..] = &block.txs[..] else { return Err(BlockError::NoCoinbase.into()) };
        let state = self.state(parent);
        let mut over = Overlay::new(&state);
        over.reserve(CHANGES_PER_TX * block.txs.len());
        let context = self.next_context(parent);
        let mut sums = Sums::default();
        let (mut unproven, mut spent) = (Vec::new(), Vec::new());
        for (n, tx) in txs.iter().enumerate() {
            let outcome = sums.add(&mut over, rules, tx, context).map_err(|reject| in_tx(n + 1, reject))?;
            spent.extend(outcome.spends.iter().map(|spend| spend.key.clone()));
            if !self.is_proven(tx, &outcome) {
                unproven.push((tx, outcome));
            }
        }
        let summary = Summary {
            parent: self.tree.view(parent),
            height: context.height,
            time: block.head.header.time,
            bits: block.head.header.bits,
            extra: &block.head.extra,
            subsidy: rules.env.chain.subsidy(context.height, self.supply(parent)),
            fees: sums.fees,
            actions: &sums.actions,
        };
        let past = self.view_of(Scope::Ancestry(parent, references));
        let ops = rules.consensus.settle(&summary, &past)?;
        let pool = sums.pool()?;
        let settled = settle(&mut over, &ops, pool, &summary.parent.id, context, &*rules.script, &*rules.tx)?;
        let claim = apply_coinbase(&mut over, rules, coinbase, context).map_err(|reject| in_tx(0, reject))?;
        let allowed = sums.fees.checked_add(settled.may_mint).unwrap_or(crate::amount::MAX_AMOUNT);
        ensure(claim <= allowed, || BlockError::CoinbaseAmount { limit: allowed, found: claim })?;
        let issued = claim.checked_add(settled.minted).ok_or(SupplyError::Supply)?;
        change_supply(&mut over, issued, sums.fees, settled.burnt)?;
        let pairs: Vec<(&Tx, &Outcome)> = unproven.iter().map(|(tx, outcome)| (*tx, outcome)).collect();
        prove(rules, &pairs).into_iter().collect::<Result<(), Reject>>()?;
        let changes = over.into_changes();
        check_supply(&changes)?;
        Ok(Applied { changes, spent, proven: pairs.iter().map(|(tx, outcome)| proof_id(tx, outcome)).collect() })
    }

    /// What later transactions call those that the valid block `ix` executed, in ledger order.
    pub(crate) fn executed_ids(&mut self, ix: BlockIx) -> Vec<Id> {
        let parent = self.tree[ix].parent;
        self.states.prepare(parent, &self.tree, &self.archive);
        let state = self.state(parent);
        let (mut over, mut sums) = (Overlay::new(&state), Sums::default());
        let (executed, context) = (self.executed(ix), self.next_context(parent));
        let outcomes = executed.txs().iter().map_while(|tx| sums.add(&mut over, &self.rules, tx, context).ok());
        outcomes.map(|outcome| outcome.id).collect()
    }

    /// Checks a proof over a valid block and keeps it when it is the first that holds.
    ///
    /// # Errors
    /// [`Reject::Invalid`] blames whoever sent the seal, not the block.
    pub fn seal(&mut self, ix: BlockIx, seal: &[u8]) -> Result<(), Reject> {
        if let Some(known) = &self.tree[ix].seal {
            return if same_proof(known, seal) { Ok(()) } else { self.check_seal(ix, seal) };
        }
        self.check_seal(ix, seal)?;
        if let Some(block) = self.tree[ix].block.take() {
            let mut block = Arc::unwrap_or_clone(block);
            block.head.seal = seal.to_vec();
            let block = Arc::new(block);
            self.tree[ix].block = Some(block.clone());
            self.tree[ix].seal = Some(seal.into());
            let (weight, state_root) = (self.tree[ix].weight, self.tree[ix].state_root);
            let diff = self.diff(ix);
            if let Some(store) = self.store() {
                store.put(&super::Record { block, weight, state_root, diff });
            }
            self.follow_up(ix);
        }
        Ok(())
    }

    fn check_seal(&self, ix: BlockIx, seal: &[u8]) -> Result<(), Reject> {
        if self.proven_seal.as_ref().is_some_and(|(id, proven)| *id == self.tree[ix].id && same_proof(proven, seal)) {
            return Ok(());
        }
        let before = self.rules.faults.count();
        let past = self.view_of(Scope::Ancestry(self.tree[ix].parent, &[]));
        let verdict = self.rules.consensus.check_seal(&self.tree.view(ix), seal, &past);
        self.rules.faults.since(before).map_or(verdict, |fault| Err(Reject::Fault(fault)))
    }
}

fn body_matches(block: &Block) -> Result<(), BadBlock> {
    let (root, mutated) = body_root(&block.txs, &block.head.extra);
    if mutated {
        return Err(BadBlock::Body(BlockError::Repeated));
    }
    match block.head.header.root {
        expected if expected == root => Ok(()),
        expected => Err(BadBlock::Body(BlockError::WrongRoot { expected, found: root })),
    }
}

fn in_tx(n: usize, reject: Reject) -> Reject {
    reject.within(format_args!("transaction {n}"))
}

/// What a block did to the ledger.
struct Applied {
    changes: Vec<Change>,
    /// The keys that its transactions spend.
    spent: Vec<Vec<u8>>,
    /// The proofs that are new.
    proven: Vec<Id>,
}

/// What the transactions of a block add up to.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) fees: Amount,
    pub(super) actions: Vec<Action>,
}

impl Sums {
    /// Applies one transaction to `over` and adds what it brings.
    pub(super) fn add(
        &mut self,
        over: &mut Overlay<'_>,
        rules: &Rules,
        tx: &Tx,
        context: ApplyContext,
    ) -> Result<Outcome, Reject> {
        let outcome = rules.tx.apply(tx.bytes(), context, &FormatLedger(over))?;
        let actions = carry_out(over, &outcome, context, &*rules.script)?;
        self.fees = self.fees.checked_add(outcome.fee).ok_or(BlockError::FeeSum)?;
        self.actions.extend(actions);
        Ok(outcome)
    }

    /// What the actions brought.
    pub(super) fn pool(&self) -> Result<Amount, Reject> {
        let amounts = self.actions.iter().map(|action| action.amount);
        Amount::checked_sum(amounts).ok_or_else(|| BlockError::ActionSum.into())
    }
}

/// Applies a coinbase and gives what it claims.
fn apply_coinbase(over: &mut Overlay<'_>, rules: &Rules, tx: &Tx, context: ApplyContext) -> Result<Amount, Reject> {
    let context = ApplyContext { coinbase: true, ..context };
    let outcome = rules.tx.apply(tx.bytes(), context, &FormatLedger(over))?;
    carry_out(over, &outcome, context, &*rules.script)?;
    Ok(outcome.credits.iter().map(|credit| credit.amount).sum())
}
