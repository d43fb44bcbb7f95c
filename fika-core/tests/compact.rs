//! Compact blocks between one node and neighbours that the test plays, honest and not.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::sync::Arc;

use fika_core::block::{Block, Tx};
use fika_core::compact::{BlockTxn, CompactBlock, GetBlockTxn, ShortId};
use fika_core::env::Proof;
use fika_core::hash::Id;
use fika_core::header::SECOND;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Dest, PeerId};
use fika_core::testing::Setup;
use rules::quiet::{BAD_SEAL, NO_WORK, Quiet};
use solo::{Answer, Factory, Solo, changed};

fn setup() -> Setup {
    let setup = Setup::new(|_| Ok(Quiet)).chain(|chain| chain.proof = Proof::Real);
    setup.config(|_, config| config.relay.compact = true)
}

/// A node that has asked neighbour 0 for a block with three payments; neighbour 1 has announced it too.
struct Case {
    solo: Solo,
    block: Arc<Block>,
    compact: CompactBlock,
}

impl Case {
    /// `pool`: which of the payments the node has.
    fn new(pool: &[usize]) -> Case {
        let (mut solo, mut factory) = (Solo::new(setup()), Factory::new(setup()));
        let genesis = factory.genesis();
        let txs: Vec<Tx> = (2..5).map(|from| factory.pay(genesis, from, 1, 5, 7)).collect();
        for n in pool {
            solo.hear(2, Message::Tx(txs[*n].clone()));
        }
        let block = factory.block(genesis, txs);
        let inv = || Message::Inv(vec![InvItem::Block(block.id())]);
        let out = solo.hear(0, inv());
        assert_eq!(told(&out, 0), [Message::GetData(vec![InvItem::Compact(block.id())])]);
        assert!(told(&solo.hear(1, inv()), 1).is_empty(), "it is under way");
        let compact = CompactBlock::new(&block, 99);
        Case { solo, block, compact }
    }

    fn hear(&mut self, compact: &CompactBlock) -> Answer {
        self.solo.hear(0, Message::CompactBlock(Arc::new(compact.clone())))
    }

    fn send(&mut self) -> Answer {
        self.hear(&self.compact.clone())
    }

    fn answer(&mut self, places: &[usize]) -> Answer {
        let txs = places.iter().map(|place| self.block.txs[*place].clone()).collect();
        self.solo.hear(0, Message::BlockTxn(Box::new(BlockTxn { id: self.block.id(), txs })))
    }

    fn in_full(&self) -> [Message; 1] {
        [Message::GetData(vec![InvItem::Block(self.block.id())])]
    }

    /// Neighbour 0 is banned, and neighbour 1 is asked and brings the block.
    fn zero_is_banned(&mut self, out: &Answer) {
        assert_eq!(out.bans, [PeerId(0)], "{:?}", out.events);
        assert_eq!(told(out, 1), self.in_full());
        self.one_brings_it();
    }

    fn one_brings_it(&mut self) {
        let block = self.block.clone();
        assert!(self.solo.hear_block(1, &block).bans.is_empty());
        assert_eq!(self.solo.tip(), block.id());
    }

    /// Neighbour 0 is asked for the full block without a penalty, and brings it.
    fn zero_is_asked_in_full(&mut self, out: &Answer) {
        assert!(out.bans.is_empty() && out.events.is_empty(), "{:?}", out.events);
        assert_eq!(told(out, 0), self.in_full());
        let block = self.block.clone();
        self.solo.hear_block(0, &block);
        assert_eq!(self.solo.tip(), block.id());
    }
}

/// What was said to this neighbour alone.
fn told(out: &Answer, peer: u32) -> Vec<Message> {
    let to = |(dest, message): &(Dest, Message)| (*dest == Dest::Peer(PeerId(peer))).then(|| message.clone());
    out.messages.iter().filter_map(to).collect()
}

fn request(id: Id, indexes: &[u32]) -> Message {
    Message::GetBlockTxn(Box::new(GetBlockTxn { id, indexes: indexes.into() }))
}

#[test]
fn a_full_mempool_needs_nothing_more() {
    let mut case = Case::new(&[0, 1, 2]);
    let out = case.send();
    assert!(told(&out, 0).is_empty());
    assert_eq!(case.solo.tip(), case.block.id());
}

