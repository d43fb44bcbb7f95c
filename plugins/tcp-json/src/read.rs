//! From lines to frames. Every message is read into its own type, never into a general tree of
//! values, so a line takes no more memory than the message that it stands for.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use fika_core::address::Address;
use fika_core::block::{Block, Head, MAX_BLOCK_TXS, MAX_PROOF_BYTES, MAX_TX_BYTES, Tx};
use fika_core::compact::{BlockTxn, CompactBlock, GetBlockTxn, ShortId};
use fika_core::filter::MAX_FILTER_BYTES;
use fika_core::hash::Id;
use fika_core::header::Header;
use fika_core::light::{
    BlockFilter, BlockRange, FilterHeaders, GetMerkle, MAX_ELEMENT_BYTES, MAX_ELEMENTS, MAX_FILTER_HEADERS, MerkleBlock,
};
use fika_core::message::{GossipMessage, InvItem, MAX_HEADERS, MAX_ITEMS, MAX_LOCATOR, Message};
use fika_core::transport::Close;
use fika_tcp::{Frame, Greeting, MAX_NAME_LEN, VERSION, max_payload_len, violation};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::write::PROTOCOL;

/// The longest part of a parser's complaint that is passed on, in characters.
const MAX_COMPLAINT: usize = 160;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    protocol: Cow<'a, str>,
    version: u32,
    #[serde(borrow)]
    sender: Cow<'a, str>,
    #[serde(borrow)]
    msg_type: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// What a line of any version begins with.
