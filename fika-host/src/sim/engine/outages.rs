//! What of the network is not as at the start: links that carry nothing, nodes that do not run.

use std::collections::BTreeMap;

use fika_core::header::Time;

/// Something that comes due for a link in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkEvent {
    /// Both ends know that their connection is gone.
    Broken,
    /// The dialling end has a new connection.
    Dialled,
}

/// What of the network is not as at the start. All of it is empty in a run without events.
pub(super) struct Outages<E> {
    /// Nodes that do not run.
    pub(super) away: BTreeMap<u32, Away<E>>,
    /// Links that something has happened to, by the end that dials: a node, and its number for the neighbour.
    pub(super) links: BTreeMap<(u32, u32), LinkState<E>>,
    /// Likewise, until when one end keeps the other away.
    pub(super) banned: BTreeMap<(u32, u32), Time>,
    /// By node, how many hashes its searches take on average; `None`: nobody will ask.
    pub(super) tries: Option<BTreeMap<u32, Vec<(u64, u128)>>>,
}

/// A node that does not run.
pub(super) struct Away<E> {
    /// It stands still; otherwise it is dead or not there.
    pub(super) is_paused: bool,
    /// Whether it ever ran.
    pub(super) has_begun: bool,
    /// What waits for it.
    pub(super) held: Vec<E>,
}

pub(super) struct LinkState<E> {
    pub(super) is_down: bool,
    pub(super) down_since: Time,
    /// Counts the changes.
    pub(super) state: u32,
    pub(super) closed_at: Time,
    /// The end that dials, and the other.
    pub(super) ends: [EndState<E>; 2],
}

/// One end of a link.
pub(super) struct EndState<E> {
    /// Whether it has a connection, as far as it knows.
    pub(super) is_open: bool,
    /// What was sent to it before this event of its node is lost.
    pub(super) lost_before: Option<u32>,
    /// What came while the link was down.
    pub(super) held: Vec<E>,
    /// When the first of these came.
    pub(super) held_since: Option<Time>,
    /// What comes before this time waits for it.
    pub(super) resumes_at: Time,
}

/// A node and its number for one of its neighbours.
pub(super) type End = (u32, u32);

impl<E> Default for Away<E> {
    fn default() -> Away<E> {
        Away { is_paused: false, has_begun: false, held: vec![] }
    }
}

impl<E> Outages<E> {
    pub(super) fn new(absent: Vec<bool>) -> Outages<E> {
        let has_events = !absent.is_empty();
        let away = (0..).zip(absent).filter(|(_, absent)| *absent).map(|(node, _)| (node, Away::default()));
        let tries = has_events.then(BTreeMap::new);
        Outages { away: away.collect(), links: BTreeMap::new(), banned: BTreeMap::new(), tries }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.away.is_empty() && self.links.is_empty()
    }

    /// Whether a node is neither dead nor paused nor absent.
    pub(super) fn runs(&self, node: u32) -> bool {
        !self.away.contains_key(&node)
    }

    pub(super) fn is_dead(&self, node: u32) -> bool {
        self.away.get(&node).is_some_and(|away| !away.is_paused)
    }
}
