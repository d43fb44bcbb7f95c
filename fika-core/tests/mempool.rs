//! The mempool, and what templates take from it.

#![allow(missing_docs)]

mod rules;
mod solo;

use fika_core::address::Address;
use fika_core::agent::Draft;
use fika_core::amount::Amount;
use fika_core::block::Tx;
use fika_core::hash::Id;
use fika_core::header::SECOND;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Dest, Mempool, MempoolLimits, PeerId, TxReject};
use fika_core::testing::Setup;
use fika_core::tx::{ActionRequest, Credit, Outcome, Spend};
use fika_core::world::{Assembly, TxIndex, TxTable};
use rules::quiet::{BAD_ACTION, Quiet};
use solo::{Factory, Solo};

/// A transaction of 100 bytes that spends and makes the coins of these names.
fn coins(name: u8, fee: u64, spends: &[u8], makes: &[u8]) -> (Tx, Outcome) {
    sized(name, 100, fee, spends, makes)
}

/// The same of so many bytes.
fn sized(name: u8, bytes: usize, fee: u64, spends: &[u8], makes: &[u8]) -> (Tx, Outcome) {
    let spend = |key: &u8| Spend { input: 0, key: vec![*key], lock: vec![], amount: Amount(1), unlock: vec![] };
    let credit = |key: &u8| Credit { key: vec![*key], value: vec![], lock: vec![], amount: Amount(1) };
    let outcome = Outcome {
        fee: Amount(fee),
        spends: spends.iter().map(spend).collect(),
        credits: makes.iter().map(credit).collect(),
        ..Outcome::default()
    };
    (Tx::new(vec![name; bytes]), outcome)
}

/// What the mempool selects, by the first bytes.
fn selected(pool: &Mempool, table: &TxTable, max_cost: u64) -> Vec<u8> {
    pool.select(table, max_cost).into_iter().map(|tx| table.tx(tx).unwrap().bytes()[0]).collect()
}

fn hashes(table: &TxTable, txs: &[TxIndex]) -> Vec<Id> {
    txs.iter().map(|tx| table.hash(*tx)).collect()
}

fn limited(max_bytes: u64) -> Mempool {
    Mempool::new(MempoolLimits { max_bytes, ..MempoolLimits::default() })
}

/// Nobody owns anything.
fn nobody(_: &[u8]) -> Option<Address> {
    None
}

#[test]
fn the_order_is_by_fee_rate_with_parents_first() {
    let (mut pool, mut table) = (limited(10_000), TxTable::default());
    for (tx, outcome) in [
        coins(1, 10, &[100], &[1]),
        coins(2, 500, &[101], &[2]),
        coins(3, 900, &[1], &[3]),
        coins(4, 500, &[102], &[4]),
        coins(5, 800, &[3, 4], &[5]),
    ] {
        assert_eq!(pool.insert(&mut table, &tx, outcome, &nobody), Ok(vec![]));
    }
    assert_eq!(selected(&pool, &table, 10_000), [1, 3, 4, 5, 2]);
    assert_eq!(selected(&pool, &table, 150), [2], "what there is room for, whole packages");
    assert_eq!(selected(&pool, &table, 210), [2, 4]);
    let all: Vec<u8> = pool.entries(&table).map(|entry| entry.tx.bytes()[0]).collect();
    assert_eq!(all, [3, 5, 2, 4, 1]);
    let (tx, outcome) = coins(9, 9_999, &[1], &[9]);
    let conflict = TxReject::Conflict(coins(3, 900, &[1], &[3]).0.hash());
    assert_eq!(pool.insert(&mut table, &tx, outcome, &nobody), Err(conflict), "no replacement");
}

fn filled(all: impl IntoIterator<Item = (Tx, Outcome)>) -> (Mempool, TxTable) {
    let (mut pool, mut table) = (limited(1_000_000), TxTable::default());
    for (tx, outcome) in all {
        assert_eq!(pool.insert(&mut table, &tx, outcome, &nobody), Ok(vec![]));
    }
    (pool, table)
}

