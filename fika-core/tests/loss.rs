//! Networks that lose messages: what a node needs it asks for until it has it.

#![allow(missing_docs)]

mod rules;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fika_core::hash::draw;
use fika_core::header::SECOND;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Announce, Event, Input, Role};
use fika_core::testing::{Network, Setup};
use rules::FixedWork;

fn work(compact: bool, announce: Announce) -> Setup {
    let setup = Setup::new(|env| Ok(FixedWork(env.clone()))).shared_world();
    setup.config(move |_, config| {
        (config.relay.compact, config.relay.announce) = (compact, announce);
        config.relay.request_timeout_us = 2 * SECOND;
    })
}

/// What kind of message it is.
fn kind(message: &Message) -> &'static str {
    match message {
        Message::Inv(items) if matches!(items[..], [InvItem::Tx(_), ..]) => "inv of a transaction",
        Message::Inv(_) => "inv of a block",
        Message::GetData(items) if matches!(items[..], [InvItem::Tx(_), ..]) => "getdata of a transaction",
        Message::GetData(items) if matches!(items[..], [InvItem::Ancestors(_), ..]) => "getdata of ancestors",
        Message::GetData(_) => "getdata of a block",
        Message::Tx(_) => "tx",
        Message::Block(_) => "block",
        Message::GetHeaders(_) => "getheaders",
        Message::Headers(_) => "headers",
        Message::CompactBlock(_) => "cmpctblock",
        Message::GetBlockTxn(_) => "getblocktxn",
        Message::BlockTxn(_) => "blocktxn",
        _ => "other",
    }
}

fn pay_around(net: &mut Network, rounds: u64, every: u64) {
    for round in 1..=rounds {
        net.run(round * every);
        net.pay((round % 5) as u32, ((round + 2) % 5) as u32, 1 + round % 7);
    }
}

#[test]
fn any_message_may_be_lost_once_on_each_link() {
    const KINDS: [(&str, bool); 11] = [
        ("inv of a transaction", false),
        ("inv of a block", false),
        ("getdata of a transaction", false),
        ("getdata of a block", false),
        ("tx", false),
        ("block", false),
        ("getheaders", false),
        ("headers", false),
        ("cmpctblock", true),
        ("getblocktxn", true),
        ("blocktxn", true),
    ];
    for (lost, compact) in KINDS {
        let losses = Arc::new(Mutex::new(BTreeSet::new()));
        let noted = losses.clone();
        // On a line nobody else has what is lost. The other half of the payments is not known to the node in the middle.
        let setup = work(compact, Announce::Inv).links([(0, 1), (1, 2), (2, 3), (3, 4)]);
        let mut net = setup
            .loss(move |from, to, _, message| kind(message) == lost && noted.lock().unwrap().insert((from, to)))
            .start();
        net.run(100 * SECOND);
        // A late neighbour asks for headers.
        net.partition(&[&[0, 1]]);
        pay_around(&mut net, 6, 30 * SECOND);
        net.run(200 * SECOND);
        net.heal();
        for round in 0..20 {
            net.run((210 + 10 * round) * SECOND);
            net.pay((round % 5) as u32, 2, 1);
        }
        net.run(700 * SECOND);
        let losses = losses.lock().unwrap().len();
        assert!(losses > 0, "no {lost} was lost");
        net.assert_healthy();
        net.assert_agreement(1);
        net.assert_payments_confirmed_once();
    }
}

#[test]
fn one_message_in_five_may_be_lost() {
    for (compact, announce) in [(false, Announce::Inv), (true, Announce::Inv), (true, Announce::Headers)] {
        for seed in 1..=4 {
            let lost = move |_, _, number, _: &Message| draw(seed, 77, number).is_multiple_of(5);
            let mut net = work(compact, announce).seed(seed).loss(lost).start();
            pay_around(&mut net, 10, 20 * SECOND);
            net.run(900 * SECOND);
            net.assert_healthy();
            net.assert_agreement(6);
            net.assert_payments_confirmed_once();
        }
    }
}

/// Node 0 mines, node 1 listens. The first block that it is told of never comes at first, and many build on it.
#[test]
fn the_root_of_a_chain_of_orphans_is_asked_for() {
    let lost = Arc::new(Mutex::new(0));
    let is_lost = move |from, _, _, message: &Message| {
        let mut lost = lost.lock().unwrap();
        let drop = from == 0 && matches!(message, Message::Block(_)) && *lost < 4;
        *lost += u32::from(drop);
        drop
    };
    let rate = |node| if node == 0 { 5_000_000 } else { 0 };
    let mut net = work(false, Announce::Inv).nodes(2).hash_rate(rate).loss(is_lost).start();
    let mut behind = 0;
    for second in 0..600 {
        net.run(second * SECOND);
        behind = if net.height(1) < net.height(0) { behind + 1 } else { 0 };
        assert!(behind < 60, "{} and {} at {second} s", net.height(0), net.height(1));
    }
    assert!(net.height(0) > 30);
    net.assert_healthy();
}

/// A slow link makes a node patient: it does not ask for the same again and again, and gets everything.
#[test]
fn a_slow_link_slows_catching_up_and_does_not_stop_it() {
    // Every fifty seconds a block; an answer takes two hundred.
    let rate = |node| if node == 0 { 1_000_000 } else { 0 };
    let slow = |from, to| if from + to == 3 { 100 * SECOND } else { 20_000 };
    let setup = work(false, Announce::Inv).nodes(3).links([(0, 1), (1, 2)]).hash_rate(rate).delay(slow);
    let mut net = setup.start();
    net.partition(&[&[2]]);
    net.run(5_000 * SECOND);
    let height = net.height(0);
    assert!(height > 60);
    net.heal();
    let before = net.sent().len();
    net.run(15_000 * SECOND);
    assert!(net.height(2) + 20 > net.height(0), "{} and {}", net.height(2), net.height(0));
    let sent = &net.sent()[before..];
    let blocks = sent.iter().filter(|(from, to, message)| (*from, *to) == (1, 2) && kind(message) == "block").count();
    assert!(blocks < net.height(0) as usize + 50, "{blocks} blocks were sent for {}", net.height(0));
    net.assert_healthy();
}

/// Who asks for the newest chain is told that it is here when it is.
#[test]
fn a_chain_is_updated_when_the_best_tip_of_a_neighbour_is_reached() {
    for lossy in [false, true] {
        let rate = |node| if node == 0 { 5_000_000 } else { 0 };
        let slow = |from, to| if from + to == 3 { 30 * SECOND } else { 20_000 };
        let setup = work(false, Announce::Inv).nodes(3).links([(0, 1), (1, 2)]).hash_rate(rate).delay(slow);
        let setup = setup.config(|node, config| {
            config.relay.request_timeout_us = 2 * SECOND;
            config.role = if node == 2 { Role::Wallet } else { Role::Full };
        });
        let mut net = setup.loss(move |_, _, number, _| lossy && draw(3, 78, number).is_multiple_of(5)).start();
        net.run(1_000 * SECOND);
        let (height, asked) = (net.height(0) - 3, net.now());
        net.give(2, Input::UpdateChain);
        let updated = |net: &Network| {
            net.events().iter().find_map(|(at, node, event)| match event {
                Event::Updated { height } if *node == 2 => Some((*at, *height)),
                _ => None,
            })
        };
        let ended = net.run_until(asked + 4_000 * SECOND, |net| updated(net).is_some());
        assert!(ended, "lossy: {lossy}; {} of {height}", net.height(2));
        let (_, reached) = updated(&net).unwrap();
        assert!(reached >= height, "{reached} of {height}");
    }
}
