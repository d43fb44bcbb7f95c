//! The transactions that a node has made, and what became of them.
//!
//! What belongs to its unconfirmed payments a wallet keeps itself: a mempool may forget them.

use std::collections::{BTreeMap, BTreeSet};

use super::wallet_coins::WalletCoins;
use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_bytes, put_list};
use crate::hash::Id;
use crate::header::Time;
use crate::script::Script;
use crate::tx::Outcome;
use crate::world::ledger::Entries;
use crate::world::{BlockIx, World};

/// A transaction that this node has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTx {
    /// The transaction.
    pub tx: Tx,
    /// What later transactions call it, which its signatures do not change.
    pub id: Id,
    /// Who receives it; `None` for an action of the consensus agent.
    pub to: Option<Address>,
    /// How much.
    pub amount: Amount,
    /// What the block's producer gets: inputs less outputs.
    pub fee: Amount,
    /// When it was made.
    pub made_at: Time,
    /// Height of the block that confirms it, on the node's chain.
    pub confirmed: Option<u64>,
    /// Its coins are gone for good, so that no block will confirm it.
    pub lost: bool,
    /// The entries that it spends, with their amounts.
    pub(super) spends: Vec<(Vec<u8>, Amount)>,
    /// The entries that it makes or writes.
    pub(super) makes: Vec<Vec<u8>>,
    /// Those of them that are coins of this node, with their amounts.
    pub(super) change: Vec<(Vec<u8>, Amount)>,
}

impl OwnTx {
    /// One that `owner` makes now, which does this and pays `amount` to somebody.
    pub(super) fn new(
        tx: Tx,
        outcome: &Outcome,
        script: &dyn Script,
        (owner, to): (Address, Option<Address>),
        amount: Amount,
        now: Time,
    ) -> OwnTx {
        let Outcome { id, fee, spends, credits, puts, .. } = outcome;
        let makes = credits.iter().map(|credit| &credit.key).chain(puts.iter().map(|(key, _)| key));
        let is_own = |lock: &[u8]| script.owner(lock).is_some_and(|of| of == owner);
        let change = credits.iter().filter(|credit| !credit.key.is_empty() && is_own(&credit.lock));
        OwnTx {
            tx,
            id: *id,
            to,
            amount,
            fee: *fee,
            made_at: now,
            confirmed: None,
            lost: false,
            spends: spends.iter().map(|spend| (spend.key.clone(), spend.amount)).collect(),
            makes: makes.filter(|key| !key.is_empty()).cloned().collect(),
            change: change.map(|credit| (credit.key.clone(), credit.amount)).collect(),
        }
    }
}

/// One that waits for a block.
#[derive(Clone, Copy)]
struct Pending {
    /// When it is announced again, and how long after that the next time.
    announce_at: Time,
    wait: Time,
    /// From which height on the node's chain has not had its coins.
    gone_since: Option<u64>,
}

/// The transactions that a node has made, oldest first. The world's store keeps each change before the call is over.
#[derive(Default)]
pub(super) struct OwnTxs {
    pub(super) all: Vec<OwnTx>,
    pub(super) coins: WalletCoins,
    /// By place: those that are neither confirmed nor lost.
    pending: BTreeMap<usize, Pending>,
    lost: BTreeSet<usize>,
    /// The places of those that are pending.
    by_hash: BTreeMap<Id, usize>,
    due: BTreeSet<(Time, usize)>,
    /// Who spends an entry, and who makes it, of those that are pending.
    spenders: BTreeMap<Vec<u8>, usize>,
    makers: BTreeSet<(Vec<u8>, usize)>,
}

fn name(n: usize) -> String {
    format!("own/{n:010}")
}

fn save(world: &mut World, n: usize, own: &OwnTx) {
    if let Some(store) = world.store() {
        store.set(&name(n), Some(&own.to_bytes()));
        store.flush();
    }
}

impl OwnTxs {
    /// What an earlier run has kept.
    pub(super) fn load(world: &mut World) -> OwnTxs {
        let Some(store) = world.store() else { return OwnTxs::default() };
        let all = store.values("own/").iter().filter_map(|(_, bytes)| OwnTx::from_bytes(bytes).ok()).collect();
        OwnTxs { all, ..OwnTxs::default() }
    }

