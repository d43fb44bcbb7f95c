//! What every transport built on [`fika_tcp::Session`] must do.

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::block::{Block, Head, MAX_BLOCK_TXS, Tx};
use fika_core::compact::{BlockTxn, CompactBlock, GetBlockTxn};
use fika_core::hash::Id;
use fika_core::header::{Header, SECOND, Time};
use fika_core::message::{GossipMessage, Item, Message};
use fika_core::transport::{BAN_SCORE, Close, Hello, Input, Output, Session, Transport};
use fika_tcp::Codec;
use proptest::collection::vec;
use proptest::prelude::*;

/// The start of every test's clock.
pub(crate) const START: Time = 1_000 * SECOND;

pub(crate) fn hello(name: &str) -> Hello {
    Hello { chain: Id([7; 32]), name: name.into() }
}

/// One call of `session`.
pub(crate) fn call(session: &mut dyn Session, now: Time, input: Input<'_>) -> Output {
    let mut out = Output::default();
    session.handle(now, input, &mut out);
    out
}

/// A session that has shaken hands with another, and that other.
pub(crate) fn ready(transport: &dyn Transport) -> [Box<dyn Session>; 2] {
    let mut ends = [transport.open(true, &hello("dialer")), transport.open(false, &hello("listener"))];
    let hellos = [0, 1].map(|end| call(&mut *ends[end], START, Input::Open).bytes);
    for (end, name) in [(0, "listener"), (1, "dialer")] {
        let out = call(&mut *ends[end], START, Input::Bytes(&hellos[1 - end]));
        assert_eq!((out.ready.as_deref(), out.close), (Some(name), None));
    }
    ends
}

/// How `bytes` close a session that is ready.
pub(crate) fn closes(transport: &dyn Transport, bytes: &[u8]) -> Close {
    let close = call(&mut *ready(transport)[0], START, Input::Bytes(bytes)).close.expect("the session closes");
    assert!(!close.reason.contains('\n') && close.reason.len() < 400, "{}", close.reason);
    close
}

fn id() -> impl Strategy<Value = Id> {
    any::<[u8; 32]>().prop_map(Id)
}

fn head() -> impl Strategy<Value = Head> {
    let header = (any::<[u32; 4]>(), id(), id()).prop_map(|([version, time, bits, nonce], parent, root)| Header {
        version,
        parent,
        root,
        time,
        bits,
        nonce,
    });
    (header, vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..200)).prop_map(|(header, extra, seal)| Head {
        header,
        extra,
        seal,
    })
}

/// Any message of any kind.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    let item = || {
        prop_oneof![
            id().prop_map(Item::Tx),
            id().prop_map(Item::Block),
            id().prop_map(Item::Candidate),
            id().prop_map(Item::Gossip),
            id().prop_map(Item::Compact)
        ]
    };
    let bytes = || vec(any::<u8>(), 0..300);
    let block = || (head(), vec(bytes().prop_map(Tx::new), 0..5)).prop_map(|(head, txs)| Arc::new(Block { head, txs }));
    let gossip = (any::<[u8; 20]>(), any::<Option<[u8; 20]>>(), any::<u64>(), bytes()).prop_map(
        |(from, to, sequence, bytes)| {
            Arc::new(GossipMessage { from: Address(from), to: to.map(Address), sequence, bytes })
        },
    );
    let tx = || bytes().prop_map(Tx::new);
    let compact = (block(), any::<u64>(), vec(tx(), 0..3)).prop_map(|(block, salt, more)| {
        let mut compact = CompactBlock::new(&block, salt);
        let end = compact.tx_count() as u32;
        compact.prefilled.extend(more.into_iter().enumerate().map(|(n, tx)| (end + n as u32, tx)));
        Arc::new(compact)
    });
    let places = proptest::collection::btree_set(0..MAX_BLOCK_TXS as u32, 0..20);
    let get_block_txn =
        (id(), places).prop_map(|(id, indexes)| Box::new(GetBlockTxn { id, indexes: indexes.into_iter().collect() }));
    let block_txn = (id(), vec(tx(), 0..5)).prop_map(|(id, txs)| Box::new(BlockTxn { id, txs: txs.into() }));
    prop_oneof![
        vec(item(), 0..20).prop_map(Message::Inv),
        vec(item(), 0..20).prop_map(Message::GetData),
        vec(item(), 0..20).prop_map(Message::NotFound),
        bytes().prop_map(|bytes| Message::Tx(Tx::new(bytes))),
        block().prop_map(Message::Block),
        block().prop_map(Message::Candidate),
        vec(id(), 0..20).prop_map(Message::GetHeaders),
        vec(head(), 0..5).prop_map(Message::Headers),
        gossip.prop_map(Message::Gossip),
        bytes().prop_map(Message::Direct),
        compact.prop_map(Message::CompactBlock),
        get_block_txn.prop_map(Message::GetBlockTxn),
        block_txn.prop_map(Message::BlockTxn),
    ]
}

