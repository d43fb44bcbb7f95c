//! What a node does with its own money: which coins it pays with, and what becomes of its payments.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::sync::Arc;

use fika_core::amount::Amount;
use fika_core::block::{Block, Tx};
use fika_core::env::Proof;
use fika_core::hash::Id;
use fika_core::message::Message;
use fika_core::node::{Event, Input, OwnTx, PaymentOrder, TxReject};
use fika_core::plugin::Plugin;
use fika_core::testing::Setup;
use fika_core::tx::ActionRequest;
use fika_stack_vm::StackVm;
use fika_toy::Toy;
use fika_utxo::{Params, Utxo};
use rules::quiet::Quiet;
use solo::{Answer, Factory, Solo};

/// Coins of 100 for each node, under rules where tests make the blocks.
fn coins(params: Params) -> Setup {
    let setup = Setup::new(|_| Ok(Quiet)).chain(|chain| chain.proof = Proof::Real);
    let setup = setup.keys(|env| Toy::new(Default::default(), env));
    let setup = setup.script(|env| StackVm::new(Default::default(), env));
    setup.tx(move |env| Utxo::new(params.clone(), env))
}

fn utxo() -> Setup {
    coins(Params::default())
}

impl Solo {
    fn pay(&mut self, to: u32, amount: Amount, fee: u64) -> Answer {
        let to = self.setup.address(to);
        self.give(Input::Pay(PaymentOrder { reference: 1, to, amount, fee: Amount(fee) }))
    }

    fn own(&self, n: usize) -> &OwnTx {
        &self.node.history()[n]
    }

    /// The keys of the coins that one of its payments in the mempool spends.
    fn spends(&self, n: usize) -> Vec<Vec<u8>> {
        let entry = self.in_mempool(&self.own(n).tx).expect("it is in the mempool");
        entry.outcome.spends.iter().map(|spend| spend.key.clone()).collect()
    }
}

fn failure(answer: &Answer) -> Option<&str> {
    answer.events.iter().find_map(|event| match event {
        Event::PaymentFailed { why, .. } => Some(&**why),
        _ => None,
    })
}

fn has(answer: &Answer, event: &Event) -> bool {
    answer.events.contains(event)
}

fn is_lost(answer: &Answer, lost: Id) -> bool {
    answer.events.iter().any(|event| matches!(event, Event::PaymentLost { hash, .. } if *hash == lost))
}

#[test]
fn the_fee_is_what_inputs_have_more_than_outputs() {
    let mut solo = Solo::new(coins(Params { dust: Amount::coins(1), ..Params::default() }));
    let dust = Amount(Amount::coins(1).0 - 1);
    let answer = solo.pay(2, Amount(Amount::coins(100).0 - dust.0), 0);
    assert_eq!(failure(&answer), None);
    assert_eq!(solo.own(0).fee, dust, "change that cannot be an output stays with the fee");
}

#[test]
fn confirmed_coins_go_before_unconfirmed_change() {
    let (mut solo, mut factory) = (Solo::new(utxo()), Factory::new(utxo()));
    let genesis = factory.genesis();
    let gift = factory.pay(genesis, 2, 0, 80, 1);
    let block = factory.block(genesis, vec![gift]);
    solo.hear_block(0, &block);
    // The change of the first would be a better fit for the second than the other coin.
    for _ in 0..2 {
        let answer = solo.pay(3, Amount::coins(60), 1);
        assert_eq!(failure(&answer), None);
    }
    let made: Vec<Vec<u8>> =
        solo.in_mempool(&solo.own(0).tx).unwrap().outcome.credits.iter().map(|c| c.key.clone()).collect();
    assert!(solo.spends(1).iter().all(|key| !made.contains(key)), "it waits for no other payment");
    // Now only change is left, and it takes both.
    let answer = solo.pay(3, Amount::coins(50), 1);
    assert_eq!(failure(&answer), None);
    assert!(solo.spends(2).len() == 2 && solo.spends(2).iter().any(|key| made.contains(key)));
}

