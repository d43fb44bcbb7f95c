//! What a node does about neighbours that break the rules, and what it does not let happen to the honest ones.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::sync::Arc;

use fika_core::block::{Block, Tx};
use fika_core::env::Proof;
use fika_core::hash::{Id, sha256};
use fika_core::header::SECOND;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Dest, Event, Input, PeerId, Role, TxReject};
use fika_core::testing::{Setup, refused};
use fika_core::world::Verdict;
use rules::quiet::{BAD_EXTRA, BAD_SEAL, NO_WORK, Quiet};
use solo::{Answer, Factory, Solo, changed, rerooted};

fn quiet() -> Setup {
    Setup::new(|_| Ok(Quiet)).chain(|chain| (chain.proof, chain.max_block_bytes) = (Proof::Real, 20_000))
}

fn start() -> (Solo, Factory) {
    (Solo::new(quiet()), Factory::new(quiet()))
}

fn banned(out: &Answer) -> Vec<u32> {
    out.bans.iter().map(|peer| peer.0).collect()
}

/// What was asked of a neighbour.
fn asked(out: &Answer, peer: u32) -> Vec<InvItem> {
    let to = |(dest, message): &(Dest, Message)| match message {
        Message::GetData(items) if *dest == Dest::Peer(PeerId(peer)) => items.clone(),
        _ => Vec::new(),
    };
    out.messages.iter().flat_map(to).collect()
}

/// The code and the text of each refusal.
fn rejections(out: &Answer) -> Vec<(&str, String)> {
    let mut rejections = Vec::new();
    for event in &out.events {
        match event {
            Event::BlockRejected { why, .. } => rejections.push((&*why.code, why.to_string())),
            Event::TxRejected { why, .. } | Event::TxDropped { why, .. } => {
                rejections.push((why.code(), why.to_string()));
            }
            _ => {}
        }
    }
    rejections
}

/// The codes alone.
fn codes(out: &Answer) -> Vec<&str> {
    rejections(out).into_iter().map(|(code, _)| code).collect()
}

/// The sender is banned for `code`, the block of that name is not validated by what he sent.
fn sender_is_banned_and_the_true_block_accepted(true_block: &Arc<Block>, false_block: &Arc<Block>, code: &str) {
    let mut solo = Solo::new(quiet());
    let out = solo.hear_block(0, false_block);
    assert_eq!((banned(&out), codes(&out)), (vec![0], vec![code]), "{:?}", out.events);
    assert!(!solo.has(true_block));
    let out = solo.hear_block(1, true_block);
    assert!(solo.has(true_block) && out.bans.is_empty(), "{:?}", out.events);
    assert_eq!(solo.tip(), true_block.id());
}

#[test]
fn a_mutated_body_under_a_good_header_penalizes_the_sender_alone() {
    let (_, mut factory) = start();
    let genesis = factory.genesis();
    let txs = vec![factory.pay(genesis, 2, 3, 5, 7), factory.pay(genesis, 3, 2, 5, 7)];
    let draft = fika_core::agent::Draft::new(genesis).with_extra(*b"producer");
    let block = factory.block_with(draft, 10_000, txs);
    type Mutation = fn(&mut Block);
    let mutations: [(&str, Mutation); 6] = [
        ("bad-txns-duplicate", |block| block.txs.push(block.txs[2].clone())),
        ("bad-txnmrklroot", |block| block.txs.truncate(2)),
        ("bad-txnmrklroot", |block| block.txs.swap(1, 2)),
        ("bad-txnmrklroot", |block| block.head.extra = b"another".to_vec()),
        ("invalid", |block| block.head.seal = BAD_SEAL.to_vec()),
        ("bad-blk-length", |block| block.head.seal = vec![0; 30_000]),
    ];
    for (code, mutation) in mutations {
        sender_is_banned_and_the_true_block_accepted(&block, &changed(&block, mutation), code);
    }
    let plain = factory.block(genesis, vec![factory.pay(genesis, 2, 3, 5, 7), factory.pay(genesis, 3, 2, 5, 7)]);
    // The last transaction of an odd list twice gives the same root (CVE-2012-2459).
    let twice = changed(&plain, |block| block.txs.push(block.txs[2].clone()));
    assert_eq!(fika_core::block::body_root(&twice.txs, &[]).0, plain.head.header.root);
    sender_is_banned_and_the_true_block_accepted(&plain, &twice, "bad-txns-duplicate");
    // The inside of the Merkle tree as transactions (CVE-2017-12842).
    let inner = |pair: &[Tx]| Tx::new([pair[0].hash().0, pair[pair.len() - 1].hash().0].concat());
    let hashes = changed(&plain, |block| block.txs = block.txs.chunks(2).map(inner).collect());
    assert_eq!(fika_core::block::body_root(&hashes.txs, &[]).0, plain.head.header.root);
    sender_is_banned_and_the_true_block_accepted(&plain, &hashes, "bad-encoding");
}