/// What two ends say arrives whole and in order, wherever the bytes are cut, and has the promised size.
pub(crate) fn two_ends_talk(transport: &dyn Transport, said: [Vec<Message>; 2], cuts: &[usize]) {
    let mut ends = [transport.open(true, &hello("a")), transport.open(false, &hello("b"))];
    let mut wires = [0, 1].map(|end| call(&mut *ends[end], START, Input::Open).bytes);
    let (mut ready, mut heard, mut asked) = ([false; 2], [vec![], vec![]], [false; 2]);
    let mut cuts = cuts.iter().copied().cycle();
    while wires.iter().any(|wire| !wire.is_empty()) {
        for from in [0, 1] {
            let to = 1 - from;
            let cut = cuts.next().unwrap_or(1).clamp(1, wires[from].len().max(1)).min(wires[from].len());
            let piece: Vec<u8> = wires[from].drain(..cut).collect();
            let out = call(&mut *ends[to], START, Input::Bytes(&piece));
            assert_eq!(out.close, None);
            wires[to].extend(out.bytes);
            heard[to].extend(out.messages);
            ready[to] |= out.ready.is_some();
            if ready[to] && !asked[to] {
                asked[to] = true;
                for message in &said[to] {
                    let out = call(&mut *ends[to], START, Input::Message(message));
                    assert_eq!(out.bytes.len() as u64, transport.wire_size(message), "{}", message.kind_name());
                    wires[to].extend(out.bytes);
                }
            }
        }
    }
    let [first, second] = said;
    assert_eq!(heard, [second, first]);
}

/// Random bytes, before or after the handshake, never panic, and end at most in one close.
pub(crate) fn garbage_is_survived(transport: &dyn Transport, bytes: &[u8]) {
    let mut fresh = transport.open(false, &hello("a"));
    call(&mut *fresh, START, Input::Open);
    let [mut shaken, _] = ready(transport);
    for session in [&mut fresh, &mut shaken] {
        let out = call(&mut **session, START, Input::Bytes(bytes));
        if let Some(close) = out.close {
            assert_eq!(close.points, BAN_SCORE);
            assert_eq!(call(&mut **session, START, Input::Bytes(bytes)), Output::default(), "closed for good");
        }
    }
}

pub(crate) fn another_chain_is_refused_by_name(transport: &dyn Transport) {
    let mut here = transport.open(true, &hello("here"));
    let mut there = transport.open(false, &Hello { chain: Id([9; 32]), name: "there".into() });
    call(&mut *here, START, Input::Open);
    let other = call(&mut *there, START, Input::Open).bytes;
    let close = call(&mut *here, START, Input::Bytes(&other)).close.unwrap();
    assert_eq!(close.points, 0);
    for part in ["there", &Id([9; 32]).to_string(), &Id([7; 32]).to_string()] {
        assert!(close.reason.contains(part), "{}", close.reason);
    }
}