#[test]
fn an_evicted_payment_keeps_its_coins_and_comes_back_when_there_is_room() {
    let small = || utxo().config(|_, config| config.mempool.max_bytes = 500);
    let (mut solo, mut factory) = (Solo::new(small()), Factory::new(small()));
    let genesis = factory.genesis();
    let answer = solo.pay(3, Amount::coins(1), 10);
    assert_eq!(failure(&answer), None);
    let own = solo.own(0).tx.clone();
    let dear = [2, 4].map(|from| factory.pay(genesis, from, 3, 1, 9_000));
    let answers = [0, 1].map(|n| solo.hear(0, Message::Tx(dear[n].clone())));
    let told = Event::PaymentDropped { hash: own.hash(), why: TxReject::MempoolFull };
    assert!(answers.iter().any(|answer| has(answer, &told)), "its owner is told");
    assert!(solo.in_mempool(&own).is_none());
    let answer = solo.pay(3, Amount::coins(2), 90_000);
    assert!(failure(&answer).is_some(), "its only coin belongs to the first payment");
    let block = factory.block(genesis, dear.to_vec());
    let answer = solo.hear_block(0, &block);
    assert!(solo.in_mempool(&own).is_some(), "there is room again");
    let is_sent = |(_, message): &(_, Message)| match message {
        Message::Inv(items) => items.contains(&fika_core::message::InvItem::Tx(own.hash())),
        other => *other == Message::Tx(own.clone()),
    };
    let more = solo.run(solo.now + 60 * fika_core::header::SECOND);
    assert!(
        answer.messages.iter().chain(more.iter().flat_map(|answer| &answer.messages)).any(is_sent),
        "and told again"
    );
    let answer = solo.pay(3, Amount::coins(2), 90_000);
    assert_eq!(failure(&answer), None, "the change of the first can be spent");
}

/// A wallet that pays with a coin which a reorganisation takes away, and the fork without it.
fn robbed() -> (Solo, Factory, Tx, Vec<Arc<Block>>) {
    let setup = || utxo().coins(Amount::coins(5));
    let (mut solo, mut factory) = (Solo::new(setup()), Factory::new(setup()));
    let genesis = factory.genesis();
    let gift = factory.pay(genesis, 2, 0, 4, 1);
    // Elsewhere the giver spends the coin another way.
    let other = factory.pay(genesis, 2, 3, 3, 9);
    let short = factory.block(genesis, vec![gift]);
    solo.hear_block(0, &short);
    let answer = solo.pay(3, Amount::coins(7), 1);
    assert_eq!(failure(&answer), None);
    let first = factory.block(genesis, vec![other]);
    let mut long = vec![first.clone()];
    long.extend(factory.chain(first.id(), 8));
    let own = solo.own(0).tx.clone();
    (solo, factory, own, long)
}

#[test]
fn a_payment_whose_coin_is_gone_for_six_blocks_is_lost_and_frees_its_other_coins() {
    let (mut solo, _, own, long) = robbed();
    let answers: Vec<Answer> = long.iter().map(|block| solo.hear_block(0, block)).collect();
    let lost: Vec<usize> = (0..answers.len()).filter(|n| is_lost(&answers[*n], own.hash())).collect();
    // The chain has lacked the coin since height 1, which is the block of place 0.
    assert_eq!(lost, [6]);
    assert!(solo.own(0).lost && !solo.node.has_unconfirmed());
    let answer = solo.pay(3, Amount::coins(4), 1);
    assert_eq!(failure(&answer), None, "its own coin of 5 is free");
}

#[test]
fn what_builds_on_a_lost_payment_is_lost_with_it() {
    let (mut solo, _, own, long) = robbed();
    let answer = solo.pay(3, Amount::coins(1), 1);
    assert_eq!(failure(&answer), None, "from the change of the first");
    let child = solo.own(1).tx.hash();
    let answers: Vec<Answer> = long.iter().map(|block| solo.hear_block(0, block)).collect();
    assert!(is_lost(&answers[6], own.hash()) && is_lost(&answers[6], child));
}

