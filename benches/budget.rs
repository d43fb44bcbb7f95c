//! The dearest valid block beside an ordinary one of as many bytes: what a transaction's budget is worth.

use criterion::{BatchSize, Throughput};
use fika_benches::{Chain, Criterion};
use fika_core::amount::Amount;
use fika_core::block::{Block, Tx};
use fika_core::codec::Encode;
use fika_core::hash::Id;
use fika_core::world::transfer::FormatLedger;
use fika_core::world::{BlockIx, Rules, Tree, World};
use fika_stack_vm::{SIGHASH_ALL, opcode, push};
use fika_utxo::coin::Outpoint;
use fika_utxo::transaction::{Input, Output, Payment, SEQUENCE_FINAL, Transaction};
use std::sync::Arc;

/// Dear transactions in a block.
const TXS: usize = 9;
/// Bytes of each.
const BYTES: usize = 10_000;
/// Coins of each whose locks check signatures: 62 each, so 248 of the 250 that its bytes allow.
const SIGNED: usize = 4;
/// Coins of each whose locks hash, at most.
const HASHED: usize = 40;
/// What each coin is worth.
const WORTH: Amount = Amount(1_000);

/// A lock that checks a signature which looks well and does not hold, 62 times, and then opens for anybody.
fn signing_lock(rules: &Rules) -> Vec<u8> {
    let pair = rules.env.keys.generate(&Id([9; 32]));
    let signature = rules.env.keys.sign(0, &pair.secret, &Id::ZERO).expect("a good key");
    let mut lock = Vec::new();
    push(&mut lock, &[signature, vec![SIGHASH_ALL]].concat());
    push(&mut lock, &pair.public);
    lock.extend([opcode::DUP2, opcode::CHECKSIG, opcode::DROP].repeat(62));
    lock
}

/// A lock that hashes a hash 200 times, and opens for anybody: of all steps those that take longest.
fn hashing_lock() -> Vec<u8> {
    let mut lock = Vec::new();
    push(&mut lock, &[7; 20]);
    lock.extend([opcode::HASH160; 200]);
    lock
}

/// Spends these coins, in so many bytes.
fn spend(coins: &[Outpoint], bytes: usize) -> Tx {
    let made = |filler: usize| {
        let inputs = coins.iter().map(|outpoint| Input { outpoint: *outpoint, sequence: SEQUENCE_FINAL, unlock: &[] });
        let lock = vec![opcode::NOP; filler];
        let outputs = vec![Output { amount: WORTH, lock: &lock }];
        let inputs = inputs.collect();
        let payment = Payment { version: 1, inputs, outputs, actions: Vec::new(), lock_time: 0 };
        Tx::new(Transaction::Payment(payment).to_bytes())
    };
    let bare = made(1_000).bytes().len() - 1_000;
    made(bytes - bare)
}

/// A world with a block whose coins have dear locks, and a valid block that spends them.
fn dearest(chain: &Chain) -> (World, BlockIx, Arc<Block>) {
    let mut world = chain.world();
    let mut order = chain.order(0);
    let lock = |n| if n % (SIGNED + HASHED) < SIGNED { signing_lock(world.rules()) } else { hashing_lock() };
    order.to = (0..TXS * (SIGNED + HASHED)).map(|n| (lock(n), WORTH)).collect();
    let fan_out = chain.pay(&world, 0, &order);
    let first = world.insert(chain.block(&world, Tree::GENESIS, [&fan_out.tx])).expect("it matches its header");
    world.validate(first).expect("it is valid");
    world.seal(first, &[]).expect("it needs no seal");

    let coins = fan_out.outcome.credits.iter().filter_map(|credit| Outpoint::from_key(&credit.key));
    let coins: Vec<Outpoint> = coins.take(TXS * (SIGNED + HASHED)).collect();
    let state = world.state(first);
    let is_valid = |tx: &Tx| world.check_tx(tx, world.next_context(first), &FormatLedger(&state)).is_ok();
    let dear = |coins: &[Outpoint]| {
        let tried = (0..=HASHED).rev().map(|hashed| spend(&coins[..SIGNED + hashed], BYTES));
        tried.into_iter().find(is_valid).expect("without hashes it is valid")
    };
    let txs: Vec<Tx> = coins.chunks(SIGNED + HASHED).map(dear).collect();
    drop(state);
    let block = chain.block(&world, first, &txs);
    (world, first, block)
}

fn validate(criterion: &mut Criterion) {
    let chain = Chain::new(1);
    let block = dearest(&chain).2;
    let bytes = block.encoded_len();
    let mut group = criterion.benchmark_group("full block");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("dearest", |bencher| {
        let world = || {
            let (mut world, _, block) = dearest(&chain);
            let ix = world.insert(block).expect("it matches its header");
            (world, ix)
        };
        bencher.iter_batched(world, validated, BatchSize::PerIteration);
    });

    let one = Chain::new(1).payments()[0].tx.encoded_len();
    let chain = Chain::new(u32::try_from(bytes / one).expect("a small block"));
    let payments = chain.payments();
    let block = chain.block(&chain.world(), Tree::GENESIS, payments.iter().map(|payment| &payment.tx));
    group.throughput(Throughput::Bytes(block.encoded_len() as u64));
    group.bench_function("ordinary", |bencher| {
        let world = || {
            let mut world = chain.world();
            let ix = world.insert(block.clone()).expect("it matches its header");
            (world, ix)
        };
        bencher.iter_batched(world, validated, BatchSize::PerIteration);
    });
}

/// The world is given back, so that freeing it is not measured.
fn validated((mut world, ix): (World, BlockIx)) -> World {
    world.validate(ix).expect("a valid block");
    world
}

fn main() {
    fika_benches::run(&[validate]);
}
