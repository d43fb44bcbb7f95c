//! The promises of a key scheme, as one test.
//!
//! ```
//! use fika_core::keys::NoKeys;
//! use fika_core::testing;
//!
//! // In a test:
//! testing::keys::promises(&NoKeys);
//! ```
//!
//! What it cannot know the author tests beside it: published vectors, the sizes of keys, and keys that are made to
//! cost time. That another program reads the scheme's files can be seen with [`openssl`].

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use super::Draws;
use crate::hash::Id;
use crate::keys::{KeyPair, KeyScheme, VerifyJob};

/// So many signatures of each kind are made and damaged.
const SIGNATURES: u64 = 12;
/// So many random inputs are tried.
const RANDOM: u64 = 200;
/// Kinds beyond these are not tried one by one.
const KINDS: usize = 4;

/// Tries whether `scheme` keeps the promises of a [`KeyScheme`]:
///
/// - pairs follow from their seeds, one by one and many at once, and differ;
/// - a signature is the same at every call, and holds for its kind, key and digest alone: not for another one, not
///   with a byte changed, cut off or added;
/// - a batch is answered as its jobs are one by one;
/// - unknown kinds are refused in one line;
/// - random keys, signatures, secrets and files never panic, and no random signature holds;
/// - a pair comes back from its PEM file, and what is wrong with another text is said in one line.
///
/// # Panics
/// When a promise is broken: the message says which.
pub fn promises(scheme: &dyn KeyScheme) {
    let draws = &mut Draws::new(1);
    let pairs = check_pairs(scheme, draws);
    let kinds: Vec<u8> = (0..=u8::MAX).filter(|kind| scheme.sign(*kind, &pairs[0].secret, &Id::ZERO).is_ok()).collect();
    assert_eq!(kinds.first(), Some(&0), "a scheme signs with kind 0");
    for kind in kinds.iter().take(KINDS) {
        (0..SIGNATURES).for_each(|_| check_signature(scheme, *kind, &kinds, &pairs, draws));
    }
    check_unknown_kinds(scheme, &kinds, &pairs[0]);
    check_random(scheme, &kinds, &pairs[0], draws);
    pairs.iter().for_each(|pair| check_file(scheme, pair, draws));
}

/// Pairs follow from seeds. Gives two of them.
fn check_pairs(scheme: &dyn KeyScheme, draws: &mut Draws) -> [KeyPair; 2] {
    let seed = draws.id();
    let pairs = [scheme.generate(&seed), scheme.generate(&draws.id())];
    assert!(scheme.generate(&seed) == pairs[0], "generate gives another pair for the same seed {seed}");
    let many = scheme.generate_many(7, u32::MAX - 2, 3);
    assert_eq!(many.len(), 3, "generate_many gives as many pairs as it is asked for");
    let single = |first: u32| scheme.generate_many(7, first, 1).pop().expect("generate_many gives one pair");
    for (pair, n) in many.iter().zip([u32::MAX - 2, u32::MAX - 1, u32::MAX]) {
        assert!(*pair == single(n), "the pair of node {n} depends on which others are asked for with it");
    }
    assert!(many[0] != scheme.generate_many(8, u32::MAX - 2, 1)[0], "two networks have the same keys");
    assert!(scheme.generate_many(7, 0, 0).is_empty(), "no pairs are none");
    let all = || pairs.iter().chain(&many);
    let addresses: BTreeSet<_> = all().map(|pair| scheme.address(&pair.public)).collect();
    assert_eq!(addresses.len(), 5, "different pairs have different addresses");
    for pair in all() {
        let digest = draws.id();
        let signature = sign(scheme, 0, pair, &digest);
        assert!(scheme.verify(0, &pair.public, &digest, &signature), "the keys of a pair belong together");
    }
    pairs
}

fn sign(scheme: &dyn KeyScheme, kind: u8, pair: &KeyPair, digest: &Id) -> Vec<u8> {
    scheme
        .sign(kind, &pair.secret, digest)
        .unwrap_or_else(|error| panic!("the scheme's own key does not sign: {error}"))
}