    /// What a store would have kept of these.
    pub(super) fn stored(self) -> OwnTxs {
        OwnTxs { all: self.all, ..OwnTxs::default() }
    }

    /// Notes which are pending, of those that were loaded: to be announced from now on, after `wait` each time.
    pub(super) fn find_pending(&mut self, wait: Time) {
        for n in 0..self.all.len() {
            let OwnTx { confirmed, lost, .. } = &self.all[n];
            if *lost {
                self.lost.insert(n);
            } else if confirmed.is_none() {
                self.begin(n, 0, wait);
            }
        }
    }

    /// Whether any waits for a block.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The places of those that wait for a block.
    pub(super) fn pending(&self) -> Vec<usize> {
        self.pending.keys().copied().collect()
    }

    /// The place of one that waits for a block.
    pub(super) fn find(&self, hash: &Id) -> Option<usize> {
        self.by_hash.get(hash).copied()
    }

    /// Which of those that wait for a block spends the entry `key`.
    pub(super) fn spender(&self, key: &[u8]) -> Option<&OwnTx> {
        self.spenders.get(key).map(|n| &self.all[*n])
    }

    /// Which of those that wait for a block and were made before `n` makes the entry `key`.
    pub(super) fn maker(&self, n: usize, key: &[u8]) -> Option<usize> {
        self.makers.range((key.to_vec(), 0)..(key.to_vec(), n)).next_back().map(|(_, maker)| *maker)
    }

    /// Adds a new one, durably. It is announced again after `wait`.
    pub(super) fn add(&mut self, world: &mut World, own: OwnTx, wait: Time) {
        let n = self.all.len();
        save(world, n, &own);
        let announce_at = own.made_at + wait;
        self.all.push(own);
        self.begin(n, announce_at, wait);
        self.coins.spend(&self.all[n].spends);
        self.enter_mempool(n);
    }

    fn begin(&mut self, n: usize, announce_at: Time, wait: Time) {
        let own = &self.all[n];
        self.by_hash.insert(own.tx.hash(), n);
        self.spenders.extend(own.spends.iter().map(|(key, _)| (key.clone(), n)));
        self.makers.extend(own.makes.iter().map(|key| (key.clone(), n)));
        self.pending.insert(n, Pending { announce_at, wait, gone_since: None });
        self.due.insert((announce_at, n));
    }

    fn end(&mut self, n: usize) {
        let Some(pending) = self.pending.remove(&n) else { return };
        self.due.remove(&(pending.announce_at, n));
        let own = &self.all[n];
        self.by_hash.remove(&own.tx.hash());
        for (key, _) in &own.spends {
            self.spenders.remove(key);
        }
        for key in &own.makes {
            self.makers.remove(&(key.clone(), n));
        }
    }

    /// It is in the node's mempool: its change can be spent.
    pub(super) fn enter_mempool(&mut self, n: usize) {
        let change = self.all[n].change.iter().filter(|(key, _)| !self.spenders.contains_key(key));
        self.coins.change.extend(change.map(|(key, amount)| (*amount, key.clone())));
    }

    /// It is no longer there, so its change cannot be spent.
    pub(super) fn leave_mempool(&mut self, n: usize) {
        for (key, amount) in &self.all[n].change {
            self.coins.change.remove(&(*amount, key.clone()));
        }
    }

    /// Looks up the confirmed coins of `owner` that can be spent, unless that is done.
    pub(super) fn look_up_coins(&mut self, state: &dyn Entries, owner: &Address) {
        self.coins.look_up(state, owner, |key| self.spenders.contains_key(key));
    }

    /// Looks up what change can be spent. `is_in` says which transactions the mempool has.
    pub(super) fn find_change(&mut self, is_in: impl Fn(&Id) -> bool) {
        for n in self.pending() {
            if is_in(&self.all[n].tx.hash()) {
                self.enter_mempool(n);
            }
        }
    }

