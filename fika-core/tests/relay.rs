//! How news spreads in networks of nodes: announcements by `inv`, header and flood, compact blocks, batches.

#![allow(missing_docs)]

mod rules;

use std::collections::BTreeMap;

use fika_core::header::SECOND;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Announce, Event, RelayConfig};
use fika_core::testing::{Network, Setup};
use rules::RoundRobin;

/// A ring of eight with chords: 12 links.
fn network(relay: fn(u32, &mut RelayConfig)) -> Setup {
    let ring = (0..8).map(|n| (n, (n + 1) % 8));
    let chords = (0..4).map(|n| (n, n + 4));
    let setup = Setup::new(|env| Ok(RoundRobin(env.clone()))).nodes(8).links(ring.chain(chords));
    setup.config(move |node, config| relay(node, &mut config.relay))
}

const LINKS: usize = 12;
const NODES: usize = 8;

/// Payments of everyone in between, and an end at which nothing is under way.
fn run(setup: Setup) -> Network {
    let mut net = setup.start();
    for round in 0..20 {
        net.run(round * 20 * SECOND + 3 * SECOND);
        (0..4).for_each(|n| net.pay(((round + n) % 8) as u32, ((round + 3 * n + 1) % 8) as u32, 1 + n));
    }
    net.run(425 * SECOND);
    net.assert_healthy();
    net.assert_agreement(0);
    net.assert_payments_confirmed_once();
    assert!(net.height(0) > 35, "height {}", net.height(0));
    net
}

fn count(net: &Network, what: impl Fn(u32, u32, &Message) -> bool) -> usize {
    net.sent().iter().filter(|(from, to, message)| what(*from, *to, message)).count()
}

fn of_kind(net: &Network, name: &str) -> usize {
    count(net, |_, _, message| message.kind_name() == name)
}

fn confirmed(net: &Network) -> usize {
    net.events().iter().filter(|(_, _, event)| matches!(event, Event::Confirmed { .. })).count()
}

fn items(net: &Network, wanted: fn(&InvItem) -> bool) -> Vec<InvItem> {
    let announced = net.sent().iter().filter_map(|(_, _, message)| match message {
        Message::Inv(items) => Some(items),
        _ => None,
    });
    announced.flatten().filter(|item| wanted(item)).copied().collect()
}

#[test]
fn every_mode_brings_blocks_and_payments_to_everyone() {
    let modes: [fn(u32, &mut RelayConfig); 8] = [
        |_, _| {},
        |_, relay| relay.announce = Announce::Headers,
        |_, relay| relay.announce = Announce::Flood,
        |_, relay| relay.compact = true,
        |_, relay| (relay.announce, relay.compact) = (Announce::Headers, true),
        |_, relay| (relay.to_source, relay.batch_us) = (true, SECOND),
        // Everyone as he likes.
        |n, relay| {
            relay.announce = [Announce::Inv, Announce::Headers, Announce::Flood][n as usize % 3];
            (relay.compact, relay.to_source) = (n % 2 == 0, n % 4 == 1);
            relay.batch_us = u64::from(n % 3) * SECOND;
        },
        |_, relay| (relay.compact, relay.compact_failure_ppm) = (true, Some(500_000)),
    ];
    for (n, mode) in modes.into_iter().enumerate() {
        let net = run(network(mode));
        assert_eq!(confirmed(&net), 80, "mode {n}");
    }
}

#[test]
fn one_world_or_one_each_makes_no_difference_to_what_travels() {
    let mode: fn(u32, &mut RelayConfig) = |n, relay| {
        relay.announce = [Announce::Inv, Announce::Headers][n as usize % 2];
        (relay.compact, relay.batch_us) = (n % 4 != 3, SECOND / 2);
    };
    let (shared, private) = (run(network(mode).shared_world()), run(network(mode)));
    assert_eq!(shared.trace(), private.trace());
    assert!(shared.sent() == private.sent());
}

#[test]
fn a_block_is_announced_over_every_link_both_ways_but_not_to_its_source() {
    let per_block = |relay| {
        let net = run(network(relay));
        let blocks = net.height(0) as usize;
        (items(&net, |item| matches!(item, InvItem::Block(_))).len(), of_kind(&net, "headers"), blocks)
    };
    let (sent, _, blocks) = per_block(|_, _| {});
    assert_eq!(sent, blocks * (2 * LINKS - (NODES - 1)));
    let (sent, _, blocks) = per_block(|_, relay| relay.to_source = true);
    assert_eq!(sent, blocks * 2 * LINKS);
    let (invs, headers, blocks) = per_block(|_, relay| relay.announce = Announce::Headers);
    assert_eq!((invs, headers), (0, blocks * (2 * LINKS - (NODES - 1))));
}

#[test]
fn headers_are_asked_for_once_and_never_penalized() {
    let net = run(network(|_, relay| relay.announce = Announce::Headers));
    assert_eq!(of_kind(&net, "block"), net.height(0) as usize * (NODES - 1), "everyone gets a block once");
    assert_eq!(of_kind(&net, "getheaders"), 0, "nobody has a block when the network begins");
}

