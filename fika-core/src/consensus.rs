//! Consensus: which blocks are valid, and which chain is the chain.
//!
//! A consensus plugin is two things: *rules*, which are pure and say what is valid, and an *agent*, which is
//! the honest behaviour of one node ([`crate::agent`]). For every block the world calls, in this order:
//!
//! 1. [`Consensus::check_work`] on the bare header, before anything is stored.
//! 2. [`Consensus::references`], to have everything that the block names at hand.
//! 3. [`Consensus::check`] against the ancestry and what the block names.
//! 4. [`Consensus::weight`] and [`Consensus::check_seal`], against the ancestry alone. Of a proposal, and of the node's own
//!    blocks, that comes last. Only then has the block a place among those that are kept.
//! 5. `references`, `check` and `weight` again, and between these [`Consensus::settle`] once the fees and actions of its
//!    transactions are known; the same call is made for a template, before the header exists.
//! 6. [`Consensus::choose`], in every node.
//!
//! Headers that come before their blocks are asked about with [`Consensus::check_work`] and [`Consensus::check_header`].
//! A node that is too early for a block ([`Consensus::earliest`]) holds it until its clock says so.
//!
//! Rules must be pure: the same question gets the same answer on every machine, at any time.
//! They may cache what they have worked out, by block id.
//!
//! An enum with a variant for each rule says which one a block breaks; it implements [`Rule`], and
//! [`ensure`] makes a [`Reject`] of it. A plain text does as well, with the code `invalid`.

use thiserror::Error;

use crate::address::Address;
use crate::agent::{Agent, Ctx, Draft, Duty};
use crate::amount::Amount;
use crate::codec::{coded_enum, coded_struct};
use crate::env::Env;
use crate::hash::Id;
use crate::header::{Header, Time};
use crate::reject::{Reject, Rule, ensure};
use crate::target::{Target, Work, grind_sha256d};
use crate::tx::Action;
use crate::view::{BlockView, ChainView, TreeView};

/// What a block does to the ledger beyond its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerOp {
    /// The coinbase may create this much on top of the fees. Several add up.
    MayMint(Amount),
    /// This much of what the block's actions brought becomes a deposit of the address.
    Lock(Address, Amount),
    /// This much of the deposit becomes a coin of the address again.
    Unlock(Address, Amount),
    /// This much of the deposit is destroyed.
    Forfeit(Address, Amount),
    /// Stores a value of the rules (which may be empty) under a key, or removes it. It is part of the state after this
    /// block: [`ChainView::get`] and [`ChainView::scan`] find it there and after all descendants, and on no other branch.
    /// Genesis has none.
    Put(Vec<u8>, Option<Vec<u8>>),
    /// This much comes into being as a coin of the address: rewards for others than the block's producer (uncles).
    Mint(Address, Amount),
}

coded_enum!(LedgerOp: "ledger operation" {
    0 MayMint(amount),
    1 Lock(who, amount),
    2 Unlock(who, amount),
    3 Forfeit(who, amount),
    4 Put(key, value),
    5 Mint(who, amount),
});

/// What [`Consensus::settle`] is told about a block. Neither id, nor root, nor what the coinbase
/// claims: the template asks before they exist.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Summary<'a> {
    /// The block that is extended.
    pub parent: BlockView<'a>,
    /// Height of the block.
    pub height: u64,
    /// Its header time, in ticks. Of a block that is still being mined this may change: do not let amounts depend on it
    /// unless the block is made for a slot.
    pub time: u32,
    /// Its header bits.
    pub bits: u32,
    /// What its producer committed.
    pub extra: &'a [u8],
    /// What the chain's schedule creates in this block. Return it as [`LedgerOp::MayMint`] unless there is a reason not to.
    pub subsidy: Amount,
    /// Sum of the fees.
    pub fees: Amount,
    /// What its transactions ask of the rules, in order.
    pub actions: &'a [Action],
}

impl<'a> Summary<'a> {
    /// A block on `parent` at this header time, in ticks, with these header bits; an empty extra, no subsidy, no fees
    /// and no actions.
    pub fn new(parent: BlockView<'a>, time: u32, bits: u32) -> Summary<'a> {
        let (height, subsidy, fees) = (parent.height + 1, Amount::ZERO, Amount::ZERO);
        Summary { parent, height, time, bits, extra: &[], subsidy, fees, actions: &[] }
    }

    /// The same with this extra.
    pub fn with_extra(self, extra: &'a [u8]) -> Summary<'a> {
        Summary { extra, ..self }
    }

    /// The same with this subsidy.
    pub fn with_subsidy(self, subsidy: Amount) -> Summary<'a> {
        Summary { subsidy, ..self }
    }

    /// The same with this sum of fees.
    pub fn with_fees(self, fees: Amount) -> Summary<'a> {
        Summary { fees, ..self }
    }

    /// The same with these actions.
    pub fn with_actions(self, actions: &'a [Action]) -> Summary<'a> {
        Summary { actions, ..self }
    }
}

/// How a block was made, for tables.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Origin {
    /// In one word: `work`, `stake` or whatever the rules have; empty where they do not say.
    pub kind: String,
    /// The key of the coin whose stake made it, in the format's own terms; empty if none did.
    pub coin: Vec<u8>,
}

coded_struct!(Origin { kind, coin });

impl Origin {
    /// A kind, without a coin.
    pub fn new(kind: &str) -> Origin {
        Origin { kind: kind.into(), coin: Vec::new() }
    }

