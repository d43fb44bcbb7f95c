//! Scripts of the stack machine, with signatures taken as good and with real ones.

use std::hint::black_box;

use criterion::Throughput;
use fika_benches::Criterion;
use fika_core::address::Address;
use fika_core::hash::{Id, sha256};
use fika_core::keys::{KeyPair, KeyScheme};
use fika_core::script::{InputFacts, SpendContext};
use fika_core::world::Rules;
use fika_stack_vm::{SIGHASH_ALL, template};

/// Answers as a node does; in a batch, signatures are only noted.
struct Spending<'a> {
    keys: &'a dyn KeyScheme,
    batch: bool,
}

impl SpendContext for Spending<'_> {
    fn digest(&mut self, request: &[u8]) -> Id {
        sha256(&[request])
    }

    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.batch || self.verify_now(kind, key, digest, signature)
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.keys.verify(kind, key, digest, signature)
    }

    fn address(&mut self, key: &[u8]) -> Address {
        self.keys.address(key)
    }

    fn facts(&self) -> InputFacts {
        InputFacts::default()
    }
}

fn all(criterion: &mut Criterion) {
    let Rules { script, env, .. } = fika_benches::rules();
    let keys = &*env.keys;
    let pairs: Vec<KeyPair> = (0u8..3).map(|n| keys.generate(&Id([n + 1; 32]))).collect();
    let run = |lock: &[u8], unlock: &[u8], batch| script.run(lock, unlock, 0, &mut Spending { keys, batch });
    let mut group = criterion.benchmark_group("script");

    let lock = [0x51];
    assert_eq!(run(&lock, &[], false), Ok(()));
    group.bench_function("one push, the floor", |bencher| bencher.iter(|| run(black_box(&lock), &[], false)));

    let lock = script.lock(&keys.address(&pairs[0].public));
    let sign = |pair: &KeyPair, signed: &[u8]| {
        let digest = sha256(&[&[SIGHASH_ALL], signed]);
        keys.sign(0, &pair.secret, &digest).expect("a good key")
    };
    let unlock = script.unlock(&pairs[0].public, &sign(&pairs[0], &lock));
    assert_eq!(run(&lock, &unlock, false), Ok(()));
    group.bench_function("P2PKH without the signature", |bencher| {
        bencher.iter(|| run(black_box(&lock), &unlock, true));
    });
    group.bench_function("P2PKH with ECDSA", |bencher| bencher.iter(|| run(black_box(&lock), &unlock, false)));

    let publics: Vec<_> = pairs.iter().map(|pair| &pair.public).collect();
    let lock = template::multisig(2, &publics);
    let signatures = [0, 2].map(|n: usize| [sign(&pairs[n], &lock), vec![SIGHASH_ALL]].concat());
    let unlock = template::multisig_unlock(&signatures);
    assert_eq!(run(&lock, &unlock, false), Ok(()));
    group.bench_function("2 of 3 multisig with ECDSA, one pair wrong", |bencher| {
        bencher.iter(|| run(black_box(&lock), &unlock, false));
    });

    group.throughput(Throughput::Elements(200));
    let lock = script.assemble(&format!("1 {}", "1ADD 1SUB ".repeat(100))).expect("known words");
    assert_eq!(run(&lock, &[], false), Ok(()));
    group.bench_function("200 arithmetic operations", |bencher| bencher.iter(|| run(black_box(&lock), &[], false)));
}

fn main() {
    fika_benches::run(&[all]);
}
