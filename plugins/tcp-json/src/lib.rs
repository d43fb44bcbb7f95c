//! Messages as readable JSON, one per line.
//!
//! ```json
//! {"protocol":"fika","version":1,"sender":"server1","msg_type":"inv","payload":{"items":[{"tx":"3ba3..."}]}}
//! ```
//!
//! | `msg_type` | `payload` |
//! |---|---|
//! | `hello` | `{"chain": id}`, the genesis id |
//! | `ping`, `pong` | `{}` |
//! | `inv`, `getdata`, `notfound` | `{"items": [{"tx" or "block" or "proposal" or "gossip" or "compact" or "ancestors": id}]}` |
//! | `tx` | `{"id": id, "bytes": hex}` |
//! | `block`, `proposal` | `{"head": head, "txs": [hex]}` |
//! | `getheaders` | `{"locator": [id]}` |
//! | `headers` | `{"headers": [head]}` |
//! | `gossip` | `{"from": address, "to": address or null, "sequence": n, "bytes": hex}` |
//! | `direct` | `{"bytes": hex}` |
//! | `compactblock` | `{"head": head, "salt": n, "short": [hex], "prefilled": [{"index": n, "tx": hex}]}` |
//! | `getblocktxn` | `{"block": id, "indexes": [n]}` |
//! | `blocktxn` | `{"block": id, "txs": [hex]}` |
//! | `getcfheaders`, `getcfilters` | `{"start": n, "stop": id}` |
//! | `cfheaders` | `{"stop": id, "previous": id, "hashes": [id]}` |
//! | `cfilter` | `{"block": id, "filter": hex}` |
//! | `getmerkle` | `{"block": id, "elements": [hex]}` |
//! | `merkleblock` | `{"block": id, "extra": hex, "count": n, "txs": [{"index": n, "tx": hex}], "hashes": [id]}` |
//!
//! A head is `{"id", "version", "parent", "root", "time", "bits", "nonce", "extra", "seal"}`.
//! Ids are written as they are shown everywhere, first byte last; an id beside what it names is
//! checked. `sender` is the node's name, cut or padded with spaces to the same width for all
//! nodes, but whole in the hello. So a message has one size, whoever sends it, and the columns of
//! a capture align. Handshake, limits and times are those of [`fika_tcp::Session`].

mod read;
mod write;

use std::borrow::Cow;

use fika_core::env::Env;
use fika_core::message::Message;
use fika_core::plugin::Plugin;
use fika_core::transport::{Close, Hello, Session, Transport};
use fika_tcp::{Codec, Frame, PARAMS, Params, Reach, violation};

/// The transport.
pub struct TcpJson {
    params: Params,
}

impl Plugin for TcpJson {
    const NAME: &'static str = "tcp-json";
    const ABOUT: &'static str = "readable JSON, one message per line, with the session of tcp";
    const PARAMS: &'static [(&'static str, &'static str)] = PARAMS;
    type Params = Params;

    fn new(params: Params, _: &Env) -> Result<Self, String> {
        Ok(TcpJson { params: params.checked()? })
    }
}

impl Transport for TcpJson {
    fn open(&self, _dialed: bool, hello: &Hello) -> Box<dyn Session> {
        Box::new(fika_tcp::Session::new(Lines::new(&hello.name), self.params.clone(), hello))
    }

    fn wire_size(&self, message: &Message) -> u64 {
        write::len(&Frame::Message(Cow::Borrowed(message)))
    }
}

/// The codec: one JSON object per line.
pub struct Lines {
    /// The sender as every line but the hello shows it.
    sender: String,
}

impl Lines {
    /// The codec of the node called `name`.
    pub fn new(name: &str) -> Self {
        Lines { sender: write::sender(name) }
    }
}

impl Codec for Lines {
    fn encode(&self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        write::line(frame, &self.sender, out);
    }

    fn reach(&self, begun: &[u8], input: &[u8], limit: usize) -> Result<Reach, Close> {
        if let (None, Some(first)) = (begun.first(), input.first())
            && *first != b'{'
        {
            return Err(violation(format!("expected a line that starts with {{, found byte {first:#04x}")));
        }
        let end = input.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        match begun.len() + end.unwrap_or(input.len()) {
            len if len > limit => {
                Err(violation(format!("expected a line of at most {limit} bytes, found a longer one")))
            }
            _ => Ok(end.map_or(Reach::Beyond, Reach::End)),
        }
    }

    fn decode(&self, frame: &[u8]) -> Result<Frame<'static>, Close> {
        read::line(frame)
    }
}

fika_core::export!(transport TcpJson);
