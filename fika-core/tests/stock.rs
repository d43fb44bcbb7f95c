//! The stock plugins in one network, with coins, scripts and signatures.

#![allow(missing_docs)]

mod rules;
mod solo;

use fika_core::amount::Amount;
use fika_core::block::Tx;
use fika_core::consensus::LedgerOp;
use fika_core::env::Proof;
use fika_core::hash::Id;
use fika_core::header::SECOND;
use fika_core::message::Message;
use fika_core::node::{PeerId, TxReject};
use fika_core::plugin::Plugin;
use fika_core::testing::{Network, Setup};
use fika_core::tx::Ledger;
use fika_core::world::ledger::{Overlay, Space};
use fika_core::world::transfer::FormatLedger;
use fika_core::world::{Rules, Tree};
use fika_hybrid::Hybrid;
use fika_pos::Pos;
use fika_pow::Pow;
use fika_secp256k1::Secp256k1;
use fika_stack_vm::{SIGHASH_ALL, StackVm, push, template};
use fika_toy::Toy;
use fika_utxo::Utxo;
use fika_utxo::coin::Outpoint;
use fika_utxo::transaction::{self, Output, Payment, SEQUENCE_FINAL, Transaction};
use rules::quiet::Quiet;
use solo::{Factory, Solo};

fn utxo(setup: Setup) -> Setup {
    let setup = setup.keys(|env| Toy::new(Default::default(), env));
    setup.script(|env| StackVm::new(Default::default(), env)).tx(|env| Utxo::new(Default::default(), env))
}

fn pow() -> Setup {
    // As much work as five nodes do in ten seconds at a million hashes a second.
    let params = || fika_pow::Params { initial_tries: 50_000_000, ..Default::default() };
    utxo(Setup::new(move |env| Pow::new(params(), env)))
}

fn pos() -> Setup {
    utxo(Setup::new(|env| Pos::new(Default::default(), env)))
}

fn hybrid() -> Setup {
    let params = || fika_hybrid::Params { initial_tries: 100_000_000, ..Default::default() };
    utxo(Setup::new(move |env| Hybrid::new(params(), env)))
}

fn busy_run(setup: Setup, seconds: u64) -> Network {
    let mut net = setup.start();
    for round in 1..seconds / 20 {
        net.run(round * 20 * SECOND);
        net.pay((round % 5) as u32, ((round + 2) % 5) as u32, 1 + round % 7);
    }
    net.run(seconds * SECOND);
    net
}

fn assert_supply(net: &Network) {
    net.assert_supply_follows_the_schedule();
    for node in 0..5 {
        let of = |n| net.ask(node, |view, tip| view.coins(tip, &net.address(n)).unwrap());
        let coins: Amount = (0..5).flat_map(of).map(|coin| coin.amount).sum();
        assert_eq!(coins, net.supply(node), "every coin is one of somebody's");
    }
}

#[test]
fn stock_networks_agree_pay_and_keep_the_supply() {
    for (name, setup) in [("pow", pow()), ("pos", pos()), ("hybrid", hybrid())] {
        let net = busy_run(setup, 600);
        net.assert_healthy();
        let heights: Vec<u64> = (0..5).map(|node| net.height(node)).collect();
        assert!(heights.iter().all(|height| *height >= 20 && height + 3 > heights[0]), "{name}: {heights:?}");
        net.assert_payments_confirmed_once();
        assert_supply(&net);
    }
}

#[test]
fn stock_networks_run_alike_in_one_world_or_one_each() {
    for setup in [pow, pos, hybrid] {
        for seed in 1..=25 {
            let shared = busy_run(setup().seed(seed).shared_world(), 120);
            let private = busy_run(setup().seed(seed), 120);
            assert_eq!(shared.trace(), private.trace(), "seed {seed}");
            assert!(shared.height(0) > 0);
        }
    }
}

#[test]
fn real_signatures_pay_too() {
    let net = busy_run(pos().keys(|env| Secp256k1::new(Default::default(), env)), 150);
    net.assert_healthy();
    net.assert_payments_confirmed_once();
    assert_supply(&net);
}

/// Coins instead of accounts under the rules where tests make the blocks.
fn quiet() -> Setup {
    utxo(Setup::new(|_| Ok(Quiet))).chain(|chain| chain.proof = Proof::Real)
}