pub(crate) fn messages_before_or_hellos_after_the_handshake_are_refused(transport: &dyn Transport) {
    let [mut a, _] = ready(transport);
    let early = call(&mut *a, START, Input::Message(&Message::Inv(vec![]))).bytes;
    let mut fresh = transport.open(false, &hello("b"));
    assert_eq!(call(&mut *fresh, START, Input::Message(&Message::Inv(vec![]))), Output::default());
    let second = call(&mut *fresh, START, Input::Open).bytes;
    let close = call(&mut *fresh, START, Input::Bytes(&early)).close.unwrap();
    assert_eq!(close, Close { reason: "expected a hello first, found inv".into(), points: BAN_SCORE });
    assert_eq!(closes(transport, &second).reason, "expected one hello, found a second");
}

/// One byte of a hello at a time does not keep a connection open.
pub(crate) fn a_slow_hello_is_not_waited_for(transport: &dyn Transport) {
    let mut here = transport.open(false, &hello("here"));
    let deadline = call(&mut *here, START, Input::Open).wake_at.unwrap();
    assert_eq!(deadline, START + 10 * SECOND);
    let slow = call(&mut *transport.open(true, &hello("slow")), START, Input::Open).bytes;
    for (n, byte) in slow.iter().take(9).enumerate() {
        let now = START + (n as Time + 1) * SECOND;
        assert_eq!(call(&mut *here, now, Input::Bytes(&[*byte])), Output::default());
        assert_eq!(call(&mut *here, now, Input::Wake).wake_at, Some(deadline));
    }
    let close = call(&mut *here, deadline, Input::Wake).close.unwrap();
    assert_eq!(close, Close { reason: "no hello within 10000 ms".into(), points: 0 });
}

pub(crate) fn silence_is_pinged_and_then_left(transport: &dyn Transport) {
    let [mut a, mut b] = ready(transport);
    let ping = call(&mut *a, START + 30 * SECOND, Input::Wake);
    assert_eq!(ping.wake_at, Some(START + 90 * SECOND));
    let pong = call(&mut *b, START + 30 * SECOND, Input::Bytes(&ping.bytes.repeat(100)));
    assert!(!pong.bytes.is_empty() && pong.bytes.len() <= ping.bytes.len(), "one pong answers any number of pings");
    assert_eq!(call(&mut *a, START + 31 * SECOND, Input::Bytes(&pong.bytes)), Output::default());
    assert_eq!(call(&mut *a, START + 90 * SECOND, Input::Wake).close, None, "it was heard at 31 s");
    let end = START + (31 + 90) * SECOND;
    assert_eq!(call(&mut *a, end - 1, Input::Wake), Output { wake_at: Some(end), ..Output::default() });
    let close = call(&mut *a, end, Input::Wake).close.unwrap();
    assert_eq!(close, Close { reason: "silent for 90000 ms".into(), points: 0 });
}

/// A sender of a frame that never ends is cut off before more than `limit` bytes are held.
pub(crate) fn a_flood_is_not_held<C: Codec>(mut session: fika_tcp::Session<C>, opening: &[u8], limit: usize) {
    let mut other = Output::default();
    session.handle(START, Input::Open, &mut other);
    let mut out = Output::default();
    session.handle(START, Input::Bytes(&other.bytes), &mut out);
    assert!(out.ready.is_some());
    session.handle(START, Input::Bytes(opening), &mut out);
    for _ in 0..10 * limit / 1000 {
        session.handle(START, Input::Bytes(&[b' '; 1000]), &mut out);
        assert!(session.held_bytes() <= limit, "{} bytes are held", session.held_bytes());
    }
    assert_eq!(out.close.map(|close| close.points), Some(BAN_SCORE));
    assert_eq!(session.held_bytes(), 0);
}
