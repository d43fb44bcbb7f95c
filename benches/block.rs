//! Headers and blocks: taking them in and validating them.

use std::hint::black_box;

use criterion::{BatchSize, Throughput};
use fika_benches::{Chain, Criterion};
use fika_core::keys::VerifyJob;
use fika_core::world::{BlockSet, Tree};

fn headers(criterion: &mut Criterion) {
    let chain = Chain::new(1);
    let mut world = chain.world();
    let tip = chain.grow(&mut world, 100);
    let rules = &world.rules().consensus;
    let parent = world.tree()[tip].parent;
    let (view, below) = (world.tree().view(tip), world.tree().view(parent));
    let mut seen = BlockSet::default();
    let mut at = tip;
    while seen.insert(at) {
        at = world.tree()[at].parent;
    }
    let past = world.view(&seen);
    assert_eq!(rules.check(&view, &below, &past), Ok(()));

    let mut group = criterion.benchmark_group("header");
    group.bench_function("work", |bencher| bencher.iter(|| world.check_work(black_box(&view.header))));
    group.bench_function("pow's rules (bits, median time)", |bencher| {
        bencher.iter(|| rules.check(black_box(&view), &below, &past));
    });
}

fn blocks(criterion: &mut Criterion) {
    for n in [1, 100, 1_000] {
        let chain = Chain::new(n);
        let payments = chain.payments();
        let block = chain.block(&chain.world(), Tree::GENESIS, payments.iter().map(|payment| &payment.tx));
        let mut group = criterion.benchmark_group(format!("block of {n}"));
        group.throughput(Throughput::Elements(n.into()));

        group.bench_function("insert (work, Merkle root)", |bencher| {
            let insert =
                |mut world: fika_core::world::World| (world.insert(block.clone()).expect("a good body"), world);
            bencher.iter_batched(|| chain.world(), insert, BatchSize::PerIteration);
        });
        for (name, proven) in [("validate, spends proven", true), ("validate, spends not proven", false)] {
            let world = || {
                let mut world = chain.world();
                let ix = world.insert(block.clone()).expect("a good body");
                if proven {
                    payments.iter().for_each(|payment| world.remember_proven(&payment.tx, &payment.outcome));
                }
                (world, ix)
            };
            group.bench_function(name, |bencher| {
                // The world is given back, so that freeing it is not measured.
                bencher.iter_batched(
                    world,
                    |(mut world, ix)| {
                        world.validate(ix).expect("a good block");
                        world
                    },
                    BatchSize::PerIteration,
                );
            });
        }
        let keys = fika_benches::rules().env.keys;
        let jobs: Vec<VerifyJob<'_>> = payments.iter().map(|payment| payment.job()).collect();
        assert!(keys.verify_many(&jobs).iter().all(|holds| *holds));
        group.bench_function("the same signatures alone, the ceiling", |bencher| {
            bencher.iter(|| keys.verify_many(black_box(&jobs)));
        });
    }
}

fn main() {
    fika_benches::run(&[headers, blocks]);
}
