//! The transactions that nodes of this world have in their mempools or remember: each has a number, and what can be
//! said about it is said once.
//!
//! A node keeps its own opinion of a transaction (waiting here, asked for, dealt with) in a list by number. The number
//! goes to another transaction when no node remembers the first, so the lists stay short. Numbers decide nothing and
//! are shown to nobody: a node does the same whatever they are.
//!
//! What a transaction does ([`TxFormat::apply`](crate::tx::TxFormat::apply)) follows from the tip that it is judged
//! over and from what the mempool says of the entries that are read. So a judgement holds for every node with the same
//! tip whose mempool has the same transactions, judged the same way, of those that touch these entries. One that has
//! looked at balances is not shared.

mod confirmed;
mod judgements;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::ledger::BytesMap;
use super::tree::{BlockIx, IdMap};
use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::hash::Id;
use crate::tx::Outcome;
pub use confirmed::Confirmed;
use judgements::Held;
pub(crate) use judgements::Judgement;

/// A transaction's number in a [`TxTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TxNo(pub u32);

impl TxNo {
    /// The number of the 64 transactions beside each other that it is among.
    pub(crate) fn group(self) -> u32 {
        self.0 / 64
    }

    /// Its place among these.
    #[inline]
    pub(crate) fn place(self) -> usize {
        self.0 as usize % 64
    }

    /// The same as a bit.
    #[inline]
    pub(crate) fn bit(self) -> u64 {
        1 << self.place()
    }

    /// Those of a group that the bits of `which` name.
    #[inline]
    pub(crate) fn each(group: u32, mut which: u64) -> impl Iterator<Item = TxNo> {
        std::iter::from_fn(move || {
            if which == 0 {
                return None;
            }
            let place = which.trailing_zeros();
            which &= which - 1;
            Some(TxNo(64 * group + place))
        })
    }
}

/// A transaction with what it does. What every node needs that takes it in lies in front.
#[derive(Debug)]
#[repr(C)]
pub struct Pooled {
    /// Fee in base units per 1,000 bytes.
    pub rate: u64,
    /// Fee.
    pub fee: Amount,
    /// Its bytes.
    pub bytes: u64,
    /// No other judgement in this table has it.
    serial: u64,
    /// The transaction.
    pub tx: Tx,
    /// What it does.
    pub outcome: Outcome,
}

impl Pooled {
    /// Tells judgements apart.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }
}

/// What a transaction has to do with a ledger entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use(u8);

impl Use {
    pub(crate) const SPENDS: Use = Use(1);
    pub(crate) const MAKES: Use = Use(2);
    pub(crate) const PUTS: Use = Use(4);
    const READS: Use = Use(8);
    const CHANGES: Use = Use(1 | 2 | 4);

    pub(crate) fn any_of(self, other: Use) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a runtime makes of a transaction when messages carry it, once for all of them.
// Packed, so that all that messages need fits into a line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(4))]
pub struct OnWire {
    /// What a message with it takes.
    pub bytes: u32,
    /// Numbers of the runtime's own, for the transaction as it is sent and as it is taken in.
    pub sent: u64,
    /// See [`sent`](OnWire::sent).
    pub taken_in: u64,
}

/// What messages need of a transaction of the table, apart from the rest: one line of the machine's caches.
#[derive(Clone)]
#[repr(align(64))]
struct Brief {
    /// The beginning of its hash.
    prefix: u64,
    /// How many nodes remember it, and messages under way that name it.
    holders: u32,
    /// The latest tip over which it was judged, if there is one judgement and that depends on `beside` at most; else
    /// [`NO_TIP`].
    over: BlockIx,
    /// By the first judgement: the fee rate and the fee.
    rate: u64,
    fee: Amount,
    /// Its own bytes.
    bytes: u32,
    /// The one transaction on which it depends where that judgement holds, or [`NO_TX`].
    beside: TxNo,
    /// Whether that must wait there, and was judged in one way, or must not wait.
    beside_waits: bool,
    /// With no bytes: nobody has asked yet.
    on_wire: OnWire,
}

/// No tip.
const NO_TIP: BlockIx = BlockIx(u32::MAX);
/// No transaction.
const NO_TX: TxNo = TxNo(u32::MAX);

const _: () = assert!(size_of::<Brief>() == 64, "one line");

impl Brief {
    fn new(hash: Id) -> Brief {
        let (prefix, fee, on_wire) = (hash.prefix(), Amount::ZERO, OnWire::default());
        Brief { prefix, holders: 0, over: NO_TIP, rate: 0, fee, bytes: 0, beside: NO_TX, beside_waits: false, on_wire }
    }
}

/// What is known of a transaction of the table.
#[derive(Default)]
struct Known {
    /// The transaction itself, once it was judged.
    tx: Option<Tx>,
    /// What was found first: it is kept as long as the transaction is.
    first: Option<Arc<Pooled>>,
    /// Where judgements hold, the latest last.
    held: Vec<Held>,
    /// How many judgements there have been, those that were like the first not counted again.
    judgements: u32,
    /// Others that change an entry which this one reads.
    related: Vec<TxNo>,
    keys: Vec<Box<[u8]>>,
    owners: Vec<Address>,
}

/// The transactions that nodes remember.
#[derive(Default)]
pub struct TxTable {
    numbers: IdMap<TxNo>,
    hashes: Vec<Id>,
    briefs: Vec<Brief>,
    all: Vec<Known>,
    free: VecDeque<TxNo>,
    uses: BytesMap<Box<[u8]>, Vec<(TxNo, Use)>>,
    owners: BTreeMap<Address, Vec<TxNo>>,
    serials: u64,
    /// Counts what could make a [`Confirmed`] another one.
    changes: u64,
    confirmed: Option<(BlockIx, u64, Arc<Confirmed>)>,
}

impl TxTable {
    /// The number of the transaction called `hash`, if some node remembers it.
    pub fn find(&self, hash: &Id) -> Option<TxNo> {
        self.numbers.get(hash).copied()
    }

