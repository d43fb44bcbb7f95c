//! What the hub does with its neighbours' connections: sessions, queues, turns, bans. The sockets are in `socket`.
//!
//! What a neighbour says waits for its turn: it is given to the node message by message, a few at a time, and only while the
//! neighbour has something left of its budget and takes the answers. Until then nothing more is read from its socket.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use fika_core::header::{SECOND, Time};
use fika_core::message::Message;
use fika_core::node::{Input, PeerId, PeerMessage};
use fika_core::transport;
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::connection::{Connection, Link, Ticket};
use super::hub::Hub;
use super::repeats::Kind;

/// The least that may wait to be written to a neighbour, in bytes. Beyond it and the largest answer to
/// one request, the neighbour is too slow and is disconnected.
const QUEUE_BYTES: usize = 4 << 20;
/// Blocks that a neighbour asks for at once.
const BLOCKS_ASKED: usize = 16;
/// While so many bytes wait to be written to a neighbour, nothing more that it asks for is answered.
const QUEUE_FULL_BYTES: usize = 1 << 20;
/// So many requests may wait for that; then nothing more is read.
const ASKED_MAX: usize = 256;
/// So many messages of a neighbour are dealt with before the others have their turn.
const MESSAGES_PER_TURN: usize = 16;
/// A queue that was emptied keeps this much memory.
const QUEUE_KEPT_BYTES: usize = 16 << 10;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is over.
    Over,
    /// The neighbour may say more.
    Read,
    /// The neighbour must take its answers first.
    Write,
    /// What the neighbour has said waits for its next turn.
    Turn,
    /// The neighbour must wait for so long.
    Wait(Duration),
}

impl Hub {
    fn link(&mut self, peer: PeerId) -> &mut Link {
        &mut self.links[peer.0 as usize]
    }

    /// How long the neighbour is still kept away.
    pub(super) fn away(&self, peer: PeerId) -> Duration {
        self.clock.until(self.links[peer.0 as usize].away_until())
    }

    /// A socket is connected. A connection that the neighbour still had is over: it would not have made another.
    pub(super) fn connected(&mut self, peer: PeerId, dialed: bool) -> Ticket {
        self.drop_connection(peer, 0, "the neighbour has connected again");
        let session = self.transport.open(dialed, &self.hello);
        let wake = Rc::new(Notify::new());
        let link = self.link(peer);
        link.connections += 1;
        let number = link.connections;
        link.connection = Some(Connection {
            number,
            session,
            ready: false,
            wake_at: None,
            held: VecDeque::new(),
            asked: VecDeque::new(),
            queue: Vec::new(),
            written: 0,
            wake: wake.clone(),
        });
        if !dialed {
            self.push(Input::Attempt(peer));
        }
        self.session(peer, transport::Input::Open);
        self.turn();
        Ticket { peer, number, wake }
    }

    /// Bytes have arrived.
    pub(super) fn received(&mut self, ticket: &Ticket, bytes: &[u8]) {
        if self.queued(ticket).is_some() {
            self.counts.received_bytes += bytes.len() as u64;
            self.session(ticket.peer, transport::Input::Bytes(bytes));
            self.turn();
        }
    }

