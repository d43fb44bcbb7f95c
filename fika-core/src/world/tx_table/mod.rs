//! The transactions that nodes of this world hold or remember. Each has an index. What is the same for all nodes is
//! computed once.
//!
//! A node keeps its own view of a transaction (in the mempool, asked for, dealt with) in lists by index. An index that
//! nobody holds goes to another transaction, so the lists stay short. Indexes decide nothing and are never shown: a
//! node does the same whatever they are.
//!
//! Whoever keeps an index holds it: a node's status table and mempool, a message under way, a list of announcements. A
//! released index is not reused before the next call of [`Node::handle`](crate::node::Node::handle), so the output of a
//! call can be read until then.
//!
//! What a transaction does ([`TxFormat::apply`](crate::tx::TxFormat::apply)) depends on the tip and on the entries that
//! it reads, of the ledger and of the mempool. So a validation holds for every node with the same tip whose mempool has
//! the same transactions that change these entries, validated the same way. A validation that has read balances is not
//! shared.

mod confirmed;
mod entry;
mod index;
mod validations;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::ledger::BytesMap;
use super::tree::{BlockIx, IdMap};
use crate::address::Address;
use crate::block::Tx;
use crate::hash::Id;
use crate::tx::Outcome;
use entry::{Brief, Known, NO_TIP};
pub use entry::{Confirmed, MempoolEntry, WireInfo};
pub(crate) use entry::{Use, Validation};
pub use index::TxIndex;

/// The transactions that nodes hold or remember.
#[derive(Default)]
pub struct TxTable {
    indexes: IdMap<TxIndex>,
    hashes: Vec<Id>,
    briefs: Vec<Brief>,
    all: Vec<Known>,
    free: VecDeque<TxIndex>,
    /// Free from the next call of a node on.
    released: Vec<TxIndex>,
    uses: BytesMap<Box<[u8]>, Vec<(TxIndex, Use)>>,
    owners: BTreeMap<Address, BTreeSet<TxIndex>>,
    serials: u64,
    /// Counts changes to the table that could change a [`Confirmed`].
    changes: u64,
    confirmed: Option<(BlockIx, u64, Arc<Confirmed>)>,
}

impl TxTable {
    /// The index of the transaction called `hash`, if anybody holds it.
    pub fn find(&self, hash: &Id) -> Option<TxIndex> {
        self.indexes.get(hash).copied()
    }

    /// The transaction's hash.
    #[inline]
    pub fn hash(&self, tx: TxIndex) -> Id {
        self.hashes[tx.0 as usize]
    }

    /// The [first bytes](Id::prefix) of the transaction's hash.
    #[inline]
    pub fn prefix(&self, tx: TxIndex) -> u64 {
        self.briefs[tx.0 as usize].prefix
    }

    /// The transaction, if somebody who has it holds the index.
    pub fn tx(&self, tx: TxIndex) -> Option<&Tx> {
        self.all[tx.0 as usize].tx.as_ref()
    }

    /// How many transactions have an index.
    pub fn len(&self) -> usize {
        self.indexes.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.indexes.is_empty()
    }

    /// What the runtime computes of a transaction for messages. `work_out` is called once while the index is held.
    #[inline]
    pub fn wire(&mut self, tx: TxIndex, work_out: impl FnOnce(&Tx) -> WireInfo) -> WireInfo {
        let brief = &mut self.briefs[tx.0 as usize];
        if brief.wire.bytes == 0
            && let Some(tx) = &self.all[tx.0 as usize].tx
        {
            brief.wire = work_out(tx);
        }
        brief.wire
    }

    /// The index of the transaction called `hash`, held once more.
    pub(crate) fn hold(&mut self, hash: Id) -> TxIndex {
        let TxTable { indexes, hashes, briefs, all, free, changes, .. } = self;
        let tx = *indexes.entry(hash).or_insert_with(|| {
            *changes += 1;
            let Some(tx) = free.pop_front() else {
                hashes.push(hash);
                briefs.push(Brief::new(hash));
                all.push(Known::default());
                return TxIndex(all.len() as u32 - 1);
            };
            (hashes[tx.0 as usize], briefs[tx.0 as usize]) = (hash, Brief::new(hash));
            tx
        });
        briefs[tx.0 as usize].holders += 1;
        tx
    }

    /// The same for a whole transaction.
    pub(crate) fn hold_tx(&mut self, tx: &Tx) -> TxIndex {
        let index = self.hold(tx.hash());
        self.all[index.0 as usize].tx.get_or_insert_with(|| tx.clone());
        index
    }