    /// The transaction's name.
    pub fn hash(&self, no: TxNo) -> Id {
        self.hashes[no.0 as usize]
    }

    /// The [beginning](Id::prefix) of it.
    #[inline]
    pub fn prefix(&self, no: TxNo) -> u64 {
        self.briefs[no.0 as usize].prefix
    }

    /// The sum, modulo 2^64, of those of a group that `which` names.
    #[inline]
    pub fn sum_of_prefixes(&self, group: u32, which: u64) -> u64 {
        TxNo::each(group, which).fold(0, |sum, no| sum.wrapping_add(self.prefix(no)))
    }

    /// What the runtime makes of a transaction that was judged, and its fee by the first judgement.
    #[inline]
    pub(crate) fn on_wire(&mut self, no: TxNo, ask: impl FnOnce(&Tx, Amount) -> OnWire) -> (OnWire, Amount) {
        let brief = &mut self.briefs[no.0 as usize];
        if brief.on_wire.bytes == 0
            && let Some(first) = &self.all[no.0 as usize].first
        {
            (brief.on_wire, brief.fee) = (ask(&first.tx, first.fee), first.fee);
        }
        (brief.on_wire, brief.fee)
    }

    /// The transaction, if some node has judged it and remembers it.
    pub(crate) fn tx(&self, no: TxNo) -> Option<&Tx> {
        self.all[no.0 as usize].tx.as_ref()
    }

    /// The number of the transaction called `hash`; one more node remembers it from now on.
    pub(crate) fn hold(&mut self, hash: Id) -> TxNo {
        let TxTable { numbers, hashes, briefs, all, free, changes, .. } = self;
        let no = *numbers.entry(hash).or_insert_with(|| {
            *changes += 1;
            let Some(no) = free.pop_front() else {
                hashes.push(hash);
                briefs.push(Brief::new(hash));
                all.push(Known::default());
                return TxNo(all.len() as u32 - 1);
            };
            (hashes[no.0 as usize], briefs[no.0 as usize]) = (hash, Brief::new(hash));
            no
        });
        briefs[no.0 as usize].holders += 1;
        no
    }

    /// The one that is looked at before the judgement at hand is used, if there is such a one: to be fetched ahead, for it may
    /// be gone.
    #[inline]
    pub(crate) fn beside(&self, no: TxNo) -> Option<TxNo> {
        Some(self.briefs[no.0 as usize].beside).filter(|beside| *beside != NO_TX)
    }

    /// One more that remembers it.
    pub(crate) fn hold_again(&mut self, no: TxNo) {
        self.briefs[no.0 as usize].holders += 1;
    }

    /// Two more.
    pub(crate) fn hold_twice(&mut self, no: TxNo) {
        self.briefs[no.0 as usize].holders += 2;
    }