#[test]
fn a_header_on_an_unknown_block_starts_the_catching_up() {
    let mut net = network(|_, relay| (relay.announce, relay.compact) = (Announce::Headers, true)).start();
    net.lose(&[(0, 1), (7, 0), (0, 4)]);
    net.run(995 * SECOND);
    assert!(net.height(1) > 80 && net.height(0) < 20);
    net.lose(&[]);
    // Nobody tells the nodes that the links work again: the next header does.
    net.run(1_065 * SECOND);
    net.assert_healthy();
    assert_eq!(net.tip(0), net.tip(1));
}

#[test]
fn where_all_know_the_payments_a_block_is_its_short_ids() {
    let net = run(network(|_, relay| relay.compact = true));
    let blocks = net.height(0) as usize;
    assert_eq!(of_kind(&net, "compactblock"), blocks * (NODES - 1));
    let asked = of_kind(&net, "getblocktxn") + of_kind(&net, "block");
    assert_eq!(asked, 0, "every mempool has everything");
    let short = count(&net, |_, _, message| matches!(message, Message::CompactBlock(block) if !block.short.is_empty()));
    assert!(short >= 20 * (NODES - 1), "{short} with payments");
}

#[test]
fn those_who_do_compact_get_it_from_those_who_do() {
    let net = run(network(|n, relay| relay.compact = n % 2 == 0));
    let both = |from: u32, to: u32| from.is_multiple_of(2) && to.is_multiple_of(2);
    let full = count(&net, |from, to, message| matches!(message, Message::Block(_)) && both(from, to));
    let compact = count(&net, |from, to, message| matches!(message, Message::CompactBlock(_)) && !both(from, to));
    assert_eq!((full, compact), (0, 0));
    assert_eq!(of_kind(&net, "block") + of_kind(&net, "compactblock"), net.height(0) as usize * (NODES - 1));
}

#[test]
fn drawn_failures_have_the_wanted_share() {
    let modes: [fn(u32, &mut RelayConfig); 3] = [
        |_, relay| (relay.compact, relay.compact_failure_ppm) = (true, Some(0)),
        |_, relay| (relay.compact, relay.compact_failure_ppm) = (true, Some(300_000)),
        |_, relay| (relay.compact, relay.compact_failure_ppm) = (true, Some(1_000_000)),
    ];
    for (mode, (low, high)) in modes.into_iter().zip([(0.0, 0.0), (0.2, 0.4), (1.0, 1.0)]) {
        let mut net = network(mode).start();
        net.run(605 * SECOND);
        net.assert_healthy();
        let failed = of_kind(&net, "blocktxn");
        assert_eq!(failed, of_kind(&net, "getblocktxn"));
        let share = failed as f64 / of_kind(&net, "compactblock") as f64;
        assert!((low..=high).contains(&share), "{share} is not in {low} to {high}");
        assert_eq!(of_kind(&net, "block"), 0);
    }
}

#[test]
fn batches_carry_many_and_spare_those_who_have_announced() {
    let each = |net: &Network| {
        let mut times = BTreeMap::new();
        items(net, |item| matches!(item, InvItem::Tx(_)))
            .into_iter()
            .for_each(|item| *times.entry(item).or_insert(0) += 1);
        assert_eq!(times.len(), 80);
        times.into_values().collect::<Vec<usize>>()
    };
    let all = 2 * LINKS - (NODES - 1);
    let modes: [fn(u32, &mut RelayConfig); 2] = [|_, _| {}, |_, relay| relay.batch_us = SECOND / 2];
    let [single, batched] = modes.map(|mode| {
        let net = run(network(mode));
        let times = each(&net);
        assert!(times.iter().all(|times| (LINKS..=all).contains(times)), "{times:?}");
        assert!(times.iter().sum::<usize>() < 80 * all, "some are spared");
        of_kind(&net, "inv")
    });
    assert!(batched < single * 3 / 4, "{batched} in place of {single}");
}

#[test]
fn a_node_announces_to_all_neighbours_at_a_moment_of_its_own() {
    let moments = |payer: u32| {
        let mut net = network(|_, relay| relay.batch_us = 2 * SECOND).start();
        net.run(2 * SECOND);
        let before = net.sent().len();
        net.pay(payer, (payer + 3) % NODES as u32, 1);
        assert_eq!(net.sent().len(), before, "not at once");
        let mut moments = Vec::new();
        for step in 1..=2_000u64 {
            let before = net.sent().len();
            net.run(2 * SECOND + step * 1_000);
            let told = |(from, _, message): &&(u32, u32, Message)| *from == payer && matches!(message, Message::Inv(_));
            moments.extend(net.sent()[before..].iter().filter(told).map(|_| step));
        }
        moments
    };
    let (first, second) = (moments(0), moments(1));
    for moments in [&first, &second] {
        assert!(moments.len() > 2 && moments.iter().all(|moment| *moment == moments[0]), "{moments:?}");
    }
    assert_ne!(first[0], second[0]);
}
