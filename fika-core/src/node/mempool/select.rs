//! Which transactions go into a block.
//!
//! A transaction counts with all that must come before it, at their joint fee rate, as in Bitcoin Core's BlockAssembler: a dear
//! child pays for its cheap parents, and neither gets ahead of what pays more. What is taken lifts what builds on it, so
//! that is ranked again.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};

use smallvec::SmallVec;

use super::Mempool;
use crate::codec::varint_len;
use crate::world::{TxIndex, TxTable};

/// A transaction that lacks more ancestors than this waits until some of them are taken, as long chains would otherwise
/// be walked again and again. Bitcoin Core's limit, which counts the transaction itself.
const MAX_ANCESTORS: usize = 24;

/// No place.
const NONE: u32 = u32::MAX;

/// What the selection knows of a transaction.
struct Package {
    tx: TxIndex,
    arrival: u64,
    /// What it takes of a block, its length prefix included.
    bytes: u64,
    fee: u64,
    /// By their places among the candidates.
    parents: SmallVec<[u32; 1]>,
    children: SmallVec<[u32; 1]>,
    is_taken: bool,
    /// It builds on what is no candidate.
    never: bool,
}

/// What a transaction and all that it still needs pay together, and what they take.
#[derive(Clone, Copy)]
struct Joint {
    fee: u128,
    bytes: u128,
}

impl PartialEq for Joint {
    fn eq(&self, other: &Joint) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Joint {}

impl Ord for Joint {
    fn cmp(&self, other: &Joint) -> Ordering {
        (self.fee * other.bytes).cmp(&(other.fee * self.bytes))
    }
}

impl PartialOrd for Joint {
    fn partial_cmp(&self, other: &Joint) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A candidate in the order of preference: the higher joint rate first, then the earlier arrival.
type Ranked = (Joint, Reverse<u64>, u32);

impl Mempool {
    /// The transactions for a block with room for so many bytes of them: those that pay most for their room, each after
    /// those it builds on. What is left of the room is less than any of the others takes.
    pub fn select(&self, txs: &TxTable, room: u64) -> Vec<TxIndex> {
        self.select_arrived(txs, room, self.arrived())
    }

    /// The same of the mempool's first `arrived` arrivals.
    pub(in crate::node) fn select_arrived(&self, txs: &TxTable, room: u64, arrived: u64) -> Vec<TxIndex> {
        let mut selection = Selection { all: self.candidates(txs, arrived), room, taken: Vec::new() };
        let all = 0..selection.all.len() as u32;
        let mut heap: BinaryHeap<Ranked> = all.filter_map(|place| selection.rank(place)).collect();
        while let Some((joint, _, place)) = heap.pop() {
            let Some(package) = selection.package(place) else { continue };
            let now = selection.joint(&package);
            if now != joint {
                // Something that it needs was taken since.
                heap.extend(selection.rank(place));
            } else if now.bytes <= u128::from(selection.room) {
                for place in selection.take(package) {
                    heap.extend(selection.rank(place));
                }
            }
        }
        selection.taken
    }

    /// The first `arrived` arrivals, and how they depend on each other.
    fn candidates(&self, txs: &TxTable, arrived: u64) -> Vec<Package> {
        let mut all = Vec::with_capacity(self.len());
        let mut places = vec![NONE; self.arrivals.len()];
        for tx in self.members() {
            let (Some(entry), arrival) = (self.entry(txs, tx), self.arrival(tx)) else { continue };
            if arrival > arrived {
                continue;
            }
            places[tx.0 as usize] = all.len() as u32;
            all.push(Package {
                tx,
                arrival,
                bytes: entry.cost + varint_len(entry.cost),
                fee: entry.fee.0,
                parents: SmallVec::new(),
                children: SmallVec::new(),
                is_taken: false,
                never: false,
            });
        }
        for place in 0..all.len() {
            let tx = all[place].tx;
            let Some(entry) = self.entry(txs, tx) else { continue };
            for parent in self.parents(txs, tx, &entry.outcome) {
                match places[parent.0 as usize] {
                    NONE => all[place].never = true,
                    parent => {
                        all[place].parents.push(parent);
                        all[parent as usize].children.push(place as u32);
                    }
                }
            }
        }
        all
    }
}

/// A block that is being filled.
struct Selection {
    all: Vec<Package>,
    room: u64,
    taken: Vec<TxIndex>,
}

impl Selection {
    fn of(&self, place: u32) -> &Package {
        &self.all[place as usize]
    }

    /// A candidate with all that it still needs. `None` if it is taken, can never be, or needs too many.
    fn package(&self, place: u32) -> Option<SmallVec<[u32; 4]>> {
        let mut package = SmallVec::from_slice(&[place]);
        let mut looked = 0;
        while let Some(place) = package.get(looked) {
            let candidate = self.of(*place);
            if candidate.is_taken || candidate.never || package.len() > MAX_ANCESTORS + 1 {
                return None;
            }
            for parent in &candidate.parents {
                if !self.of(*parent).is_taken && !package.contains(parent) {
                    package.push(*parent);
                }
            }
            looked += 1;
        }
        Some(package)
    }

    fn joint(&self, package: &[u32]) -> Joint {
        let all = package.iter().map(|place| self.of(*place));
        all.fold(Joint { fee: 0, bytes: 0 }, |sum, one| Joint {
            fee: sum.fee + u128::from(one.fee),
            bytes: sum.bytes + u128::from(one.bytes),
        })
    }

    fn rank(&self, place: u32) -> Option<Ranked> {
        let joint = self.joint(&self.package(place)?);
        Some((joint, Reverse(self.of(place).arrival), place))
    }

    /// Takes a package that fits, parents first. Gives what is to be ranked again: all children, and the nearest of those
    /// that build on them.
    fn take(&mut self, mut package: SmallVec<[u32; 4]>) -> Vec<u32> {
        package.sort_by_key(|place| self.of(*place).arrival);
        let mut again = Vec::new();
        while !package.is_empty() {
            let is_ready = |place: &u32| self.of(*place).parents.iter().all(|parent| self.of(*parent).is_taken);
            let Some(next) = package.iter().position(is_ready) else {
                // A circle, which a plugin has made: no block can take any of it.
                package.iter().for_each(|place| self.all[*place as usize].never = true);
                break;
            };
            let place = package.remove(next);
            let candidate = &mut self.all[place as usize];
            candidate.is_taken = true;
            self.room = self.room.saturating_sub(candidate.bytes);
            self.taken.push(candidate.tx);
            again.extend_from_slice(&candidate.children);
        }
        let mut seen: BTreeSet<u32> = again.iter().copied().collect();
        let (mut looked, most) = (0, again.len() + MAX_ANCESTORS);
        while looked < again.len() && again.len() < most {
            let deeper = self.of(again[looked]).children.iter().copied().filter(|child| seen.insert(*child));
            again.extend(deeper);
            looked += 1;
        }
        again
    }
}