    /// Gives the node some of what the neighbour has said, as far as it is its turn.
    pub(super) fn step(&mut self, ticket: &Ticket) -> Step {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(queued) = self.queued(ticket) else { return Step::Over };
            let is_full = queued.len() > QUEUE_FULL_BYTES;
            let wait = self.clock.until(self.links[ticket.peer.0 as usize].waits_until);
            if !wait.is_zero() {
                return Step::Wait(wait);
            }
            let Some(connection) = &mut self.links[ticket.peer.0 as usize].connection else { return Step::Over };
            if is_full && connection.asked.len() >= ASKED_MAX {
                return Step::Write;
            }
            let asked = if is_full { None } else { connection.asked.pop_front() };
            match asked.or_else(|| connection.held.pop_front()) {
                None => return Step::Read,
                Some(message) if is_full && message.is_request() => connection.asked.push_back(message),
                Some(message) => self.take(Input::Message(ticket.peer, message)),
            }
        }
        Step::Turn
    }

    /// What is to be written; `None` when the connection is over.
    pub(super) fn queued(&self, ticket: &Ticket) -> Option<&[u8]> {
        let connection = self.links[ticket.peer.0 as usize].connection.as_ref()?;
        (connection.number == ticket.number).then(|| &connection.queue[connection.written..])
    }

    /// So many bytes were written.
    pub(super) fn written(&mut self, ticket: &Ticket, bytes: usize) {
        self.counts.sent_bytes += bytes as u64;
        if let Some(connection) = &mut self.link(ticket.peer).connection {
            connection.written += bytes;
            if connection.written >= connection.queue.len() {
                connection.queue.clear();
                connection.queue.shrink_to(QUEUE_KEPT_BYTES);
                connection.written = 0;
            } else if connection.written >= connection.queue.len() / 2 {
                connection.queue.drain(..connection.written);
                connection.written = 0;
            }
        }
    }

    /// The socket is closed.
    pub(super) fn disconnected(&mut self, ticket: &Ticket, why: &str) {
        if self.queued(ticket).is_some() {
            self.drop_connection(ticket.peer, 0, why);
            self.turn();
        }
    }

    /// Gives a neighbour a message of the node.
    pub(super) fn send(&mut self, peer: PeerId, message: &Message) {
        if !self.links[peer.0 as usize].is_ready() {
            return;
        }
        self.session(peer, transport::Input::Message(message));
        let most = QUEUE_BYTES + BLOCKS_ASKED * self.setup.chain.max_block_bytes as usize;
        let waiting = self.link(peer).connection.as_ref().map_or(0, |open| open.queue.len() - open.written);
        if waiting > most {
            self.drop_connection(peer, 0, &format!("{waiting} bytes wait to be sent, more than {most}: too slow"));
        }
    }

    /// Keeps a neighbour away for a while.
    pub(super) fn ban(&mut self, now: Time, peer: PeerId) {
        let ban_s = self.setup.ban_s;
        let link = self.link(peer);
        link.banned_until = now.saturating_add(ban_s.saturating_mul(SECOND));
        warn!("{} misbehaved too much: banned for {ban_s} s", link.name);
        self.drop_connection(peer, 0, "banned");
    }

    /// A neighbour has used up its budget.
    pub(super) fn wait(&mut self, now: Time, peer: PeerId, until: Time) {
        let link = self.link(peer);
        link.waits_until = link.waits_until.max(until);
        if self.repeats.may_write(now, Some(peer), Kind::Wait) {
            let (name, ms) = (&self.links[peer.0 as usize].name, until.saturating_sub(now) / 1000);
            info!("{name} asks for more than a neighbour may: nothing is read from it for {ms} ms");
        }
    }

    /// Sessions whose time has come.
    pub(super) fn wake_sessions(&mut self, now: Time) {
        for peer in (0..self.links.len() as u32).map(PeerId) {
            let connection = self.link(peer).connection.as_mut();
            if let Some(connection) = connection.filter(|open| open.wake_at.is_some_and(|at| at <= now)) {
                connection.wake_at = None;
                self.session(peer, transport::Input::Wake);
            }
        }
    }

    /// Tells a session what happened and carries out what it answers; the caller ends with `turn`.
    fn session(&mut self, peer: PeerId, input: transport::Input<'_>) {
        let now = self.clock.now();
        let link = &mut self.links[peer.0 as usize];
        let Some(connection) = &mut link.connection else { return };
        connection.session.handle(now, input, &mut self.session_out);
        if !self.session_out.bytes.is_empty() {
            connection.queue.extend_from_slice(&self.session_out.bytes);
            self.session_out.bytes.clear();
            self.session_out.bytes.shrink_to(QUEUE_KEPT_BYTES);
            connection.wake.notify_one();
        }
        connection.wake_at = self.session_out.wake_at.take().or(connection.wake_at);
        let mut close = self.session_out.close.take();
        if let Some(name) = self.session_out.ready.take() {
            if name.is_empty() || name == link.name {
                connection.ready = true;
                link.told = false;
                if self.repeats.may_write(now, Some(peer), Kind::Connection) {
                    info!("connected with {}", link.name);
                }
                self.push(Input::Connected(peer));
            } else {
                let reason = format!("expected {}, found {name}", link.name);
                close.get_or_insert(transport::Close { reason, score: 0 });
            }
        }
        if self.links[peer.0 as usize].is_ready() {
            let messages = std::mem::take(&mut self.session_out.messages);
            for message in messages {
                debug!("received {} from {}", message.kind_name(), self.links[peer.0 as usize].name);
                let parts = PeerMessage::from_wire(message, self.world.txs_mut());
                let parts = parts.into_iter().flat_map(|message| message.in_parts(BLOCKS_ASKED));
                if let Some(connection) = &mut self.links[peer.0 as usize].connection {
                    connection.held.extend(parts);
                }
            }
        }
        self.session_out.messages.clear();
        match std::mem::take(&mut self.session_out.control_frames) {
            0 => {}
            count => self.push(Input::ControlFrames(peer, count)),
        }
        if let Some(close) = close {
            self.drop_connection(peer, close.score, &close.reason);
        }
    }

    /// Ends a connection, if there is one; the caller ends with `turn`.
    fn drop_connection(&mut self, peer: PeerId, score: u32, why: &str) {
        let Some(connection) = self.link(peer).connection.take() else { return };
        connection.wake.notify_one();
        let unheard = connection.held.into_iter().chain(connection.asked);
        unheard.for_each(|message| message.release(self.world.txs_mut()));
        let link = &mut self.links[peer.0 as usize];
        if connection.ready || score > 0 {
            if self.repeats.may_write(self.clock.now(), Some(peer), Kind::Connection) {
                info!("disconnected from {}: {why}", link.name);
            }
            self.push(Input::Disconnected(peer, score));
        } else if !std::mem::replace(&mut link.told, true) {
            info!("no connection with {}: {why}", link.name);
        }
    }
}
