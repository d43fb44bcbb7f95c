//! The traits under rules of very different kinds.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx, Draft, Effect};
use fika_core::amount::Amount;
use fika_core::block::Block;
use fika_core::codec::Encode;
use fika_core::hash::Id;
use fika_core::header::SECOND;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Event, Input, PeerId};
use fika_core::testing::{Network, Setup, refused};
use fika_selfish::Selfish;
use rules::dpos::{DELEGATES, DEPOSIT, Dpos, EPOCH, Equivocator, leader_digest};
use rules::finality::{CHECKPOINT, Finality};
use rules::ghost::Ghost;
use rules::lots::Lots;
use rules::quiet::Quiet;
use rules::uncles::{Uncles, parse, uncle_reward};
use rules::{FixedWork, RoundRobin};
use solo::{Factory, Solo};

fn addresses(setup: &Setup) -> Vec<Address> {
    setup.genesis().coins.iter().map(|(who, _)| *who).collect()
}

fn dpos() -> Setup {
    Setup::new(|env| Ok(Dpos(env.clone())))
}

#[test]
fn delegates_are_elected_by_votes_and_sign_each_others_blocks() {
    let mut net = dpos().start();
    net.run(400 * SECOND);
    net.assert_healthy();
    assert!(net.height(0) >= 3 * EPOCH, "height {}", net.height(0));
    let mut founders = addresses(net.setup());
    founders.sort_unstable();
    let expected = vec![founders[4], founders[3], founders[0]];
    let elected = net.ask(0, |chain, tip| Dpos(net.world(0).rules().env.clone()).delegates(tip, chain).unwrap());
    assert_eq!(elected, expected, "three votes, one vote, no vote and the lowest address");
    for block in net.chain(0).iter().skip(1 + 2 * EPOCH as usize) {
        assert!(expected.iter().any(|who| who.0[..] == block.head.extra), "produced by a delegate");
        let proofs: Vec<Vec<u8>> = fika_core::codec::Reader::new(&block.head.seal).list(DELEGATES).unwrap();
        assert_eq!(proofs.len(), 2, "two of three is enough");
        let leader = net.world(0).rules().env.signer(&leader_digest(&block.id()), &proofs[1]);
        assert_eq!(leader, None, "leaders and co-signers sign different digests");
    }
    for who in founders {
        assert_eq!(net.ask(0, |chain, tip| chain.locked(tip, &who)), Ok(DEPOSIT));
    }
    let supply = net.world(0).supply(net.node(0).tip());
    assert_eq!(supply, Amount::coins(500 + 50 * net.height(0)));
}

#[test]
fn a_delegate_that_signs_twice_loses_its_deposit_and_its_seat() {
    let last = |setup: &Setup| addresses(setup).iter().max() == Some(&setup.address(4));
    let seed = (1..).find(|seed| last(&dpos().seed(*seed))).unwrap();
    let mut net = dpos().seed(seed).attack(4, Equivocator).start();
    net.run(600 * SECOND);
    net.assert_healthy();
    let cheat = net.address(4);
    assert!(net.chain(0).iter().any(|block| block.head.extra == cheat.0), "it was elected once");
    assert_eq!(net.ask(0, |chain, tip| chain.locked(tip, &cheat)), Ok(Amount::ZERO));
    let elected = net.ask(0, |chain, tip| Dpos(net.world(0).rules().env.clone()).delegates(tip, chain).unwrap());
    assert!(!elected.contains(&cheat) && elected.len() == DELEGATES);
    let supply = net.world(0).supply(net.node(0).tip());
    assert_eq!(supply, Amount::coins(500 + 50 * net.height(0) - 10), "the deposit is burnt");
}

#[test]
fn a_certificate_needs_its_leader_and_two_thirds_of_the_delegates() {
    let mut net = dpos().start();
    net.run(100 * SECOND);
    let block = net.chain(0).pop().unwrap();
    let proofs: Vec<Vec<u8>> = fika_core::codec::Reader::new(&block.head.seal).list(DELEGATES).unwrap();
    let seal = |proofs: &[&Vec<u8>]| {
        let mut seal = Vec::new();
        fika_core::codec::put_list(&mut seal, &proofs.iter().map(|proof| (*proof).clone()).collect::<Vec<_>>());
        seal
    };
    let world = net.world_mut(0);
    let ix = world.tree().find(&block.id()).unwrap();
    assert_eq!(world.seal(ix, &seal(&[&proofs[0], &proofs[1]])), Ok(()));
    for wrong in [seal(&[]), seal(&[&proofs[0]]), seal(&[&proofs[1], &proofs[0]]), seal(&[&proofs[0], &proofs[0]])] {
        refused(world.seal(ix, &wrong), "invalid");
    }
}

