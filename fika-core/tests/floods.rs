//! What a neighbour can make a node do by asking and saying much, and what happens to it then.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fika_core::address::Address;
use fika_core::block::{Block, Tx};
use fika_core::consensus::Anyone;
use fika_core::hash::{Id, sha256};
use fika_core::header::{SECOND, Time};
use fika_core::message::{GossipMessage, InvItem, MAX_HEADERS, Message};
use fika_core::node::{Input, PeerId, PeerMessage};
use fika_core::testing::{MemoryStore, Setup};
use fika_core::world::{Record, Store};
use rules::quiet::Quiet;
use solo::{Answer, Factory, Solo};

fn quiet() -> Setup {
    Setup::new(|_| Ok(Quiet)).chain(|chain| chain.max_block_bytes = 1_000_000)
}

/// A node with a chain of blocks, and the blocks.
fn with_chain(length: usize) -> (Solo, Factory, Vec<Arc<Block>>) {
    let (mut solo, mut factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let blocks = factory.chain(factory.genesis(), length);
    for block in &blocks {
        solo.hear_block(1, block);
        // At the pace of a chain.
        solo.now += 10 * SECOND;
    }
    assert_eq!(solo.height(), length as u64);
    (solo, factory, blocks)
}

/// What becomes of neighbour 0, which says the same until it must wait and then goes on, as soon as it may.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fate {
    /// What it could say before it had to wait for the first time.
    free: usize,
    waits: usize,
    banned_after_us: Option<Time>,
}

fn flood(solo: &mut Solo, rounds: usize, mut say: impl FnMut(usize) -> Input) -> Fate {
    let (mut fate, begun) = (Fate::default(), solo.now);
    for round in 0..rounds {
        let answer = solo.give(say(round));
        fate.free += usize::from(fate.waits == 0);
        if let Some((peer, until)) = answer.waits.last() {
            assert_eq!(*peer, PeerId(0));
            assert!((solo.now..solo.now + 2 * SECOND).contains(until), "{until} at {}", solo.now);
            fate.waits += 1;
            solo.now = *until;
        }
        if answer.bans == [PeerId(0)] {
            fate.banned_after_us = Some(solo.now - begun);
            break;
        }
    }
    fate
}

fn says(message: Message) -> Input {
    Input::Message(PeerId(0), PeerMessage::Other(message))
}

fn is_banned_soon(fate: &Fate) {
    assert!(fate.free > 20, "{fate:?}");
    assert!((3..8).contains(&fate.waits), "{fate:?}");
    assert!(fate.banned_after_us.is_some_and(|after| (SECOND..10 * SECOND).contains(&after)), "{fate:?}");
}

fn sent_blocks(answer: &Answer) -> usize {
    answer.messages.iter().filter(|(_, message)| matches!(message, Message::Block(_))).count()
}

#[test]
fn a_hash_is_answered_once_for_a_request() {
    let (mut solo, _, blocks) = with_chain(3);
    let items = vec![InvItem::Block(blocks[0].id()); 1000];
    let answer = solo.give(says(Message::GetData(items.clone())));
    assert_eq!(sent_blocks(&answer), 1);
    assert_eq!(sent_blocks(&solo.hear(0, Message::GetData(items))), 1);
    let unknown = vec![InvItem::Block(Id([9; 32])), InvItem::Block(blocks[1].id()), InvItem::Block(Id([9; 32]))];
    let answer = solo.hear(0, Message::GetData(unknown));
    assert_eq!(sent_blocks(&answer), 1);
    let missing = Message::NotFound(vec![InvItem::Block(Id([9; 32]))]);
    assert!(answer.messages.iter().any(|(_, message)| *message == missing));
}