#[test]
fn what_the_mempool_lacks_is_asked_for() {
    for (pool, missing) in [(&[0usize, 2][..], &[2u32][..]), (&[1], &[1, 3]), (&[], &[1, 2, 3])] {
        let mut case = Case::new(pool);
        let out = case.send();
        assert_eq!(told(&out, 0), [request(case.block.id(), missing)]);
        assert_eq!(case.solo.height(), 0);
        let places: Vec<usize> = missing.iter().map(|place| *place as usize).collect();
        case.answer(&places);
        assert_eq!(case.solo.tip(), case.block.id());
        // The same once more is not listened to.
        assert!(case.answer(&places).messages.is_empty() && case.send().messages.is_empty());
    }
}

#[test]
fn a_node_without_compact_blocks_sends_the_full_one() {
    let mut case = Case::new(&[]);
    let block = case.block.clone();
    case.solo.hear_block(0, &block);
    assert_eq!(case.solo.tip(), block.id(), "and it is taken as the answer");
    for compact in [true, false] {
        let mut solo = Solo::new(setup().config(move |_, config| config.relay.compact = compact));
        solo.hear_block(1, &block);
        let out = solo.hear(0, Message::GetData(vec![InvItem::Compact(block.id())]));
        match &told(&out, 0)[..] {
            [Message::CompactBlock(form)] if compact => {
                assert_eq!((form.id(), form.tx_count(), form.short.len()), (block.id(), 4, 3));
                let again = solo.hear(2, Message::GetData(vec![InvItem::Compact(block.id())]));
                assert_eq!(told(&again, 2), [Message::CompactBlock(form.clone())], "made once");
            }
            [Message::Block(full)] if !compact => assert_eq!(full, &block),
            other => panic!("found {other:?}"),
        }
        let nothing = Message::GetData(vec![InvItem::Compact(Id::ZERO)]);
        assert_eq!(told(&solo.hear(0, nothing), 0), [Message::NotFound(vec![InvItem::Compact(Id::ZERO)])]);
    }
}

#[test]
fn a_seal_that_did_not_hold_is_not_passed_on() {
    let (mut solo, mut factory) = (Solo::new(setup()), Factory::new(setup()));
    let block = factory.block(factory.genesis(), Vec::new());
    let id = block.id();
    let get = || Message::GetData(vec![InvItem::Compact(id)]);
    assert_eq!(told(&solo.hear(0, Message::Inv(vec![InvItem::Block(id)])), 0), [get()]);
    let bad = changed(&block, |block| block.head.seal = BAD_SEAL.to_vec());
    solo.hear(0, Message::CompactBlock(Arc::new(CompactBlock::new(&bad, 7))));
    assert!(!solo.has(&block));
    solo.hear_block(1, &block);
    assert_eq!(solo.tip(), id);
    let out = solo.hear(2, get());
    match &told(&out, 2)[..] {
        [Message::CompactBlock(form)] => assert_eq!(form.head, block.head),
        other => panic!("found {other:?}"),
    }
}

#[test]
fn questions_for_transactions_are_answered_in_order_or_penalized() {
    let mut case = Case::new(&[0, 1, 2]);
    case.send();
    let (id, solo) = (case.block.id(), &mut case.solo);
    let out = solo.hear(1, request(id, &[0, 3]));
    let txs = [case.block.txs[0].clone(), case.block.txs[3].clone()].into();
    assert_eq!(told(&out, 1), [Message::BlockTxn(Box::new(BlockTxn { id, txs }))]);
    let out = solo.hear(1, request(Id::ZERO, &[0]));
    assert_eq!(told(&out, 1), [Message::NotFound(vec![InvItem::Compact(Id::ZERO)])]);
    assert_eq!(solo.hear(1, request(id, &[4])).bans, [PeerId(1)]);
    assert_eq!(solo.hear(2, request(id, &[1, 1])).bans, [PeerId(2)]);
}

#[test]
fn equal_short_ids_lead_to_the_full_block_without_penalty() {
    // Twice in the block.
    let mut case = Case::new(&[0, 1, 2]);
    let mut twice = case.compact.clone();
    twice.short[1] = twice.short[0];
    let out = case.hear(&twice);
    case.zero_is_asked_in_full(&out);
    // A transaction of the mempool has the short id of another one in the block.
    let mut case = Case::new(&[0, 2]);
    let mut other = case.compact.clone();
    other.short = vec![other.short[0], other.short[2], other.short[1]];
    let out = case.hear(&other);
    assert_eq!(told(&out, 0), [request(case.block.id(), &[3])], "the block is said to have them the other way round");
    let out = case.answer(&[2]);
    case.zero_is_asked_in_full(&out);
}