    /// The same, made by this coin.
    pub fn with_coin(self, coin: impl Into<Vec<u8>>) -> Origin {
        Origin { coin: coin.into(), ..self }
    }
}

/// The rules of one chain. One instance per rule set and world.
pub trait Consensus: Send + Sync {
    /// Whether `block` may follow `parent`, by its ancestry alone. No clock; work and seal are checked elsewhere.
    ///
    /// # Errors
    /// [`Reject::Invalid`] with the broken rule; [`Reject::NotYet`] when an ancestor's state is not at hand.
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject>;

    /// What [`check`](Consensus::check) can say of a block that is still to come, by its header and those before it: bits and
    /// times that the rules do not ask for. Nodes refuse such headers before they ask for any block. By default they cannot
    /// tell.
    ///
    /// Of a block in `past` that is still to come, too, there is the header and what a neighbour says of its extra, which
    /// nothing proves: keep nothing of these under their ids. It has no state, and as weight that of the last block that is
    /// here.
    ///
    /// # Errors
    /// [`Reject::Invalid`] only where `check` would say so; [`Reject::NotYet`] when a state is not at hand. What follows is then
    /// not asked about.
    fn check_header(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let _ = (block, parent, past);
        Ok(())
    }

    /// The work that the header claims has been done. Not called on chains with sampled proofs.
    ///
    /// # Errors
    /// [`Reject::Invalid`] when it has not.
    fn check_work(&self, header: &Header) -> Result<(), Reject> {
        let _ = header;
        Ok(())
    }

    /// The proof over the finished header.
    ///
    /// # Errors
    /// [`Reject::Invalid`] for a seal that does not hold; it blames the sender, not the block.
    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], past: &dyn ChainView) -> Result<(), Reject> {
        let _ = (block, past);
        ensure(seal.is_empty(), || ConsensusError::Seal { found: seal.len() })
    }

    /// When a node whose clock is right may accept the block. `None`, the default: as soon as the tick in its header has begun.
    fn earliest(&self, header: &Header) -> Option<Time> {
        let _ = header;
        None
    }

    /// Tries up to `tries` nonces from the header's on. True with the nonce in place; false with the nonce advanced.
    fn grind(&self, header: &mut Header, tries: u32) -> bool {
        Target::from_bits(header.bits).is_some_and(|target| grind_sha256d(header, target, tries))
    }

    /// What the block does to the ledger beyond its transactions. Here rules count what must be counted alike everywhere,
    /// such as votes in the extra or in actions: they read what earlier blocks left at `summary.parent.id` in `past`, and
    /// answer with [`LedgerOp::Put`].
    ///
    /// # Errors
    /// [`Reject::Invalid`] when an action is not allowed.
    fn settle(&self, summary: &Summary<'_>, past: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        let _ = past;
        Ok(vec![LedgerOp::MayMint(summary.subsidy)])
    }

    /// The block's own weight in fork choice. By default every block weighs 1.
    fn weight(&self, block: &BlockView<'_>) -> Work {
        let _ = block;
        Work::from(1)
    }

    /// The tip after `new` was accepted; any accepted block, not only one of the two. By
    /// default the heavier, and at a tie what the chain's tie break says.
    fn choose(&self, current: &BlockView<'_>, new: &BlockView<'_>, tree: &dyn TreeView) -> Id {
        let heavier = new.weight > current.weight;
        if heavier || (new.weight == current.weight && tree.tie_goes_to(&current.id, &new.id)) {
            new.id
        } else {
            current.id
        }
    }

    /// Blocks off the ancestry that the block names (uncles): they must be accepted first, and views show them.
    ///
    /// # Errors
    /// [`Reject::Invalid`] when the extra does not parse.
    fn references(&self, block: &BlockView<'_>) -> Result<Vec<Id>, Reject> {
        let _ = block;
        Ok(Vec::new())
    }

    /// How a valid block was made. Tables show it; nothing else depends on it.
    fn origin(&self, block: &BlockView<'_>) -> Origin {
        let _ = block;
        Origin::default()
    }

    /// The honest behaviour of the node that owns `me`.
    fn agent(&self, me: Address) -> Box<dyn Agent>;
}

/// The rules of the trait's defaults and of [`Anyone`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConsensusError {
    /// A seal where the rules know none.
    #[error("expected no seal, found {found} bytes")]
    Seal {
        /// Its length, in bytes.
        found: usize,
    },
    /// The time is not after the parent's.
    #[error("expected a later time than the parent's {last}, found {found}")]
    TimeTooOld {
        /// The parent's time, in ticks.
        last: u32,
        /// The block's time, in ticks.
        found: u32,
    },
}

impl Rule for ConsensusError {
    fn code(&self) -> &'static str {
        match self {
            ConsensusError::Seal { .. } => "bad-seal",
            ConsensusError::TimeTooOld { .. } => "time-too-old",
        }
    }
}

/// The smallest consensus: anyone may add a block a block interval after the last one. No
/// network can agree on it; it is a template for authors and a test double.
#[derive(Clone)]
pub struct Anyone(pub Env);

impl Consensus for Anyone {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
        let (last, found) = (parent.header.time, block.header.time);
        ensure(found > last, || ConsensusError::TimeTooOld { last, found })
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}

impl Agent for Anyone {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let chain = &self.0.chain;
        let draft = Draft::new(tip.id).with_extra(ctx.me.0);
        // Beyond the range of the header's field there is no next block.
        let next = tip.header.time.checked_add(chain.block_interval_ticks());
        ctx.set_duties(next.map(|next| Duty::slot(draft, chain.time(next).max(ctx.now))));
    }
}
