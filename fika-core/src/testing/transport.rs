//! The promises of a transport, as one test, and messages to send.
//!
//! ```
//! use fika_core::hash::Id;
//! use fika_core::testing::Draws;
//! use fika_core::testing::transport::{call, message, promises};
//! use fika_core::transport::{Frames, Hello, Input, Transport};
//!
//! // In a test:
//! promises(&Frames);
//!
//! // One message, from one end to the other.
//! let hello = Hello { chain: Id::ZERO, name: "a node".into() };
//! let (mut here, mut there) = (Frames.open(true, &hello), Frames.open(false, &hello));
//! let said = message(&mut Draws::new(1));
//! let bytes = call(&mut *here, 0, Input::Message(&said)).bytes;
//! assert_eq!(call(&mut *there, 0, Input::Bytes(&bytes)).messages, [said]);
//! ```
//!
//! Handshakes, limits and timeouts differ from transport to transport: their author tests them beside it.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::Draws;
use crate::address::Address;
use crate::block::{Block, Head, MAX_BLOCK_TXS, Tx};
use crate::compact::{BlockTxn, CompactBlock, GetBlockTxn};
use crate::hash::Id;
use crate::header::{Header, SECOND, Time};
use crate::light::{BlockFilter, BlockRange, FilterHeaders, GetMerkle, MerkleBlock};
use crate::message::{GossipMessage, InvItem, Message};
use crate::transport::{Hello, Input, Output, Session, Transport};

/// So many conversations are held.
const TALKS: u64 = 40;
/// So many streams of bytes that nobody should send are sent.
const HOSTILE: u64 = 200;

/// Any message of any kind, small enough for every limit.
pub fn message(draws: &mut Draws) -> Message {
    match draws.below(Message::KINDS.len() as u64) {
        0 => Message::Inv(items(draws)),
        1 => Message::GetData(items(draws)),
        2 => Message::NotFound(items(draws)),
        3 => Message::Tx(tx(draws)),
        4 => Message::Block(Arc::new(block(draws))),
        5 => Message::Proposal(Arc::new(block(draws))),
        6 => Message::GetHeaders(list(20, draws, Draws::id)),
        7 => Message::Headers(list(4, draws, head)),
        8 => Message::Gossip(Arc::new(GossipMessage {
            from: address(draws),
            to: draws.once_in(2).then(|| address(draws)),
            sequence: draws.number(),
            bytes: draws.bytes(300),
        })),
        9 => Message::Direct(draws.bytes(300)),
        10 => {
            let mut compact = CompactBlock::new(&block(draws), draws.number());
            let end = compact.tx_count() as u32;
            compact.prefilled.extend((end..end + draws.below(3) as u32).map(|n| (n, tx(draws))));
            Message::CompactBlock(Arc::new(compact))
        }
        11 => {
            let mut indexes = list(20, draws, |draws| draws.below(MAX_BLOCK_TXS as u64) as u32);
            indexes.sort_unstable();
            indexes.dedup();
            Message::GetBlockTxn(Box::new(GetBlockTxn { id: draws.id(), indexes: indexes.into_iter().collect() }))
        }
        12 => {
            let txs: Vec<Tx> = list(5, draws, tx);
            Message::BlockTxn(Box::new(BlockTxn { id: draws.id(), txs: txs.into() }))
        }
        13 => Message::GetCfHeaders(Box::new(range(draws))),
        14 => {
            let (stop, previous) = (draws.id(), draws.id());
            Message::CfHeaders(Box::new(FilterHeaders { stop, previous, hashes: list(20, draws, Draws::id) }))
        }
        15 => Message::GetCFilters(Box::new(range(draws))),
        16 => Message::CFilter(Box::new(BlockFilter { block: draws.id(), filter: draws.bytes(300) })),
        17 => {
            let elements = list(5, draws, |draws| draws.bytes(40));
            Message::GetMerkle(Box::new(GetMerkle { block: draws.id(), elements }))
        }
        _ => {
            let block = block(draws);
            let places = (0..block.txs.len() as u32).filter(|_| draws.once_in(2)).collect();
            Message::MerkleBlock(Box::new(MerkleBlock::new(block.id(), &block, places)))
        }
    }
}

fn range(draws: &mut Draws) -> BlockRange {
    BlockRange { start: draws.number(), stop: draws.id() }
}

fn list<T>(most: u64, draws: &mut Draws, each: fn(&mut Draws) -> T) -> Vec<T> {
    (0..draws.below(most + 1)).map(|_| each(draws)).collect()
}

fn items(draws: &mut Draws) -> Vec<InvItem> {
    let kinds = [InvItem::Tx, InvItem::Block, InvItem::Proposal, InvItem::Gossip, InvItem::Compact, InvItem::Ancestors];
    (0..draws.below(20)).map(|_| draws.pick(&kinds)(draws.id())).collect()
}

fn tx(draws: &mut Draws) -> Tx {
    Tx::new(draws.bytes(300))
}

fn address(draws: &mut Draws) -> Address {
    Address(std::array::from_fn(|_| draws.number() as u8))
}

fn head(draws: &mut Draws) -> Head {
    let mut word = || draws.number() as u32;
    let (version, time, bits, nonce) = (word(), word(), word(), word());
    let header = Header { version, parent: draws.id(), root: draws.id(), time, bits, nonce };
    Head { header, extra: draws.bytes(40), seal: draws.bytes(200) }
}

