//! Fast, insecure signatures for large simulations.
//!
//! A signature is a hash of the *public* key, the kind and the digest: whoever knows the public
//! key signs in its owner's name. It catches wrong keys, wrong digests and damage, never a
//! forger. Verifying costs one SHA-256 compression, because kind, key and digest fit into one
//! block of the hash. Keys and signatures are padded with zeros to the lengths of the scheme that
//! toy stands in for, by default secp256k1's 33 and 64 bytes, so that transactions weigh what
//! they would weigh with it.

use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash, parse_hex, sha256, to_hex};
use fika_core::keys::{KeyPair, KeyScheme};
use fika_core::plugin::Plugin;
use serde::{Deserialize, Serialize};

/// The part of a public key that is not padding, in bytes.
const KEY_LEN: usize = 20;
/// The part of a signature that is not padding, in bytes.
const SIGNATURE_LEN: usize = 32;
/// The longest key or signature that can be asked for, in bytes.
const MAX_LEN: usize = 4096;
/// The name of the PEM block.
const LABEL: &str = "FIKA TOY KEY";

/// The key scheme.
pub struct Toy {
    params: Params,
}

/// Its parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Length of a public key, in bytes.
    pub key_bytes: usize,
    /// Length of a signature, in bytes.
    pub signature_bytes: usize,
}

impl Default for Params {
    fn default() -> Self {
        Params { key_bytes: 33, signature_bytes: 64 }
    }
}

impl Plugin for Toy {
    const NAME: &'static str = "toy";
    const ABOUT: &'static str =
        "fast, INSECURE signatures for large simulations: whoever knows a public key can sign for it";
    const PARAMS: &'static [(&'static str, &'static str)] = &[
        ("key_bytes", "length of a public key in bytes, 20 to 4096; what is not needed is zeros"),
        ("signature_bytes", "length of a signature in bytes, 32 to 4096; what is not needed is zeros"),
    ];
    const PROVIDES: &'static [&'static str] = &["keys.kind.0", "keys.kind.1"];
    type Params = Params;

    fn new(params: Params, _: &Env) -> Result<Self, String> {
        let within = |key: &str, found: usize, least: usize| match found {
            n if (least..=MAX_LEN).contains(&n) => Ok(()),
            n => Err(format!("{key}: expected {least} to {MAX_LEN}, found {n}")),
        };
        within("key_bytes", params.key_bytes, KEY_LEN)?;
        within("signature_bytes", params.signature_bytes, SIGNATURE_LEN)?;
        Ok(Toy { params })
    }
}

impl Toy {
    /// The public key that belongs to `secret`.
    fn public(&self, secret: &[u8]) -> Vec<u8> {
        let mut public = domain_hash("fika toy key", &[secret]).0[..KEY_LEN].to_vec();
        public.resize(self.params.key_bytes, 0);
        public
    }
}

/// What a signature says: one compression, as 1 + 20 + 32 bytes and the hash's own padding fit into 64.
fn mark(kind: u8, key: &[u8], digest: &Id) -> Id {
    sha256(&[&[kind], key, &digest.0])
}

/// The first `len` bytes of `bytes`, if it is `padded` bytes long and the others are zeros.
fn unpad(bytes: &[u8], len: usize, padded: usize) -> Option<&[u8]> {
    let (front, zeros) = bytes.split_at_checked(len)?;
    (bytes.len() == padded && zeros.iter().all(|byte| *byte == 0)).then_some(front)
}

impl KeyScheme for Toy {
    fn generate(&self, seed: &Id) -> KeyPair {
        KeyPair { secret: seed.0.to_vec(), public: self.public(&seed.0) }
    }

    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
        if kind > 1 {
            return Err(format!("expected signature kind 0 or 1, found {kind}"));
        }
        if secret.len() != 32 {
            return Err(format!("expected a secret key of 32 bytes, found {}", secret.len()));
        }
        let mut signature = mark(kind, &self.public(secret)[..KEY_LEN], digest).0.to_vec();
        signature.resize(self.params.signature_bytes, 0);
        Ok(signature)
    }

    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        let Some(key) = unpad(key, KEY_LEN, self.params.key_bytes) else { return false };
        let Some(found) = unpad(signature, SIGNATURE_LEN, self.params.signature_bytes) else { return false };
        kind <= 1 && mark(kind, key, digest).0 == found
    }

    fn to_pem(&self, pair: &KeyPair) -> String {
        format!("-----BEGIN {LABEL}-----\n{}\n-----END {LABEL}-----\n", to_hex(&pair.secret))
    }

    fn from_pem(&self, pem: &str) -> Result<KeyPair, String> {
        let body = pem
            .trim()
            .strip_prefix(&format!("-----BEGIN {LABEL}-----"))
            .and_then(|rest| rest.strip_suffix(&format!("-----END {LABEL}-----")))
            .ok_or_else(|| format!("expected a PEM block named {LABEL}"))?;
        let secret = parse_hex(body.trim())?;
        match <[u8; 32]>::try_from(secret) {
            Ok(secret) => Ok(self.generate(&Id(secret))),
            Err(other) => Err(format!("expected a secret key of 32 bytes, found {}", other.len())),
        }
    }
}

fika_core::export!(keys Toy);

#[cfg(test)]
mod tests;