    /// Adds a holder.
    #[inline]
    pub(crate) fn hold_again(&mut self, tx: TxIndex) {
        self.briefs[tx.0 as usize].holders += 1;
    }

    /// Removes a holder. Without holders the index is released.
    #[inline]
    pub(crate) fn release(&mut self, tx: TxIndex) {
        let brief = &mut self.briefs[tx.0 as usize];
        brief.holders -= 1;
        if brief.holders == 0 {
            self.forget(tx);
        }
    }

    /// At the beginning of a node's call: makes indexes free that were released before it.
    #[inline]
    pub(crate) fn reclaim(&mut self) {
        if !self.released.is_empty() {
            self.free.extend(self.released.drain(..));
        }
    }

    #[cold]
    fn forget(&mut self, tx: TxIndex) {
        let Known { keys, owners, .. } = std::mem::take(&mut self.all[tx.0 as usize]);
        self.briefs[tx.0 as usize].over = NO_TIP;
        self.changes += 1;
        self.indexes.remove(&self.hashes[tx.0 as usize]);
        for key in keys {
            let Some(users) = self.uses.get_mut(&key) else { continue };
            users.retain(|(user, _)| *user != tx);
            for (user, _) in &*users {
                let Known { related, cached, .. } = &mut self.all[user.0 as usize];
                related.retain(|other| *other != tx);
                // The index will stand for another transaction.
                cached.retain(|cached| !cached.depends_on(tx));
                if self.briefs[user.0 as usize].beside == tx {
                    self.briefs[user.0 as usize].over = NO_TIP;
                }
            }
            if users.is_empty() {
                self.uses.remove(&key);
            }
        }
        for owner in owners {
            if let Some(theirs) = self.owners.get_mut(&owner) {
                theirs.remove(&tx);
                if theirs.is_empty() {
                    self.owners.remove(&owner);
                }
            }
        }
        self.released.push(tx);
    }

    fn note_uses(&mut self, tx: TxIndex, outcome: &Outcome, reads: &[Vec<u8>]) {
        self.changes += 1;
        let spends = outcome.spends.iter().map(|spend| (&spend.key, Use::SPENDS));
        let makes = outcome.credits.iter().filter(|credit| !credit.key.is_empty());
        let makes = makes.map(|credit| (&credit.key, Use::MAKES));
        let puts = outcome.puts.iter().map(|(key, _)| (key, Use::PUTS));
        let reads = reads.iter().map(|key| (key, Use::READS));
        for (key, how) in spends.chain(makes).chain(puts).chain(reads) {
            let users = self.uses.entry(key.as_slice().into()).or_default();
            let before = match users.iter_mut().find(|(user, _)| *user == tx) {
                Some((_, before)) => {
                    let old = *before;
                    before.0 |= how.0;
                    old
                }
                None => {
                    users.push((tx, how));
                    self.all[tx.0 as usize].keys.push(key.as_slice().into());
                    Use(0)
                }
            };
            let new = Use(how.0 & !before.0);
            for (other, theirs) in users.iter().filter(|(user, _)| *user != tx) {
                let mut relate = |one: TxIndex, to: TxIndex| {
                    add(&mut self.all[one.0 as usize].related, to);
                    self.briefs[one.0 as usize].over = NO_TIP;
                };
                if new.any_of(Use::CHANGES) && theirs.any_of(Use::READS) {
                    relate(*other, tx);
                }
                if new.any_of(Use::READS) && theirs.any_of(Use::CHANGES) {
                    relate(tx, *other);
                }
            }
        }
    }

    fn note_owners(&mut self, tx: TxIndex, entry: &MempoolEntry) {
        for (owner, _) in &entry.moves {
            if self.all[tx.0 as usize].owners.insert(*owner) {
                self.owners.entry(*owner).or_default().insert(tx);
            }
        }
    }

    /// The transactions that use the entry `key` in such a way. One that was validated more than once may do so in only
    /// one of its validations.
    pub(crate) fn users(&self, key: &[u8], how: Use) -> impl Iterator<Item = TxIndex> {
        let users = self.uses.get(key).map_or(&[][..], |users| &users[..]);
        users.iter().filter(move |(_, does)| does.any_of(how)).map(|(tx, _)| *tx)
    }

    /// The transactions that take from `owner` or give to it.
    pub(crate) fn of_owner(&self, owner: &Address) -> impl Iterator<Item = TxIndex> {
        self.owners.get(owner).into_iter().flatten().copied()
    }
}

fn add(list: &mut Vec<TxIndex>, tx: TxIndex) {
    if !list.contains(&tx) {
        list.push(tx);
    }
}