fn block(draws: &mut Draws) -> Block {
    Block { head: head(draws), txs: list(5, draws, tx) }
}

fn hello(name: &str) -> Hello {
    Hello { chain: Id([7; 32]), name: name.into() }
}

/// One call of a session.
pub fn call(session: &mut dyn Session, now: Time, input: Input<'_>) -> Output {
    let mut out = Output::default();
    session.handle(now, input, &mut out);
    out
}

/// Tries whether `transport` keeps the promises of a [`Transport`]:
///
/// - two ends of one chain get ready, and then every message of every kind arrives whole and in order, wherever the
///   bytes are cut;
/// - a message takes as many bytes as [`Transport::wire_size`] says, whatever the names of the nodes are, and equally
///   many whichever transactions it names;
/// - random and damaged bytes, before and after the handshake, never panic.
///
/// # Panics
/// When a promise is broken: the message says which.
pub fn promises(transport: &dyn Transport) {
    let draws = &mut Draws::new(1);
    for count in 0..100 {
        let inv = |draws: &mut Draws| Message::Inv((0..count).map(|_| InvItem::Tx(draws.id())).collect());
        let [one, other] = [inv(draws), inv(draws)].map(|message| transport.wire_size(&message));
        assert_eq!(one, other, "the size of an announcement of {count} transactions depends on which these are");
    }
    for _ in 0..TALKS {
        let said = [list(8, draws, message), list(8, draws, message)];
        check_talk(transport, said, draws);
    }
    for _ in 0..HOSTILE {
        check_hostile(transport, draws);
    }
}

/// Two ends that shake hands and then say this.
fn check_talk(transport: &dyn Transport, said: [Vec<Message>; 2], draws: &mut Draws) {
    let names = [0, 1].map(|_| String::from_utf8_lossy(&draws.bytes(30)).into_owned());
    let mut ends = [transport.open(true, &hello(&names[0])), transport.open(false, &hello(&names[1]))];
    let (now, most) = (1_000 * SECOND, 1 + draws.below(500));
    let (mut wires, mut heard, mut ready) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()], [false; 2]);
    for end in [0, 1] {
        let out = call(&mut *ends[end], now, Input::Open);
        take(out, end, &mut wires, &mut heard, &mut ready);
    }
    let mut asked = [false; 2];
    loop {
        for end in [0, 1] {
            if ready[end] && !std::mem::replace(&mut asked[end], true) {
                for message in &said[end] {
                    let out = call(&mut *ends[end], now, Input::Message(message));
                    let (found, size) = (out.bytes.len() as u64, transport.wire_size(message));
                    assert_eq!(found, size, "the bytes of a message of kind {}", message.kind_name());
                    take(out, end, &mut wires, &mut heard, &mut ready);
                }
            }
        }
        if wires.iter().all(Vec::is_empty) {
            break;
        }
        for from in [0, 1] {
            let cut = (1 + draws.below(most)) as usize;
            let piece: Vec<u8> = wires[from].drain(..cut.min(wires[from].len())).collect();
            let out = call(&mut *ends[1 - from], now, Input::Bytes(&piece));
            take(out, 1 - from, &mut wires, &mut heard, &mut ready);
        }
    }
    assert_eq!(ready, [true; 2], "two ends of one chain get ready");
    let [first, second] = said;
    assert_eq!(heard, [second, first], "what one end says, the other hears");
}

/// Carries out what a session answered.
fn take(out: Output, end: usize, wires: &mut [Vec<u8>; 2], heard: &mut [Vec<Message>; 2], ready: &mut [bool; 2]) {
    assert_eq!(out.close, None, "a connection of two honest ends is closed");
    assert!(ready[end] || out.ready.is_some() || out.messages.is_empty(), "a message arrives before the end is ready");
    wires[end].extend(out.bytes);
    heard[end].extend(out.messages);
    ready[end] |= out.ready.is_some();
}

/// Bytes that nobody should send.
fn check_hostile(transport: &dyn Transport, draws: &mut Draws) {
    let mut ends = [transport.open(true, &hello("a")), transport.open(false, &hello("b"))];
    let now = 1_000 * SECOND;
    let opened = [0, 1].map(|end| call(&mut *ends[end], now, Input::Open).bytes);
    if draws.once_in(2) {
        for end in [0, 1] {
            call(&mut *ends[end], now, Input::Bytes(&opened[1 - end]));
        }
    }
    let [ours, theirs] = &mut ends;
    for _ in 0..4 {
        let honest = call(&mut **theirs, now, Input::Message(&message(draws))).bytes;
        let bytes = match draws.below(4) {
            0 => draws.bytes(300),
            1 => draws.damaged(&opened[1]),
            2 => honest[draws.below(honest.len() as u64) as usize..].to_vec(),
            _ => draws.damaged(&honest),
        };
        let out = call(&mut **ours, now, Input::Bytes(&bytes));
        if let Some(close) = out.close {
            let one_line = !close.reason.is_empty() && !close.reason.contains('\n');
            assert!(one_line, "expected one line that says why, found {:?}", close.reason);
            break;
        }
    }
    call(&mut **ours, now, Input::Message(&message(draws)));
    call(&mut **ours, now + 3_600 * SECOND, Input::Wake);
}
