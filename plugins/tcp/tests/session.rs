//! The compact frames between two sessions.

mod suite;

use fika_core::env::ChainParams;
use fika_core::message::Message;
use fika_core::plugin::Plugin;
use fika_core::testing;
use fika_core::testing::Draws;
use fika_core::transport::{BAN_SCORE, Input, Transport};
use fika_tcp::{Frames, Params, Session, Tcp};
use proptest::prelude::*;
use suite::{START, call, closes, hello, ready};

fn tcp(params: Params) -> Result<Tcp, String> {
    Tcp::new(params, &testing::env(ChainParams::default()))
}

fn stock() -> Tcp {
    tcp(Params::default()).unwrap()
}

#[test]
fn the_promises_of_a_transport_are_kept() {
    testing::transport::promises(&stock());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn garbage_is_survived(bytes: Vec<u8>, kind in 0u8..12) {
        suite::garbage_is_survived(&stock(), &bytes);
        suite::garbage_is_survived(&stock(), &[&[kind, bytes.len() as u8 & 0x7f], &bytes[..]].concat());
    }

    #[test]
    fn a_damaged_frame_is_never_taken_for_a_message(seed: u64) {
        let draws = &mut Draws::new(seed);
        let [mut a, mut b] = ready(&stock());
        let bytes = call(&mut *a, START, Input::Message(&testing::transport::message(draws))).bytes;
        let bytes = draws.damaged(&bytes);
        let out = call(&mut *b, START, Input::Bytes(&bytes));
        prop_assert!(out.messages.is_empty());
        prop_assert!(out.close.is_none_or(|close| close.score == BAN_SCORE));
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
fn another_version_and_another_protocol_are_refused() {
    let mut here = stock().open(true, &hello("here"));
    let payload = [b"fika", &2u32.to_le_bytes()[..]].concat();
    let sum = crc32fast::hash(&[&[240], &payload[..]].concat()).to_le_bytes();
    let bytes = [&[240, payload.len() as u8], &sum[..], &payload].concat();
    let close = call(&mut *here, START, Input::Bytes(&bytes)).close.unwrap();
    assert_eq!((close.reason.as_str(), close.score), ("the other end speaks version 2, this node version 1", 0));

    let mut here = stock().open(false, &hello("here"));
    let close = call(&mut *here, START, Input::Bytes(b"GET / HTTP/1.1\r\n")).close.unwrap();
    assert_eq!((close.reason.as_str(), close.score), ("expected a frame, found one of unknown kind 71", BAN_SCORE));
}

#[test]
fn broken_frames_say_what_is_wrong() {
    let reason = |bytes: &[u8]| {
        let close = closes(&stock(), bytes);
        assert_eq!(close.score, BAN_SCORE);
        close.reason
    };
    assert_eq!(
        reason(&[0, 0xff, 0xff, 0xff, 0x7f]),
        "expected a frame of kind 0 of at most 33002 bytes, found 268435455"
    );
    assert_eq!(reason(&[3, 0x80, 0]), "a frame has a number that is not in its shortest form");
    assert!(reason(&[3, 1, 0, 0, 0, 0, 9]).starts_with("expected checksum"));
    let sum = crc32fast::hash(&[0, 5]).to_le_bytes();
    assert_eq!(reason(&[&[0, 1], &sum[..], &[5]].concat()), "a message of kind inv ends 5 bytes early");
}

#[test]
fn the_limit_holds_for_both_directions() {
    let small = || Params { max_frame_bytes: 4096, ..Params::default() };
    let [mut a, _] = ready(&tcp(small()).unwrap());
    let close = call(&mut *a, START, Input::Message(&Message::Direct(vec![0; 5000]))).close.unwrap();
    assert_eq!(close.reason, "cannot send a direct of 5007 bytes where max_frame_bytes is 4096");
    assert_eq!(close.score, 0);
    let [mut long, _] = ready(&stock());
    let bytes = call(&mut *long, START, Input::Message(&Message::Direct(vec![0; 5000]))).bytes;
    assert!(closes(&tcp(small()).unwrap(), &bytes).reason.contains("at most 4089 bytes, found 5000"));
    suite::a_flood_is_not_held(Session::new(Frames, small(), &hello("a")), &[9, 0x80, 0x1f], 4096);
}

#[test]
fn values_that_cannot_be_name_their_key() {
    let refused = |params| tcp(params).err().unwrap();
    let stock = Params::default();
    assert!(refused(Params { max_frame_bytes: 1, ..stock.clone() }).starts_with("max_frame_bytes: expected 4096"));
    assert!(refused(Params { timeout_ms: 30_000, ..stock.clone() }).starts_with("timeout_ms: expected 30001"));
    assert!(refused(Params { handshake_timeout_ms: 0, ..stock }).starts_with("handshake_timeout_ms"));
}
