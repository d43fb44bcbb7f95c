//! The compact form of frames.

use std::borrow::Cow;

use crc32fast::Hasher;
use fika_core::codec::{Decode, DecodeError, Encode, Reader, Sink, Size, put_varint};
use fika_core::hash::Id;
use fika_core::message::Message;
use fika_core::transport::Close;

use crate::session::{Codec, Frame, Greeting, MAX_NAME_LEN, Reach, VERSION, max_payload_len, violation};

/// Starts every hello's payload.
const MAGIC: [u8; 4] = *b"fika";
const HELLO: u8 = 240;
const PING: u8 = 241;
const PONG: u8 = 242;
/// The longest hello's payload, in bytes.
const MAX_HELLO_LEN: usize = 4 + 4 + 32 + MAX_NAME_LEN;
/// The length of the checksum, in bytes.
const SUM_LEN: usize = 4;
/// The longest header: kind, length, checksum.
const MAX_HEADER_LEN: usize = 1 + 5 + SUM_LEN;

/// The compact codec.
pub struct Frames;

fn kind(frame: &Frame<'_>) -> u8 {
    match frame {
        Frame::Hello(_) => HELLO,
        Frame::Ping => PING,
        Frame::Pong => PONG,
        Frame::Message(message) => message.kind(),
    }
}

fn put_payload(frame: &Frame<'_>, out: &mut impl Sink) {
    match frame {
        Frame::Hello(greeting) => {
            out.put(&MAGIC);
            greeting.version.encode(out);
            greeting.chain.encode(out);
            out.put(greeting.name.as_bytes());
        }
        Frame::Ping | Frame::Pong => {}
        Frame::Message(message) => message.encode_payload(out),
    }
}

/// The length of `frame` in bytes.
pub(crate) fn len(frame: &Frame<'_>) -> usize {
    let mut payload = Size::default();
    put_payload(frame, &mut payload);
    let mut header = Size::default();
    put_varint(&mut header, payload.0 as u64);
    1 + header.0 + SUM_LEN + payload.0
}

fn sum(kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&[kind]);
    hasher.update(payload);
    hasher.finalize()
}

fn max_len(kind: u8) -> Result<usize, Close> {
    match kind {
        HELLO => Ok(MAX_HELLO_LEN),
        PING | PONG => Ok(0),
        kind if usize::from(kind) < Message::KINDS.len() => Ok(max_payload_len(kind)),
        kind => Err(violation(format!("expected a frame, found one of unknown kind {kind}"))),
    }
}

/// The lengths of header and payload of the frame that starts with `front`; `None` when that does not say.
fn header(front: &[u8], limit: usize) -> Result<Option<(usize, usize)>, Close> {
    let Some(&kind) = front.first() else { return Ok(None) };
    let max = max_len(kind)?;
    let mut reader = Reader::new(&front[1..]);
    let found = match reader.varint() {
        Ok(len) => len,
        Err(DecodeError::Short { .. }) => return Ok(None),
        Err(error) => return Err(violation(format!("a frame {error}"))),
    };
    let header_len = front.len() - reader.left() + SUM_LEN;
    let max = max.min(limit.saturating_sub(header_len));
    match usize::try_from(found) {
        Ok(len) if len <= max => Ok(Some((header_len, len))),
        _ => Err(violation(format!("expected a frame of kind {kind} of at most {max} bytes, found {found}"))),
    }
}

impl Codec for Frames {
    fn encode(&self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        let kind = kind(frame);
        let mut payload = Size::default();
        put_payload(frame, &mut payload);
        out.reserve(MAX_HEADER_LEN + payload.0);
        out.put(&[kind]);
        put_varint(out, payload.0 as u64);
        let at = out.len();
        out.put(&[0; SUM_LEN]);
        put_payload(frame, out);
        let sum = sum(kind, &out[at + SUM_LEN..]);
        out[at..at + SUM_LEN].copy_from_slice(&sum.to_le_bytes());
    }

    fn reach(&self, begun: &[u8], input: &[u8], limit: usize) -> Result<Reach, Close> {
        // The header may lie across the two.
        let mut front = [0; MAX_HEADER_LEN];
        let have = begun.len().min(MAX_HEADER_LEN);
        let more = input.len().min(MAX_HEADER_LEN - have);
        front[..have].copy_from_slice(&begun[..have]);
        front[have..have + more].copy_from_slice(&input[..more]);
        let Some((header_len, payload_len)) = header(&front[..have + more], limit)? else { return Ok(Reach::Beyond) };
        let end = header_len + payload_len - begun.len();
        Ok(if end <= input.len() { Reach::End(end) } else { Reach::Beyond })
    }

    fn decode(&self, frame: &[u8]) -> Result<Frame<'static>, Close> {
        let Some((header_len, _)) = header(frame, frame.len())? else {
            return Err(violation("expected a whole frame"));
        };
        let (front, payload) = frame.split_at(header_len);
        let (kind, expected) = (frame[0], sum(frame[0], payload));
        let found = u32::from_le_bytes(front[header_len - SUM_LEN..].try_into().expect("four bytes"));
        if found != expected {
            return Err(violation(format!("expected checksum {expected:08x}, found {found:08x}")));
        }
        match kind {
            HELLO => hello(payload).map(Frame::Hello),
            PING => Ok(Frame::Ping),
            PONG => Ok(Frame::Pong),
            kind => match Message::decode_payload(kind, payload) {
                Ok(message) => Ok(Frame::Message(Cow::Owned(message))),
                Err(error) => {
                    Err(violation(format!("a message of kind {} {error}", Message::KINDS[usize::from(kind)])))
                }
            },
        }
    }
}

/// Reads a hello. Of another version only magic and version are looked at.
fn hello(payload: &[u8]) -> Result<Greeting, Close> {
    let mut from = Reader::new(payload);
    let malformed = |error: DecodeError| violation(format!("a hello {error}"));
    if from.array().map_err(malformed)? != MAGIC {
        return Err(violation("expected a hello that starts with fika, found another protocol"));
    }
    let version = u32::decode(&mut from).map_err(malformed)?;
    if version != VERSION {
        return Ok(Greeting { version, chain: Id::ZERO, name: "the other end".into() });
    }
    let chain = Id::decode(&mut from).map_err(malformed)?;
    let name = from.take(from.left()).map_err(malformed)?;
    match str::from_utf8(name) {
        Ok(name) if !name.contains(char::is_control) => Ok(Greeting { version, chain, name: name.into() }),
        _ => Err(violation("expected a name of printable UTF-8 in the hello")),
    }
}
