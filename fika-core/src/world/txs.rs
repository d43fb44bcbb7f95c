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

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::ledger::BytesMap;
use super::tree::{BlockIx, IdMap};
use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::hash::Id;
use crate::tx::Outcome;

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
            let next = (which != 0).then(|| TxNo(64 * group + which.trailing_zeros()));
            which &= which.wrapping_sub(1);
            next
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
    /// The tip that it was judged over, and the judgements in the mempool that touch what it reads.
    over: Option<(BlockIx, Vec<(TxNo, u64)>)>,
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
#[derive(Clone, Copy, Debug, Default)]
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
    /// The tip of the first judgement, if it is the latest and depends on `needs` at most; else [`NO_TIP`].
    over: BlockIx,
    /// By the first judgement: the fee rate and the fee.
    rate: u64,
    fee: Amount,
    /// Its own bytes.
    bytes: u32,
    /// The one transaction that must wait where that judgement is to hold, and was judged once; or [`NO_TX`].
    needs: TxNo,
    /// With no bytes: nobody has asked yet.
    on_wire: OnWire,
}

/// No tip.
const NO_TIP: BlockIx = BlockIx(u32::MAX);
/// No transaction.
const NO_TX: TxNo = TxNo(u32::MAX);

impl Brief {
    fn new(hash: Id) -> Brief {
        let (prefix, fee, on_wire) = (hash.prefix(), Amount::ZERO, OnWire::default());
        Brief { prefix, holders: 0, over: NO_TIP, rate: 0, fee, bytes: 0, needs: NO_TX, on_wire }
    }
}

/// What a mempool is to know of a transaction that it takes in.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    pub(crate) bytes: u64,
    pub(crate) rate: u64,
    pub(crate) fee: Amount,
    /// The judgement itself, if it is not the [first](TxTable::first) one.
    pub(crate) own: Option<Arc<Pooled>>,
}

/// What is known of a transaction of the table.
#[derive(Default)]
struct Known {
    /// The transaction itself, once it was judged.
    tx: Option<Tx>,
    /// What was found first: it is kept as long as the transaction is.
    first: Option<Arc<Pooled>>,
    /// By tip, the latest last.
    judged: Vec<Arc<Pooled>>,
    /// How many judgements there have been.
    judgements: u32,
    /// Others that change an entry which this one reads.
    related: Vec<TxNo>,
    keys: Vec<Box<[u8]>>,
    owners: Vec<Address>,
}

/// Judgements kept of one transaction.
const JUDGED_KEPT: usize = 4;

/// What a block means for mempools.
#[derive(Debug, Default)]
pub struct Confirmed {
    /// Its transactions, as far as they have numbers, and their bytes.
    pub(crate) inside: Vec<(TxNo, u32)>,
    /// The same by groups of 64 with neighbouring numbers: which of them, and their bytes.
    pub(crate) groups: Vec<(u32, u64, u64)>,
    /// Others that spend what it spends, in the order of the entries.
    pub(crate) rivals: Vec<TxNo>,
}

impl Confirmed {
    /// Whether it means nothing for any of them.
    pub(crate) fn is_empty(&self) -> bool {
        self.inside.is_empty() && self.rivals.is_empty()
    }
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