#[test]
fn parent_and_child_count_at_their_joint_rate() {
    // Together 667 for each transaction: the child's own rate lifts neither above one that pays 900.
    let alone = coins(9, 900, &[109], &[9]);
    let (pool, table) = filled([coins(1, 34, &[100], &[1]), coins(2, 1_300, &[1], &[2]), alone]);
    assert_eq!(selected(&pool, &table, 10_000), [9, 1, 2]);
    assert_eq!(selected(&pool, &table, 210), [9, 1], "the parent fills what is left");
    // A child of two parents, of which one is taken for another child's sake: then its own rate counts with the other alone.
    let (pool, table) = filled([
        coins(1, 0, &[100], &[1, 11]),
        coins(2, 2_000, &[1], &[2]),
        coins(3, 0, &[101], &[3]),
        coins(4, 1_400, &[11, 3], &[4]),
        coins(5, 690, &[102], &[5]),
        coins(6, 710, &[103], &[6]),
    ]);
    assert_eq!(selected(&pool, &table, 10_000), [1, 2, 6, 3, 4, 5]);
}

#[test]
fn a_template_is_filled_to_within_the_smallest_that_waits() {
    let (pool, table) = filled([
        sized(1, 900, 90_000, &[100], &[1]),
        sized(2, 500, 4_000, &[101], &[2]),
        sized(3, 450, 3_000, &[102], &[3]),
        sized(4, 90, 10, &[103], &[4]),
        sized(5, 100, 10, &[104], &[5]),
    ]);
    // The dearest is too large; nothing waits for it.
    assert_eq!(selected(&pool, &table, 700), [2, 4, 5]);
    assert_eq!(selected(&pool, &table, 592), [2], "a length takes one byte or two");
    assert_eq!(selected(&pool, &table, 593), [2, 4]);
    assert_eq!(selected(&pool, &table, 90), []);
}

#[test]
fn a_long_chain_of_payments_is_selected_from_its_beginning() {
    // Longer than the packages that are looked at, and the last pays most.
    let chain = (0..200u8).map(|n| coins(n, if n == 199 { 90_000 } else { 100 }, &[n], &[n + 1]));
    let (pool, table) = filled(chain.chain([coins(250, 101, &[250], &[251])]));
    let mut all = vec![250];
    all.extend(0..200u8);
    // Its last members are lifted once they are near.
    assert_eq!(selected(&pool, &table, 1_000_000), all);
    assert_eq!(selected(&pool, &table, 5 * 101), [250, 0, 1, 2, 3]);
}

#[test]
fn a_full_mempool_drops_the_cheapest_with_its_children() {
    let (mut pool, mut table) = (limited(300), TxTable::default());
    let hash = |name: u8| coins(name, 0, &[], &[]).0.hash();
    let mut insert = |name, fee, spends: &[u8], makes: &[u8]| {
        let (tx, outcome) = coins(name, fee, spends, makes);
        let evicted = pool.insert(&mut table, &tx, outcome, &nobody).unwrap();
        hashes(&table, &evicted)
    };
    insert(1, 10, &[100], &[1]);
    insert(2, 900, &[1], &[2]);
    insert(3, 20, &[101], &[3]);
    assert_eq!(insert(4, 15, &[102], &[4]), [hash(1), hash(2)], "the child pays well, but cannot stay alone");
    insert(5, 16, &[103], &[5]);
    assert_eq!(insert(6, 1, &[104], &[6]), [hash(6)], "the new one is the cheapest");
    assert_eq!((pool.len(), pool.bytes()), (3, 300));
    assert_eq!(selected(&pool, &table, 1_000), [3, 5, 4]);
}

