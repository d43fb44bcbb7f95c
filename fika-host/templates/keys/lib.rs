//! __Name__: keys and signatures.
//!
//! INSECURE as it stands: a signature is a hash of the *public* key and the digest, so anyone can
//! forge one. Put your scheme in its place; everything around it stays.

use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash, parse_hex, to_hex};
use fika_core::keys::{KeyPair, KeyScheme};
use fika_core::plugin::Plugin;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The table `[keys.__name__]` of an experiment.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Length of a signature in bytes.
    pub signature_bytes: usize,
}

impl Default for Params {
    fn default() -> Self {
        Params { signature_bytes: 64 }
    }
}

/// The scheme.
pub struct __Name__ {
    signature_bytes: usize,
}

impl Plugin for __Name__ {
    const NAME: &'static str = "__name__";
    const ABOUT: &'static str = "INSECURE signatures that anyone can forge, to start from";
    const PARAMS: &'static [(&'static str, &'static str)] = &[("signature_bytes", "length of a signature in bytes")];
    type Params = Params;

    fn new(params: Params, _: &Env) -> Result<Self, String> {
        match params.signature_bytes {
            bytes @ 32..=512 => Ok(__Name__ { signature_bytes: bytes }),
            bytes => Err(format!("signature_bytes: expected 32 to 512, found {bytes}")),
        }
    }
}

impl __Name__ {
    fn public(secret: &[u8]) -> Vec<u8> {
        domain_hash("__name__ public", &[secret]).0.to_vec()
    }

    fn signature(&self, public: &[u8], digest: &Id) -> Vec<u8> {
        let mut bytes = domain_hash("__name__ signature", &[public, &digest.0]).0.to_vec();
        bytes.resize(self.signature_bytes, 0);
        bytes
    }
}

impl KeyScheme for __Name__ {
    fn generate(&self, seed: &Id) -> KeyPair {
        let secret = domain_hash("__name__ secret", &[&seed.0]).0.to_vec();
        KeyPair { public: Self::public(&secret), secret }
    }

    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
        match kind {
            0 => Ok(self.signature(&Self::public(secret), digest)),
            _ => Err(format!("expected signature kind 0, found {kind}")),
        }
    }

    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        kind == 0 && signature == self.signature(key, digest)
    }

    fn to_pem(&self, pair: &KeyPair) -> String {
        format!("-----BEGIN __NAME__ KEY-----\n{}\n-----END __NAME__ KEY-----\n", to_hex(&pair.secret))
    }

    fn from_pem(&self, pem: &str) -> Result<KeyPair, String> {
        let body = pem.trim().strip_prefix("-----BEGIN __NAME__ KEY-----");
        let body = body.and_then(|rest| rest.strip_suffix("-----END __NAME__ KEY-----"));
        let secret = parse_hex(body.ok_or("expected a PEM block named __NAME__ KEY")?.trim())?;
        Ok(KeyPair { public: Self::public(&secret), secret })
    }
}

fika_core::export!(keys __Name__);
