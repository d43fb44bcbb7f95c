//! A node that ends and starts again from what its store has.

#![allow(missing_docs)]

mod rules;
mod solo;

use fika_core::amount::Amount;
use fika_core::consensus::Anyone;
use fika_core::hash::Id;
use fika_core::header::SECOND;
use fika_core::message::{InvItem, Message};
use fika_core::node::{Event, Input, PaymentOrder};
use fika_core::testing::{MemoryStore, Setup};
use fika_core::world::{BlockIx, Genesis, Store, Tree, World};
use solo::Solo;

fn setup() -> Setup {
    Setup::new(|env| Ok(Anyone(env.clone())))
}

fn open(disk: &MemoryStore, genesis: &Genesis) -> Result<World, String> {
    setup().open(genesis, Some(Box::new(disk.clone()))).map_err(|reject| reject.to_string())
}

fn start(disk: &MemoryStore, now: u64) -> Solo {
    let world = open(disk, &setup().genesis()).unwrap();
    let mut solo = Solo::open(setup(), world, now);
    solo.give(Input::Start);
    solo
}

fn pay(solo: &mut Solo, coins: u64) {
    let to = solo.setup.address(1);
    let order = PaymentOrder { reference: 1, to, amount: Amount::coins(coins), fee: Amount::coins(1) };
    solo.give(Input::Pay(order));
}

fn states(solo: &Solo) -> Vec<(Id, Id)> {
    let tree = solo.world.tree();
    tree.path(Tree::GENESIS, solo.node.tip()).iter().map(|ix| (tree[*ix].id, tree[*ix].state_root)).collect()
}

#[test]
fn a_node_goes_on_where_it_ended() {
    let disk = MemoryStore::default();
    let mut solo = start(&disk, 0);
    for round in 0..10 {
        solo.run(round * 250 * SECOND);
        pay(&mut solo, 1);
    }
    solo.run(2_500 * SECOND);
    pay(&mut solo, 7);
    assert!(solo.height() > 200, "height {}", solo.height());
    let before = (solo.tip(), solo.node.history().to_vec(), solo.node.balance(&solo.world), states(&solo));
    assert_eq!(before.1.iter().filter(|own| own.confirmed.is_some()).count(), 10);
    drop(solo);
    let mut solo = start(&disk, 2_500 * SECOND);
    assert_eq!((solo.tip(), solo.node.history().to_vec(), solo.node.balance(&solo.world), states(&solo)), before);
    assert_eq!(solo.node.mempool().len(), 1, "the last payment waits again");
    // Old bodies are not in memory, and are served from the store.
    let in_memory = (0..solo.world.tree().len() as u32).filter(|n| solo.world.tree()[BlockIx(*n)].block.is_some());
    assert!(in_memory.count() < 110);
    let old = before.3[50].0;
    let out = solo.hear(0, Message::GetData(vec![InvItem::Block(old)]));
    assert!(matches!(&out.messages[0].1, Message::Block(block) if block.id() == old));
    let out = solo.hear(0, Message::GetHeaders(vec![solo.world.chain_id()]));
    assert!(matches!(&out.messages[0].1, Message::Headers(heads) if heads.len() > 200));
    solo.run(2_700 * SECOND);
    assert!(solo.height() > before.3.len() as u64 + 15);
    assert!(solo.node.history().iter().all(|own| own.confirmed.is_some()));
    assert!(!solo.events.iter().any(|event| matches!(event, Event::Fault { .. } | Event::BlockRejected { .. })));
}

#[test]
fn after_a_kill_a_node_has_what_was_flushed() {
    let disk = MemoryStore::default();
    let mut solo = start(&disk, 0);
    solo.run(1_000 * SECOND);
    pay(&mut solo, 5);
    let durable = solo.height();
    solo.run(1_005 * SECOND);
    drop(solo);
    disk.kill();
    let mut solo = start(&disk, 1_010 * SECOND);
    assert!(solo.height() >= durable, "{} and {durable}", solo.height());
    assert_eq!(solo.node.history().len(), 1, "a payment is durable before it leaves");
    solo.run(1_100 * SECOND);
    assert!(solo.node.history()[0].confirmed.is_some());
    // The tip that was noted is older than the blocks that were kept.
    let tip = solo.tip();
    drop(solo);
    let older = disk.blocks()[durable as usize - 3];
    disk.clone().set("tip", Some(&older.0));
    let solo = Solo::open(setup(), open(&disk, &setup().genesis()).unwrap(), 1_100 * SECOND);
    assert_eq!(solo.tip(), tip);
    assert!(solo.node.history()[0].confirmed.is_some());
}

#[test]
fn a_store_of_another_chain_is_refused() {
    let disk = MemoryStore::default();
    let mut solo = start(&disk, 0);
    solo.run(100 * SECOND);
    drop(solo);
    let other = Genesis { identity: vec![1], ..setup().genesis() };
    let why = open(&disk, &other).err().unwrap();
    assert!(why.starts_with("the database belongs to another chain"), "{why}");
}
