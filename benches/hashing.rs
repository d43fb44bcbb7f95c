//! Hashing: the search for a nonce, Merkle trees, digests with a domain.

use std::hint::black_box;

use criterion::Throughput;
use fika_benches::Criterion;
use fika_core::hash::{domain_hash, merkle_root, sha256};
use fika_core::header::Header;
use fika_core::target::{Target, grind_sha256d};
use ruint::aliases::U256;

/// Nonces per measured call.
const NONCES: u32 = 10_000;

fn nonces(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hashing/nonces");
    group.throughput(Throughput::Elements(NONCES.into()));
    // No id is that low, so every nonce is tried.
    let target = Target(U256::from(1));
    let header = Header { version: 1, time: 1, bits: 0x1d00_ffff, root: sha256(&[b"root"]), ..Header::default() };
    group.bench_function("naive, the whole header each time", |bencher| {
        bencher.iter(|| {
            let mut header = black_box(header);
            (0..NONCES).any(|nonce| {
                header.nonce = nonce;
                target.is_met_by(&header.id())
            })
        });
    });
    group.bench_function("grind_sha256d", |bencher| {
        bencher.iter(|| grind_sha256d(&mut black_box(header), target, NONCES));
    });
}

fn others(criterion: &mut Criterion) {
    let leaves: Vec<_> = (0u32..4_000).map(|n| sha256(&[&n.to_le_bytes()])).collect();
    criterion.bench_function("hashing/Merkle root of 4,000", |bencher| {
        bencher.iter(|| merkle_root(black_box(&leaves).iter().copied()));
    });
    criterion.bench_function("hashing/digest with a domain, 100 bytes", |bencher| {
        bencher.iter(|| domain_hash("fika bench", black_box(&[&[1; 100]])));
    });
}

fn main() {
    fika_benches::run(&[nonces, others]);
}