#[test]
fn a_new_block_can_make_a_third_one_the_best() {
    let setup = || Setup::new(|_| Ok(Ghost));
    let (mut solo, mut factory) = (Solo::new(setup()), Factory::new(setup()));
    let long = factory.chain(factory.genesis(), 4);
    let stem = factory.block(factory.genesis(), Vec::new());
    let left = factory.chain(stem.id(), 2);
    let (right, far_right) = (factory.block(stem.id(), Vec::new()), factory.block(stem.id(), Vec::new()));
    for block in long.iter().chain([&stem]).chain(&left).chain([&right]) {
        solo.hear_block(0, block);
        assert!(solo.has(block));
    }
    assert_eq!(solo.tip(), long[3].id(), "four against four");
    solo.hear_block(0, &far_right);
    assert_eq!(solo.tip(), left[1].id(), "neither the old tip nor the new block");
    assert!(solo.events.iter().any(|event| matches!(event, Event::Tip { reorg_depth: 4, .. })));
}

fn uncles() -> Setup {
    Setup::new(|env| Ok(Uncles(env.clone()))).chain(|chain| chain.block_interval_us = SECOND / 2)
}

#[test]
fn uncles_are_named_and_their_producers_rewarded() {
    let mut net = uncles().start();
    net.run(200 * SECOND);
    net.assert_healthy();
    let named: Vec<Id> = net.chain(0).iter().skip(1).flat_map(|block| parse(&block.head.extra).unwrap().1).collect();
    assert!(named.len() > 10, "{} uncles in {} blocks", named.len(), net.height(0));
    let mut once = named.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), named.len(), "each once");
    let reward = Amount::coins(50);
    let extra = named.len() as u64 * (uncle_reward(reward).0 + reward.0 / 32);
    let supply = net.world(0).supply(net.node(0).tip());
    assert_eq!(supply.0, Amount::coins(500 + 50 * net.height(0)).0 + extra);
    let mut shared = uncles().shared_world().start();
    shared.run(200 * SECOND);
    assert_eq!(shared.trace(), net.trace());
}

#[test]
fn the_ancestry_of_a_block_holds_all_that_it_takes_to_validate_it() {
    let mut net = uncles().start();
    net.run(100 * SECOND);
    let (tip, root) = (net.node(0).tip(), net.world(0).tree()[net.node(0).tip()].state_root);
    let ancestry = net.world(0).ancestry(tip);
    assert!(ancestry.len() as u64 > net.height(0) + 10, "uncles are in it");
    let mut fresh = net.setup().world();
    for ix in ancestry {
        let block = net.world(0).block(ix).unwrap();
        let ix = fresh.insert(block).unwrap();
        assert_eq!(fresh.validate(ix), Ok(()));
    }
    assert_eq!(fresh.tree()[fresh.tree().find(&net.tip(0)).unwrap()].state_root, root);
}