#[derive(serde::Deserialize)]
struct AnyVersion<'a> {
    #[serde(borrow)]
    protocol: Cow<'a, str>,
    version: u32,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HelloText {
    chain: Id,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Items {
    items: List<ItemText, MAX_ITEMS>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum ItemText {
    Tx(Id),
    Block(Id),
    Proposal(Id),
    Gossip(Id),
    Compact(Id),
    Ancestors(Id),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TxText {
    id: Id,
    bytes: Hex<MAX_TX_BYTES>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadText {
    id: Id,
    version: u32,
    parent: Id,
    root: Id,
    time: u32,
    bits: u32,
    nonce: u32,
    extra: Hex<MAX_PROOF_BYTES>,
    seal: Hex<MAX_PROOF_BYTES>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockText {
    head: HeadText,
    txs: List<Hex<MAX_TX_BYTES>, MAX_BLOCK_TXS>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct GetHeaders {
    locator: List<Id, MAX_LOCATOR>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Headers {
    headers: List<HeadText, MAX_HEADERS>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct GossipText {
    from: Address,
    to: Option<Address>,
    sequence: u64,
    bytes: Hex<MAX_PROOF_BYTES>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectText {
    bytes: Hex<MAX_PROOF_BYTES>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PrefilledText {
    index: u32,
    tx: Hex<MAX_TX_BYTES>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CompactText {
    head: HeadText,
    salt: u64,
    short: List<Hex<6>, MAX_BLOCK_TXS>,
    prefilled: List<PrefilledText, MAX_BLOCK_TXS>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct GetBlockTxnText {
    block: Id,
    indexes: List<u32, MAX_BLOCK_TXS>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockTxnText {
    block: Id,
    txs: List<Hex<MAX_TX_BYTES>, MAX_BLOCK_TXS>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeText {
    start: u64,
    stop: Id,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CfHeadersText {
    stop: Id,
    previous: Id,
    hashes: List<Id, MAX_FILTER_HEADERS>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CFilterText {
    block: Id,
    filter: Hex<MAX_FILTER_BYTES>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct GetMerkleText {
    block: Id,
    elements: List<Hex<MAX_ELEMENT_BYTES>, MAX_ELEMENTS>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MerkleBlockText {
    block: Id,
    extra: Hex<MAX_PROOF_BYTES>,
    count: u32,
    txs: List<PrefilledText, MAX_BLOCK_TXS>,
    hashes: List<Id, MAX_BLOCK_TXS>,
}

/// A list of at most `MAX` values.
struct List<T, const MAX: usize>(Vec<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Values<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Values<T, MAX> {
            type Value = List<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX} values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = values.next_element()? {
                    if list.len() == MAX {
                        return Err(de::Error::invalid_length(MAX + 1, &self));
                    }
                    list.push(value);
                }
                Ok(List(list))
            }
        }
        from.deserialize_seq(Values(PhantomData))
    }
}

/// At most `MAX` bytes, in hexadecimal.
struct Hex<const MAX: usize>(Vec<u8>);

impl<'de, const MAX: usize> Deserialize<'de> for Hex<MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Digits<const MAX: usize>;
        impl<const MAX: usize> Visitor<'_> for Digits<MAX> {
            type Value = Hex<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX} bytes in hexadecimal")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let (pairs, rest) = text.as_bytes().as_chunks::<2>();
                if pairs.len() > MAX || !rest.is_empty() {
                    return Err(E::invalid_length(text.len(), &self));
                }
                let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
                let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
                bytes.map(Hex).ok_or_else(|| E::custom("a character that is not a hexadecimal digit"))
            }
        }
        from.deserialize_str(Digits)
    }
}

fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

/// A parser's complaint, short and in one line. The other end may have written parts of it.
fn complaint(what: &str, error: &serde_json::Error) -> Close {
    let text: String = error.to_string().chars().take(MAX_COMPLAINT).collect();
    violation(format!("expected {what}: {}", text.replace(char::is_control, "?")))
}

/// Reads one line.
pub(crate) fn line(line: &[u8]) -> Result<Frame<'static>, Close> {
    let parsed = match serde_json::from_slice::<Line<'_>>(line) {
        Ok(parsed) if parsed.protocol != PROTOCOL => return Err(violation("expected protocol fika, found another")),
        Ok(parsed) if parsed.version == VERSION => parsed,
        other => return another_version(line, other.err()),
    };
    let payload = parsed.payload.get();
    match &*parsed.msg_type {
        "hello" => {
            let HelloText { chain } = read("hello", payload)?;
            if parsed.sender.len() > MAX_NAME_LEN || parsed.sender.contains(char::is_control) {
                return Err(violation(format!("expected a printable sender of at most {MAX_NAME_LEN} bytes")));
            }
            Ok(Frame::Hello(Greeting { version: VERSION, chain, name: parsed.sender.into_owned() }))
        }
        "ping" => read("ping", payload).map(|Nothing {}| Frame::Ping),
        "pong" => read("pong", payload).map(|Nothing {}| Frame::Pong),
        kind => {
            let message = message(kind, payload)?;
            let (found, limit) = (message.payload_len(), max_payload_len(message.kind()));
            if found > limit {
                return Err(violation(format!("expected {kind} of at most {limit} bytes, found {found}")));
            }
            Ok(Frame::Message(Cow::Owned(message)))
        }
    }
}

/// A line that is not of this version: a hello of another one, or an error.
fn another_version(line: &[u8], error: Option<serde_json::Error>) -> Result<Frame<'static>, Close> {
    match (serde_json::from_slice::<AnyVersion<'_>>(line), error) {
        (Ok(any), _) if any.protocol == PROTOCOL && any.version != VERSION => {
            let name = "the other end".into();
            Ok(Frame::Hello(Greeting { version: any.version, chain: Id::ZERO, name }))
        }
        (_, Some(error)) | (Err(error), None) => Err(complaint("a line of JSON", &error)),
        (Ok(_), None) => Err(violation("expected protocol fika, found another")),
    }
}

fn read<'a, T: Deserialize<'a>>(kind: &str, payload: &'a str) -> Result<T, Close> {
    serde_json::from_str(payload).map_err(|error| complaint(&format!("the payload of {kind}"), &error))
}

fn message(kind: &str, payload: &str) -> Result<Message, Close> {
    Ok(match kind {
        "inv" => Message::Inv(items(kind, payload)?),
        "getdata" => Message::GetData(items(kind, payload)?),
        "notfound" => Message::NotFound(items(kind, payload)?),
        "tx" => {
            let TxText { id, bytes } = read(kind, payload)?;
            let tx = Tx::new(bytes.0);
            same_id(kind, id, tx.hash())?;
            Message::Tx(tx)
        }
        "block" => Message::Block(block(kind, payload)?),
        "proposal" => Message::Proposal(block(kind, payload)?),
        "getheaders" => Message::GetHeaders(read::<GetHeaders>(kind, payload)?.locator.0),
        "headers" => {
            let Headers { headers } = read(kind, payload)?;
            Message::Headers(headers.0.into_iter().map(|text| head(kind, text)).collect::<Result<_, _>>()?)
        }
        "gossip" => {
            let GossipText { from, to, sequence, bytes } = read(kind, payload)?;
            Message::Gossip(Arc::new(GossipMessage { from, to, sequence, bytes: bytes.0 }))
        }
        "direct" => Message::Direct(read::<DirectText>(kind, payload)?.bytes.0),
        "compactblock" => Message::CompactBlock(compact(kind, payload)?),
        "getblocktxn" => {
            let GetBlockTxnText { block: id, indexes } = read(kind, payload)?;
            let indexes = ascending(kind, indexes.0, MAX_BLOCK_TXS)?;
            Message::GetBlockTxn(Box::new(GetBlockTxn { id, indexes: indexes.into() }))
        }
        "blocktxn" => {
            let BlockTxnText { block: id, txs } = read(kind, payload)?;
            let txs = txs.0.into_iter().map(|bytes| Tx::new(bytes.0)).collect();
            Message::BlockTxn(Box::new(BlockTxn { id, txs }))
        }
        "getcfheaders" => Message::GetCfHeaders(range(kind, payload)?),
        "cfheaders" => {
            let CfHeadersText { stop, previous, hashes } = read(kind, payload)?;
            Message::CfHeaders(Box::new(FilterHeaders { stop, previous, hashes: hashes.0 }))
        }
        "getcfilters" => Message::GetCFilters(range(kind, payload)?),
        "cfilter" => {
            let CFilterText { block, filter } = read(kind, payload)?;
            Message::CFilter(Box::new(BlockFilter { block, filter: filter.0 }))
        }
        "getmerkle" => {
            let GetMerkleText { block, elements } = read(kind, payload)?;
            let elements = elements.0.into_iter().map(|element| element.0).collect();
            Message::GetMerkle(Box::new(GetMerkle { block, elements }))
        }
        "merkleblock" => {
            let MerkleBlockText { block, extra, count, txs, hashes } = read(kind, payload)?;
            let txs = txs.0.into_iter().map(|one| (one.index, Tx::new(one.tx.0))).collect();
            Message::MerkleBlock(Box::new(MerkleBlock { block, extra: extra.0, count, txs, hashes: hashes.0 }))
        }
        _ => return Err(violation("expected a known msg_type, found another")),
    })
}

fn range(kind: &str, payload: &str) -> Result<Box<BlockRange>, Close> {
    let RangeText { start, stop } = read(kind, payload)?;
    Ok(Box::new(BlockRange { start, stop }))
}

fn items(kind: &str, payload: &str) -> Result<Vec<InvItem>, Close> {
    let Items { items } = read(kind, payload)?;
    let item = |text| match text {
        ItemText::Tx(id) => InvItem::Tx(id),
        ItemText::Block(id) => InvItem::Block(id),
        ItemText::Proposal(id) => InvItem::Proposal(id),
        ItemText::Gossip(id) => InvItem::Gossip(id),
        ItemText::Compact(id) => InvItem::Compact(id),
        ItemText::Ancestors(id) => InvItem::Ancestors(id),
    };
    Ok(items.0.into_iter().map(item).collect())
}

fn same_id(kind: &str, said: Id, found: Id) -> Result<(), Close> {
    if said == found { Ok(()) } else { Err(violation(format!("expected id {found} in {kind}, found {said}"))) }
}

fn head(kind: &str, text: HeadText) -> Result<Head, Close> {
    let HeadText { id, version, parent, root, time, bits, nonce, extra, seal } = text;
    let header = Header { version, parent, root, time, bits, nonce };
    same_id(kind, id, header.id())?;
    Ok(Head { header, extra: extra.0, seal: seal.0 })
}

fn block(kind: &str, payload: &str) -> Result<Arc<Block>, Close> {
    let BlockText { head: text, txs } = read(kind, payload)?;
    let txs = txs.0.into_iter().map(|bytes| Tx::new(bytes.0)).collect();
    Ok(Arc::new(Block { head: head(kind, text)?, txs }))
}

/// Indexes into a block of `len` transactions, each above the one before.
fn ascending(kind: &str, indexes: Vec<u32>, len: usize) -> Result<Vec<u32>, Close> {
    let fit = indexes.is_sorted_by(|a, b| a < b) && indexes.last().is_none_or(|last| (*last as usize) < len);
    if fit { Ok(indexes) } else { Err(violation(format!("expected ascending indexes below {len} in {kind}"))) }
}

fn compact(kind: &str, payload: &str) -> Result<Arc<CompactBlock>, Close> {
    let CompactText { head: text, salt, short, prefilled } = read(kind, payload)?;
    let short: Option<Vec<ShortId>> = short.0.into_iter().map(|bytes| bytes.0.try_into().ok().map(ShortId)).collect();
    let short = short.ok_or_else(|| violation(format!("expected short ids of 6 bytes in {kind}")))?;
    let count = short.len() + prefilled.0.len();
    if count > MAX_BLOCK_TXS {
        return Err(violation(format!("expected at most {MAX_BLOCK_TXS} transactions in {kind}, found {count}")));
    }
    let (at, txs): (Vec<u32>, Vec<Tx>) = prefilled.0.into_iter().map(|one| (one.index, Tx::new(one.tx.0))).unzip();
    let prefilled = ascending(kind, at, count)?.into_iter().zip(txs).collect();
    Ok(Arc::new(CompactBlock { head: head(kind, text)?, salt, short, prefilled }))
}
