//! ECDSA and Schnorr signatures over secp256k1, by Bitcoin's own library.
//!
//! | kind | signature | key |
//! |---|---|---|
//! | 0 | ECDSA in strict DER (BIP 66), low S only (BIP 146), nonce by RFC 6979 | 33 bytes compressed, or 65 |
//! | 1 | Schnorr (BIP 340), 64 bytes, no auxiliary randomness | 32 bytes, or 33 whose parity is ignored |
//!
//! Public keys made here are compressed. A digest is signed as it is, unhashed. PEM files are
//! SEC 1's `EC PRIVATE KEY`, as `openssl ec` reads and writes them.

mod parsed;
mod pem;

use std::ptr::NonNull;
use std::sync::LazyLock;

use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};
use fika_core::keys::{KeyPair, KeyScheme};
use fika_core::plugin::Plugin;
use secp256k1::ffi::{self, CPtr};
use secp256k1::{Keypair, PublicKey, Scalar, SecretKey, XOnlyPublicKey, ecdsa, schnorr};
use serde::{Deserialize, Serialize};

/// The key scheme.
pub struct Secp256k1;

/// It has no parameters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {}

impl Plugin for Secp256k1 {
    const NAME: &'static str = "secp256k1";
    const ABOUT: &'static str = "Bitcoin's curve: ECDSA (kind 0) and Schnorr (kind 1), PEM files that OpenSSL reads";
    const PROVIDES: &'static [&'static str] = &["keys.kind.0", "keys.kind.1"];
    type Params = Params;

    fn new(_: Params, _: &Env) -> Result<Self, String> {
        Ok(Secp256k1)
    }
}

/// `secret` and its compressed public key; `None` when the secret key is not valid.
fn pair(secret: &[u8; 32]) -> Option<KeyPair> {
    Some(KeyPair { secret: secret.to_vec(), public: compressed(&public_key(secret)?).to_vec() })
}

/// A context of the C library that can compute public keys: made once, never changed again.
struct Context(NonNull<ffi::Context>);

// SAFETY: the library's documentation allows any number of threads to use a context that nobody changes.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

static CONTEXT: LazyLock<Context> = LazyLock::new(|| {
    // SAFETY: the flag is the one that asks for such a context; it lives as long as the program.
    Context(unsafe { ffi::secp256k1_context_create(ffi::SECP256K1_START_SIGN) })
});

/// The safe wrappers make a context for each key, and one to check the secret key.
fn public_key(secret: &[u8; 32]) -> Option<PublicKey> {
    // SAFETY: the context can sign; the secret key has 32 bytes, and the public one is used only when it was made.
    let (public, made) = unsafe {
        let mut public = ffi::PublicKey::new();
        let made = ffi::secp256k1_ec_pubkey_create(CONTEXT.0.as_ptr(), &raw mut public, secret.as_ptr());
        (public, made)
    };
    (made == 1).then(|| PublicKey::from(public))
}

/// The compressed form of a public key. Here too the safe wrapper makes a context, which takes as long as the key itself.
fn compressed(key: &PublicKey) -> [u8; 33] {
    let (mut form, mut bytes) = ([0; 33], 33);
    // SAFETY: the static context serves whatever needs no secret; the form has as many bytes as are announced.
    let made = unsafe {
        let (context, key) = (ffi::secp256k1_context_static, key.as_c_ptr());
        ffi::secp256k1_ec_pubkey_serialize(
            context,
            form.as_mut_ptr(),
            &raw mut bytes,
            key,
            ffi::SECP256K1_SER_COMPRESSED,
        )
    };
    assert!(made == 1 && bytes == form.len(), "a public key has a compressed form");
    form
}

/// `count` pairs, of the secret keys from `base` plus `first` on. `None` when one of them is not valid.
fn family(base: &[u8], first: u32, count: u32) -> Option<Vec<KeyPair>> {
    let number = |n: u32| {
        let mut bytes = [0; 32];
        bytes[28..].copy_from_slice(&n.to_be_bytes());
        Scalar::from_be_bytes(bytes).ok()
    };
    let one = number(1)?;
    let generator = public_key(&one.to_be_bytes())?;
    let mut secret = secret_key(base).ok()?.add_tweak(&number(first)?).ok()?;
    let mut public = public_key(secret.as_secret_bytes())?;
    let mut pairs = Vec::with_capacity(count as usize);
    for n in 0..count {
        if n > 0 {
            secret = secret.add_tweak(&one).ok()?;
            public = PublicKey::combine_keys(&[&public, &generator]).ok()?;
        }
        pairs.push(KeyPair { secret: secret.as_secret_bytes().to_vec(), public: compressed(&public).to_vec() });
    }
    Some(pairs)
}

