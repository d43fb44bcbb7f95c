//! Key schemes: who can sign, and what an address is.
//!
//! A node's pair is generated from the run's seed (or read from a PEM file). The node takes its address, signs
//! spends and block proofs with it, and verifies those of others, one at a time or in batches.
//! A scheme may have several *kinds* of signatures over the same keys (ECDSA and Schnorr, say);
//! kind 0 is the one that wallets and producers use.

use crate::address::Address;
use crate::codec::coded_struct;
use crate::hash::{Id, domain_hash, hash160};

/// A secret key and its public key, each in the scheme's own encoding.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// Never leaves the node.
    pub secret: Vec<u8>,
    /// What others verify with.
    pub public: Vec<u8>,
}

coded_struct!(KeyPair { secret, public });

/// One signature to be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyJob<'a> {
    /// The kind of signature.
    pub kind: u8,
    /// The public key.
    pub key: &'a [u8],
    /// What was signed.
    pub digest: &'a Id,
    /// The signature.
    pub signature: &'a [u8],
}

/// Signatures and addresses of one chain.
pub trait KeyScheme: Send + Sync {
    /// The pair that belongs to `seed`: the same one on every machine.
    fn generate(&self, seed: &Id) -> KeyPair;

    /// The pairs of `count` nodes from the one of number `first` on, in a network with this seed: these are the keys that
    /// nodes have, and each is the same one whichever others are asked for with it. By default each is
    /// [generated](KeyScheme::generate) from a seed of its own; where one key can be made out of the one before, a large
    /// network is sooner ready.
    fn generate_many(&self, seed: u64, first: u32, count: u32) -> Vec<KeyPair> {
        let seed_of = |n: u32| domain_hash("fika node key", &[&seed.to_le_bytes(), &n.to_le_bytes()]);
        (0..count).map(|n| self.generate(&seed_of(first.wrapping_add(n)))).collect()
    }

    /// A signature of `kind` over `digest`, the same one at every call.
    ///
    /// # Errors
    /// When `secret` is not a key of this scheme or the kind is unknown.
    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String>;

    /// Whether `signature` is one of `kind` by `key` over `digest`. False for anything malformed.
    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool;

    /// One answer per job, equal to what [`verify`](KeyScheme::verify) answers for it.
    fn verify_many(&self, jobs: &[VerifyJob<'_>]) -> Vec<bool> {
        jobs.iter().map(|job| self.verify(job.kind, job.key, job.digest, job.signature)).collect()
    }

    /// The address of a public key: by default its HASH160, as Bitcoin makes it.
    fn address(&self, public: &[u8]) -> Address {
        Address(hash160(public))
    }

    /// The pair as a PEM file; [`from_pem`](KeyScheme::from_pem) reads it back.
    fn to_pem(&self, pair: &KeyPair) -> String;

    /// Reads what [`to_pem`](KeyScheme::to_pem) wrote.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    #[expect(clippy::wrong_self_convention, reason = "it makes a pair, and the scheme knows how")]
    fn from_pem(&self, pem: &str) -> Result<KeyPair, String>;
}

/// The smallest key scheme: the public key signs for its owner, so anyone can forge. A template
/// for authors, a test double, and what key schemes find in their own [`Env`](crate::env::Env).
pub struct NoKeys;

impl KeyScheme for NoKeys {
    fn generate(&self, seed: &Id) -> KeyPair {
        KeyPair { secret: seed.0.to_vec(), public: seed.0.to_vec() }
    }

    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
        Ok(domain_hash("no-keys", &[&[kind], secret, &digest.0]).0.to_vec())
    }

    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        domain_hash("no-keys", &[&[kind], key, &digest.0]).0 == signature
    }

    fn to_pem(&self, pair: &KeyPair) -> String {
        format!("-----BEGIN NO KEY-----\n{}\n-----END NO KEY-----\n", crate::hash::to_hex(&pair.secret))
    }

    fn from_pem(&self, pem: &str) -> Result<KeyPair, String> {
        let body = pem
            .trim()
            .strip_prefix("-----BEGIN NO KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END NO KEY-----"))
            .ok_or("expected a PEM block named NO KEY")?;
        let secret = crate::hash::parse_hex(body.trim())?;
        Ok(KeyPair { public: secret.clone(), secret })
    }
}