#[test]
fn a_block_waits_for_the_uncle_that_it_names() {
    let setup = || uncles().chain(|chain| chain.block_interval_us = 10 * SECOND);
    let (mut solo, mut factory) = (Solo::new(setup()), Factory::new(setup()));
    let me = factory.setup.address(1).0;
    let bits = FixedWork(factory.world.rules().env.clone()).bits();
    let mut grow = |parent: Id, uncle: Option<Id>| {
        let extra: Vec<u8> = me.into_iter().chain(uncle.iter().flat_map(|id| id.0)).collect();
        let time = factory.time_of(parent) + 10_000;
        factory.block_with(Draft::new(parent).with_bits(bits).with_extra(extra), time, Vec::new())
    };
    let genesis = solo.tip();
    let (first, stale) = (grow(genesis, None), grow(genesis, None));
    let nephew = grow(first.id(), Some(stale.id()));
    let child = grow(nephew.id(), None);
    solo.hear_block(0, &first);
    let out = solo.hear_block(0, &nephew);
    assert!(out.events.contains(&Event::Orphan { id: nephew.id(), waits_for: stale.id() }));
    assert_eq!(solo.world.tree().find(&nephew.id()), None, "what may never be valid takes no lasting place");
    let wanted = Message::GetData(vec![InvItem::Block(stale.id())]);
    assert!(out.messages.iter().any(|(_, message)| *message == wanted), "{:?}", out.messages);
    solo.hear_block(0, &child);
    assert_eq!((solo.height(), solo.has(&nephew)), (1, false));
    solo.hear_block(0, &stale);
    assert_eq!(solo.tip(), child.id(), "validated after the uncle has come");
    let again = Message::Block(rerooted_extra(&child, &[&me[..], &stale.id().0].concat()));
    let out = solo.hear(1, again);
    assert_eq!(out.bans, [PeerId(1)], "an uncle counts once: {:?}", out.events);
}

fn rerooted_extra(block: &Block, extra: &[u8]) -> Arc<Block> {
    solo::rerooted(block, |block| block.head.extra = extra.to_vec())
}

#[test]
fn checkpoints_become_final_and_stay() {
    let mut net = Setup::new(|env| Ok(Finality(env.clone()))).start();
    net.run(600 * SECOND);
    net.assert_healthy();
    let final_height = |net: &Network, node: u32| net.finalized(node).last().unwrap().0;
    for node in 0..5 {
        let height = final_height(&net, node);
        assert!(height.is_multiple_of(CHECKPOINT) && height + 2 * CHECKPOINT > net.height(0), "final {height}");
    }
    // Two sides without two thirds: nothing more becomes final, and nothing final is left when they meet again.
    net.partition(&[&[0, 1]]);
    net.run(1_200 * SECOND);
    net.heal();
    net.run(1_800 * SECOND);
    net.assert_healthy();
    let final_height = final_height(&net, 0);
    assert!(final_height + 2 * CHECKPOINT > net.height(0), "final {final_height} of {}", net.height(0));
}

/// Does what messages say: kind 0 finalizes, kind 1 adopts.
struct Puppet;

impl Attack for Puppet {
    fn agent(&self, _: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Puppet)
    }
}

