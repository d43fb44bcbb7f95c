//! The transactions that a node has made, and what became of them.

use std::collections::BTreeSet;

use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_bytes};
use crate::hash::Id;
use crate::header::Time;
use crate::world::{BlockIx, World};

/// A transaction that this node has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTx {
    /// The transaction.
    pub tx: Tx,
    /// Who receives it; `None` for an action of the consensus agent.
    pub to: Option<Address>,
    /// How much.
    pub amount: Amount,
    /// What the block's producer gets.
    pub fee: Amount,
    /// When it was made.
    pub made_at: Time,
    /// Height of the block that confirms it, on the node's chain.
    pub confirmed: Option<u64>,
}

/// The transactions that a node has made, oldest first. The world's store keeps each change before the call is over.
#[derive(Default)]
pub(super) struct OwnTxs {
    pub(super) all: Vec<OwnTx>,
    /// The places of those that are not confirmed.
    unconfirmed: BTreeSet<usize>,
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
        let mut own = OwnTxs { all, unconfirmed: BTreeSet::new() };
        own.find_unconfirmed();
        own
    }

    /// Notes which are not confirmed, of those that were changed one by one.
    pub(super) fn find_unconfirmed(&mut self) {
        let unconfirmed = self.all.iter().enumerate().filter(|(_, own)| own.confirmed.is_none());
        self.unconfirmed = unconfirmed.map(|(n, _)| n).collect();
    }

    /// Those that are not confirmed.
    pub(super) fn unconfirmed(&self) -> Vec<Tx> {
        self.unconfirmed.iter().map(|n| self.all[*n].tx.clone()).collect()
    }

    /// Adds a new one, durably.
    pub(super) fn add(&mut self, world: &mut World, own: OwnTx) {
        save(world, self.all.len(), &own);
        self.unconfirmed.insert(self.all.len());
        self.all.push(own);
    }

    /// Takes the newest back: it has not left the node.
    pub(super) fn take_back(&mut self, world: &mut World) {
        self.all.pop();
        self.unconfirmed.remove(&self.all.len());
        if let Some(store) = world.store() {
            store.set(&name(self.all.len()), None);
        }
    }

    /// A block joined the node's chain (`joined`) or left it; calls `each` with the hash of every own transaction that it
    /// executed, and its height.
    pub(super) fn follow(&mut self, world: &mut World, ix: BlockIx, joined: bool, mut each: impl FnMut(Id, u64)) {
        if self.all.is_empty() {
            return;
        }
        let height = world.tree()[ix].height;
        let OwnTxs { all, unconfirmed } = self;
        let places: Vec<usize> = match joined {
            true => unconfirmed.iter().copied().collect(),
            false => (0..all.len()).filter(|n| all[*n].confirmed == Some(height)).collect(),
        };
        for n in world.find_in(ix, &places, |n| all[*n].tx.hash()) {
            all[n].confirmed = joined.then_some(height);
            match joined {
                true => unconfirmed.remove(&n),
                false => unconfirmed.insert(n),
            };
            save(world, n, &all[n]);
            each(all[n].tx.hash(), height);
        }
    }
}

impl Encode for OwnTx {
    fn encode(&self, out: &mut impl Sink) {
        put_bytes(out, self.tx.bytes());
        self.to.encode(out);
        self.amount.encode(out);
        self.fee.encode(out);
        self.made_at.encode(out);
        self.confirmed.encode(out);
    }
}

impl Decode for OwnTx {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(OwnTx {
            tx: Tx::decode(from)?,
            to: Option::decode(from)?,
            amount: Amount::decode(from)?,
            fee: Amount::decode(from)?,
            made_at: u64::decode(from)?,
            confirmed: Option::decode(from)?,
        })
    }
}
