use std::sync::LazyLock;

use fika_core::env::ChainParams;
use fika_core::hash::{sha256, to_hex};
use fika_core::testing;
use fika_core::testing::keys::openssl;
use rsa::BoxedUint;

use super::*;

const SCHEME: Rsa = Rsa { bits: MIN_BITS };
static PAIR: LazyLock<KeyPair> = LazyLock::new(|| SCHEME.generate(&Id([1; 32])));

fn public_key(bits: usize, exponent: u64) -> Vec<u8> {
    let modulus = BoxedUint::from_be_slice_vartime(&vec![0xff; bits / 8]);
    RsaPublicKey::new_unchecked(modulus, BoxedUint::from(exponent)).to_pkcs1_der().unwrap().into_vec()
}

#[test]
fn the_promises_of_a_key_scheme_are_kept() {
    testing::keys::promises(&SCHEME);
}

#[test]
fn keys_never_change() {
    assert_eq!(to_hex(&sha256(&[&PAIR.public]).0), "f09a651bcced37fce33af154ae9d3191d6bc9ce7851cb7d5bbc788ada5863ed7");
}

#[test]
fn the_length_is_the_one_asked_for() {
    let env = testing::env(ChainParams::default());
    let refused = Rsa::new(Params { bits: 1025 }, &env).err().unwrap();
    assert_eq!(refused, "bits: expected a multiple of 8 from 1024 to 4096, found 1025");
    assert!(Rsa::new(Params { bits: 8192 }, &env).is_err());
    let scheme = Rsa::new(Params { bits: 1032 }, &env).unwrap();
    let pair = scheme.generate(&Id([3; 32]));
    let signature = scheme.sign(0, &pair.secret, &Id([7; 32])).unwrap();
    assert_eq!(signature.len(), 1032 / 8);
    assert!(scheme.verify(0, &pair.public, &Id([7; 32]), &signature));
}

#[test]
fn one_kind_and_readable_secrets_and_files_only() {
    assert_eq!(SCHEME.sign(1, &PAIR.secret, &Id::ZERO), Err("expected signature kind 0, found 1".into()));
    assert!(SCHEME.sign(0, &[1, 2, 3], &Id::ZERO).unwrap_err().starts_with("expected an RSA key"));
    let pem = SCHEME.to_pem(&PAIR);
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let error = SCHEME.from_pem(&pem.replace("MII", "MIJ")).err().unwrap();
    assert!(error.starts_with("expected an RSA key in PKCS #8"), "{error}");
}

/// What a fault in the arithmetic would give away, a signature that does not hold, is never given out.
#[test]
fn a_damaged_secret_signs_rightly_or_not_at_all() {
    let draws = &mut testing::Draws::new(1);
    for _ in 0..64 {
        let signed = SCHEME.sign(0, &draws.damaged(&PAIR.secret), &Id::ZERO);
        assert!(signed.is_err() || SCHEME.verify(0, &PAIR.public, &Id::ZERO, &signed.unwrap()));
    }
}

/// Keys made to cost time are refused before any arithmetic with them, or bounded by what is let through.
#[test]
fn hostile_keys_are_refused() {
    for key in [
        public_key(1 << 20, 65_537),
        public_key(4104, 65_537),
        public_key(4096, u64::MAX),
        public_key(4096, (1 << 33) - 1),
        public_key(512, 65_537),
        public_key(1024, 1),
    ] {
        assert!(!SCHEME.verify(0, &key, &Id::ZERO, &[1; 512]), "{} bytes", key.len());
    }
}

#[test]
fn openssl_reads_our_files_and_we_read_its() {
    let Some(said) = openssl(&["rsa", "-check", "-noout"], &SCHEME.to_pem(&PAIR)) else { return };
    assert!(said.contains("RSA key ok"), "{said}");
    let made = openssl(&["genpkey", "-algorithm", "RSA", "-quiet", "-pkeyopt", "rsa_keygen_bits:1024"], "");
    let pair = made.map(|pem| SCHEME.from_pem(&pem).unwrap()).unwrap();
    let signature = SCHEME.sign(0, &pair.secret, &Id([5; 32])).unwrap();
    assert!(SCHEME.verify(0, &pair.public, &Id([5; 32]), &signature));
}