#[test]
fn an_extra_does_not_pass_for_a_transaction() {
    let (_, mut factory) = start();
    let draft = fika_core::agent::Draft::new(factory.genesis()).with_extra(*b"producer");
    let block = factory.block_with(draft, 10_000, Vec::new());
    let moved = changed(&block, |block| block.txs.push(Tx::new(std::mem::take(&mut block.head.extra))));
    sender_is_banned_and_the_true_block_accepted(&block, &moved, "bad-txnmrklroot");
}

#[test]
fn a_false_body_does_not_keep_an_orphan_or_an_early_block_away() {
    let (mut solo, mut factory) = start();
    let blocks = factory.chain(factory.genesis(), 3);
    let false_body = changed(&blocks[1], |block| block.txs.push(block.txs[0].clone()));
    let out = solo.hear_block(0, &false_body);
    assert_eq!((banned(&out), codes(&out)), (vec![0], vec!["bad-txns-duplicate"]));
    assert!(solo.hear_block(1, &blocks[1]).bans.is_empty());
    solo.hear_block(1, &blocks[0]);
    assert_eq!(solo.tip(), blocks[1].id());
    // The same for a block from the future.
    let (mut solo, _) = start();
    solo.now = 5 * SECOND;
    let false_body = changed(&blocks[0], |block| block.head.extra.push(1));
    let out = solo.hear_block(0, &false_body);
    assert_eq!((banned(&out), codes(&out)), (vec![0], vec!["bad-txnmrklroot"]));
    assert!(solo.hear_block(1, &blocks[0]).bans.is_empty());
    assert_eq!(solo.height(), 0, "it is too early");
    solo.run(9_999_999);
    assert_eq!(solo.height(), 0);
    solo.run(10 * SECOND);
    assert_eq!(solo.tip(), blocks[0].id(), "its time has come");
}

#[test]
fn an_invalid_block_bans_is_validated_once_and_takes_its_descendants_along() {
    let (mut solo, mut factory) = start();
    let good = factory.block(factory.genesis(), Vec::new());
    let bad = rerooted(&good, |block| block.head.extra = BAD_EXTRA.to_vec());
    let child = changed(&factory.block(good.id(), Vec::new()), |block| block.head.header.parent = bad.id());
    assert!(solo.hear_block(1, &child).bans.is_empty(), "its parent is not known yet");
    let out = solo.hear_block(0, &bad);
    assert_eq!(banned(&out), [0, 1], "whoever built on it follows");
    assert_eq!(codes(&out), ["invalid", "bad-prevblk"]);
    let ix = solo.world.tree().find(&bad.id()).unwrap();
    let Verdict::Invalid(reason) = &solo.world.tree()[ix].verdict else { panic!("the block is not validated") };
    assert_eq!(reason.text, "an extra that is never valid");
    let out = solo.hear(2, Message::Inv(vec![InvItem::Block(bad.id())]));
    assert!(asked(&out, 2).is_empty(), "it is not asked for again");
    assert_eq!(banned(&solo.hear(2, Message::Headers(vec![bad.head.clone(), child.head.clone()]))), [2]);
}

#[test]
fn headers_without_work_or_links_ban() {
    let (mut solo, mut factory) = start();
    let blocks = factory.chain(factory.genesis(), 3);
    let no_work = changed(&blocks[0], |block| block.head.header.nonce = NO_WORK);
    assert_eq!(banned(&solo.hear(0, Message::Headers(vec![no_work.head.clone()]))), [0]);
    let orphan = changed(&blocks[2], |block| block.head.header.nonce = NO_WORK);
    let out = solo.hear_block(1, &orphan);
    assert_eq!((banned(&out), rejections(&out)), (vec![1], vec![("invalid", "no work".into())]), "before it waits");
    let unlinked = vec![blocks[0].head.clone(), blocks[2].head.clone()];
    assert_eq!(banned(&solo.hear(2, Message::Headers(unlinked))), [2]);
    assert!(solo.hear(2, Message::Block(blocks[0].clone())).events.is_empty(), "the banned are not listened to");
}