    /// When the next one is to be announced.
    pub(super) fn next_announcement(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// One is announced at `at`.
    pub(super) fn announce_at(&mut self, n: usize, at: Time) {
        if let Some(pending) = self.pending.get_mut(&n) {
            self.due.remove(&(pending.announce_at, n));
            pending.announce_at = at;
            self.due.insert((at, n));
        }
    }

    /// All are announced at `at`.
    pub(super) fn announce_all(&mut self, at: Time) {
        self.pending().into_iter().for_each(|n| self.announce_at(n, at));
    }

    /// Takes one that is to be announced now. The time to the next one doubles, up to `longest`.
    pub(super) fn next_due(&mut self, now: Time, longest: Time) -> Option<usize> {
        let (_, n) = *self.due.first().filter(|(at, _)| *at <= now)?;
        let wait = self.pending.get(&n)?.wait;
        self.announce_at(n, now + wait);
        if let Some(pending) = self.pending.get_mut(&n) {
            pending.wait = (wait * 2).min(longest);
        }
        Some(n)
    }

    /// From which height on the chain has not had its coins.
    pub(super) fn gone_since(&self, n: usize) -> Option<u64> {
        self.pending.get(&n)?.gone_since
    }

    /// Notes that; `None`: the chain has them.
    pub(super) fn note_gone(&mut self, n: usize, since: Option<u64>) {
        if let Some(pending) = self.pending.get_mut(&n) {
            pending.gone_since = since;
        }
    }

    /// It will not be confirmed.
    pub(super) fn lose(&mut self, world: &mut World, n: usize) {
        self.end(n);
        self.lost.insert(n);
        self.all[n].lost = true;
        save(world, n, &self.all[n]);
    }

    /// A block at this height of the node's chain executes it.
    pub(super) fn confirm(&mut self, world: &mut World, n: usize, height: u64) {
        self.end(n);
        self.lost.remove(&n);
        (self.all[n].confirmed, self.all[n].lost) = (Some(height), false);
        save(world, n, &self.all[n]);
    }

    /// A block at this height of the node's chain has a transaction called `id`, with whatever signatures: gives the hash of
    /// the own one that it confirms.
    pub(super) fn confirm_id(&mut self, world: &mut World, id: &Id, height: u64) -> Option<Id> {
        let n = self.pending.keys().chain(&self.lost).copied().find(|n| self.all[*n].id == *id)?;
        self.confirm(world, n, height);
        Some(self.all[n].tx.hash())
    }

    /// A block joined the node's chain: gives the hashes of the own transactions that it executed.
    pub(super) fn join(&mut self, world: &mut World, ix: BlockIx) -> Vec<Id> {
        let height = world.tree()[ix].height;
        let places: Vec<usize> = self.pending.keys().chain(&self.lost).copied().collect();
        let found = world.find_in(ix, &places, |n| self.all[*n].tx.hash());
        found.iter().for_each(|n| self.confirm(world, *n, height));
        found.into_iter().map(|n| self.all[n].tx.hash()).collect()
    }

    /// A block left the node's chain: gives the hashes of the own transactions that it had executed, which are announced
    /// again after `wait`.
    pub(super) fn leave(&mut self, world: &mut World, ix: BlockIx, now: Time, wait: Time) -> Vec<Id> {
        let height = world.tree()[ix].height;
        // A chain has one block of each height.
        let places: Vec<usize> = (0..self.all.len()).filter(|n| self.all[*n].confirmed == Some(height)).collect();
        for n in &places {
            self.all[*n].confirmed = None;
            save(world, *n, &self.all[*n]);
            self.begin(*n, now + wait, wait);
        }
        places.into_iter().map(|n| self.all[n].tx.hash()).collect()
    }
}

impl Encode for OwnTx {
    fn encode(&self, out: &mut impl Sink) {
        put_bytes(out, self.tx.bytes());
        self.id.encode(out);
        self.to.encode(out);
        self.amount.encode(out);
        self.fee.encode(out);
        self.made_at.encode(out);
        self.confirmed.encode(out);
        self.lost.encode(out);
        put_list(out, &self.spends);
        put_list(out, &self.makes);
        put_list(out, &self.change);
    }
}

impl Decode for OwnTx {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(OwnTx {
            tx: Tx::decode(from)?,
            id: Id::decode(from)?,
            to: Option::decode(from)?,
            amount: Amount::decode(from)?,
            fee: Amount::decode(from)?,
            made_at: u64::decode(from)?,
            confirmed: Option::decode(from)?,
            lost: bool::decode(from)?,
            spends: from.list(usize::MAX)?,
            makes: from.list(usize::MAX)?,
            change: from.list(usize::MAX)?,
        })
    }
}
