//! From frames to lines.

use std::fmt;

use fika_core::block::{Head, Tx};
use fika_core::hash::Id;
use fika_core::message::{InvItem, Message};
use fika_tcp::{Frame, VERSION};

/// The value of `protocol` in every line.
pub(crate) const PROTOCOL: &str = "fika";

/// The width of the sender in every line but the hello, in bytes, its quotation marks included.
const SENDER_WIDTH: usize = 26;

/// Where text goes: into a buffer, or only counted.
trait Text: fmt::Write {
    /// Writes `bytes` in hexadecimal, in quotation marks.
    fn hex(&mut self, bytes: &[u8]) -> fmt::Result;
}

struct Buffer<'a>(&'a mut Vec<u8>);

impl fmt::Write for Buffer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Text for Buffer<'_> {
    fn hex(&mut self, bytes: &[u8]) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0.reserve(2 * bytes.len() + 2);
        self.0.push(b'"');
        let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        self.0.extend(bytes.iter().flat_map(digits));
        self.0.push(b'"');
        Ok(())
    }
}

struct Count(u64);

impl fmt::Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len() as u64;
        Ok(())
    }
}

impl Text for Count {
    fn hex(&mut self, bytes: &[u8]) -> fmt::Result {
        self.0 += 2 * bytes.len() as u64 + 2;
        Ok(())
    }
}

/// `name` as JSON.
fn quoted(name: &str) -> String {
    serde_json::to_string(name).expect("a string is JSON")
}

/// `name` as JSON, cut and padded to [`SENDER_WIDTH`].
pub(crate) fn sender(name: &str) -> String {
    let mut name = &name[..name.floor_char_boundary(SENDER_WIDTH)];
    while quoted(name).len() > SENDER_WIDTH {
        name = &name[..name.floor_char_boundary(name.len() - 1)];
    }
    let mut text = quoted(name);
    text.extend(std::iter::repeat_n(' ', SENDER_WIDTH - text.len()));
    text
}

/// Appends the line of `frame`.
pub(crate) fn line(frame: &Frame<'_>, sender: &str, out: &mut Vec<u8>) {
    put_line(frame, sender, &mut Buffer(out)).expect("memory takes any text");
}

/// The length of the line of a frame that is not a hello, in bytes.
pub(crate) fn len(frame: &Frame<'_>) -> u64 {
    const ANYONE: &str = match str::from_utf8(&[b' '; SENDER_WIDTH]) {
        Ok(spaces) => spaces,
        Err(_) => unreachable!(),
    };
    let mut count = Count(0);
    put_line(frame, ANYONE, &mut count).expect("counting takes any text");
    count.0
}

