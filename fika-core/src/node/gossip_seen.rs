//! The consensus messages that a node has met.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::hash::Id;
use crate::message::GossipMessage;
use crate::world::IdMap;

/// Messages remembered, so that none goes round twice.
const REMEMBERED: usize = 4_096;
/// Of these, kept whole.
const KEPT: usize = 256;

/// The messages that a node has met.
#[derive(Default)]
pub(super) struct GossipSeen {
    known: IdMap<()>,
    order: VecDeque<Id>,
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

    /// Notes a message; whether it is new.
    pub(super) fn insert(&mut self, message: &Arc<GossipMessage>) -> bool {
        let id = message.id();
        if self.known.insert(id, ()).is_some() {
            return false;
        }
        self.order.push_back(id);
        self.kept.push_back((id, message.clone()));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