#[test]
fn blocks_that_take_too_much_are_refused() {
    let (mut solo, mut factory) = start();
    let genesis = factory.genesis();
    let empty = factory.block(genesis, Vec::new());
    let rules = factory.world.rules();
    let lock = rules.script.lock(&factory.setup.address(1));
    let greedy = Tx::new(rules.tx.coinbase(1, 1, &[(lock, fika_core::amount::Amount(50 * 100_000_000 + 1))]));
    let greedy = rerooted(&empty, |block| block.txs = vec![greedy]);
    let out = solo.hear_block(0, &greedy);
    assert_eq!(banned(&out), [0]);
    assert_eq!(rejections(&out), [("bad-cb-amount", "the coinbase claims 50.00000001 where 50 is allowed".into())]);
    let large = rerooted(&empty, |block| block.txs.push(Tx::new(vec![1; 20_000])));
    let out = solo.hear_block(1, &large);
    assert_eq!(banned(&out), [1]);
    assert_eq!(codes(&out), ["bad-blk-length"]);
    let garbage = rerooted(&empty, |block| block.txs.push(Tx::new(vec![1; 20])));
    let out = solo.hear_block(2, &garbage);
    assert_eq!((banned(&out), codes(&out)), (vec![2], vec!["bad-encoding"]));
    assert!(solo.hear_block(0, &empty).events.is_empty());
    assert_eq!(solo.height(), 0);
}

#[test]
fn a_double_spend_is_refused_with_its_conflict_named() {
    let (mut solo, factory) = start();
    let genesis = factory.genesis();
    let (one, other) = (factory.pay(genesis, 2, 3, 5, 7), factory.pay(genesis, 2, 4, 6, 900));
    solo.hear(0, Message::Tx(one.clone()));
    let out = solo.hear(1, Message::Tx(other.clone()));
    let conflict = format!("double spend: it conflicts with {} in the mempool", one.hash());
    assert_eq!(rejections(&out), [("txn-mempool-conflict", conflict)]);
    assert!(out.bans.is_empty() && solo.in_mempool(&other).is_none());
    let forged = Tx::new({
        let mut bytes = factory.pay(genesis, 3, 4, 6, 7).bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    });
    let penalized = |out: &Answer| out.events.iter().any(|event| matches!(event, Event::Misbehaved { score: 50, .. }));
    assert!(penalized(&solo.hear(1, Message::Tx(forged))), "a false signature is penalized");
    let poor = factory.pay_over(&Rich, genesis, 3, 4, 106, 0);
    let out = solo.hear(1, Message::Tx(poor));
    let [(code, text)] = &rejections(&out)[..] else { panic!("expected one refusal, found {:?}", out.events) };
    assert_eq!(*code, "insufficient-funds");
    assert!(text.contains("to have 106 coins, found 105"), "{text}");
}

/// A ledger in which everyone has enough.
struct Rich;

impl fika_core::tx::Ledger for Rich {
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
    fn balance(&self, _: &fika_core::address::Address) -> fika_core::amount::Amount {
        fika_core::amount::Amount::coins(1_000)
    }
    fn coins(&self, _: &fika_core::address::Address) -> Vec<(Vec<u8>, fika_core::amount::Amount)> {
        Vec::new()
    }
}

#[test]
fn a_double_spend_across_a_reorganisation_is_dropped_and_the_rest_comes_back() {
    let (mut solo, mut factory) = start();
    let genesis = factory.genesis();
    let (one, other) = (factory.pay(genesis, 2, 3, 5, 7), factory.pay(genesis, 2, 4, 6, 7));
    let kept = factory.pay(genesis, 3, 4, 1, 7);
    let short = factory.block(genesis, vec![one.clone(), kept.clone()]);
    let long = factory.block(genesis, vec![other]);
    let longer = factory.block(long.id(), Vec::new());
    solo.hear_block(0, &short);
    solo.hear_block(1, &long);
    let out = solo.hear_block(1, &longer);
    assert_eq!(solo.tip(), longer.id());
    assert!(solo.in_mempool(&kept).is_some());
    assert_eq!(solo.dropped(&out), [(one.hash(), TxReject::SpentByBlock)]);
    assert!(out.events.iter().any(|event| matches!(event, Event::Tip { reorg_depth: 1, .. })));
}

