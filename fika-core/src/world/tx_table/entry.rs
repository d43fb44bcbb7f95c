//! What the table keeps of one transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::index::TxIndex;
use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::hash::Id;
use crate::tx::Outcome;
use crate::world::tree::BlockIx;

/// A validated transaction: what a mempool holds, with what the transaction does.
// The fields that every node needs on acceptance come first.
#[derive(Debug)]
#[repr(C)]
pub struct MempoolEntry {
    /// Fee in base units per 1,000 of cost.
    pub rate: u64,
    /// Fee.
    pub fee: Amount,
    /// Its share of the room in a block and in a mempool: its length in bytes.
    pub cost: u64,
    /// Whether its validation read nothing but entries.
    pub(crate) reads_entries: bool,
    /// Differs for every validation of the table.
    pub(super) serial: u64,
    /// The transaction.
    pub tx: Tx,
    /// What it does.
    pub outcome: Outcome,
    /// What it gives to each of its owners less what it takes, each owner once.
    pub(crate) moves: Box<[(Address, i128)]>,
}

impl MempoolEntry {
    /// Tells validations apart.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Whether it neither writes entries of a format's own nor was validated by balances.
    fn is_simple(&self) -> bool {
        self.reads_entries && self.outcome.puts.is_empty()
    }
}

/// What a mempool needs of a transaction that it accepts.
#[derive(Clone, Debug)]
pub(crate) struct Validation {
    pub(crate) cost: u64,
    pub(crate) rate: u64,
    pub(crate) fee: Amount,
    /// It neither writes entries of a format's own nor was validated by balances.
    pub(crate) is_simple: bool,
    /// The entry itself, if it is not the transaction's [first](super::TxTable::first) one.
    pub(crate) own: Option<Arc<MempoolEntry>>,
}

impl Validation {
    pub(super) fn new(entry: &Arc<MempoolEntry>, is_first: bool) -> Validation {
        let own = (!is_first).then(|| entry.clone());
        Validation { cost: entry.cost, rate: entry.rate, fee: entry.fee, is_simple: entry.is_simple(), own }
    }
}

/// A validation, and the conditions under which another node may use it.
pub(super) struct CachedValidation {
    /// The tip that it was made over.
    pub(super) over: BlockIx,
    /// Which related transactions must be in the mempool, and by which of their validations.
    pub(super) beside: Vec<(TxIndex, u64)>,
    pub(super) entry: Arc<MempoolEntry>,
}

impl CachedValidation {
    /// Whether it holds only where this transaction is in the mempool.
    pub(super) fn depends_on(&self, tx: TxIndex) -> bool {
        self.beside.iter().any(|(other, _)| *other == tx)
    }
}

/// What a transaction has to do with a ledger entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use(pub(super) u8);

impl Use {
    pub(crate) const SPENDS: Use = Use(1);
    pub(crate) const MAKES: Use = Use(2);
    pub(crate) const PUTS: Use = Use(4);
    pub(super) const READS: Use = Use(8);
    pub(super) const CHANGES: Use = Use(1 | 2 | 4);
    pub(crate) const ANY: Use = Use(1 | 2 | 4 | 8);

    pub(crate) fn any_of(self, other: Use) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a runtime computes of a transaction once, for all messages that carry it.
// Packed, so that a `Brief` fits into a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(4))]
pub struct WireInfo {
    /// The length of a message with it, in bytes. 0: not computed yet.
    pub bytes: u32,
    /// The runtime's own number for such a message.
    pub number: u64,
}

/// No tip.
pub(super) const NO_TIP: BlockIx = BlockIx(u32::MAX);
/// No transaction.
pub(super) const NO_TX: TxIndex = TxIndex(u32::MAX);

/// What messages need of a transaction, apart from the rest: one cache line.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Brief {
    /// The first bytes of its hash.
    pub(super) prefix: u64,
    /// How many nodes, messages and lists hold the index.
    pub(super) holders: u32,
    /// The latest tip over which it was validated, if it has one validation, which depends on `beside` at most;
    /// otherwise [`NO_TIP`].
    pub(super) over: BlockIx,
    /// By the first validation: the fee rate and the fee.
    pub(super) rate: u64,
    pub(super) fee: Amount,
    /// Its share of the room in a block, in bytes.
    pub(super) cost: u32,
    /// The one transaction on which that validation depends, or [`NO_TX`].
    pub(super) beside: TxIndex,
    /// Whether that one must be in the mempool, by its only validation, or must not be there.
    pub(super) beside_is_in: bool,
    pub(super) wire: WireInfo,
}

const _: () = assert!(size_of::<Brief>() == 64, "one cache line");

impl Brief {
    pub(super) fn new(hash: Id) -> Brief {
        Brief {
            prefix: hash.prefix(),
            holders: 0,
            over: NO_TIP,
            rate: 0,
            fee: Amount::ZERO,
            cost: 0,
            beside: NO_TX,
            beside_is_in: false,
            wire: WireInfo::default(),
        }
    }
}

/// What else is known of a transaction.
#[derive(Default)]
pub(super) struct Known {
    /// The transaction itself, once somebody has it.
    pub(super) tx: Option<Tx>,
    /// The first validation: it is kept as long as the transaction is.
    pub(super) first: Option<Arc<MempoolEntry>>,
    /// Where validations hold, the latest last.
    pub(super) cached: Vec<CachedValidation>,
    /// How many validations there have been, those equal to the first not counted again.
    pub(super) validations: u32,
    /// Others that change an entry which this one reads.
    pub(super) related: Vec<TxIndex>,
    pub(super) keys: Vec<Box<[u8]>>,
    pub(super) owners: BTreeSet<Address>,
}

/// What a block means for mempools.
#[derive(Debug, Default)]
pub struct Confirmed {
    /// Its transactions that have an index, and their costs.
    pub(crate) inside: Vec<(TxIndex, u32)>,
    /// Others that spend what it spends, in the order of the entries.
    pub(crate) conflicts: Vec<TxIndex>,
}
