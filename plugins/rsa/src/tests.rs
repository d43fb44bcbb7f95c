use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};

use fika_core::env::ChainParams;
use fika_core::hash::{sha256, to_hex};
use fika_core::keys::{NoKeys, VerifyJob};
use proptest::prelude::*;
use rsa::BoxedUint;

use super::*;

const SCHEME: Rsa = Rsa { bits: MIN_BITS };
static PAIR: LazyLock<KeyPair> = LazyLock::new(|| SCHEME.generate(&Id([1; 32])));

fn public_key(bits: usize, exponent: u64) -> Vec<u8> {
    let modulus = BoxedUint::from_be_slice_vartime(&vec![0xff; bits / 8]);
    RsaPublicKey::new_unchecked(modulus, BoxedUint::from(exponent)).to_pkcs1_der().unwrap().into_vec()
}

#[test]
fn keys_never_change() {
    assert_eq!(to_hex(&sha256(&[&PAIR.public]).0), "f09a651bcced37fce33af154ae9d3191d6bc9ce7851cb7d5bbc788ada5863ed7");
    assert!(*PAIR == SCHEME.generate(&Id([1; 32])));
    assert!(*PAIR != SCHEME.generate(&Id([2; 32])));
}

#[test]
fn the_length_is_the_one_asked_for() {
    let env = Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) };
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
fn one_kind_and_readable_secrets_only() {
    assert_eq!(SCHEME.sign(1, &PAIR.secret, &Id::ZERO), Err("expected signature kind 0, found 1".into()));
    assert!(SCHEME.sign(0, &[1, 2, 3], &Id::ZERO).unwrap_err().starts_with("expected an RSA key"));
    let signature = SCHEME.sign(0, &PAIR.secret, &Id::ZERO).unwrap();
    assert!(!SCHEME.verify(1, &PAIR.public, &Id::ZERO, &signature));
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

/// Runs `openssl` on `input`; `None` when it is not installed.
#[allow(clippy::print_stderr, reason = "a skipped check has to be seen")]
fn openssl(args: &[&str], input: &str) -> Option<String> {
    let mut child = match Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    {
        Ok(child) => child,
        Err(error) => {
            eprintln!("skipped: openssl does not run here: {error}");
            return None;
        }
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
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

#[test]
fn pem_files_come_back() {
    let pem = SCHEME.to_pem(&PAIR);
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(SCHEME.from_pem(&pem) == Ok(PAIR.clone()));
    let error = SCHEME.from_pem(&pem.replace("MII", "MIJ")).err().unwrap();
    assert!(error.starts_with("expected an RSA key in PKCS #8") && !error.contains('\n'), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_change_is_noticed(digest: [u8; 32], at: prop::sample::Index, flip in 1u8..) {
        let digest = Id(digest);
        let good = SCHEME.sign(0, &PAIR.secret, &digest).unwrap();
        prop_assert_eq!(&good, &SCHEME.sign(0, &PAIR.secret, &digest).unwrap());
        let mut bad = good.clone();
        bad[at.index(good.len())] ^= flip;
        let mut key = PAIR.public.clone();
        key[at.index(PAIR.public.len())] ^= flip;
        let mut wrong = digest;
        wrong.0[at.index(32)] ^= flip;
        let job = |key, digest, signature| VerifyJob { kind: 0, key, digest, signature };
        let jobs = [
            job(&PAIR.public, &digest, &good),
            job(&PAIR.public, &digest, &bad),
            job(&PAIR.public, &wrong, &good),
            job(&key, &digest, &good),
        ];
        prop_assert_eq!(SCHEME.verify_many(&jobs), vec![true, false, false, false]);
    }

    #[test]
    fn random_bytes_are_refused(kind: u8, key: Vec<u8>, signature: Vec<u8>, secret: Vec<u8>, text: String) {
        prop_assert!(!SCHEME.verify(kind, &key, &Id::ZERO, &signature));
        prop_assert!(!SCHEME.verify(0, &PAIR.public, &Id::ZERO, &signature));
        prop_assert!(SCHEME.sign(0, &secret, &Id::ZERO).is_err());
        prop_assert!(SCHEME.from_pem(&text).is_err());
    }

    #[test]
    fn damaged_secrets_never_panic(at: prop::sample::Index, flip in 1u8..) {
        let mut secret = PAIR.secret.clone();
        secret[at.index(PAIR.secret.len())] ^= flip;
        let signed = SCHEME.sign(0, &secret, &Id::ZERO);
        prop_assert!(signed.is_err() || SCHEME.verify(0, &PAIR.public, &Id::ZERO, &signed.unwrap()));
    }
}
