//! An announcement of transactions, shared by all neighbours that receive it.
//!
//! Neighbours are told nearly the same. So the transactions are listed once, and what one neighbour is told, all but what
//! it has announced itself, is a word for each group of 64.

use std::sync::Arc;

use super::peer::PeerId;
use crate::message::MAX_ITEMS;
use crate::world::{TxIndex, TxTable};

/// The list, and who is told what of it.
#[derive(Debug, Default)]
pub(super) struct TxInvList {
    /// Each once, in the order of announcement.
    txs: Vec<TxIndex>,
    /// The groups that they are of, and which of each.
    groups: Vec<(u32, u64)>,
    /// For each group, by place in the group, the place in `txs`.
    places: Vec<[u16; 64]>,
    /// Who is told something, and how much.
    receivers: Vec<(PeerId, u32)>,
    /// What each receiver is told: a word for each group.
    told: Vec<u64>,
}

impl TxInvList {
    /// Adds a transaction; whether it was not there. Not more than [`MAX_ITEMS`] are added.
    #[inline]
    pub(super) fn add(&mut self, tx: TxIndex) -> bool {
        // Nearly all are of the same few groups.
        let mut at = 0;
        while self.groups.get(at).is_some_and(|(group, _)| *group != tx.group()) {
            at += 1;
        }
        if at == self.groups.len() {
            self.groups.push((tx.group(), 0));
            self.places.push([0; 64]);
        }
        let (_, there) = &mut self.groups[at];
        let new = *there & tx.bit() == 0;
        if new {
            debug_assert!(self.txs.len() < MAX_ITEMS);
            *there |= tx.bit();
            self.places[at][tx.place()] = self.txs.len() as u16;
            self.txs.push(tx);
        }
        new
    }

    /// Whether an announcement can name no more.
    pub(super) fn is_full(&self) -> bool {
        self.txs.len() == MAX_ITEMS
    }

    /// Tells a neighbour what `unknown` leaves of each group, if that is anything.
    #[inline]
    pub(super) fn tell(&mut self, peer: PeerId, unknown: impl Fn(u32, u64) -> u64) {
        let (before, mut count) = (self.told.len(), 0);
        for (group, which) in &self.groups {
            let told = unknown(*group, *which);
            count += told.count_ones();
            self.told.push(told);
        }
        match count {
            0 => self.told.truncate(before),
            _ => self.receivers.push((peer, count)),
        }
    }

    /// What this receiver is told, as words for the groups.
    fn told(&self, receiver: u32) -> &[u64] {
        let groups = self.groups.len();
        &self.told[receiver as usize * groups..][..groups]
    }

    /// Nobody needs it any longer: its transactions are released.
    fn end(mut self, txs: &mut TxTable, pool: &mut TxInvPool) {
        self.txs.drain(..).for_each(|tx| txs.release(tx));
        if pool.0.len() < KEPT {
            self.groups.clear();
            self.places.clear();
            self.receivers.clear();
            self.told.clear();
            pool.0.push(self);
        }
    }

    /// Gives each receiver its [`TxInv`]. The list has held its transactions, and does so until the last one is read.
    pub(super) fn publish(self, txs: &mut TxTable, pool: &mut TxInvPool, mut send: impl FnMut(PeerId, TxInv)) {
        if self.receivers.is_empty() {
            return self.end(txs, pool);
        }
        let list = Arc::new(self);
        for ((peer, count), receiver) in list.receivers.iter().zip(0..) {
            send(*peer, TxInv { list: list.clone(), receiver, count: *count });
        }
    }
}

/// An `inv` of transactions to one neighbour. It holds what it names, so it must be given to a node or
/// [released](super::PeerMessage::release).
#[derive(Debug)]
pub struct TxInv {
    list: Arc<TxInvList>,
    receiver: u32,
    count: u32,
}

impl TxInv {
    /// How many transactions it names.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Which: words for groups of 64, in no order, and perhaps none of a group.
    #[inline]
    pub fn groups(&self) -> impl Iterator<Item = (u32, u64)> {
        self.list.groups.iter().zip(self.list.told(self.receiver)).map(|((group, _), told)| (*group, *told))
    }

    /// Which, in the order of announcement.
    pub fn txs(&self) -> Vec<TxIndex> {
        let mut picked = Picked::default();
        self.groups().enumerate().for_each(|(at, (_, told))| self.pick(&mut picked, at, told));
        let mut txs = Vec::with_capacity(self.count());
        self.picked(&picked, |tx| txs.push(tx));
        txs
    }

    /// Picks those of the group at this place that `which` names.
    #[inline]
    pub(super) fn pick(&self, picked: &mut Picked, at: usize, which: u64) {
        let places = &self.list.places[at];
        for tx in TxIndex::each(0, which) {
            let place = usize::from(places[tx.place()]);
            picked.0[place / 64] |= 1 << (place % 64);
        }
    }

    /// Calls `each` with those that were picked, in the order of announcement.
    #[inline]
    pub(super) fn picked(&self, picked: &Picked, mut each: impl FnMut(TxIndex)) {
        for (word, txs) in picked.0.iter().zip(self.list.txs.chunks(64)) {
            TxIndex::each(0, *word).for_each(|place| each(txs[place.0 as usize]));
        }
    }

    /// It was read, or never will be.
    pub(super) fn end(self, txs: &mut TxTable, pool: &mut TxInvPool) {
        if let Some(list) = Arc::into_inner(self.list) {
            list.end(txs, pool);
        }
    }
}

/// Some transactions of a list, as bits at their places in its order.
#[derive(Default)]
pub(super) struct Picked([u64; MAX_ITEMS.div_ceil(64)]);

/// Empty lists, for their memory.
#[derive(Debug, Default)]
pub(super) struct TxInvPool(Vec<TxInvList>);

/// So many are kept.
const KEPT: usize = 64;

impl TxInvPool {
    /// An empty list.
    pub(super) fn new_list(&mut self) -> TxInvList {
        self.0.pop().unwrap_or_default()
    }
}
