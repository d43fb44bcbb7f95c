//! Signatures: making them, verifying one, and verifying many at once.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Throughput;
use fika_benches::Criterion;
use fika_core::hash::{Id, sha256};
use fika_core::keys::{KeyScheme, NoKeys, VerifyJob};
use fika_core::plugin::{Descriptor, Faults};

/// Signatures in a batch.
const BATCH: u32 = 256;

fn scheme(criterion: &mut Criterion, name: &str, plugin: &Descriptor, kind: u8) {
    let keys: Box<dyn KeyScheme> =
        plugin.keys("", &fika_benches::env(Arc::new(NoKeys)), &Faults::new()).expect("defaults are good");
    let pair = keys.generate(&sha256(&[b"signer"]));
    let digests: Vec<Id> = (0..BATCH).map(|n| sha256(&[&n.to_le_bytes()])).collect();
    let sign = |digest| keys.sign(kind, &pair.secret, digest).expect("a good key");
    let signatures: Vec<_> = digests.iter().map(sign).collect();
    let jobs: Vec<_> = digests
        .iter()
        .zip(&signatures)
        .map(|(digest, signature)| VerifyJob { kind, key: &pair.public, digest, signature })
        .collect();
    assert!(keys.verify_many(&jobs).iter().all(|holds| *holds));

    let mut group = criterion.benchmark_group(format!("signatures/{name}"));
    group.bench_function("sign", |bencher| bencher.iter(|| sign(black_box(&digests[0]))));
    group.bench_function("verify", |bencher| {
        bencher.iter(|| keys.verify(kind, &pair.public, black_box(&digests[0]), &signatures[0]));
    });
    group.throughput(Throughput::Elements(BATCH.into()));
    group.bench_function("verify 256 at once", |bencher| bencher.iter(|| keys.verify_many(black_box(&jobs))));
}

fn all(criterion: &mut Criterion) {
    scheme(criterion, "RSA-2048", &fika_rsa::PLUGIN, 0);
    scheme(criterion, "secp256k1 ECDSA", &fika_secp256k1::PLUGIN, 0);
    scheme(criterion, "secp256k1 Schnorr", &fika_secp256k1::PLUGIN, 1);
    scheme(criterion, "toy", &fika_toy::PLUGIN, 0);
}

fn main() {
    fika_benches::run(&[all]);
}
