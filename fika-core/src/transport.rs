//! Transports: how messages travel between two neighbours.
//!
//! A [`Session`] is one end of one connection, without I/O: the runtime owns the socket, feeds
//! the session what arrives and what is to be sent, and carries out what it answers. The first
//! call is [`Input::Open`], at both ends; a message is only given to a session that has said
//! [`Output::ready`].

use crate::codec::{DecodeError, Encode, coded_struct};
use crate::hash::Id;
use crate::header::Time;
use crate::message::Message;

/// What two ends must agree on before they talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The genesis id: which chain.
    pub chain: Id,
    /// The node's name, for logs and captures.
    pub name: String,
}

coded_struct!(Hello { chain, name });

/// What happens to a session.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The connection stands.
    Open,
    /// These bytes arrived.
    Bytes(&'a [u8]),
    /// This message is to be sent.
    Message(&'a Message),
    /// The time of an earlier `wake_at` has come.
    Wake,
}

/// What a session answers. Every call adds to it; the runtime empties it.
#[derive(Debug, Default, PartialEq)]
pub struct Output {
    /// To be written to the connection.
    pub bytes: Vec<u8>,
    /// Messages that have arrived whole.
    pub messages: Vec<Message>,
    /// How many frames have arrived with which the session has dealt alone, such as pings.
    pub control_frames: u32,
    /// The handshake is over: the other end's name.
    pub ready: Option<String>,
    /// When to call again with [`Input::Wake`]; replaces an earlier time.
    pub wake_at: Option<Time>,
    /// Why the connection must end.
    pub close: Option<Close>,
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// In one lower-case line.
    pub reason: String,
    /// Misbehaviour score for the other end; at [`BAN_SCORE`] the node bans it.
    pub score: u32,
}

coded_struct!(Close { reason, score });

/// Misbehaviour score at which a neighbour is banned.
pub const BAN_SCORE: u32 = 100;

/// One end of one connection.
pub trait Session: Send {
    /// Takes in what happened at `now`. Bad input closes, never panics, and never makes the
    /// session hold more memory than its limits say.
    fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Output);
}

/// A way of framing messages.
pub trait Transport: Send + Sync {
    /// A new session; `dialed` at the end that opened the connection.
    fn open(&self, dialed: bool, hello: &Hello) -> Box<dyn Session>;

    /// How many bytes `message` takes on the wire: exactly what a session that is ready writes for it. Messages that
    /// name equally many transactions take equally many, whichever these are.
    fn wire_size(&self, message: &Message) -> u64;
}

/// The smallest transport: a four-byte length, then the message, without any handshake. A
/// template for authors and a test double.
pub struct Frames;

/// The longest frame of [`Frames`], in bytes.
const MAX_FRAME: usize = 16 << 20;

impl Transport for Frames {
    fn open(&self, _: bool, _: &Hello) -> Box<dyn Session> {
        Box::new(FramesSession::default())
    }

    fn wire_size(&self, message: &Message) -> u64 {
        4 + message.encoded_len() as u64
    }
}

#[derive(Default)]
struct FramesSession {
    received: Vec<u8>,
}

impl FramesSession {
    /// The next whole frame, if there is one.
    fn next(&mut self) -> Result<Option<Message>, DecodeError> {
        let Some((&len, rest)) = self.received.split_first_chunk::<4>() else { return Ok(None) };
        let len = u32::from_le_bytes(len) as usize;
        if len > MAX_FRAME {
            return Err(DecodeError::Limit { limit: MAX_FRAME, found: len as u64 });
        }
        let Some(frame) = rest.get(..len) else { return Ok(None) };
        let message = crate::codec::Decode::from_bytes(frame)?;
        self.received.drain(..4 + len);
        Ok(Some(message))
    }
}

impl Session for FramesSession {
    fn handle(&mut self, _: Time, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Open => out.ready = Some(String::new()),
            Input::Wake => {}
            Input::Message(message) => {
                (message.encoded_len() as u32).encode(&mut out.bytes);
                message.encode(&mut out.bytes);
            }
            Input::Bytes(bytes) => {
                self.received.extend_from_slice(bytes);
                loop {
                    match self.next() {
                        Ok(Some(message)) => out.messages.push(message),
                        Ok(None) => break,
                        Err(error) => {
                            out.close = Some(Close { reason: format!("a frame {error}"), score: BAN_SCORE });
                            break;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::InvItem;

    #[test]
    fn frames_cut_anywhere_arrive_whole_and_have_the_promised_size() {
        let hello = Hello { chain: Id::ZERO, name: "a".into() };
        let (mut a, mut b) = (Frames.open(true, &hello), Frames.open(false, &hello));
        let message = Message::Inv(vec![InvItem::Block(Id([3; 32]))]);
        let mut sent = Output::default();
        a.handle(0, Input::Message(&message), &mut sent);
        assert_eq!(sent.bytes.len() as u64, Frames.wire_size(&message));
        let mut got = Output::default();
        sent.bytes.iter().for_each(|byte| b.handle(0, Input::Bytes(&[*byte]), &mut got));
        assert_eq!(got.messages, [message]);
        b.handle(0, Input::Bytes(&[0xff; 4]), &mut got);
        assert_eq!(got.close.map(|close| close.score), Some(BAN_SCORE));
    }
}