#[test]
fn double_spends_of_coins_are_refused_and_lost_in_reorganisations() {
    let (mut solo, mut factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let genesis = factory.genesis();
    let (one, other) = (factory.pay(genesis, 2, 3, 5, 7), factory.pay(genesis, 2, 4, 6, 900));
    solo.hear(0, Message::Tx(one.clone()));
    let out = solo.hear(1, Message::Tx(other.clone()));
    assert_eq!(solo.rejected(&out), [(other.hash(), TxReject::Conflict(one.hash()))]);
    // A child of the loser goes with it.
    let state = factory.world.state(Tree::GENESIS);
    let child = factory.pay_over(&solo.node.mempool().ledger(&solo.world, &state), genesis, 3, 4, 103, 7);
    drop(state);
    solo.hear(0, Message::Tx(child.clone()));
    assert_eq!(solo.node.mempool().len(), 2);
    let short = factory.block(genesis, vec![one.clone(), child.clone()]);
    let long = factory.block(genesis, vec![other]);
    let longer = factory.block(long.id(), Vec::new());
    [&short, &long].into_iter().for_each(|block| drop(solo.hear_block(0, block)));
    assert!(solo.node.mempool().is_empty());
    let out = solo.hear_block(0, &longer);
    assert_eq!(solo.tip(), longer.id());
    let dropped = solo.dropped(&out);
    assert!(dropped.contains(&(one.hash(), TxReject::SpentByBlock)));
    assert!(dropped.iter().any(|(hash, _)| *hash == child.hash()) && solo.node.mempool().is_empty());
}

#[test]
fn a_chain_of_payments_comes_back_after_a_reorganisation_in_its_order() {
    let (mut solo, mut factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let genesis = factory.genesis();
    let mut txs = Vec::new();
    for n in 0..6u64 {
        let state = solo.world.state(Tree::GENESIS);
        let ledger = solo.node.mempool().ledger(&solo.world, &state);
        // The later, the more it pays: the order of fees is not that of descent.
        txs.push(factory.pay_over(&ledger, genesis, 2, 2, 90, 10 + 100 * n));
        drop(state);
        solo.hear(0, Message::Tx(txs[n as usize].clone()));
    }
    assert_eq!(solo.node.mempool().len(), 6);
    assert_eq!(solo.selected(), txs, "parents first");
    // A newcomer hears of them in an order in which it can take them in.
    let out = solo.give(fika_core::node::Input::Connected(PeerId(7)));
    let inv = Message::Inv(txs.iter().map(|tx| fika_core::message::InvItem::Tx(tx.hash())).collect());
    assert!(out.messages.iter().any(|(_, message)| *message == inv));
    let short = factory.block(genesis, txs.clone());
    solo.hear_block(0, &short);
    assert!(solo.node.mempool().is_empty());
    let long = factory.chain(genesis, 2);
    long.iter().for_each(|block| drop(solo.hear_block(0, block)));
    assert_eq!((solo.tip(), solo.node.mempool().len()), (long[1].id(), 6));
}

#[test]
fn the_shortest_spend_of_fifteen_keys_may_try_them_all() {
    let mut factory = Factory::new(utxo(Setup::new(|_| Ok(Quiet))));
    let genesis = factory.genesis();
    let keys = factory.world.rules().env.keys.clone();
    let pairs: Vec<_> = (1..=15).map(|n| keys.generate(&Id([n; 32]))).collect();
    let redeem = template::multisig(1, &pairs.iter().map(|pair| &pair.public).collect::<Vec<_>>());
    let lock = template::pay_to_script_hash(&redeem);
    let funding = factory.pay_lock(genesis, 2, lock.clone(), Amount::coins(5), 100);
    let funded = factory.block(genesis, vec![funding.clone()]);
    let ix = factory.world.tree().find(&funded.id()).unwrap();
    let world = &factory.world;
    let Rules { tx: format, script, .. } = world.rules();
    let (context, state) = (world.next_context(ix), world.state(ix));
    let id = Transaction::decode(funding.bytes()).unwrap().id();
    let to = script.lock(&factory.setup.address(3));
    let spend = |unlock: &[u8]| {
        let inputs = vec![transaction::Input { outpoint: Outpoint { id, index: 0 }, sequence: SEQUENCE_FINAL, unlock }];
        let outputs = vec![Output { amount: Amount::coins(4), lock: &to }];
        Transaction::Payment(Payment { version: 1, inputs, outputs, actions: Vec::new(), lock_time: 0 }).to_bytes()
    };
    let bare = spend(&[]);
    let spends = format.apply(&bare, context, &FormatLedger(&state)).unwrap().spends;
    let prepared = format.prepare(&bare, &spends).unwrap();
    let digest = format.digest(&prepared, 0, &[&[SIGHASH_ALL], &redeem[..]].concat());
    // Keys are tried from the last one on.
    for pair in [&pairs[0], &pairs[14]] {
        let signature = keys.sign(0, &pair.secret, &digest).unwrap();
        let mut unlock = template::multisig_unlock(&[[signature, vec![SIGHASH_ALL]].concat()]);
        push(&mut unlock, &redeem);
        let tx = Tx::new(spend(&unlock));
        let checked = world.check_tx(&tx, context, &FormatLedger(&state));
        assert!(checked.is_ok(), "{} bytes: {checked:?}", tx.bytes().len());
    }
}

#[test]
fn unlocked_coins_are_proved_for_one_owner_and_amount() {
    let setup = pos();
    let world = setup.world();
    let Rules { script, tx, .. } = world.rules();
    let state = world.state(Tree::GENESIS);
    let context = world.next_context(Tree::GENESIS);
    let keys_of = |who: u32, amount: u64| {
        let mut over = Overlay::new(&state);
        let who = setup.address(who);
        over.add(Space::Locked.key(&[&who.0]), Amount(amount));
        let ops = [LedgerOp::Unlock(who, Amount(amount))];
        let parent = world.chain_id();
        fika_core::world::transfer::settle(&mut over, &ops, Amount::ZERO, &parent, context, &**script, &**tx).unwrap();
        let old = FormatLedger(&state).coins(&who);
        FormatLedger(&over)
            .coins(&who)
            .into_iter()
            .filter(|coin| !old.contains(coin))
            .map(|(key, _)| key)
            .collect::<Vec<_>>()
    };
    assert_ne!(keys_of(1, 5), keys_of(2, 5));
    assert_ne!(keys_of(1, 5), keys_of(1, 6));
    assert_eq!(keys_of(1, 5), keys_of(1, 5));
    assert_eq!(keys_of(1, 5).len(), 1);
}