#[test]
fn false_bodies_with_short_ids_are_asked_for_in_full_and_then_penalized() {
    let mut case = Case::new(&[0, 1, 2]);
    let mut false_extra = case.compact.clone();
    false_extra.head.extra.push(1);
    let out = case.hear(&false_extra);
    assert_eq!(told(&out, 0), case.in_full());
    let out = case.send();
    assert!(out.messages.is_empty() && case.solo.height() == 0, "only the full block counts now");
    let false_body = changed(&case.block, |block| block.txs.swap(1, 2));
    assert_eq!(case.solo.hear_block(0, &false_body).bans, [PeerId(0)]);
    case.one_brings_it();
}

#[test]
fn impossible_compact_blocks_are_penalized() {
    let changes: [fn(&mut CompactBlock); 3] = [
        |compact| compact.prefilled[0].0 = 9,
        |compact| compact.prefilled.push((0, Tx::new([1; 9]))),
        // All transactions are given whole, so nothing is guessed: the body is false.
        |compact| (compact.short, compact.prefilled) = (Vec::new(), vec![(0, Tx::new([1; 9]))]),
    ];
    for change in changes {
        let mut case = Case::new(&[0, 1, 2]);
        let mut compact = case.compact.clone();
        change(&mut compact);
        let out = case.hear(&compact);
        case.zero_is_banned(&out);
    }
    let mut case = Case::new(&[]);
    let no_work = changed(&case.block, |block| block.head.header.nonce = NO_WORK);
    case.solo.hear(0, Message::Inv(vec![InvItem::Block(no_work.id())]));
    assert_eq!(case.hear(&CompactBlock::new(&no_work, 1)).bans, [PeerId(0)]);
}

#[test]
fn false_answers_are_penalized_and_the_next_is_asked() {
    for answer in [&[1usize, 3, 2][..], &[1, 2], &[1, 2, 3, 3], &[], &[0, 1, 2]] {
        let mut case = Case::new(&[]);
        case.send();
        let out = case.answer(answer);
        case.zero_is_banned(&out);
    }
}

#[test]
fn what_is_never_answered_is_asked_of_the_next_in_full() {
    // Neither the first question nor the second.
    for answered in [false, true] {
        let mut case = Case::new(&[0]);
        let start = case.solo.now;
        if answered {
            case.solo.run(start + 15 * SECOND);
            case.send();
            case.solo.run(start + 30 * SECOND);
            assert!(case.solo.events.iter().all(|event| !format!("{event:?}").contains("Misbehaved")));
        }
        let late = start + if answered { 35 } else { 20 } * SECOND;
        assert!(case.solo.run(late - 1).iter().all(|out| out.messages.is_empty()));
        let outs = case.solo.run(late);
        let asked: Vec<Message> = outs.iter().flat_map(|out| told(out, 1)).collect();
        assert_eq!(asked, case.in_full());
        assert!(case.answer(&[2, 3]).messages.is_empty(), "too late");
        assert_eq!(case.solo.height(), 0);
        case.one_brings_it();
    }
    // It says itself that it cannot.
    let mut case = Case::new(&[]);
    case.send();
    let out = case.solo.hear(0, Message::NotFound(vec![InvItem::Compact(case.block.id())]));
    assert_eq!(told(&out, 1), case.in_full());
    case.one_brings_it();
}

#[test]
fn nobody_is_heard_who_was_not_asked() {
    let mut case = Case::new(&[0, 1, 2]);
    let compact = Message::CompactBlock(Arc::new(case.compact.clone()));
    assert!(case.solo.hear(1, compact.clone()).events.is_empty());
    assert_eq!(case.solo.height(), 0);
    let txs = case.block.txs[1..].into();
    let answer = Message::BlockTxn(Box::new(BlockTxn { id: case.block.id(), txs }));
    assert!(case.solo.hear(1, answer).messages.is_empty());
    let mut stranger = Solo::new(setup());
    assert!(stranger.hear(0, compact).messages.is_empty() && stranger.height() == 0);
    case.send();
    assert_eq!(case.solo.tip(), case.block.id());
}

#[test]
fn unfinished_blocks_of_one_neighbour_are_bounded() {
    let (mut solo, factory) = (Solo::new(setup()), Factory::new(setup()));
    let mut factory = factory;
    let blocks: Vec<Arc<Block>> = (0..5).map(|_| factory.block(factory.genesis(), Vec::new())).collect();
    let mut kinds = Vec::new();
    for block in &blocks {
        solo.hear(0, Message::Inv(vec![InvItem::Block(block.id())]));
        let mut compact = CompactBlock::new(block, 3);
        compact.short.push(ShortId([7; 6]));
        let out = solo.hear(0, Message::CompactBlock(Arc::new(compact)));
        kinds.extend(told(&out, 0).iter().map(Message::kind_name));
    }
    assert_eq!(kinds, ["getblocktxn", "getblocktxn", "getdata", "getdata", "getdata"]);
}