#[test]
fn announcements_and_orphans_are_bounded_and_the_honest_are_still_heard() {
    let (mut solo, mut factory) = start();
    let item = |n: u32| InvItem::Tx(sha256(&[&n.to_le_bytes()]));
    let mut requests = 0;
    for n in 0..10 {
        let out = solo.hear(0, Message::Inv((n * 1_000..(n + 1) * 1_000).map(item).collect()));
        requests += asked(&out, 0).len();
    }
    assert_eq!(requests, 1_000);
    let tx = factory.pay(factory.genesis(), 2, 3, 5, 7);
    let block = factory.block(factory.genesis(), Vec::new());
    let wanted = vec![InvItem::Tx(tx.hash()), InvItem::Block(block.id())];
    assert_eq!(asked(&solo.hear(1, Message::Inv(wanted.clone())), 1), wanted);
    // A thousand orphans of nowhere; the real chain is taken in all the same.
    for n in 0..1_000u32 {
        let nowhere = changed(&block, |block| block.head.header.parent = sha256(&[&n.to_le_bytes()]));
        solo.hear_block(0, &nowhere);
    }
    solo.hear_block(1, &block);
    assert_eq!(solo.tip(), block.id());
    // And headers of nothing.
    let mut named = 0;
    for n in 0..10u32 {
        let mut parent = block.id();
        let head = |_| {
            let head = changed(&block, |b| (b.head.header.parent, b.head.header.bits) = (parent, n)).head.clone();
            parent = head.header.id();
            head
        };
        let heads: Vec<_> = (0..500).map(head).collect();
        named += asked(&solo.hear(2, Message::Headers(heads)), 2).len();
    }
    assert!(named <= 16, "{named} blocks asked for at once");
}

#[test]
fn what_is_not_answered_is_asked_of_the_next_who_announced_it() {
    let (mut solo, mut factory) = start();
    let block = factory.block(factory.genesis(), Vec::new());
    let inv = || Message::Inv(vec![InvItem::Block(block.id())]);
    let item = InvItem::Block(block.id());
    assert_eq!(asked(&solo.hear(0, inv()), 0), [item]);
    assert!(asked(&solo.hear(1, inv()), 1).is_empty());
    assert!(asked(&solo.hear(2, inv()), 2).is_empty());
    let out = solo.hear(2, Message::NotFound(vec![item]));
    assert!(out.messages.is_empty(), "whoever was not asked cannot call it off");
    let asked_later = |outs: &[Answer], peer| outs.iter().flat_map(|out| asked(out, peer)).collect::<Vec<_>>();
    let outs = solo.run(solo.now + 21 * SECOND);
    assert_eq!(asked_later(&outs, 1), [item]);
    let out = solo.hear(1, Message::NotFound(vec![item]));
    assert_eq!(asked(&out, 2), [item]);
    let out = solo.give(Input::Disconnected(PeerId(2), 0));
    assert_eq!(asked(&out, 0), [item], "whoever has not answered may have it still");
    let out = solo.hear(0, Message::NotFound(vec![item]));
    assert!(out.messages.is_empty());
    assert_eq!(asked(&solo.hear(0, inv()), 0), [item], "nobody is left: the next announcement counts");
}