    /// One of those that remember it does so no longer.
    pub(crate) fn release(&mut self, no: TxNo) {
        let brief = &mut self.briefs[no.0 as usize];
        brief.holders -= 1;
        if brief.holders == 0 {
            self.forget(no);
        }
    }

    #[cold]
    fn forget(&mut self, no: TxNo) {
        let Known { keys, owners, .. } = std::mem::take(&mut self.all[no.0 as usize]);
        self.briefs[no.0 as usize].over = NO_TIP;
        self.changes += 1;
        self.numbers.remove(&self.hashes[no.0 as usize]);
        for key in keys {
            let Some(users) = self.uses.get_mut(&key) else { continue };
            users.retain(|(user, _)| *user != no);
            for (user, _) in &*users {
                let Known { related, held, .. } = &mut self.all[user.0 as usize];
                related.retain(|other| *other != no);
                // The number will stand for another one.
                held.retain(|held| !held.depends_on(no));
                if self.briefs[user.0 as usize].beside == no {
                    self.briefs[user.0 as usize].over = NO_TIP;
                }
            }
            if users.is_empty() {
                self.uses.remove(&key);
            }
        }
        for owner in owners {
            if let Some(theirs) = self.owners.get_mut(&owner) {
                theirs.retain(|other| *other != no);
                if theirs.is_empty() {
                    self.owners.remove(&owner);
                }
            }
        }
        self.free.push_back(no);
    }

    fn note_uses(&mut self, no: TxNo, outcome: &Outcome, reads: &[Vec<u8>]) {
        self.changes += 1;
        let spends = outcome.spends.iter().map(|spend| (&spend.key, Use::SPENDS));
        let makes = outcome.credits.iter().filter(|credit| !credit.key.is_empty());
        let makes = makes.map(|credit| (&credit.key, Use::MAKES));
        let puts = outcome.puts.iter().map(|(key, _)| (key, Use::PUTS));
        let reads = reads.iter().map(|key| (key, Use::READS));
        for (key, how) in spends.chain(makes).chain(puts).chain(reads) {
            let users = self.uses.entry(key.as_slice().into()).or_default();
            let before = match users.iter_mut().find(|(user, _)| *user == no) {
                Some((_, before)) => {
                    let old = *before;
                    before.0 |= how.0;
                    old
                }
                None => {
                    users.push((no, how));
                    self.all[no.0 as usize].keys.push(key.as_slice().into());
                    Use(0)
                }
            };
            let new = Use(how.0 & !before.0);
            for (other, theirs) in users.iter().filter(|(user, _)| *user != no) {
                let mut relate = |one: TxNo, to: TxNo| {
                    add(&mut self.all[one.0 as usize].related, to);
                    self.briefs[one.0 as usize].over = NO_TIP;
                };
                if new.any_of(Use::CHANGES) && theirs.any_of(Use::READS) {
                    relate(*other, no);
                }
                if new.any_of(Use::READS) && theirs.any_of(Use::CHANGES) {
                    relate(no, *other);
                }
            }
        }
    }

    fn note_owners(&mut self, no: TxNo, outcome: &Outcome, owner: &dyn Fn(&[u8]) -> Option<Address>) {
        let locks = outcome.spends.iter().map(|spend| &spend.lock);
        let locks = locks.chain(outcome.credits.iter().map(|credit| &credit.lock));
        for owner in locks.filter_map(|lock| owner(lock)) {
            let owners = &mut self.all[no.0 as usize].owners;
            if !owners.contains(&owner) {
                owners.push(owner);
                self.owners.entry(owner).or_default().push(no);
            }
        }
    }

    /// The transactions that do such a thing to the entry `key`. One that has been judged more than once may do it only
    /// by one of its judgements.
    pub(crate) fn users(&self, key: &[u8], how: Use) -> impl Iterator<Item = TxNo> {
        let users = self.uses.get(key).map_or(&[][..], |users| &users[..]);
        users.iter().filter(move |(_, does)| does.any_of(how)).map(|(no, _)| *no)
    }

    /// The transactions that take from `owner` or give to it.
    pub(crate) fn of_owner(&self, owner: &Address) -> &[TxNo] {
        self.owners.get(owner).map_or(&[], |theirs| theirs)
    }
}

fn add(list: &mut Vec<TxNo>, no: TxNo) {
    if !list.contains(&no) {
        list.push(no);
    }
}
