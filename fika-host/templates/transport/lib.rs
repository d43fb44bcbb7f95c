//! __Name__: messages in frames, after a handshake.
//!
//! A frame is its length in four bytes, little endian, and that many bytes. The first frame of
//! each end carries the chain and the node's name; all others are messages.

use fika_core::codec::{Decode, DecodeError, Encode};
use fika_core::env::Env;
use fika_core::header::{SECOND, Time};
use fika_core::message::Message;
use fika_core::plugin::Plugin;
use fika_core::transport::{BAN_SCORE, Close, Hello, Input, Output, Session, Transport};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The table `[transport.__name__]` of an experiment.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The longest frame, in bytes.
    pub max_frame_bytes: usize,
    /// How long the handshake may take, in seconds.
    pub patience_s: u64,
}

impl Default for Params {
    fn default() -> Self {
        Params { max_frame_bytes: 16 << 20, patience_s: 10 }
    }
}

/// The transport.
pub struct __Name__ {
    params: Params,
}

impl Plugin for __Name__ {
    const NAME: &'static str = "__name__";
    const ABOUT: &'static str = "messages in frames, after a handshake";
    const PARAMS: &'static [(&'static str, &'static str)] = &[
        ("max_frame_bytes", "the longest frame, in bytes"),
        ("patience_s", "how long the handshake may take, in seconds"),
    ];
    type Params = Params;

    fn new(params: Params, _: &Env) -> Result<Self, String> {
        Ok(__Name__ { params })
    }
}

impl Transport for __Name__ {
    fn open(&self, _: bool, hello: &Hello) -> Box<dyn Session> {
        let (params, hello) = (self.params.clone(), hello.clone());
        Box::new(Frames { params, hello, received: Vec::new(), is_ready: false })
    }

    fn wire_size(&self, message: &Message) -> u64 {
        4 + message.encoded_len() as u64
    }
}

struct Frames {
    params: Params,
    hello: Hello,
    received: Vec<u8>,
    is_ready: bool,
}

fn put_frame(value: &impl Encode, out: &mut Output) {
    let len = u32::try_from(value.encoded_len()).expect("messages are shorter than 4 GiB");
    len.encode(&mut out.bytes);
    value.encode(&mut out.bytes);
}

impl Frames {
    /// The next whole frame, if there is one.
    fn next(&mut self) -> Result<Option<Vec<u8>>, DecodeError> {
        let Some((&len, rest)) = self.received.split_first_chunk::<4>() else { return Ok(None) };
        let (len, limit) = (u32::from_le_bytes(len) as usize, self.params.max_frame_bytes);
        if len > limit {
            return Err(DecodeError::Limit { limit, found: len as u64 });
        }
        let frame = rest.get(..len).map(<[u8]>::to_vec);
        if frame.is_some() {
            self.received.drain(..4 + len);
        }
        Ok(frame)
    }

    /// Takes in all whole frames.
    fn read(&mut self, out: &mut Output) -> Result<(), Close> {
        let bad = |error: DecodeError| Close { reason: format!("a frame {error}"), score: BAN_SCORE };
        while let Some(frame) = self.next().map_err(bad)? {
            if self.is_ready {
                out.messages.push(Message::from_bytes(&frame).map_err(bad)?);
                continue;
            }
            let theirs = Hello::from_bytes(&frame).map_err(bad)?;
            if theirs.chain != self.hello.chain {
                let reason = format!("expected the chain {}, found {}", self.hello.chain, theirs.chain);
                return Err(Close { reason, score: 0 });
            }
            self.is_ready = true;
            out.ready = Some(theirs.name);
        }
        Ok(())
    }
}

impl Session for Frames {
    fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Open => {
                put_frame(&self.hello, out);
                out.wake_at = Some(now + self.params.patience_s * SECOND);
            }
            Input::Message(message) => put_frame(message, out),
            Input::Bytes(bytes) => {
                self.received.extend_from_slice(bytes);
                if let Err(close) = self.read(out) {
                    out.close = Some(close);
                }
            }
            Input::Wake if !self.is_ready => {
                let reason = format!("expected a handshake within {} s", self.params.patience_s);
                out.close = Some(Close { reason, score: 0 });
            }
            Input::Wake => {}
        }
    }
}

fika_core::export!(transport __Name__);
