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
    /// The log says already that connections fail; a neighbour that bans us would fill it.
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
    /// Something for the socket: bytes, or the end.
    pub(super) wake: Rc<Notify>,
}

/// A connection as its socket's task knows it.
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

    /// Whether the neighbour can be talked to.
    pub(super) fn is_ready(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.ready)
    }
}
