//! What a node announces to its neighbours at one moment, written down once for all of them.
//!
//! Neighbours are told nearly the same. So the transactions are listed once, and what one neighbour is told, all but what
//! it has announced itself, is a word for each 64 transactions with neighbouring numbers.

use std::sync::Arc;

use super::io::PeerId;
use crate::world::{TxNo, TxTable};

/// Transactions in an order, and the same by groups of neighbouring numbers.
#[derive(Debug, Default)]
pub(super) struct Bulletin {
    /// Each once.
    txs: Vec<TxNo>,
    /// The groups that they are of, and which of each.
    groups: Vec<(u32, u64)>,
    /// Who is told something, and how much.
    readers: Vec<(PeerId, u32)>,
    /// Which each reader is told, as words for the groups.
    told: Vec<u64>,
}

impl Bulletin {
    /// Adds a transaction, if it is not there.
    #[inline]
    pub(super) fn add(&mut self, no: TxNo) {
        // Nearly all are of the same few groups.
        let at = self.groups.iter().position(|(group, _)| *group == no.group()).unwrap_or_else(|| {
            self.groups.push((no.group(), 0));
            self.groups.len() - 1
        });
        let (_, there) = &mut self.groups[at];
        if *there & no.bit() == 0 {
            *there |= no.bit();
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

    /// Who is told what, in the order of the list.
    pub(super) fn read(&self) -> impl Iterator<Item = (PeerId, impl Iterator<Item = TxNo>)> {
        self.readers.iter().zip(0..).map(|((peer, _), reader)| (*peer, self.pick(self.told(reader))))
    }

    /// Which this reader is told, as words for the groups.
    fn told(&self, reader: u32) -> &[u64] {
        let groups = self.groups.len();
        &self.told[reader as usize * groups..][..groups]
    }

    /// Those that such words name, in the order of the list.
    fn pick<'a>(&'a self, words: &'a [u64]) -> impl Iterator<Item = TxNo> + 'a {
        let mut at = 0;
        self.txs.iter().copied().filter(move |no| {
            // The next is nearly always of the group of the last one.
            if self.groups[at].0 != no.group() {
                at = self.groups.iter().position(|(group, _)| *group == no.group()).unwrap_or(at);
            }
            words[at] & no.bit() != 0
        })
    }

    fn clear(&mut self) {
        self.txs.clear();
        self.groups.clear();
        self.readers.clear();
        self.told.clear();
    }
}

/// An `inv` with transactions by their numbers: what one neighbour is told. What all are told is held until the last one
/// has read it.
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

    /// Which: by groups of 64 with neighbouring numbers, in no order.
    #[inline]
    pub fn groups(&self) -> impl Iterator<Item = (u32, u64)> {
        self.bulletin.groups.iter().zip(self.bulletin.told(self.reader)).map(|((group, _), told)| (*group, *told))
    }

    /// Those of them, in their order, that `words` names for each of the [groups](News::groups).
    pub(super) fn pick<'a>(&'a self, words: &'a [u64]) -> impl Iterator<Item = TxNo> + 'a {
        self.bulletin.pick(words)
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