/// One signature over a random digest, and what must not hold in its place.
fn check_signature(scheme: &dyn KeyScheme, kind: u8, kinds: &[u8], pairs: &[KeyPair; 2], draws: &mut Draws) {
    let [pair, other] = pairs;
    let digest = draws.id();
    let good = sign(scheme, kind, pair, &digest);
    assert!(good == sign(scheme, kind, pair, &digest), "a signature of kind {kind} is another one at the second call");
    let damaged_digest = Id(draws.damaged(&digest.0).try_into().expect("damage changes no length"));
    let damaged_key = draws.damaged(&pair.public);
    let (cut, longer) = (good[..draws.below(good.len() as u64) as usize].to_vec(), [&good[..], &[0]].concat());
    let job = |key, digest, signature| VerifyJob { kind, key, digest, signature };
    let damaged = draws.damaged(&good);
    let mut jobs = vec![
        ("the signature", job(&pair.public[..], &digest, &good[..])),
        ("a damaged signature", job(&pair.public, &digest, &damaged)),
        ("a signature that is cut", job(&pair.public, &digest, &cut)),
        ("a signature with one byte more", job(&pair.public, &digest, &longer)),
        ("a signature over another digest", job(&pair.public, &damaged_digest, &good)),
        ("the signature of another key", job(&other.public, &digest, &good)),
        ("no signature", job(&pair.public, &digest, &[])),
        ("the signature, without a key", job(&[], &digest, &good)),
    ];
    if kind == 0 {
        // Other kinds may read several forms of one key.
        jobs.push(("the signature of a damaged key", job(&damaged_key, &digest, &good)));
    }
    let others = kinds.iter().filter(|other| **other != kind).take(KINDS);
    for other in others {
        let as_other = VerifyJob { kind: *other, key: &pair.public, digest: &digest, signature: &good };
        jobs.push(("a signature of another kind", as_other));
    }
    draws.shuffle(&mut jobs);
    for (what, job) in &jobs {
        let holds = scheme.verify(job.kind, job.key, job.digest, job.signature);
        assert_eq!(holds, *what == "the signature", "kind {}: {what} over {digest}", job.kind);
    }
    let batch: Vec<VerifyJob<'_>> = jobs.iter().map(|(_, job)| *job).collect();
    let expected: Vec<bool> = jobs.iter().map(|(what, _)| *what == "the signature").collect();
    assert_eq!(scheme.verify_many(&batch), expected, "kind {kind}: a batch is answered as its jobs are");
    let _ = scheme.verify(kind, &damaged_key, &digest, &good);
}

fn check_unknown_kinds(scheme: &dyn KeyScheme, kinds: &[u8], pair: &KeyPair) {
    let signature = sign(scheme, 0, pair, &Id::ZERO);
    for kind in (0..=u8::MAX).filter(|kind| !kinds.contains(kind)) {
        let error = scheme.sign(kind, &pair.secret, &Id::ZERO).expect_err("it does not sign with this kind");
        check_line(&error);
        assert!(!scheme.verify(kind, &pair.public, &Id::ZERO, &signature), "a signature of the unknown kind {kind}");
    }
}

/// What is said of bad input is one line.
fn check_line(error: &str) {
    assert!(!error.is_empty() && !error.contains('\n'), "expected one line, found {error:?}");
}

/// Bytes from anywhere.
fn check_random(scheme: &dyn KeyScheme, kinds: &[u8], pair: &KeyPair, draws: &mut Draws) {
    for _ in 0..RANDOM {
        let (kind, key, signature) = (*draws.pick(kinds), draws.bytes(80), draws.bytes(300));
        assert!(!scheme.verify(kind, &key, &Id::ZERO, &signature), "a random signature by a random key");
        assert!(!scheme.verify(kind, &pair.public, &Id::ZERO, &signature), "a random signature of kind {kind}");
        let _ = scheme.address(&key);
        for secret in [key, draws.damaged(&pair.secret)] {
            if let Err(error) = scheme.sign(kind, &secret, &Id::ZERO) {
                check_line(&error);
            }
        }
        let text = String::from_utf8_lossy(&signature).into_owned();
        check_line(&scheme.from_pem(&text).err().unwrap_or_else(|| panic!("{text:?} is read as a key file")));
    }
    assert!(scheme.verify_many(&[]).is_empty(), "no jobs have no answers");
}

fn check_file(scheme: &dyn KeyScheme, pair: &KeyPair, draws: &mut Draws) {
    let pem = scheme.to_pem(pair);
    assert!(pem.starts_with("-----BEGIN ") && pem.ends_with("-----\n"), "expected a PEM file, found {pem:?}");
    assert!(scheme.from_pem(&pem).is_ok_and(|read| read == *pair), "a pair does not come back from its file");
    for _ in 0..RANDOM / 10 {
        let damaged = String::from_utf8_lossy(&draws.damaged(pem.as_bytes())).into_owned();
        if let Err(error) = scheme.from_pem(&damaged) {
            check_line(&error);
        }
        let cut = &pem[..draws.below(pem.len() as u64 - 1) as usize];
        assert!(scheme.from_pem(cut).is_err(), "a cut file is read as a key: {cut:?}");
    }
}

/// Runs the program `openssl` with `input`, to see whether it reads a scheme's files and writes what the scheme
/// reads. `None` when it is not installed, which is said on the terminal.
///
/// # Panics
/// When it fails.
#[allow(clippy::print_stderr, reason = "a skipped check has to be seen")]
pub fn openssl(args: &[&str], input: &str) -> Option<String> {
    let mut openssl = Command::new("openssl");
    openssl.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match openssl.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("skipped: openssl does not run here: {error}");
            return None;
        }
    };
    let written = child.stdin.take().expect("its input is a pipe").write_all(input.as_bytes());
    written.unwrap_or_else(|error| panic!("openssl {args:?} does not read: {error}"));
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("openssl {args:?}: {error}"));
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}
