//! The simulator: whole runs by the events that happen in them, and the queue of events against a plain heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fika_core::hash::draw;
use fika_host::{Experiment, Registry};
use sim::order::{Class, Order};
use sim::queue::Queue;

/// The queue is no part of the crate's public face, so its sources are compiled in here.
#[allow(dead_code, unreachable_pub, unused_imports, reason = "not all of it is measured")]
#[path = "../fika-host/src/sim"]
mod sim {
    pub(crate) mod order;
    pub(crate) mod queue;
}

/// Miners with eight links each, a block every ten minutes of virtual time.
fn network(nodes: u32, blocks: u32) -> Experiment {
    let text = format!(
        r#"
        [experiment]
        engine = "sim"
        stop_height = {blocks}
        [chain]
        block_interval = "600 s"
        proof = "sampled"
        [keys]
        plugin = "toy"
        [network]
        nodes = {nodes}
        graph = {{ kind = "random_regular", degree = 8 }}
        link = {{ latency = {{ model = "pareto", mean = "100 ms" }} }}
        "#
    );
    Experiment::parse("bench.toml", &text, &[]).expect("a good experiment")
}

fn event_loop(c: &mut Criterion) {
    let mut group = c.benchmark_group("simulator/events");
    group.sample_size(10);
    for (nodes, blocks) in [(1_000, 20), (10_000, 5)] {
        let (experiment, registry) = (network(nodes, blocks), Registry::stock());
        let run = || fika_host::simulate(&experiment, &registry).expect("it runs");
        group.throughput(Throughput::Elements(run().events));
        group.bench_function(BenchmarkId::from_parameter(nodes), |b| b.iter(run));
    }
    group.finish();
}

/// Messages that arrive within seconds, now and then something that is far away: half of the queue in advance.
fn orders(count: u32) -> Vec<Order> {
    let order = |n: u32| {
        let drawn = draw(7, 0, n.into());
        let ahead = if drawn >> 58 == 0 { drawn % 600_000_000 } else { drawn % 3_000_000 };
        Order::new(u64::from(n) * 10 + ahead, Class::Arrive, n % 1_000, n)
    };
    (0..count).map(order).collect()
}

fn queue(c: &mut Criterion) {
    let mut group = c.benchmark_group("simulator/queue");
    for waiting in [1_000u32, 100_000] {
        let orders = orders(waiting * 4);
        let (first, rest) = orders.split_at(waiting as usize);
        group.throughput(Throughput::Elements(rest.len() as u64));
        group.bench_function(BenchmarkId::new("slices", waiting), |b| {
            let full = || {
                let mut queue = Queue::new();
                first.iter().for_each(|order| queue.push(0, *order, 0u64));
                queue
            };
            let exchange = |mut queue: Queue<u64>| {
                let mut now = 0;
                for order in rest {
                    // Nothing is put in before what has come out.
                    let order =
                        if order.at() < now { Order::new(now, Class::Arrive, 0, order.sequence()) } else { *order };
                    queue.push(now, order, 0);
                    now = queue.pop().map_or(now, |(order, _)| order.at());
                }
                queue
            };
            b.iter_batched(full, exchange, BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("heap", waiting), |b| {
            let full = || first.iter().map(|order| Reverse((*order, 0u64))).collect::<BinaryHeap<_>>();
            let exchange = |mut heap: BinaryHeap<Reverse<(Order, u64)>>| {
                let mut now = 0;
                for order in rest {
                    let order =
                        if order.at() < now { Order::new(now, Class::Arrive, 0, order.sequence()) } else { *order };
                    heap.push(Reverse((order, 0)));
                    now = heap.pop().map_or(now, |Reverse((order, _))| order.at());
                }
                heap
            };
            b.iter_batched(full, exchange, BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, event_loop, queue);
criterion_main!(benches);
