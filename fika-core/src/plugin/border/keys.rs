//! [`KeyScheme`] across the border.

use std::sync::Arc;

use super::answers::{Coded, Either, Harmless, List, One, Plain};
use super::arguments::{CodedRef, Jobs, Ref, Slice, Text, Value};
use super::remote::Remote;
use crate::address::Address;
use crate::hash::Id;
use crate::keys::{KeyPair, KeyScheme, VerifyJob};

guarded_table! { KeysTable for KeyScheme {
    ref generate(seed: &Id as Ref<Id>) -> KeyPair as Coded<One<KeyPair>>;
    ref generate_many(
        seed: u64 as Value<u64>,
        first: u32 as Value<u32>,
        count: u32 as Value<u32>,
    ) -> Vec<KeyPair> as Coded<List<KeyPair>> => vec![KeyPair::harmless(""); count as usize];
    ref sign(
        kind: u8 as Value<u8>,
        secret: &[u8] as Slice,
        digest: &Id as Ref<Id>,
    ) -> Result<Vec<u8>, String> as Coded<Either<One<Vec<u8>>, String>>;
    ref verify(
        kind: u8 as Value<u8>,
        key: &[u8] as Slice,
        digest: &Id as Ref<Id>,
        signature: &[u8] as Slice,
    ) -> bool as Plain<bool>;
    ref verify_many(jobs: &[VerifyJob<'_>] as Jobs) -> Vec<bool> as Coded<List<bool>> => vec![false; jobs.len()];
    ref address(public: &[u8] as Slice) -> Address as Plain<Address>;
    ref to_pem(pair: &KeyPair as CodedRef<KeyPair>) -> String as Coded<One<String>> => String::new();
    ref from_pem(pem: &str as Text) -> Result<KeyPair, String> as Coded<Either<One<KeyPair>, String>>;
} }

// SAFETY: the object behind it is one of this trait, which demands `Sync`.
unsafe impl Sync for Remote<KeysTable> {}

/// A scheme that several owners share, as an object that one of them can give away.
pub(super) struct Shared(pub Arc<dyn KeyScheme>);

impl KeyScheme for Shared {
    fn generate(&self, seed: &Id) -> KeyPair {
        self.0.generate(seed)
    }

    fn generate_many(&self, seed: u64, first: u32, count: u32) -> Vec<KeyPair> {
        self.0.generate_many(seed, first, count)
    }

    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
        self.0.sign(kind, secret, digest)
    }

    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.0.verify(kind, key, digest, signature)
    }

    fn verify_many(&self, jobs: &[VerifyJob<'_>]) -> Vec<bool> {
        self.0.verify_many(jobs)
    }

    fn address(&self, public: &[u8]) -> Address {
        self.0.address(public)
    }

    fn to_pem(&self, pair: &KeyPair) -> String {
        self.0.to_pem(pair)
    }

    fn from_pem(&self, pem: &str) -> Result<KeyPair, String> {
        self.0.from_pem(pem)
    }
}
