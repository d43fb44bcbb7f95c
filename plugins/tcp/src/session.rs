//! One end of a connection, whatever its frames look like.
//!
//! Both ends say hello as soon as the connection stands; neither waits for the other. Once the
//! other's hello has come and names the same chain and version, messages flow. A silent end is
//! pinged, and left when it stays silent. Time comes from the caller alone.

use std::borrow::Cow;
use std::mem;

use fika_core::block::{MAX_BLOCK_BYTES, MAX_BLOCK_TXS, MAX_PROOF_BYTES, MAX_TX_BYTES};
use fika_core::filter::MAX_FILTER_BYTES;
use fika_core::hash::Id;
use fika_core::header::Time;
use fika_core::light::{MAX_ELEMENT_BYTES, MAX_ELEMENTS, MAX_FILTER_HEADERS};
use fika_core::message::{MAX_ITEMS, MAX_LOCATOR, Message};
use fika_core::transport::{BAN_SCORE, Close, Hello, Input, Output};

use crate::params::Params;

/// The version of the protocol. Ends of different versions disconnect.
pub const VERSION: u32 = 1;
/// The longest name in a hello, in bytes. A longer one is cut when it is sent; control characters become `?`.
pub const MAX_NAME_LEN: usize = 64;
/// The longest frame before the hello, in bytes.
const MAX_HELLO_BYTES: usize = 1024;

/// What an end says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The version of the protocol that it speaks.
    pub version: u32,
    /// The genesis id of its chain.
    pub chain: Id,
    /// Its name.
    pub name: String,
}

/// What travels between two ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The first frame of either end.
    Hello(Greeting),
    /// Are you there?
    Ping,
    /// I am here.
    Pong,
    /// A message of the node.
    Message(Cow<'a, Message>),
}

/// How far a frame reaches into the bytes that have just come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It ends after so many of them, at least one.
    End(usize),
    /// Beyond them.
    Beyond,
}

/// How frames become bytes and back.
pub trait Codec: Send {
    /// Appends `frame`.
    fn encode(&self, frame: &Frame<'_>, out: &mut Vec<u8>);

    /// How far the frame that starts with `begun`, all of which came earlier, reaches into `input`.
    /// Looks at `input` and at no more than the first bytes of `begun`, so that a frame that
    /// comes in many pieces costs no more than one that comes whole.
    ///
    /// # Errors
    /// When the frame is longer than `limit` bytes, as soon as that is known, or cannot be one.
    fn reach(&self, begun: &[u8], input: &[u8], limit: usize) -> Result<Reach, Close>;

    /// Reads one frame that [`reach`](Codec::reach) has delimited.
    ///
    /// # Errors
    /// When it is not a frame; a hello of another version is a [`Frame::Hello`] all the same.
    fn decode(&self, frame: &[u8]) -> Result<Frame<'static>, Close>;
}

/// The other end broke the protocol.
pub fn violation(reason: impl Into<String>) -> Close {
    Close { reason: reason.into(), score: BAN_SCORE }
}

/// The connection ends, and neither end has misbehaved.
fn parting(reason: impl Into<String>) -> Close {
    Close { reason: reason.into(), score: 0 }
}

/// The longest payload of a kind of message, in the encoding of fika-core, in bytes.
pub fn max_payload_len(kind: u8) -> usize {
    match kind {
        0..=2 => 2 + MAX_ITEMS * 33,
        3 => MAX_TX_BYTES,
        4 | 5 => MAX_BLOCK_BYTES,
        6 => 1 + MAX_LOCATOR * 32,
        8 => 20 + 21 + 8 + 3 + MAX_PROOF_BYTES,
        9 => MAX_PROOF_BYTES,
        // As long as the block at most, except for salt, lengths and indexes.
        10 => MAX_BLOCK_BYTES + 32,
        11 => 32 + 3 + 3 * MAX_BLOCK_TXS,
        12 => 32 + MAX_BLOCK_BYTES,
        13 | 15 => 8 + 32,
        14 => 32 + 32 + 2 + MAX_FILTER_HEADERS * 32,
        16 => 32 + 4 + MAX_FILTER_BYTES,
        17 => 32 + 2 + MAX_ELEMENTS * (3 + MAX_ELEMENT_BYTES),
        // No longer than the block, with a place and a hash for each transaction.
        18 => 2 * MAX_BLOCK_BYTES,
        // Headers: what the longest frame holds.
        _ => usize::MAX,
    }
}

/// One end of a connection.
pub struct Session<C> {
    codec: C,
    params: Params,
    greeting: Greeting,
    state: State,
    /// What has come of the frame that is not whole yet; never longer than the longest frame.
    begun: Vec<u8>,
    /// When the other end was last heard.
    heard_at: Time,
    /// Whether a ping was sent since then.
    pinged: bool,
    /// Whether the other end owes a pong. One that nobody asked for counts as a ping does.
    owed_pong: bool,
    /// Whether a ping has come in this call: one pong answers all of them.
    owes_pong: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for the other's hello until then.
    Greeting(Time),
    Ready,
    Closed,
}

/// From milliseconds to the unit of [`Time`].
fn ms(value: Time) -> Time {
    value.saturating_mul(1_000)
}

/// What of `name` fits into a hello.
fn fit(name: &str) -> String {
    name[..name.floor_char_boundary(MAX_NAME_LEN)].replace(char::is_control, "?")
}

impl<C: Codec> Session<C> {
    /// A session of the node that `hello` describes.
    pub fn new(codec: C, params: Params, hello: &Hello) -> Self {
        Session {
            codec,
            params,
            greeting: Greeting { version: VERSION, chain: hello.chain, name: fit(&hello.name) },
            state: State::Greeting(Time::MAX),
            begun: Vec::new(),
            heard_at: 0,
            pinged: false,
            owed_pong: false,
            owes_pong: false,
        }
    }

