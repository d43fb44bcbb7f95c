//! A payment with one input and two outputs on its way into the mempool.

use std::hint::black_box;

use fika_benches::{Chain, Criterion};
use fika_core::world::transfer::FormatLedger;
use fika_core::world::{Rules, Tree};

/// Coins in the ledger.
const COINS: u32 = 10_000;

fn all(criterion: &mut Criterion) {
    let chain = Chain::new(COINS);
    let world = chain.world();
    let payment = chain.payment(&world, 7);
    let Rules { tx, script, env, .. } = world.rules();
    let state = world.state(Tree::GENESIS);
    let (ledger, context) = (FormatLedger(&state), world.next_context(Tree::GENESIS));
    let order = chain.order(7);
    let bytes = payment.tx.bytes();
    let spends = tx.apply(bytes, context, &ledger).expect("a good payment").spends;
    let prepared = tx.prepare(bytes, &spends).expect("a good payment");
    let request = script.request(&spends[0].lock);
    let job = payment.job();

    let mut group = criterion.benchmark_group("transaction");
    group.bench_function("build", |bencher| bencher.iter(|| tx.build(black_box(&order), context, &ledger)));
    group.bench_function("apply", |bencher| bencher.iter(|| tx.apply(black_box(bytes), context, &ledger)));
    group.bench_function("prepare", |bencher| bencher.iter(|| tx.prepare(black_box(bytes), &spends)));
    group.bench_function("digest", |bencher| bencher.iter(|| tx.digest(black_box(&prepared), 0, &request)));
    group.bench_function("its signature alone, the ceiling", |bencher| {
        bencher.iter(|| env.keys.verify(0, job.key, black_box(job.digest), job.signature));
    });
    assert!(world.check_tx(&payment.tx, context, &ledger).is_ok());
    group.bench_function("World::check_tx, all of it", |bencher| {
        bencher.iter(|| world.check_tx(black_box(&payment.tx), context, &ledger));
    });
}

fn main() {
    fika_benches::run(&[all]);
}
