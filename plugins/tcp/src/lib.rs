//! Compact frames with a handshake, limits, timeouts and bans.
//!
//! A frame is a kind byte, the payload's length as a varint, four bytes of CRC-32 over kind and
//! payload (little endian), and the payload. Kinds 0 to 12 are [`Message`]'s own with their
//! payloads; 240 is the hello (`"fika"`, version, chain id, name), 241 and 242 are ping and pong.
//! The checksum is there for emulated cables that damage packets: TCP's own misses one in 65,536.
//!
//! The rest of a connection, from handshake to time-outs, is [`Session`], for any [`Codec`].

mod frame;
mod params;
mod session;

use std::borrow::Cow;

use fika_core::env::Env;
use fika_core::message::Message;
use fika_core::plugin::Plugin;
use fika_core::transport::{Hello, Session as Connection, Transport};

pub use frame::Frames;
pub use params::{PARAMS, Params};
pub use session::{Codec, Frame, Greeting, MAX_NAME_LEN, Reach, Session, VERSION, max_payload_len, violation};

/// The transport.
pub struct Tcp {
    params: Params,
}

impl Plugin for Tcp {
    const NAME: &'static str = "tcp";
    const ABOUT: &'static str = "compact binary frames with a handshake, limits, keep-alive and bans";
    const PARAMS: &'static [(&'static str, &'static str)] = PARAMS;
    type Params = Params;

    fn new(params: Params, _: &Env) -> Result<Self, String> {
        Ok(Tcp { params: params.checked()? })
    }
}

impl Transport for Tcp {
    fn open(&self, _dialed: bool, hello: &Hello) -> Box<dyn Connection> {
        Box::new(Session::new(Frames, self.params.clone(), hello))
    }

    fn wire_size(&self, message: &Message) -> u64 {
        frame::len(&Frame::Message(Cow::Borrowed(message))) as u64
    }
}

fika_core::export!(transport Tcp);
