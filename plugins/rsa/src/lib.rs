//! RSA signatures, in PEM files that OpenSSL reads.
//!
//! Signatures are RSASSA-PKCS1-v1_5 over SHA-256 digests (RFC 8017, section 8.2), the digest
//! signed as it is, which makes them deterministic. Public keys are `RSAPublicKey` in DER
//! (PKCS #1), secret keys and files PKCS #8. Kind 0 is the only kind.

use std::fmt;

use chacha20::ChaCha20Rng;
use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};
use fika_core::keys::{KeyPair, KeyScheme};
use fika_core::plugin::Plugin;
use rsa::pkcs1::{DecodeRsaPublicKey, EncodeRsaPublicKey};
use rsa::pkcs8::der::pem;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::rand_core::SeedableRng;
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};

/// The shortest modulus, in bits.
const MIN_BITS: usize = 1024;
/// The longest modulus, in bits. With a longer one, verifying a signature would cost others too much time.
const MAX_BITS: usize = 4096;
/// The longest public key, in bytes: a modulus of [`MAX_BITS`] and an exponent of 64 bits.
const MAX_KEY_LEN: usize = MAX_BITS / 8 + 24;

/// The key scheme.
pub struct Rsa {
    bits: usize,
}

/// Its parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Length of the modulus of new keys, in bits.
    pub bits: usize,
}

impl Default for Params {
    fn default() -> Self {
        Params { bits: 2048 }
    }
}

impl Plugin for Rsa {
    const NAME: &'static str = "rsa";
    const ABOUT: &'static str = "RSA with PKCS#1 v1.5 signatures and PEM files that OpenSSL reads";
    const PARAMS: &'static [(&'static str, &'static str)] = &[(
        "bits",
        "length of new keys in bits, 1024 to 4096 in steps of 8; below 2048 is INSECURE, but quick to make",
    )];
    const PROVIDES: &'static [&'static str] = &["keys.kind.0"];
    type Params = Params;

    fn new(params: Params, _: &Env) -> Result<Self, String> {
        match params.bits {
            bits if (MIN_BITS..=MAX_BITS).contains(&bits) && bits.is_multiple_of(8) => Ok(Rsa { bits }),
            bits => Err(format!("bits: expected a multiple of 8 from {MIN_BITS} to {MAX_BITS}, found {bits}")),
        }
    }
}

/// The padding of RFC 8017, section 9.2, for a SHA-256 digest.
fn padding() -> Pkcs1v15Sign {
    Pkcs1v15Sign::new::<Sha256>()
}

/// `secret` and its public key, encoded.
fn pair(secret: &RsaPrivateKey) -> KeyPair {
    KeyPair {
        secret: secret.to_pkcs8_der().expect("a valid key has an encoding").as_bytes().to_vec(),
        public: secret.as_public_key().to_pkcs1_der().expect("a valid key has an encoding").into_vec(),
    }
}

fn unreadable(error: impl fmt::Display) -> String {
    format!("expected an RSA key in PKCS #8 (PRIVATE KEY): {error}")
}

impl KeyScheme for Rsa {
    /// Searches the primes with ChaCha20 seeded with `seed`: 10 ms at 1024 bits, 0.1 s at 2048, 3 s at 4096, more or less.
    fn generate(&self, seed: &Id) -> KeyPair {
        let mut draws = ChaCha20Rng::from_seed(domain_hash("rsa key", &[&seed.0]).0);
        pair(&RsaPrivateKey::new(&mut draws, self.bits).expect("the length was checked"))
    }

    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
        if kind != 0 {
            return Err(format!("expected signature kind 0, found {kind}"));
        }
        let secret = RsaPrivateKey::from_pkcs8_der(secret).map_err(unreadable)?;
        secret.sign(padding(), &digest.0).map_err(|error| format!("cannot sign: {error}"))
    }

    // Reading the key is a tenth of the time that verifying takes, so keys are not remembered.
    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        if kind != 0 || key.len() > MAX_KEY_LEN {
            return false;
        }
        let Ok(key) = RsaPublicKey::from_pkcs1_der(key) else { return false };
        key.n().bits() as usize <= MAX_BITS && key.verify(padding(), &digest.0, signature).is_ok()
    }

    fn to_pem(&self, pair: &KeyPair) -> String {
        pem::encode_string("PRIVATE KEY", LineEnding::LF, &pair.secret).expect("a key fits into a string")
    }

    fn from_pem(&self, text: &str) -> Result<KeyPair, String> {
        let key = RsaPrivateKey::from_pkcs8_pem(text).map_err(unreadable)?;
        match key.n().bits() as usize {
            MIN_BITS..=MAX_BITS => Ok(pair(&key)),
            bits => Err(format!("expected a modulus of {MIN_BITS} to {MAX_BITS} bits, found {bits}")),
        }
    }
}

fika_core::export!(keys Rsa);

#[cfg(test)]
mod tests;