impl Agent for Puppet {
    fn on_message(&mut self, _: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> fika_core::agent::Gossip {
        let id = Id(bytes[1..].try_into().unwrap());
        ctx.effect(if bytes[0] == 0 { Effect::Finalize(id) } else { Effect::Adopt(id) });
        fika_core::agent::Gossip::Ignore
    }
}

#[test]
fn leaving_a_final_block_is_a_safety_violation() {
    let setup = || Setup::new(|_| Ok(Quiet)).attack(0, Puppet);
    let mut factory = Factory::new(setup());
    let (short, long) = (factory.chain(factory.genesis(), 2), factory.chain(factory.genesis(), 3));
    let tell = |solo: &mut Solo, kind: u8, block: &Block| {
        solo.hear(0, Message::Direct((kind, block.id()).to_bytes()));
    };
    let violations =
        |solo: &Solo| solo.events.iter().filter(|event| matches!(event, Event::SafetyViolation { .. })).count();
    let mut solo = Solo::new(setup());
    short.iter().for_each(|block| drop(solo.hear_block(0, block)));
    tell(&mut solo, 0, &short[1]);
    long.iter().for_each(|block| drop(solo.hear_block(0, block)));
    assert_eq!((violations(&solo), solo.tip()), (1, short[1].id()), "what is final is not left");
    // Where a node is told to follow its fork choice all the same:
    let mut solo = Solo::new(setup().config(|_, config| config.leaves_final = true));
    short.iter().for_each(|block| drop(solo.hear_block(0, block)));
    tell(&mut solo, 0, &short[1]);
    tell(&mut solo, 0, &short[0]);
    assert_eq!((violations(&solo), solo.node.finalized()), (0, solo.node.tip()));
    let finals = solo.events.iter().filter_map(|event| match event {
        Event::Finalized { block } => Some(*block),
        _ => None,
    });
    assert_eq!(finals.collect::<Vec<_>>(), [solo.node.tip()], "an ancestor of a final block is no news");
    long.iter().for_each(|block| drop(solo.hear_block(0, block)));
    assert_eq!((violations(&solo), solo.tip()), (1, long[2].id()), "fork choice has left a final block");
    tell(&mut solo, 0, &long[2]);
    assert_eq!(violations(&solo), 2, "two final blocks of one height");
    tell(&mut solo, 1, &short[1]);
    assert_eq!((violations(&solo), solo.tip()), (2, short[1].id()), "back where it was");
    // Moving to the branch of a block that has just become final leaves nothing.
    let mut solo = Solo::new(setup());
    long.iter().chain(&short).for_each(|block| drop(solo.hear_block(0, block)));
    tell(&mut solo, 0, &short[1]);
    tell(&mut solo, 1, &short[1]);
    assert_eq!((violations(&solo), solo.tip()), (0, short[1].id()));
}

fn selfish() -> Setup {
    let rate = |node| if node == 0 { 2_000_000 } else { 1_000_000 };
    Setup::new(|env| Ok(FixedWork(env.clone()))).nodes(4).hash_rate(rate).attack(0, Selfish)
}

#[test]
fn a_held_block_is_invisible_until_it_is_published() {
    let mut solo = Solo::new(selfish());
    let genesis = solo.tip();
    let out = solo.give(Input::Start);
    let out = solo.give(Input::Drawn { ticket: out.work.unwrap()[0].ticket });
    let held = solo.tip();
    assert_eq!(solo.height(), 1);
    assert!(out.messages.is_empty(), "{:?}", out.messages);
    let item = InvItem::Block(held);
    let out = solo.hear(0, Message::GetData(vec![item]));
    assert_eq!(out.messages[0].1, Message::NotFound(vec![item]));
    let out = solo.hear(0, Message::GetHeaders(vec![genesis]));
    assert_eq!(out.messages[0].1, Message::Headers(Vec::new()));
    let out = solo.give(Input::Connected(PeerId(5)));
    assert!(out.messages.is_empty(), "not even by its name: {:?}", out.messages);
    // Somebody else finds a block: a race.
    let mut factory = Factory::new(selfish());
    let bits = FixedWork(factory.world.rules().env.clone()).bits();
    let fork = factory.block_with(Draft::new(genesis).with_bits(bits), 9_000, Vec::new());
    let out = solo.hear_block(0, &fork);
    assert!(out.messages.iter().any(|(_, message)| *message == Message::Inv(vec![item])), "{:?}", out.messages);
    let out = solo.hear(0, Message::GetData(vec![item]));
    assert!(matches!(&out.messages[0].1, Message::Block(block) if block.id() == held));
    assert_eq!(solo.tip(), held);
}

#[test]
fn leaders_drawn_from_the_ledger_survive_deep_reorganisations() {
    let run = |private: bool| {
        let setup = Setup::new(|env| Ok(Lots(env.clone())));
        let mut net = if private { setup } else { setup.shared_world() }.start();
        net.run(500 * SECOND);
        net.partition(&[&[0, 1]]);
        net.pay(0, 1, 30);
        net.pay(2, 3, 50);
        net.run(2_500 * SECOND);
        assert_ne!(net.tip(0), net.tip(3));
        net.heal();
        net.run(3_005 * SECOND);
        net.assert_healthy();
        net.assert_agreement(0);
        net
    };
    let shared = run(false);
    let depth = shared.events().iter().filter_map(|(_, _, event)| match event {
        Event::Tip { reorg_depth, .. } => Some(*reorg_depth),
        _ => None,
    });
    assert!(depth.max().unwrap() > 64);
    assert_eq!(shared.trace(), run(true).trace());
}

#[test]
fn every_rule_set_runs_alike_in_one_world_or_one_each() {
    let setups: [fn() -> Setup; 4] = [
        dpos,
        || Setup::new(|env| Ok(Finality(env.clone()))),
        || selfish().hash_rate(|_| 1_000_000),
        || Setup::new(|env| Ok(RoundRobin(env.clone()))),
    ];
    for setup in setups {
        let run = |private: bool| {
            let mut net = if private { setup() } else { setup().shared_world() }.start();
            net.run(150 * SECOND);
            net.pay(1, 2, 5);
            net.run(300 * SECOND);
            net.trace()
        };
        assert_eq!(run(false), run(true));
    }
}
