//! A neighbour, and the connection with it.

use std::rc::Rc;

use fika_core::header::Time;
use fika_core::node::PeerId;
use fika_core::transport::Session;
use tokio::sync::Notify;

/// One neighbour.
pub(super) struct Link {
    pub(super) name: String,
    pub(super) banned_until: Time,
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
        Link { name, banned_until: 0, told: false, connections: 0, connection: None }
    }

    pub(super) fn wake_at(&self) -> Option<Time> {
        self.connection.as_ref()?.wake_at
    }

    /// Whether the session with the neighbour is open.
    pub(super) fn is_ready(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.ready)
    }
}