#[test]
fn a_payment_is_not_lost_if_its_coin_comes_back_in_time() {
    let (mut solo, mut factory, own, long) = robbed();
    long[..3].iter().for_each(|block| drop(solo.hear_block(0, block)));
    assert!(solo.in_mempool(&own).is_none() && solo.node.has_unconfirmed());
    // The first block's branch wins again.
    let short = solo.world.tree().find(&solo.world.chain_id()).map(|genesis| {
        let tree = solo.world.tree();
        let first = (0..tree.len() as u32).map(fika_core::world::BlockIx);
        first.filter(|ix| tree[*ix].parent == genesis && tree[*ix].height == 1).map(|ix| tree[ix].id).next().unwrap()
    });
    let again = factory.chain(short.unwrap(), 3);
    again.iter().for_each(|block| drop(solo.hear_block(0, block)));
    assert_eq!(solo.tip(), again[2].id());
    assert!(solo.in_mempool(&own).is_some() && !solo.own(0).lost);
}

#[test]
fn a_payment_is_confirmed_whatever_its_signatures() {
    let (mut solo, mut factory) = (Solo::new(utxo()), Factory::new(utxo()));
    let genesis = factory.genesis();
    let answer = solo.pay(3, Amount::coins(1), 1);
    assert_eq!(failure(&answer), None);
    let own = solo.own(0).clone();
    // Somebody else puts one more value below what the lock looks at.
    let rules = factory.world.rules();
    let entry = solo.in_mempool(&own.tx).unwrap();
    let more = rules.script.assemble("1").unwrap();
    let unlocks: Vec<Vec<u8>> = entry.outcome.spends.iter().map(|spend| [&more[..], &spend.unlock].concat()).collect();
    let changed = Tx::new(rules.tx.finish(own.tx.bytes(), &unlocks).unwrap());
    assert_ne!(changed.hash(), own.tx.hash());
    let block = factory.block(genesis, vec![changed.clone()]);
    assert_eq!(block.txs[1..], [changed]);
    let answer = solo.hear_block(0, &block);
    assert!(has(&answer, &Event::Confirmed { hash: own.tx.hash(), height: 1 }));
    assert_eq!((solo.own(0).confirmed, solo.node.has_unconfirmed()), (Some(1), false));
    // And it is unconfirmed with its block.
    let long = factory.chain(genesis, 2);
    let answers: Vec<Answer> = long.iter().map(|block| solo.hear_block(0, block)).collect();
    assert!(answers.iter().any(|answer| has(answer, &Event::Unconfirmed { hash: own.tx.hash() })));
    assert!(solo.node.has_unconfirmed());
}

#[test]
fn what_no_block_can_hold_is_refused_at_the_door() {
    let setup = || Setup::new(|_| Ok(Quiet)).chain(|chain| chain.max_block_bytes = 1_750);
    let (mut solo, factory) = (Solo::new(setup()), Factory::new(setup()));
    let genesis = factory.genesis();
    let act = |bytes| factory.act(genesis, 2, ActionRequest { kind: 1, amount: Amount(5), data: vec![0; bytes] });
    let (large, fits) = (act(1_600), act(1_200));
    let answer = solo.hear(0, Message::Tx(large.clone()));
    let found = large.bytes().len() as u64;
    let rejected = solo.rejected(&answer);
    assert!(
        matches!(rejected[..], [(_, TxReject::TooLarge { max, found: f })] if f == found && (1_400..1_750).contains(&max))
    );
    assert_eq!(rejected[0].1.code(), "tx-size");
    solo.hear(0, Message::Tx(fits.clone()));
    assert!(solo.in_mempool(&fits).is_some());
}