fn put_line(frame: &Frame<'_>, sender: &str, out: &mut impl Text) -> fmt::Result {
    let kind = match frame {
        Frame::Hello(_) => "hello",
        Frame::Ping => "ping",
        Frame::Pong => "pong",
        Frame::Message(message) => message.kind_name(),
    };
    write!(out, r#"{{"protocol":"{PROTOCOL}","version":{VERSION},"sender":"#)?;
    match frame {
        Frame::Hello(greeting) => out.write_str(&quoted(&greeting.name))?,
        _ => out.write_str(sender)?,
    }
    write!(out, r#","msg_type":"{kind}","payload":{{"#)?;
    match frame {
        Frame::Hello(greeting) => put_id(out, r#""chain":"#, &greeting.chain)?,
        Frame::Ping | Frame::Pong => {}
        Frame::Message(message) => put_message(out, message)?,
    }
    out.write_str("}}\n")
}

fn put_message(out: &mut impl Text, message: &Message) -> fmt::Result {
    match message {
        Message::Inv(items) | Message::GetData(items) | Message::NotFound(items) => {
            put_list(out, r#""items":["#, items, put_item)
        }
        Message::Tx(tx) => {
            put_id(out, r#""id":"#, &tx.hash())?;
            put_hex(out, r#","bytes":"#, tx.bytes())
        }
        Message::Block(block) | Message::Proposal(block) => {
            out.write_str(r#""head":"#)?;
            put_head(out, &block.head)?;
            put_list(out, r#","txs":["#, &block.txs, |out, tx| out.hex(tx.bytes()))
        }
        Message::GetHeaders(locator) => put_list(out, r#""locator":["#, locator, |out, at| put_id(out, "", at)),
        Message::Headers(heads) => put_list(out, r#""headers":["#, heads, put_head),
        Message::Gossip(gossip) => {
            put_hex(out, r#""from":"#, &gossip.from.0)?;
            match &gossip.to {
                Some(to) => put_hex(out, r#","to":"#, &to.0)?,
                None => out.write_str(r#","to":null"#)?,
            }
            write!(out, r#","sequence":{}"#, gossip.sequence)?;
            put_hex(out, r#","bytes":"#, &gossip.bytes)
        }
        Message::Direct(bytes) => put_hex(out, r#""bytes":"#, bytes),
        Message::CompactBlock(compact) => {
            out.write_str(r#""head":"#)?;
            put_head(out, &compact.head)?;
            write!(out, r#","salt":{}"#, compact.salt)?;
            put_list(out, r#","short":["#, &compact.short, |out, short| out.hex(&short.0))?;
            put_list(out, r#","prefilled":["#, &compact.prefilled, put_placed)
        }
        Message::GetBlockTxn(request) => {
            put_id(out, r#""block":"#, &request.id)?;
            put_list(out, r#","indexes":["#, &request.indexes, |out, index| write!(out, "{index}"))
        }
        Message::BlockTxn(answer) => {
            put_id(out, r#""block":"#, &answer.id)?;
            put_list(out, r#","txs":["#, &answer.txs, |out, tx| out.hex(tx.bytes()))
        }
        Message::GetCfHeaders(range) | Message::GetCFilters(range) => {
            write!(out, r#""start":{}"#, range.start)?;
            put_id(out, r#","stop":"#, &range.stop)
        }
        Message::CfHeaders(answer) => {
            put_id(out, r#""stop":"#, &answer.stop)?;
            put_id(out, r#","previous":"#, &answer.previous)?;
            put_list(out, r#","hashes":["#, &answer.hashes, |out, hash| put_id(out, "", hash))
        }
        Message::CFilter(answer) => {
            put_id(out, r#""block":"#, &answer.block)?;
            put_hex(out, r#","filter":"#, &answer.filter)
        }
        Message::GetMerkle(request) => {
            put_id(out, r#""block":"#, &request.block)?;
            put_list(out, r#","elements":["#, &request.elements, |out, element| out.hex(element))
        }
        Message::MerkleBlock(answer) => {
            put_id(out, r#""block":"#, &answer.block)?;
            put_hex(out, r#","extra":"#, &answer.extra)?;
            write!(out, r#","count":{}"#, answer.count)?;
            put_list(out, r#","txs":["#, &answer.txs, put_placed)?;
            put_list(out, r#","hashes":["#, &answer.hashes, |out, hash| put_id(out, "", hash))
        }
    }
}

fn put_placed(out: &mut impl Text, (index, tx): &(u32, Tx)) -> fmt::Result {
    write!(out, r#"{{"index":{index}"#)?;
    put_hex(out, r#","tx":"#, tx.bytes())?;
    out.write_char('}')
}

fn put_hex(out: &mut impl Text, key: &str, bytes: &[u8]) -> fmt::Result {
    out.write_str(key)?;
    out.hex(bytes)
}

/// As [`Id`] shows itself: the last byte first.
fn put_id(out: &mut impl Text, key: &str, id: &Id) -> fmt::Result {
    let mut shown = id.0;
    shown.reverse();
    put_hex(out, key, &shown)
}

fn put_list<T: Text, V>(out: &mut T, key: &str, values: &[V], put: impl Fn(&mut T, &V) -> fmt::Result) -> fmt::Result {
    out.write_str(key)?;
    for (n, value) in values.iter().enumerate() {
        if n > 0 {
            out.write_char(',')?;
        }
        put(out, value)?;
    }
    out.write_char(']')
}

fn put_item(out: &mut impl Text, item: &InvItem) -> fmt::Result {
    match item {
        InvItem::Tx(id) => put_id(out, r#"{"tx":"#, id)?,
        InvItem::Block(id) => put_id(out, r#"{"block":"#, id)?,
        InvItem::Proposal(id) => put_id(out, r#"{"proposal":"#, id)?,
        InvItem::Gossip(id) => put_id(out, r#"{"gossip":"#, id)?,
        InvItem::Compact(id) => put_id(out, r#"{"compact":"#, id)?,
        InvItem::Ancestors(id) => put_id(out, r#"{"ancestors":"#, id)?,
    }
    out.write_char('}')
}

fn put_head(out: &mut impl Text, head: &Head) -> fmt::Result {
    let header = &head.header;
    put_id(out, r#"{"id":"#, &header.id())?;
    write!(out, r#","version":{}"#, header.version)?;
    put_id(out, r#","parent":"#, &header.parent)?;
    put_id(out, r#","root":"#, &header.root)?;
    write!(out, r#","time":{},"bits":{},"nonce":{}"#, header.time, header.bits, header.nonce)?;
    put_hex(out, r#","extra":"#, &head.extra)?;
    put_hex(out, r#","seal":"#, &head.seal)?;
    out.write_char('}')
}
