//! What a node announces to its neighbours at one moment, written down once for all of them.
//!
//! Neighbours are told nearly the same. So the transactions are listed once, and what one neighbour is told, all but what
//! it has announced itself, is a word for each 64 transactions with neighbouring numbers.

use std::sync::Arc;

use super::io::PeerId;
use crate::message::MAX_ITEMS;
use crate::world::{TxNo, TxTable};

/// Transactions in an order, and the same by groups of neighbouring numbers.
#[derive(Debug, Default)]
pub(super) struct Bulletin {
    /// Each once.
    txs: Vec<TxNo>,
    /// The groups that they are of, and which of each.
    groups: Vec<(u32, u64)>,
    /// The places in the order, for each group by the places there.
    places: Vec<[u16; 64]>,
    /// Who is told something, and how much.
    readers: Vec<(PeerId, u32)>,
    /// Which each reader is told, as words for the groups.
    told: Vec<u64>,
}

impl Bulletin {
    /// Adds a transaction, if it is not there. Not more than [`MAX_ITEMS`] are added.
    #[inline]
    pub(super) fn add(&mut self, no: TxNo) {
        // Nearly all are of the same few groups.
        let mut at = 0;
        while self.groups.get(at).is_some_and(|(group, _)| *group != no.group()) {
            at += 1;
        }
        if at == self.groups.len() {
            self.groups.push((no.group(), 0));
            self.places.push([0; 64]);
        }
        let (_, there) = &mut self.groups[at];
        if *there & no.bit() == 0 {
            debug_assert!(self.txs.len() < MAX_ITEMS);
            *there |= no.bit();
            self.places[at][no.place()] = self.txs.len() as u16;
            self.txs.push(no);
        }
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
            _ => self.readers.push((peer, count)),
        }
    }

    /// Calls `each` with who is told what, in the order of the list.
    pub(super) fn read(&self, mut each: impl FnMut(PeerId, Vec<TxNo>)) {
        for ((peer, count), reader) in self.readers.iter().zip(0..) {
            let mut picked = Picked::default();
            self.told(reader).iter().enumerate().for_each(|(group, told)| picked.add(self, group, *told));
            let mut txs = Vec::with_capacity(*count as usize);
            picked.in_order(self, |no| txs.push(no));
            each(*peer, txs);
        }
    }

    /// Which this reader is told, as words for the groups.
    fn told(&self, reader: u32) -> &[u64] {
        let groups = self.groups.len();
        &self.told[reader as usize * groups..][..groups]
    }

    fn clear(&mut self) {
        self.txs.clear();
        self.groups.clear();
        self.places.clear();
        self.readers.clear();
        self.told.clear();
    }
}

/// Some transactions of a bulletin, as bits at their places in its order.
#[derive(Default)]
pub(super) struct Picked([u64; MAX_ITEMS.div_ceil(64)]);

impl Picked {
    /// Adds those of the group with this place that `which` names.
    #[inline]
    fn add(&mut self, bulletin: &Bulletin, group: usize, which: u64) {
        let places = &bulletin.places[group];
        for bit in TxNo::each(0, which) {
            let place = usize::from(places[bit.place()]);
            self.0[place / 64] |= 1 << (place % 64);
        }
    }

    /// Calls `each` with all of them, in their order.
    #[inline]
    fn in_order(&self, bulletin: &Bulletin, mut each: impl FnMut(TxNo)) {
        for (word, txs) in self.0.iter().zip(bulletin.txs.chunks(64)) {
            TxNo::each(0, *word).for_each(|place| each(txs[place.0 as usize]));
        }
    }
}

/// An `inv` with transactions by their numbers: what one neighbour is told. What all are told is held until the last one
/// has read it, or its message is [lost](super::Outputs::lose).
#[derive(Debug)]
pub struct News {
    bulletin: Arc<Bulletin>,
    reader: u32,
    count: u32,
}

impl News {
    /// How many transactions it names.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Which: by groups of 64 with neighbouring numbers, in no order, and perhaps none of a group.
    #[inline]
    pub fn groups(&self) -> impl Iterator<Item = (u32, u64)> {
        self.bulletin.groups.iter().zip(self.bulletin.told(self.reader)).map(|((group, _), told)| (*group, *told))
    }

    /// Picks those of the group with this place that `which` names.
    #[inline]
    pub(super) fn pick(&self, picked: &mut Picked, group: usize, which: u64) {
        picked.add(&self.bulletin, group, which);
    }

    /// Calls `each` with those that were picked, in their order.
    #[inline]
    pub(super) fn picked(&self, picked: &Picked, each: impl FnMut(TxNo)) {
        picked.in_order(&self.bulletin, each);
    }
}

/// Empty bulletins, for their memory.
#[derive(Debug, Default)]
pub(super) struct Bulletins(Vec<Bulletin>);

/// So many are kept.
const KEPT: usize = 64;

impl Bulletins {
    /// An empty one.
    pub(super) fn new_one(&mut self) -> Bulletin {
        self.0.pop().unwrap_or_default()
    }

    /// Keeps one that nobody reads.
    pub(super) fn give_back(&mut self, mut bulletin: Bulletin) {
        if self.0.len() < KEPT {
            bulletin.clear();
            self.0.push(bulletin);
        }
    }

    /// Hands out a bulletin, whose transactions are held from now on.
    pub(super) fn publish(&mut self, bulletin: Bulletin, txs: &mut TxTable, mut send: impl FnMut(PeerId, News)) {
        if bulletin.readers.is_empty() {
            return self.give_back(bulletin);
        }
        bulletin.txs.iter().for_each(|no| txs.hold_again(*no));
        let bulletin = Arc::new(bulletin);
        for ((peer, count), reader) in bulletin.readers.iter().zip(0..) {
            send(*peer, News { bulletin: bulletin.clone(), reader, count: *count });
        }
    }

    /// A reader has read it, or never will: after the last one its transactions are held no longer.
    pub(super) fn end(&mut self, news: News, txs: &mut TxTable) {
        if let Some(bulletin) = Arc::into_inner(news.bulletin) {
            bulletin.txs.iter().for_each(|no| txs.release(*no));
            self.give_back(bulletin);
        }
    }
}
