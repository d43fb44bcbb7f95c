//! A neighbour, and the connection with it.

use std::collections::VecDeque;
use std::rc::Rc;

use fika_core::header::Time;
use fika_core::node::{PeerId, PeerMessage};
use fika_core::transport::Session;
use tokio::sync::Notify;

/// One neighbour.
pub(super) struct Link {
    pub(super) name: String,
    /// Banned until then.
    pub(super) banned_until: Time,
    /// Nothing is taken from it before: it has used up its budget.
    pub(super) waits_until: Time,
    /// Whether the log already says that connections fail: a neighbour that bans this node would fill it.
    pub(super) told: bool,
    pub(super) connections: u64,
    pub(super) connection: Option<Connection>,
}

/// An open connection with its session.
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) session: Box<dyn Session>,
    pub(super) ready: bool,
    pub(super) wake_at: Option<Time>,
    /// What has come and waits for its turn. No more is read meanwhile.
    pub(super) held: VecDeque<PeerMessage>,
    /// Requests that are answered once the neighbour has taken earlier answers.
    pub(super) asked: VecDeque<PeerMessage>,
    pub(super) queue: Vec<u8>,
    pub(super) written: usize,
    /// Wakes the task of the socket: there are bytes to write, or the connection is over.
    pub(super) wake: Rc<Notify>,
}

/// A connection as the task of its socket knows it.
pub(super) struct Ticket {
    pub(super) peer: PeerId,
    pub(super) number: u64,
    pub(super) wake: Rc<Notify>,
}

impl Link {
    pub(super) fn new(name: String) -> Link {
        Link { name, banned_until: 0, waits_until: 0, told: false, connections: 0, connection: None }
    }

    pub(super) fn wake_at(&self) -> Option<Time> {
        self.connection.as_ref()?.wake_at
    }

    /// Until when the neighbour is kept away.
    pub(super) fn away_until(&self) -> Time {
        self.banned_until.max(self.waits_until)
    }

    /// Whether the session with the neighbour is open.
    pub(super) fn is_ready(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.ready)
    }
}
