//! What every transport built on [`fika_tcp::Session`] must do, beside what all transports promise.

use fika_core::hash::Id;
use fika_core::header::{SECOND, Time};
use fika_core::message::Message;
pub(crate) use fika_core::testing::transport::call;
use fika_core::transport::{BAN_SCORE, Close, Hello, Input, Output, Session, Transport};
use fika_tcp::Codec;

/// The start of every test's clock.
pub(crate) const START: Time = 1_000 * SECOND;

pub(crate) fn hello(name: &str) -> Hello {
    Hello { chain: Id([7; 32]), name: name.into() }
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

/// Random bytes, before or after the handshake, never panic, and end at most in one close.
pub(crate) fn garbage_is_survived(transport: &dyn Transport, bytes: &[u8]) {
    let mut fresh = transport.open(false, &hello("a"));
    call(&mut *fresh, START, Input::Open);
    let [mut shaken, _] = ready(transport);
    for session in [&mut fresh, &mut shaken] {
        let out = call(&mut **session, START, Input::Bytes(bytes));
        if let Some(close) = out.close {
            assert_eq!(close.score, BAN_SCORE);
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
    assert_eq!(close.score, 0);
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
    assert_eq!(close, Close { reason: "expected a hello first, found inv".into(), score: BAN_SCORE });
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
    assert_eq!(close, Close { reason: "no hello within 10000 ms".into(), score: 0 });
}

pub(crate) fn silence_is_pinged_and_then_left(transport: &dyn Transport) {
    let [mut a, mut b] = ready(transport);
    let ping = call(&mut *a, START + 30 * SECOND, Input::Wake);
    assert_eq!(ping.wake_at, Some(START + 90 * SECOND));
    let pong = call(&mut *b, START + 30 * SECOND, Input::Bytes(&ping.bytes.repeat(100)));
    assert!(!pong.bytes.is_empty() && pong.bytes.len() <= ping.bytes.len(), "one pong answers any number of pings");
    assert_eq!(pong.control_frames, 100, "they count");
    assert_eq!(call(&mut *a, START + 31 * SECOND, Input::Bytes(&pong.bytes)), Output::default());
    let unasked = call(&mut *a, START + 31 * SECOND, Input::Bytes(&pong.bytes));
    assert_eq!(unasked, Output { control_frames: 1, ..Output::default() });
    assert_eq!(call(&mut *a, START + 90 * SECOND, Input::Wake).close, None, "it was heard at 31 s");
    let end = START + (31 + 90) * SECOND;
    assert_eq!(call(&mut *a, end - 1, Input::Wake), Output { wake_at: Some(end), ..Output::default() });
    let close = call(&mut *a, end, Input::Wake).close.unwrap();
    assert_eq!(close, Close { reason: "silent for 90000 ms".into(), score: 0 });
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
    assert_eq!(out.close.map(|close| close.score), Some(BAN_SCORE));
    assert_eq!(session.held_bytes(), 0);
}
