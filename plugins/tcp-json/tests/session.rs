//! The JSON lines between two sessions.

#[path = "../../tcp/tests/suite/mod.rs"]
mod suite;

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::env::ChainParams;
use fika_core::hash::Id;
use fika_core::message::{GossipMessage, InvItem, MAX_ITEMS, Message};
use fika_core::plugin::Plugin;
use fika_core::testing;
use fika_core::testing::Draws;
use fika_core::transport::{BAN_SCORE, Close, Input, Transport};
use fika_tcp::{Params, Session};
use fika_tcp_json::{Lines, TcpJson};
use proptest::prelude::*;
use suite::{START, call, closes, hello, ready};

fn stock() -> TcpJson {
    TcpJson::new(Params::default(), &testing::env(ChainParams::default())).unwrap()
}

fn envelope(kind: &str, payload: &str) -> Vec<u8> {
    format!(r#"{{"protocol":"fika","version":1,"sender":"x","msg_type":"{kind}","payload":{payload}}}"#).into_bytes()
}

/// How a line closes a session that is ready.
fn refused(line: &[u8]) -> String {
    let close = closes(&stock(), &[line, b"\n"].concat());
    assert_eq!(close.score, BAN_SCORE);
    close.reason
}

#[test]
fn the_promises_of_a_transport_are_kept() {
    testing::transport::promises(&stock());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn garbage_is_survived(bytes: Vec<u8>, text: String, kind in 0usize..10) {
        suite::garbage_is_survived(&stock(), &bytes);
        suite::garbage_is_survived(&stock(), &[b"{", &bytes[..], b"\n"].concat());
        suite::garbage_is_survived(&stock(), &[&envelope(Message::KINDS[kind], &text)[..], b"\n"].concat());
    }

    #[test]
    fn any_sender_has_the_same_size(name: String, seed: u64) {
        let message = testing::transport::message(&mut Draws::new(seed));
        let mut session = stock().open(true, &hello(&name));
        let mut other = stock().open(false, &hello("b"));
        let greeting = call(&mut *other, START, Input::Open).bytes;
        let ours = call(&mut *session, START, Input::Open).bytes;
        prop_assert!(call(&mut *other, START, Input::Bytes(&ours)).ready.is_some());
        call(&mut *session, START, Input::Bytes(&greeting));
        let line = call(&mut *session, START, Input::Message(&message)).bytes;
        prop_assert_eq!(line.len() as u64, stock().wire_size(&message));
        prop_assert_eq!(call(&mut *other, START, Input::Bytes(&line)).messages, vec![message]);
    }
}

#[test]
fn handshakes_and_times() {
    suite::another_chain_is_refused_by_name(&stock());
    suite::messages_before_or_hellos_after_the_handshake_are_refused(&stock());
    suite::a_slow_hello_is_not_waited_for(&stock());
    suite::silence_is_pinged_and_then_left(&stock());
}

#[test]
fn a_capture_is_readable() {
    let [mut a, _] = ready(&stock());
    let mut line = |message| String::from_utf8(call(&mut *a, START, Input::Message(&message)).bytes).unwrap();
    let id = "00".repeat(31) + "2a";
    let mut bytes = [0; 32];
    bytes[0] = 0x2a;
    assert_eq!(
        line(Message::Inv(vec![InvItem::Block(Id(bytes))])),
        format!(
            r#"{{"protocol":"fika","version":1,"sender":"dialer"                  ,"msg_type":"inv","payload":{{"items":[{{"block":"{id}"}}]}}}}"#
        ) + "\n"
    );
    let gossip = GossipMessage { from: Address([1; 20]), to: None, sequence: 7, bytes: vec![0xca, 0xfe] };
    let payload = format!(r#""payload":{{"from":"{}","to":null,"sequence":7,"bytes":"cafe"}}}}"#, "01".repeat(20));
    assert!(line(Message::Gossip(Arc::new(gossip))).ends_with(&(payload + "\n")));
}

#[test]
fn another_version_is_refused_even_with_other_fields() {
    let mut here = stock().open(true, &hello("here"));
    let line = br#"{"version":2,"protocol":"fika","genesis":[1]}"#;
    let close = call(&mut *here, START, Input::Bytes(&[&line[..], b"\n"].concat())).close.unwrap();
    assert_eq!(close, Close { reason: "the other end speaks version 2, this node version 1".into(), score: 0 });
}

#[test]
fn hostile_lines_are_refused_in_one_line() {
    let deep = "[".repeat(100_000);
    let item = format!(r#"{{"tx":"{}"}}"#, Id::ZERO);
    let many = format!(r#"{{"items":[{}]}}"#, vec![&*item; MAX_ITEMS + 1].join(","));
    let tx = format!(r#"{{"id":"{}","bytes":"00"}}"#, Id::ZERO);
    let places = format!(r#"{{"block":"{}","indexes":[3,3]}}"#, Id::ZERO);
    for (line, expected) in [
        (b"GET / HTTP/1.1".to_vec(), "expected a line that starts with {, found byte 0x47"),
        (br#"{"protocol":"x","version":1}"#.to_vec(), "expected a line of JSON: missing field"),
        (envelope("inv", &deep), "expected a line of JSON: "),
        (envelope("inv", &(deep.clone() + &"]".repeat(100_000))), "expected the payload of inv: "),
        (envelope("gossip", r#"{"sequence":1e999}"#), "expected the payload of gossip: number out of range"),
        (envelope("gossip", r#"{"sequence":-1}"#), "invalid value: integer `-1`"),
        (envelope("direct", r#"{"bytes":"abc"}"#), "invalid length 3, expected at most 65536 bytes in hexadecimal"),
        (envelope("direct", r#"{"bytes":"zz"}"#), "not a hexadecimal digit"),
        (envelope("direct", r#"{"by\ntes":1}"#), "unknown field `by?tes`"),
        (envelope("ping", "7"), "expected the payload of ping: invalid type"),
        (envelope("dance", "{}"), "expected a known msg_type, found another"),
        (envelope("inv", &many), "invalid length 1001, expected a list of at most 1000 values"),
        (envelope("tx", &tx), &*format!("in tx, found {}", Id::ZERO)),
        (envelope("getblocktxn", &places), "expected ascending indexes below 200000 in getblocktxn"),
    ] {
        let reason = refused(&line);
        assert!(reason.contains(expected), "expected {expected}, found {reason}");
    }
}

#[test]
fn the_limit_holds() {
    let small = Params { max_frame_bytes: 4096, ..Params::default() };
    suite::a_flood_is_not_held(Session::new(Lines::new("a"), small, &hello("a")), b"{", 4096);
}
