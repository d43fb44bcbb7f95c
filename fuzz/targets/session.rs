//! Connections of both transports: any bytes in any pieces, before and after the handshake.

#![no_main]

use fika_core::hash::Id;
use fika_core::header::SECOND;
use fika_core::plugin::Faults;
use fika_core::testing::env;
use fika_core::transport::{Hello, Input, Output, Transport};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, bool, Vec<Vec<u8>>)| {
    let (dialed, after_handshake, pieces) = input;
    let hello = |name: &str| Hello { chain: Id([7; 32]), name: name.into() };
    for plugin in [fika_tcp::PLUGIN, fika_tcp_json::PLUGIN] {
        let transport: Box<dyn Transport> =
            plugin.transport("", &env(Default::default()), &Faults::new()).expect("the defaults fit");
        let mut session = transport.open(dialed, &hello("a"));
        let mut out = Output::default();
        session.handle(0, Input::Open, &mut out);
        if after_handshake {
            // An honest other end, until both are ready.
            let mut other = transport.open(!dialed, &hello("b"));
            let mut theirs = Output::default();
            other.handle(0, Input::Open, &mut theirs);
            for _ in 0..4 {
                let (to_other, to_us) = (std::mem::take(&mut out.bytes), std::mem::take(&mut theirs.bytes));
                other.handle(0, Input::Bytes(&to_other), &mut theirs);
                session.handle(0, Input::Bytes(&to_us), &mut out);
            }
            assert!(out.ready.is_some() && theirs.ready.is_some());
        }
        for (second, piece) in (1..).zip(&pieces) {
            session.handle(second * SECOND, Input::Bytes(piece), &mut out);
            session.handle(second * SECOND, Input::Wake, &mut out);
            if out.close.is_some() {
                break;
            }
        }
        let given: usize = pieces.iter().map(Vec::len).sum();
        assert!(out.bytes.len() <= 64 * (given + 1_000), "{} bytes of answers to {given}", out.bytes.len());
    }
});