#[test]
fn what_builds_on_itself_makes_no_selection_endless() {
    let (mut pool, mut table) = (limited(10_000), TxTable::default());
    // Pots: each payment spends a key and makes it again.
    for name in [1, 2] {
        let (tx, outcome) = coins(name, 10, &[name], &[name]);
        assert_eq!(pool.insert(&mut table, &tx, outcome, &nobody), Ok(vec![]));
    }
    let (tx, outcome) = coins(3, 10, &[30], &[31]);
    assert_eq!(pool.insert(&mut table, &tx, outcome, &nobody), Ok(vec![]));
    let (tx, outcome) = coins(4, 10, &[31], &[32]);
    assert_eq!(pool.insert(&mut table, &tx, outcome, &nobody), Ok(vec![]));
    // It makes what its own ancestor spends.
    let (tx, outcome) = coins(5, 10, &[32], &[30]);
    assert_eq!(pool.insert(&mut table, &tx, outcome, &nobody), Err(TxReject::Circular));
    assert_eq!(selected(&pool, &table, 10_000), [1, 2, 3, 4]);
}

#[test]
fn confirming_removes_the_block_and_its_conflicts_with_children() {
    let (mut pool, mut table) = (limited(10_000), TxTable::default());
    for (tx, outcome) in [coins(1, 1, &[100], &[1]), coins(2, 1, &[101], &[2]), coins(3, 1, &[2], &[3])] {
        pool.insert(&mut table, &tx, outcome, &nobody).unwrap();
    }
    let (block_tx, _) = coins(1, 1, &[100], &[1]);
    let block = table.confirmed(&[block_tx], &[vec![100], vec![101]]);
    let excluded = pool.confirm(&mut table, &block);
    assert_eq!(hashes(&table, &excluded), [coins(2, 0, &[], &[]).0.hash(), coins(3, 0, &[], &[]).0.hash()]);
    assert!(pool.is_empty());
}

#[test]
fn a_block_removes_what_a_mempool_has_of_it() {
    let mut table = TxTable::default();
    let mut pools = [limited(10_000), limited(10_000)];
    for (name, here) in [(1, 0..2), (2, 1..2), (3, 0..2)] {
        // The second one validates for itself what the first one has.
        for pool in &mut pools[here] {
            let (tx, outcome) = coins(name, 1, &[100 + name], &[name]);
            pool.insert(&mut table, &tx, outcome, &nobody).unwrap();
        }
    }
    let block = table.confirmed(&[1, 2].map(|name| coins(name, 1, &[], &[]).0), &[vec![101], vec![102]]);
    for pool in &mut pools {
        assert!(pool.confirm(&mut table, &block).is_empty());
        assert_eq!((pool.len(), pool.bytes(), selected(pool, &table, 10_000)), (1, 100, vec![3]));
        assert!(pool.confirm(&mut table, &block).is_empty() && pool.len() == 1, "nothing of it is in");
    }
}

fn quiet() -> Setup {
    Setup::new(|_| Ok(Quiet))
}

