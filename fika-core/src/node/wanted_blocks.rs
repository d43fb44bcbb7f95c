//! Blocks that neighbours have named and that are still to be asked for.
//!
//! Each neighbour has a queue of its own, so that none can fill those of others, and a block that several have named is not
//! lost with one of them.

use std::collections::{BTreeMap, VecDeque};

use super::peer::PeerId;
use crate::hash::Id;
use crate::message::MAX_HEADERS;
use crate::world::IdMap;

/// So many blocks may one neighbour have named.
const MAX_OF_ONE: usize = 2 * MAX_HEADERS;

/// What one neighbour has named.
#[derive(Default)]
struct Queue {
    /// In the order of naming, with a number that all queues share.
    order: VecDeque<(u64, Id)>,
    ids: IdMap<()>,
}

/// The queues of all neighbours. None is empty.
#[derive(Default)]
pub(super) struct WantedBlocks {
    queues: BTreeMap<PeerId, Queue>,
    named: u64,
}

impl WantedBlocks {
    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Whether a neighbour has named any.
    pub(super) fn has_any_of(&self, peer: PeerId) -> bool {
        self.queues.contains_key(&peer)
    }

    /// How many more blocks a neighbour may name.
    pub(super) fn room(&self, peer: PeerId) -> usize {
        MAX_OF_ONE - self.queues.get(&peer).map_or(0, |queue| queue.order.len())
    }

    /// A neighbour has a block; whether it is noted.
    pub(super) fn name(&mut self, peer: PeerId, id: Id) -> bool {
        if self.room(peer) == 0 {
            return false;
        }
        let queue = self.queues.entry(peer).or_default();
        if queue.ids.insert(id, ()).is_none() {
            queue.order.push_back((self.named, id));
            self.named += 1;
        }
        true
    }

    /// Takes out the block that was named first by those with the lowest `rank`. Nothing is taken from neighbours without
    /// a rank.
    pub(super) fn next<R: Ord>(&mut self, rank: impl Fn(PeerId) -> Option<R>) -> Option<(Id, PeerId)> {
        let first = |(peer, queue): (&PeerId, &Queue)| Some((rank(*peer)?, queue.order.front()?.0, *peer));
        let (_, _, peer) = self.queues.iter().filter_map(first).min()?;
        let queue = self.queues.get_mut(&peer)?;
        let (_, id) = queue.order.pop_front()?;
        queue.ids.remove(&id);
        if queue.order.is_empty() {
            self.queues.remove(&peer);
        }
        Some((id, peer))
    }

    /// Forgets what a neighbour has named.
    pub(super) fn drop_peer(&mut self, peer: PeerId) {
        self.queues.remove(&peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> Id {
        crate::hash::sha256(&[&n.to_le_bytes()])
    }

    #[test]
    fn blocks_come_out_as_they_were_named_and_nobody_fills_the_queue_of_another() {
        let (one, other) = (PeerId(0), PeerId(1));
        let mut wanted = WantedBlocks::default();
        let many = MAX_OF_ONE as u32;
        let noted = (0..2 * many).filter(|n| wanted.name(one, id(*n))).count();
        assert_eq!((noted, wanted.room(one)), (MAX_OF_ONE, 0));
        assert!(wanted.name(other, id(0)) && wanted.name(other, id(0)));
        assert_eq!(wanted.room(other), MAX_OF_ONE - 1, "a block counts once");
        let any = |_| Some(());
        assert_eq!(wanted.next(any), Some((id(0), one)));
        // Who ranks last is asked last, and who has no rank is not.
        assert_eq!(wanted.next(|peer| Some(peer == one)), Some((id(0), other)));
        assert_eq!(wanted.next(|peer| (peer != one).then_some(())), None);
        assert_eq!(wanted.next(any), Some((id(1), one)));
        wanted.drop_peer(one);
        assert!(wanted.is_empty() && wanted.next(any).is_none());
    }
}