/// Signs as the safe wrapper does. That makes and blinds a context for every key and every signature, which is half of
/// the time. `None` when the secret key is not valid.
fn sign_ecdsa(secret: &[u8; 32], digest: &Id) -> Option<ecdsa::Signature> {
    // SAFETY: the context can sign; digest and secret key have 32 bytes, and the signature is used only when it was
    // made. The nonce is the library's own, by RFC 6979.
    let (signature, made) = unsafe {
        let mut signature = ffi::Signature::new();
        let (context, nonce) = (CONTEXT.0.as_ptr(), ffi::secp256k1_nonce_function_rfc6979);
        let (digest, key) = (digest.0.as_ptr(), secret.as_ptr());
        let made = ffi::secp256k1_ecdsa_sign(context, &raw mut signature, digest, key, nonce, std::ptr::null());
        (signature, made)
    };
    (made == 1).then(|| ecdsa::Signature::from(signature))
}

/// As many bytes as a secret key has.
fn secret_bytes(bytes: &[u8]) -> Result<&[u8; 32], String> {
    bytes.try_into().map_err(|_| format!("expected a secret key of 32 bytes, found {}", bytes.len()))
}

const NOT_SECRET: &str = "expected a secret key between 0 and the order of the curve";

/// Reads a secret key.
fn secret_key(bytes: &[u8]) -> Result<SecretKey, String> {
    SecretKey::from_secret_bytes(*secret_bytes(bytes)?).map_err(|_| NOT_SECRET.to_string())
}

// Verification calls the C library with its static context: without std, the safe wrappers make
// a context for every call, which is a tenth of the time that verifying takes.

fn verify_ecdsa(key: &[u8], digest: &Id, signature: &[u8]) -> Option<bool> {
    let signature = ecdsa::Signature::from_der(signature).ok()?;
    let key = parsed::public_key(key)?;
    let (signature, key) = (signature.as_c_ptr(), key.as_c_ptr());
    // SAFETY: the static context serves whatever needs no secret; signature, digest (32 bytes) and key are alive.
    let valid =
        unsafe { ffi::secp256k1_ecdsa_verify(ffi::secp256k1_context_static, signature, digest.0.as_ptr(), key) };
    Some(valid == 1)
}

fn verify_schnorr(key: &[u8], digest: &Id, signature: &[u8]) -> Option<bool> {
    let x = match key {
        [2 | 3, x @ ..] if x.len() == 32 => x,
        x => x,
    };
    let key = XOnlyPublicKey::from_byte_array(x.try_into().ok()?).ok()?;
    let signature: &[u8; 64] = signature.try_into().ok()?;
    let (signature, key, message) = (signature.as_ptr(), key.as_c_ptr(), &digest.0);
    // SAFETY: as above; the signature has 64 bytes and the message the length that is given.
    let valid = unsafe {
        let context = ffi::secp256k1_context_static;
        ffi::secp256k1_schnorrsig_verify(context, signature, message.as_ptr(), message.len(), key)
    };
    Some(valid == 1)
}

impl KeyScheme for Secp256k1 {
    /// Hashes the seed with a counter until the hash is a key, which the first nearly always is.
    fn generate(&self, seed: &Id) -> KeyPair {
        let candidate = |n: u64| pair(&domain_hash("secp256k1 key", &[&seed.0, &n.to_le_bytes()]).0);
        (0..).find_map(candidate).expect("one of 2^64 hashes is below the order")
    }

    /// Their secrets follow each other, so whoever has one has them all, as with the seed. A public key is the one
    /// before plus the generator: a seventh of the work that it takes to make it out of the secret.
    fn generate_many(&self, seed: u64, first: u32, count: u32) -> Vec<KeyPair> {
        let base = self.generate(&domain_hash("secp256k1 node keys", &[&seed.to_le_bytes()])).secret;
        family(&base, first, count).expect("no hash is so near to the order")
    }

    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
        match kind {
            0 => {
                let signature = sign_ecdsa(secret_bytes(secret)?, digest).ok_or(NOT_SECRET)?;
                Ok(signature.serialize_der().to_vec())
            }
            1 => {
                let pair = Keypair::from_secret_key(&secret_key(secret)?);
                Ok(schnorr::sign_no_aux_rand(&digest.0, &pair).to_byte_array().to_vec())
            }
            _ => Err(format!("expected signature kind 0 (ecdsa) or 1 (schnorr), found {kind}")),
        }
    }

    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        match kind {
            0 => verify_ecdsa(key, digest, signature) == Some(true),
            1 => verify_schnorr(key, digest, signature) == Some(true),
            _ => false,
        }
    }

    fn to_pem(&self, pair: &KeyPair) -> String {
        pem::write(pair)
    }

    fn from_pem(&self, text: &str) -> Result<KeyPair, String> {
        let (secret, public) = pem::read(text)?;
        let pair = pair(secret_bytes(&secret)?).ok_or(NOT_SECRET)?;
        match public.map(|public| PublicKey::from_slice(&public)) {
            None => Ok(pair),
            Some(Ok(public)) if compressed(&public)[..] == pair.public => Ok(pair),
            Some(_) => Err("expected the public key that belongs to the secret key, found another".into()),
        }
    }
}

fika_core::export!(keys Secp256k1);

#[cfg(test)]
mod tests;