#[test]
fn transactions_named_twice_are_sent_once() {
    let (mut solo, factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let tx = factory.pay(factory.genesis(), 2, 3, 5, 7);
    solo.hear(1, Message::Tx(tx.clone()));
    let answer = solo.hear(0, Message::GetData(vec![InvItem::Tx(tx.hash()); 1000]));
    assert_eq!(answer.messages.iter().filter(|(_, message)| matches!(message, Message::Tx(_))).count(), 1);
}

#[test]
fn long_requests_come_in_parts_that_can_be_answered_one_by_one() {
    let (mut solo, ..) = with_chain(1);
    let txs = solo.world.txs_mut();
    let items: Vec<InvItem> =
        (0..40u8).map(|n| if n < 35 { InvItem::Tx(Id([n; 32])) } else { InvItem::Block(Id([n; 32])) }).collect();
    let message = Message::GetData(items.clone());
    let parts: Vec<_> =
        PeerMessage::from_wire(message, txs).into_iter().flat_map(|message| message.in_parts(16)).collect();
    let lengths: Vec<usize> = parts
        .iter()
        .map(|part| match part {
            PeerMessage::GetTxs(list) => list.len(),
            PeerMessage::Other(Message::GetData(items)) => items.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lengths, [16, 16, 3, 5]);
    let wire = parts.iter().flat_map(|part| part.to_wire(txs));
    let named: Vec<InvItem> =
        wire.flat_map(|it| if let Message::GetData(items) = it { items } else { vec![] }).collect();
    assert_eq!(named, items, "all, in order");
    parts.into_iter().for_each(|part| part.release(txs));
}

/// Counts how often a block is read.
struct Counting(MemoryStore, Arc<AtomicUsize>);

impl Store for Counting {
    fn put(&mut self, record: &Record) {
        self.0.put(record);
    }
    fn record(&self, id: &Id) -> Option<Record> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.record(id)
    }
    fn load(&self, each: &mut dyn FnMut(Record)) {
        self.0.load(each);
    }
    fn set(&mut self, name: &str, value: Option<&[u8]>) {
        self.0.set(name, value);
    }
    fn values(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        self.0.values(prefix)
    }
    fn flush(&mut self) {
        self.0.flush();
    }
    fn failure(&self) -> Option<String> {
        self.0.failure()
    }
}

#[test]
fn headers_are_answered_without_reading_blocks() {
    let setup = || Setup::new(|env| Ok(Anyone(env.clone())));
    let (disk, reads) = (MemoryStore::default(), Arc::new(AtomicUsize::new(0)));
    let mut factory = Factory::new(setup());
    let blocks = factory.chain(factory.genesis(), 700);
    let open = || setup().open(&setup().genesis(), Some(Box::new(Counting(disk.clone(), reads.clone())))).unwrap();
    let ask = |solo: &mut Solo| {
        let before = reads.load(Ordering::Relaxed);
        let answer = solo.hear(0, Message::GetHeaders(vec![factory.genesis()]));
        assert_eq!(reads.load(Ordering::Relaxed), before, "blocks are read");
        let heads = answer.messages.into_iter().find_map(|(_, message)| match message {
            Message::Headers(heads) => Some(heads),
            _ => None,
        });
        let expected: Vec<_> = blocks[..MAX_HEADERS].iter().map(|block| block.head.clone()).collect();
        assert!(heads == Some(expected), "the heads are those of the blocks");
    };
    let mut solo = Solo::open(setup(), open(), 100_000 * SECOND);
    blocks.iter().for_each(|block| {
        solo.now += SECOND;
        solo.hear_block(1, block);
    });
    ask(&mut solo);
    drop(solo);
    let mut again = Solo::open(setup(), open(), 200_000 * SECOND);
    again.give(Input::Start);
    ask(&mut again);
}

#[test]
fn who_asks_for_headers_again_and_again_waits_and_is_banned() {
    let (mut solo, factory, _) = with_chain(300);
    let genesis = factory.genesis();
    is_banned_soon(&flood(&mut solo, 100_000, |_| says(Message::GetHeaders(vec![genesis]))));
    let (mut solo, ..) = with_chain(1);
    let nothing = flood(&mut solo, 100_000, |n| says(Message::GetHeaders(vec![sha256(&[&n.to_le_bytes()])])));
    is_banned_soon(&nothing);
}

#[test]
fn pings_and_connections_count() {
    let mut solo = Solo::new(quiet());
    is_banned_soon(&flood(&mut solo, 100_000, |_| Input::ControlFrames(PeerId(0), 10)));
    let mut solo = Solo::new(quiet());
    is_banned_soon(&flood(&mut solo, 10_000, |_| Input::Attempt(PeerId(0))));
    let mut solo = Solo::new(quiet());
    for hour in 0..1000 {
        solo.now += 30 * SECOND;
        let pinged = solo.give(Input::ControlFrames(PeerId(0), 2));
        let connected = solo.give(Input::Attempt(PeerId(0)));
        assert!(pinged.waits.is_empty() && connected.waits.is_empty(), "an honest one, {hour}");
    }
}

#[test]
fn who_sends_transactions_that_are_refused_waits_and_is_banned() {
    let (mut solo, factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let send = |solo: &mut Solo, tx: &Tx| {
        let mut messages = PeerMessage::from_wire(Message::Tx(tx.clone()), solo.world.txs_mut());
        Input::Message(PeerId(0), messages.remove(0))
    };
    // Each spends what is not there.
    let mut fate = Fate::default();
    let garbage = |n: usize| Tx::new(sha256(&[&n.to_le_bytes()]).0.to_vec());
    for n in 0..100_000 {
        let input = send(&mut solo, &garbage(n));
        let answer = solo.give(input);
        fate.free += usize::from(fate.waits == 0);
        if let Some((_, until)) = answer.waits.last() {
            fate.waits += 1;
            solo.now = *until;
        }
        if answer.bans == [PeerId(0)] {
            fate.banned_after_us = Some(solo.now);
            break;
        }
    }
    assert!((500..5_000).contains(&fate.free) && fate.waits < 8 && fate.banned_after_us.is_some(), "{fate:?}");
    let tx = factory.pay(factory.genesis(), 2, 3, 5, 7);
    solo.hear(1, Message::Tx(tx.clone()));
    assert!(solo.in_mempool(&tx).is_some(), "others are heard");
}

#[test]
fn who_announces_what_nobody_has_waits_and_is_banned() {
    let mut solo = Solo::new(quiet());
    let fate = flood(&mut solo, 100_000, |n| {
        let id = |k: usize| sha256(&[&(n * 1000 + k).to_le_bytes()]);
        says(Message::Inv((0..1000).map(|k| InvItem::Gossip(id(k))).collect()))
    });
    is_banned_soon(&fate);
}

#[test]
fn who_passes_on_what_nobody_can_check_waits_and_is_not_blamed() {
    let mut solo = Solo::new(quiet());
    let gossip = |sequence| {
        let (from, to) = (Address([1; 20]), Some(Address([2; 20])));
        Message::Gossip(Arc::new(GossipMessage { from, to, sequence, bytes: vec![] }))
    };
    let fate = flood(&mut solo, 50_000, |n| says(gossip(n as u64)));
    assert!(fate.waits > 3 && fate.banned_after_us.is_none(), "{fate:?}");
}

#[test]
fn blocks_that_lead_nowhere_are_paid_for() {
    let (mut solo, mut factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let blocks = factory.chain(factory.genesis(), 2);
    let orphan = |n: usize| {
        let mut block = (*blocks[1]).clone();
        block.head.header.parent = sha256(&[&n.to_le_bytes()]);
        Input::Message(PeerId(0), PeerMessage::Other(Message::Block(Arc::new(block))))
    };
    is_banned_soon(&flood(&mut solo, 10_000, orphan));
    let answer = solo.hear_block(1, &blocks[0]);
    assert!(solo.has(&blocks[0]), "others are heard: {:?}", answer.events);
}

#[test]
fn a_neighbour_that_catches_up_never_waits() {
    let (mut solo, factory, blocks) = with_chain(600);
    let heads = solo.hear(0, Message::GetHeaders(vec![factory.genesis()]));
    assert!(heads.waits.is_empty());
    for window in blocks.chunks(16) {
        solo.now += 1_000;
        let items = window.iter().map(|block| InvItem::Block(block.id())).collect();
        let answer = solo.hear(0, Message::GetData(items));
        assert_eq!((sent_blocks(&answer), answer.waits.len()), (window.len(), 0));
    }
}