    /// Those of the transactions of a group that `which` names.
    #[inline]
    pub fn prefixes(&self, group: u32, which: u64) -> impl Iterator<Item = u64> {
        TxNo::each(group, which).map(|no| self.prefix(no))
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
            let no = free.pop_front().unwrap_or_else(|| {
                hashes.push(hash);
                briefs.push(Brief::new(hash));
                all.push(Known::default());
                TxNo(all.len() as u32 - 1)
            });
            (hashes[no.0 as usize], briefs[no.0 as usize]) = (hash, Brief::new(hash));
            no
        });
        briefs[no.0 as usize].holders += 1;
        no
    }

    /// The one that must wait where the first judgement of this one is to hold, if there is such a one.
    #[inline]
    pub(crate) fn needed_by(&self, no: TxNo) -> Option<TxNo> {
        Some(self.briefs[no.0 as usize].needs).filter(|needs| *needs != NO_TX)
    }

    /// One more that remembers it.
    pub(crate) fn hold_again(&mut self, no: TxNo) {
        self.briefs[no.0 as usize].holders += 1;
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
                self.all[user.0 as usize].related.retain(|other| *other != no);
                if self.briefs[user.0 as usize].needs == no {
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

    /// A judgement of the transaction over `tip` that holds in a mempool in which the transactions wait that `waits`
    /// names, with the judgements whose serial numbers `serial` gives.
    #[inline]
    pub(crate) fn judged(
        &self,
        no: TxNo,
        tip: BlockIx,
        waits: impl Fn(TxNo) -> bool,
        serial: impl Fn(TxNo) -> Option<u64>,
    ) -> Option<Judgement> {
        let brief = &self.briefs[no.0 as usize];
        if brief.over == tip && (brief.needs == NO_TX || waits(brief.needs)) {
            return Some(Judgement { bytes: brief.bytes.into(), rate: brief.rate, fee: brief.fee, own: None });
        }
        self.judged_among(no, tip, waits, serial)
    }

    #[inline(never)]
    fn judged_among(
        &self,
        no: TxNo,
        tip: BlockIx,
        waits: impl Fn(TxNo) -> bool,
        serial: impl Fn(TxNo) -> Option<u64>,
    ) -> Option<Judgement> {
        let Known { judged, related, .. } = &self.all[no.0 as usize];
        // Of a transaction that was judged once there is no other judgement.
        let same =
            |other: TxNo, expected: u64| self.all[other.0 as usize].judgements == 1 || serial(other) == Some(expected);
        let holds = |one: &&Arc<Pooled>| {
            one.over.as_ref().is_some_and(|(over, touching)| {
                let mut here = related.iter().filter(|other| waits(**other));
                *over == tip
                    && here.clone().count() == touching.len()
                    && here.all(|other| touching.iter().any(|(one, of)| one == other && same(*one, *of)))
            })
        };
        judged.iter().rev().find(holds).map(|one| self.judgement(no, one))
    }

    fn judgement(&self, no: TxNo, one: &Arc<Pooled>) -> Judgement {
        let is_first = self.first(no).is_some_and(|first| Arc::ptr_eq(first, one));
        Judgement { bytes: one.bytes, rate: one.rate, fee: one.fee, own: (!is_first).then(|| one.clone()) }
    }

    /// The first judgement of a transaction.
    pub(crate) fn first(&self, no: TxNo) -> Option<&Arc<Pooled>> {
        self.all[no.0 as usize].first.as_ref()
    }

    /// Keeps a judgement. `reads`: the tip that it was made over and the entries that were read, where nothing else
    /// was; `serial` as in [`judged`](TxTable::judged), of the mempool that it was made in.
    pub(crate) fn keep(
        &mut self,
        no: TxNo,
        tx: Tx,
        outcome: Outcome,
        reads: Option<(BlockIx, Vec<Vec<u8>>)>,
        owner: &dyn Fn(&[u8]) -> Option<Address>,
        serial: impl Fn(&TxTable, TxNo) -> Option<u64>,
    ) -> Judgement {
        self.all[no.0 as usize].tx = Some(tx.clone());
        let (tip, reads) = reads.unzip();
        self.note_uses(no, &outcome, reads.as_deref().unwrap_or_default());
        self.note_owners(no, &outcome, owner);
        let over = tip.and_then(|tip| {
            let related = &self.all[no.0 as usize].related;
            let here: Vec<_> = related.iter().filter_map(|other| Some((*other, serial(self, *other)?))).collect();
            // The value of what several have written depends on their order.
            let writes = |other: TxNo| {
                let known = &self.all[other.0 as usize];
                known.keys.iter().any(|key| self.users(key, Use::PUTS).any(|user| user == other))
            };
            (outcome.puts.is_empty() && !here.iter().any(|(other, _)| writes(*other))).then_some((tip, here))
        });
        self.serials += 1;
        let (fee, bytes) = (outcome.fee, tx.bytes().len() as u64);
        let rate = u128::from(fee.0) * 1_000 / u128::from(bytes).max(1);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        let new = Arc::new(Pooled { rate, fee, bytes, serial: self.serials, tx, outcome, over });
        self.all[no.0 as usize].judgements += 1;
        self.briefs[no.0 as usize].over = NO_TIP;
        match self.all[no.0 as usize].judgements {
            1 => self.keep_first(no, &new),
            2 => self.judged_twice(no),
            _ => {}
        }
        let judged = &mut self.all[no.0 as usize].judged;
        if new.over.is_some() {
            if judged.len() == JUDGED_KEPT {
                judged.remove(0);
            }
            judged.push(new.clone());
        }
        self.judgement(no, &new)
    }

    /// Keeps the first judgement, at hand if it depends on one transaction at most. What does not fit is looked up each time.
    fn keep_first(&mut self, no: TxNo, new: &Arc<Pooled>) {
        self.all[no.0 as usize].first = Some(new.clone());
        let (Some((tip, touching)), Ok(bytes)) = (&new.over, u32::try_from(new.bytes)) else { return };
        let needs = match (&self.all[no.0 as usize].related[..], &touching[..]) {
            ([], []) => NO_TX,
            ([needs], [_]) if self.all[needs.0 as usize].judgements == 1 => *needs,
            _ => return,
        };
        let brief = &mut self.briefs[no.0 as usize];
        (brief.over, brief.needs, brief.bytes, brief.rate, brief.fee) = (*tip, needs, bytes, new.rate, new.fee);
    }

    /// Where one was judged twice, what was found of those that need it is no longer all that there is to say.
    fn judged_twice(&mut self, no: TxNo) {
        for key in &self.all[no.0 as usize].keys {
            for (user, _) in self.uses.get(key).into_iter().flatten() {
                let brief = &mut self.briefs[user.0 as usize];
                if brief.needs == no {
                    brief.over = NO_TIP;
                }
            }
        }
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

    /// What a block of these transactions, which spends the entries `spent`, means for mempools.
    pub fn confirmed(&self, txs: &[Tx], spent: &[Vec<u8>]) -> Confirmed {
        let numbered = |tx: &Tx| Some((self.find(&tx.hash())?, tx.bytes().len() as u32));
        let mut inside: Vec<(TxNo, u32)> = txs.iter().filter_map(numbered).collect();
        // The order in which they lie in every node's memory.
        inside.sort_unstable();
        let spenders = spent.iter().flat_map(|key| self.users(key, Use::SPENDS));
        let rivals = spenders.filter(|no| inside.binary_search_by_key(no, |(no, _)| *no).is_err()).collect();
        let mut groups: Vec<(u32, u64, u64)> = Vec::new();
        for (no, bytes) in &inside {
            if groups.last().is_none_or(|(group, ..)| *group != no.group()) {
                groups.push((no.group(), 0, 0));
            }
            if let Some((_, which, sum)) = groups.last_mut() {
                *which |= 1 << (no.0 % 64);
                *sum += u64::from(*bytes);
            }
        }
        Confirmed { inside, groups, rivals }
    }

    /// The same for a block of the tree, worked out once for all nodes that take it in soon after each other.
    pub(crate) fn confirmed_by(&mut self, ix: BlockIx, txs: &[Tx], spent: &[Vec<u8>]) -> Arc<Confirmed> {
        if let Some((known, changes, confirmed)) = &self.confirmed
            && (*known, *changes) == (ix, self.changes)
        {
            return confirmed.clone();
        }
        let confirmed = Arc::new(self.confirmed(txs, spent));
        self.confirmed = Some((ix, self.changes, confirmed.clone()));
        confirmed
    }
}

fn add(list: &mut Vec<TxNo>, no: TxNo) {
    if !list.contains(&no) {
        list.push(no);
    }
}
