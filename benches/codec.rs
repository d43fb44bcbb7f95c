//! Messages through the two stock transports, between sessions that have shaken hands.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Throughput;
use fika_benches::{Chain, Criterion};
use fika_core::hash::{Id, sha256};
use fika_core::keys::NoKeys;
use fika_core::message::{InvItem, Message};
use fika_core::plugin::{Descriptor, Faults};
use fika_core::transport::{Hello, Input, Output, Session, Transport};
use fika_core::world::Tree;

/// Both ends of a connection, after the handshake.
fn ready(transport: &dyn Transport) -> [Box<dyn Session>; 2] {
    let hello = |name: &str| Hello { chain: Id([7; 32]), name: name.into() };
    let mut ends = [transport.open(true, &hello("dialer")), transport.open(false, &hello("listener"))];
    let mut hellos = [Output::default(), Output::default()];
    for (end, out) in ends.iter_mut().zip(&mut hellos) {
        end.handle(0, Input::Open, out);
    }
    for end in [0, 1] {
        let mut out = Output::default();
        ends[end].handle(0, Input::Bytes(&hellos[1 - end].bytes), &mut out);
        assert!(out.ready.is_some());
    }
    ends
}

fn transport(criterion: &mut Criterion, plugin: &Descriptor, messages: &[(&str, Message)]) {
    let transport = plugin.transport("", &fika_benches::env(Arc::new(NoKeys)), &Faults::new()).expect("good defaults");
    let [mut from, mut to] = ready(&*transport);
    let mut group = criterion.benchmark_group(format!("codec/{}", plugin.name));
    for (name, message) in messages {
        let mut out = Output::default();
        from.handle(0, Input::Message(message), &mut out);
        let bytes = out.bytes.clone();
        to.handle(0, Input::Bytes(&bytes), &mut out);
        assert_eq!(out.messages, std::slice::from_ref(message));

        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("encode {name}"), |bencher| {
            bencher.iter(|| {
                out.bytes.clear();
                from.handle(0, Input::Message(black_box(message)), &mut out);
            });
        });
        group.bench_function(format!("decode {name}"), |bencher| {
            bencher.iter(|| {
                out.messages.clear();
                to.handle(0, Input::Bytes(black_box(&bytes)), &mut out);
            });
        });
    }
}

fn all(criterion: &mut Criterion) {
    let chain = Chain::new(1_000);
    let payments = chain.payments();
    let block = chain.block(&chain.world(), Tree::GENESIS, payments.iter().map(|payment| &payment.tx));
    let items = (0u8..10).map(|n| InvItem::Tx(sha256(&[&[n]]))).collect();
    let messages = [
        ("inv of 10", Message::Inv(items)),
        ("tx", Message::Tx(payments[0].tx.clone())),
        ("block of 1,000", Message::Block(block)),
    ];
    transport(criterion, &fika_tcp::PLUGIN, &messages);
    transport(criterion, &fika_tcp_json::PLUGIN, &messages);
}

fn main() {
    fika_benches::run(&[all]);
}