#[test]
fn account_payments_keep_their_numbers_in_order() {
    let (mut solo, factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let genesis = factory.genesis();
    let txs = solo.hear_payments_in_a_row(&factory, 4);
    assert_eq!(solo.selected(), txs, "a better fee does not overtake its own account");
    let template = solo.world.assemble(Assembly {
        draft: &Draft::new(genesis),
        time: 10_000,
        exact: true,
        txs: solo.selected(),
        payee: solo.node.address(),
        extra_nonce: 1,
    });
    assert_eq!(template.unwrap().block.txs.len(), 5);
    let (mut pool, mut table) = (limited(10_000), TxTable::default());
    for tx in &txs {
        let entry = solo.in_mempool(tx).unwrap();
        pool.insert(&mut table, tx, entry.outcome.clone(), &nobody).unwrap();
    }
    let second = table.find(&txs[1].hash()).unwrap();
    let removed = pool.remove_with_descendants(&mut table, second);
    assert_eq!((removed.len(), pool.len()), (3, 1), "the later numbers go too");
}

#[test]
fn a_node_says_what_it_drops_when_its_mempool_is_full() {
    let mut solo = Solo::new(quiet().config(|_, config| config.mempool.max_bytes = 200));
    let factory = Factory::new(quiet());
    let genesis = factory.genesis();
    let (poor, rich) = (factory.pay(genesis, 2, 3, 5, 1), factory.pay(genesis, 3, 4, 5, 900));
    assert!((101..=200).contains(&poor.bytes().len()), "one fits, two do not");
    solo.hear(0, Message::Tx(poor.clone()));
    let out = solo.hear(0, Message::Tx(rich.clone()));
    let why = TxReject::MempoolFull;
    assert_eq!(solo.dropped(&out), [(poor.hash(), why.clone())]);
    let cheap = factory.pay(genesis, 4, 3, 5, 2);
    let out = solo.hear(0, Message::Tx(cheap.clone()));
    assert_eq!(solo.rejected(&out), [(cheap.hash(), why)]);
    assert_eq!(solo.node.mempool().len(), 1);
}

#[test]
fn an_action_that_the_rules_refuse_stops_no_producer() {
    let mut factory = Factory::new(quiet());
    let genesis = factory.genesis();
    let fine = factory.pay(genesis, 2, 3, 5, 1);
    let bad = |kind| factory.act(genesis, 3, ActionRequest { kind, amount: Amount(5), data: Vec::new() });
    let (refused, burnt) =
        (bad(BAD_ACTION), factory.act(genesis, 4, ActionRequest { kind: 1, amount: Amount(5), data: vec![] }));
    let draft = Draft::new(genesis);
    let order = Assembly {
        draft: &draft,
        time: 10_000,
        exact: true,
        txs: vec![refused.clone(), fine.clone(), burnt.clone()],
        payee: factory.setup.address(1),
        extra_nonce: 1,
    };
    let template = factory.world.assemble(order).unwrap();
    assert_eq!((template.dropped, template.block.txs[1..].to_vec()), (vec![refused], vec![fine, burnt]));
    let ix = factory.world.insert(template.block.into()).unwrap();
    factory.world.validate(ix).unwrap();
    assert_eq!(factory.world.supply(ix), Amount(Amount::coins(550).0 - 5), "what nobody locks is burnt");
}

#[test]
fn what_does_not_fit_is_not_lost_with_its_children() {
    let setup = || quiet().chain(|chain| chain.max_block_bytes = 1_750);
    let mut factory = Factory::new(setup());
    let genesis = factory.genesis();
    let mut solo = Solo::new(setup());
    let mut txs = Vec::new();
    for n in 0..6 {
        let state = solo.world.state(solo.node.tip());
        let ledger = solo.node.mempool().ledger(&solo.world, &state);
        txs.push(factory.pay_over(&ledger, genesis, 2, 3, 1, 10 * n));
        drop(state);
        solo.hear(0, Message::Tx(txs[n as usize].clone()));
    }
    let draft = Draft::new(genesis);
    let payee = factory.setup.address(1);
    let order = Assembly { draft: &draft, time: 10_000, exact: true, txs: txs.clone(), payee, extra_nonce: 1 };
    let template = factory.world.assemble(order).unwrap();
    assert!(template.dropped.is_empty() && (1..6).contains(&(template.block.txs.len() - 1)));
}

#[test]
fn who_has_announced_a_transaction_before_it_came_does_not_hear_of_it_again() {
    let setup = || quiet().config(|_, config| config.relay.batch_us = SECOND);
    let (mut solo, factory) = (Solo::new(setup()), Factory::new(setup()));
    let tx = factory.pay(factory.genesis(), 2, 1, 5, 7);
    let inv = || Message::Inv(vec![InvItem::Tx(tx.hash())]);
    solo.hear(0, inv());
    solo.hear(1, inv());
    solo.hear(0, Message::Tx(tx.clone()));
    let outs = solo.run(solo.now + 10 * SECOND);
    let told: Vec<_> = outs.into_iter().flat_map(|out| out.messages).collect();
    assert_eq!(told, [(Dest::Peer(PeerId(2)), inv())]);
}