    /// How many bytes of an unfinished frame are held.
    pub fn held_bytes(&self) -> usize {
        self.begun.len()
    }

    fn open(&mut self, now: Time, out: &mut Output) {
        let deadline = now.saturating_add(ms(self.params.handshake_timeout_ms));
        self.state = State::Greeting(deadline);
        self.heard_at = now;
        self.codec.encode(&Frame::Hello(self.greeting.clone()), &mut out.bytes);
        out.wake_at = Some(deadline);
    }

    fn send(&mut self, message: &Message, out: &mut Output) -> Result<(), Close> {
        let start = out.bytes.len();
        self.codec.encode(&Frame::Message(Cow::Borrowed(message)), &mut out.bytes);
        let (size, limit) = (out.bytes.len() - start, self.params.max_frame_bytes);
        if size > limit {
            out.bytes.truncate(start);
            let kind = message.kind_name();
            return Err(parting(format!("cannot send a {kind} of {size} bytes where max_frame_bytes is {limit}")));
        }
        Ok(())
    }

    /// Reads bytes. Copies each at most once.
    fn receive(&mut self, now: Time, mut input: &[u8], out: &mut Output) -> Result<(), Close> {
        self.heard_at = now;
        self.pinged = false;
        while !input.is_empty() {
            let limit = if self.state == State::Ready { self.params.max_frame_bytes } else { MAX_HELLO_BYTES };
            let Reach::End(end) = self.codec.reach(&self.begun, input, limit)? else {
                self.begun.extend_from_slice(input);
                return Ok(());
            };
            let (last, rest) = input.split_at(end);
            input = rest;
            let frame = if self.begun.is_empty() {
                self.codec.decode(last)?
            } else {
                // Taken, so that one long frame does not hold its memory for ever.
                let mut whole = mem::take(&mut self.begun);
                whole.extend_from_slice(last);
                self.codec.decode(&whole)?
            };
            self.accept(now, frame, out)?;
        }
        Ok(())
    }

    fn accept(&mut self, now: Time, frame: Frame<'_>, out: &mut Output) -> Result<(), Close> {
        match (self.state, frame) {
            (State::Ready, Frame::Message(message)) => out.messages.push(message.into_owned()),
            (State::Ready, Frame::Ping) => {
                out.control_frames += 1;
                self.owes_pong = true;
            }
            (State::Ready, Frame::Pong) => out.control_frames += u32::from(!mem::take(&mut self.owed_pong)),
            (State::Ready, Frame::Hello(_)) => return Err(violation("expected one hello, found a second")),
            (_, Frame::Hello(other)) => {
                self.check(&other)?;
                self.state = State::Ready;
                out.ready = Some(other.name);
                out.wake_at = Some(now.saturating_add(ms(self.params.ping_interval_ms)));
            }
            (_, Frame::Message(message)) => {
                return Err(violation(format!("expected a hello first, found {}", message.kind_name())));
            }
            (_, Frame::Ping | Frame::Pong) => return Err(violation("expected a hello first, found a ping or pong")),
        }
        Ok(())
    }

    /// Whether the two ends can talk.
    fn check(&self, other: &Greeting) -> Result<(), Close> {
        if other.version != VERSION {
            return Err(parting(format!(
                "{} speaks version {}, this node version {VERSION}",
                other.name, other.version
            )));
        }
        if other.chain != self.greeting.chain {
            let (name, theirs, ours) = (&other.name, other.chain, self.greeting.chain);
            return Err(parting(format!("{name} is on the chain with genesis {theirs}, this node on {ours}")));
        }
        Ok(())
    }

    fn wake(&mut self, now: Time, out: &mut Output) -> Result<(), Close> {
        let silence = now.saturating_sub(self.heard_at);
        let Params { handshake_timeout_ms, ping_interval_ms, timeout_ms, .. } = self.params;
        match self.state {
            State::Greeting(deadline) if now >= deadline => {
                return Err(parting(format!("no hello within {handshake_timeout_ms} ms")));
            }
            State::Greeting(deadline) => out.wake_at = Some(deadline),
            _ if silence >= ms(timeout_ms) => return Err(parting(format!("silent for {timeout_ms} ms"))),
            _ if silence >= ms(ping_interval_ms) => {
                if !mem::replace(&mut self.pinged, true) {
                    self.codec.encode(&Frame::Ping, &mut out.bytes);
                    self.owed_pong = true;
                }
                out.wake_at = Some(self.heard_at.saturating_add(ms(timeout_ms)));
            }
            _ => out.wake_at = Some(self.heard_at.saturating_add(ms(ping_interval_ms))),
        }
        Ok(())
    }
}

impl<C: Codec> fika_core::transport::Session for Session<C> {
    fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Output) {
        if self.state == State::Closed {
            return;
        }
        let done = match input {
            Input::Open => {
                self.open(now, out);
                Ok(())
            }
            Input::Bytes(bytes) => self.receive(now, bytes, out),
            Input::Message(message) if self.state == State::Ready => self.send(message, out),
            // The runtime sends nothing before the handshake is over.
            Input::Message(_) => Ok(()),
            Input::Wake => self.wake(now, out),
        };
        if mem::take(&mut self.owes_pong) {
            self.codec.encode(&Frame::Pong, &mut out.bytes);
        }
        if let Err(close) = done {
            self.state = State::Closed;
            self.begun = Vec::new();
            out.wake_at = None;
            out.close = Some(close);
        }
    }
}