#[test]
fn one_timer_watches_over_all_requests() {
    let (mut solo, mut factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let start = solo.now;
    let blocks = factory.chain(factory.genesis(), 50);
    for (n, block) in blocks.iter().enumerate() {
        solo.now = start + n as u64 * SECOND / 10;
        let item = InvItem::Block(block.id());
        assert_eq!(asked(&solo.hear(0, Message::Inv(vec![item])), 0), [item]);
        assert_eq!(solo.wake_at, Some(solo.now + 20 * SECOND));
        // The last one never comes.
        if n < 49 {
            solo.hear_block(0, block);
            assert_eq!(solo.wake_at, None, "nothing is under way");
        }
    }
    solo.hear(1, Message::Inv(vec![InvItem::Block(blocks[49].id())]));
    let outs = solo.run(start + 60 * SECOND);
    let times: Vec<InvItem> = outs.iter().flat_map(|out| asked(out, 1)).collect();
    assert_eq!((times.len(), outs.len()), (1, 2), "the last one, and the one that was asked instead");
}

#[test]
fn a_verdict_that_another_node_of_a_shared_world_found_is_not_this_nodes() {
    let (mut solo, mut factory) = start();
    let good = factory.block(factory.genesis(), Vec::new());
    let bad = rerooted(&good, |block| block.head.extra = BAD_EXTRA.to_vec());
    let ix = solo.world.insert(bad.clone()).unwrap();
    refused(solo.world.validate(ix), "invalid");
    let item = InvItem::Block(bad.id());
    assert_eq!(asked(&solo.hear(0, Message::Inv(vec![item])), 0), [item]);
    assert_eq!(banned(&solo.hear_block(0, &bad)), [0]);
    // A good one that only others have accepted is neither served nor built on.
    let ix = solo.world.insert(good.clone()).unwrap();
    solo.world.validate(ix).unwrap();
    solo.world.seal(ix, &[]).unwrap();
    let out = solo.hear(1, Message::GetData(vec![InvItem::Block(good.id())]));
    assert!(matches!(&out.messages[..], [(_, Message::NotFound(_))]));
    let out = solo.hear(1, Message::GetHeaders(vec![good.id(), factory.genesis()]));
    assert!(matches!(&out.messages[0], (_, Message::Headers(heads)) if heads.is_empty()));
    assert_eq!(out.messages[1].1, Message::GetHeaders(vec![factory.genesis()]), "it asks for what it does not know");
    assert_eq!(solo.height(), 0);
}

#[test]
fn a_wallet_neither_relays_nor_follows_unasked() {
    let mut solo = Solo::new(quiet().config(|_, config| config.role = Role::Wallet));
    let mut factory = Factory::new(quiet());
    let blocks = factory.chain(factory.genesis(), 2);
    let tx = factory.pay(factory.genesis(), 2, 3, 5, 7);
    let unasked = [
        Message::Block(blocks[0].clone()),
        Message::Inv(vec![InvItem::Block(blocks[0].id())]),
        Message::Headers(vec![blocks[0].head.clone()]),
        Message::Tx(tx),
        Message::Direct(vec![1]),
    ];
    for message in unasked {
        let out = solo.hear(0, message);
        assert!(out.messages.is_empty() && out.events.is_empty(), "{out:?}");
    }
    let out = solo.give(Input::UpdateChain);
    assert!(matches!(&out.messages[..], [(_, Message::GetHeaders(_)), ..]));
    let heads = blocks.iter().map(|block| block.head.clone()).collect();
    assert_eq!(asked(&solo.hear(0, Message::Headers(heads)), 0).len(), 2);
    solo.hear_block(0, &blocks[0]);
    let out = solo.hear_block(0, &blocks[1]);
    assert_eq!(solo.height(), 2);
    assert!(!out.messages.iter().any(|(_, message)| matches!(message, Message::Inv(_) | Message::Block(_))));
    let mut last = Answer::default();
    (0..3).for_each(|peer| last = solo.hear(peer, Message::Headers(Vec::new())));
    assert!(last.events.contains(&Event::Updated { height: 2 }), "{:?}", last.events);
}

#[test]
fn no_message_makes_a_node_fail() {
    let (mut solo, mut factory) = start();
    let block = factory.block(factory.genesis(), Vec::new());
    let empty = changed(&block, |block| block.txs.clear());
    let odd = [
        Message::Block(Arc::new(Block::default())),
        Message::Proposal(Arc::new(Block::default())),
        Message::Block(empty.clone()),
        Message::Proposal(empty),
        Message::Inv(Vec::new()),
        Message::GetData(vec![InvItem::Gossip(Id::ZERO), InvItem::Proposal(Id::ZERO), InvItem::Tx(Id::ZERO)]),
        Message::GetHeaders(Vec::new()),
        Message::Headers(Vec::new()),
        Message::Tx(Tx::new(Vec::new())),
        Message::Direct(Vec::new()),
    ];
    for (n, message) in odd.into_iter().enumerate() {
        let peer = 10 + n as u32;
        solo.give(Input::Connected(PeerId(peer)));
        let out = solo.hear(peer, message);
        assert!(!out.events.iter().any(|event| matches!(event, Event::Fault { .. })), "{:?}", out.events);
    }
    let far = rerooted(&block, |block| block.head.header.time = u32::MAX);
    solo.hear_block(0, &far);
    solo.hear_block(0, &block);
    assert_eq!(solo.tip(), block.id());
}
