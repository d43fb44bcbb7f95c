//! The consensus messages that a node has met.
//!
//! A message lives for [`LIFETIME`]: so long each node remembers that it has met it, however many there are, so that none
//! goes round twice. What one neighbour brings is limited instead: more than [`MAX_BROUGHT`] that live are not listened to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::peer::PeerId;
use crate::hash::Id;
use crate::header::{SECOND, Time};
use crate::message::GossipMessage;
use crate::world::IdMap;

/// How long a message is remembered.
const LIFETIME: Time = 300 * SECOND;
/// So many new messages of one neighbour are remembered, at most.
const MAX_BROUGHT: u32 = 1 << 17;
/// Of all, kept whole.
const KEPT: usize = 256;

/// The messages that a node has met.
#[derive(Default)]
pub(super) struct GossipSeen {
    known: IdMap<()>,
    /// By arrival: when it is forgotten, and who has brought it; the node itself, where nobody has.
    order: VecDeque<(Time, Id, Option<PeerId>)>,
    /// How many each neighbour has brought.
    brought: BTreeMap<PeerId, u32>,
    kept: VecDeque<(Id, Arc<GossipMessage>)>,
    /// How many this node has made.
    pub(super) made: u64,
}

impl GossipSeen {
    pub(super) fn contains(&self, id: &Id) -> bool {
        self.known.contains_key(id)
    }

    pub(super) fn get(&self, id: &Id) -> Option<Arc<GossipMessage>> {
        self.kept.iter().find(|(known, _)| known == id).map(|(_, message)| message.clone())
    }

    /// Notes a message; whether it is new, and the neighbour has not brought too many.
    pub(super) fn insert(&mut self, message: &Arc<GossipMessage>, from: Option<PeerId>, now: Time) -> bool {
        self.forget(now);
        let id = message.id();
        if self.known.contains_key(&id) {
            return false;
        }
        if let Some(from) = from {
            let brought = self.brought.entry(from).or_default();
            if *brought == MAX_BROUGHT {
                return false;
            }
            *brought += 1;
        }
        self.known.insert(id, ());
        self.order.push_back((now.saturating_add(LIFETIME), id, from));
        self.kept.push_back((id, message.clone()));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        true
    }

    /// Forgets what has lived long enough.
    fn forget(&mut self, now: Time) {
        while self.order.front().is_some_and(|(until, ..)| *until <= now)
            && let Some((_, id, from)) = self.order.pop_front()
        {
            self.known.remove(&id);
            if let Some(from) = from
                && let Some(brought) = self.brought.get_mut(&from)
            {
                *brought -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    fn message(sequence: u64) -> Arc<GossipMessage> {
        Arc::new(GossipMessage { from: Address::default(), to: None, sequence, bytes: Vec::new() })
    }

    #[test]
    fn a_message_is_remembered_for_its_lifetime_whatever_else_comes() {
        let mut seen = GossipSeen::default();
        assert!((0..20_000).all(|n| seen.insert(&message(n), Some(PeerId(1)), n)));
        assert!((0..20_000).all(|n| !seen.insert(&message(n), Some(PeerId(2)), LIFETIME - 1)));
        assert!(seen.insert(&message(0), Some(PeerId(2)), LIFETIME), "it may come again after that");
        assert_eq!((seen.known.len(), seen.order.len()), (20_000, 20_000));
    }

    #[test]
    fn one_neighbour_brings_so_many_and_the_others_are_heard_all_the_same() {
        let mut seen = GossipSeen::default();
        let many = u64::from(MAX_BROUGHT);
        let heard = (0..many + 1_000).filter(|n| seen.insert(&message(*n), Some(PeerId(1)), 0)).count();
        assert_eq!(heard as u64, many);
        assert!(seen.insert(&message(many + 1), Some(PeerId(2)), 1), "another may bring what it was not heard with");
        assert!(seen.insert(&message(many + 2), None, 1));
        assert!(seen.insert(&message(many + 3), Some(PeerId(1)), LIFETIME));
        assert_eq!(seen.known.len(), 3);
    }
}
