//! The promises of a script language, as one test, and a spend for scripts to run in.
//!
//! ```
//! use fika_core::script::{InputFacts, PayToAddress, Script};
//! use fika_core::testing::script::{Spending, promises};
//! use fika_core::testing::{Person, refused};
//!
//! // In a test:
//! promises(&PayToAddress);
//!
//! // One script, in a transaction with a lock time.
//! let (alice, bob) = (Person::new(1), Person::new(2));
//! let mut spend = Spending { facts: InputFacts { lock_time: 500, ..InputFacts::default() }, ..Spending::default() };
//! let lock = PayToAddress.lock(&alice.address());
//! let (hers, his) = (spend.unlock(&PayToAddress, &lock, &alice), spend.unlock(&PayToAddress, &lock, &bob));
//! assert_eq!(PayToAddress.run(&lock, &hers, 0, &mut spend), Ok(()));
//! assert!(refused(PayToAddress.run(&lock, &his, 0, &mut spend), "invalid").contains("not belong to the address"));
//! ```

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::{Draws, Person};
use crate::address::Address;
use crate::agent::Signer;
use crate::codec::Decode;
use crate::hash::{Id, sha256};
use crate::keys::{KeyScheme, NoKeys};
use crate::reject::Reject;
use crate::script::{InputFacts, Script, SpendContext};

/// So many owners are tried.
const OWNERS: u64 = 8;
/// So many random scripts are run.
const RANDOM: u64 = 500;

/// A spend for scripts to run in, without a transaction: the digest of a request is its hash, and keys are [`NoKeys`].
#[derive(Clone, Debug, Default)]
pub struct Spending {
    /// What the transaction says about the input.
    pub facts: InputFacts,
    /// Makes the digests of one spend differ from those of another.
    pub number: u64,
    /// Answers true wherever a script lets it, as a node does that collects a batch, and notes here whether that was
    /// right.
    pub guesses: Option<Vec<bool>>,
}

impl Spending {
    /// What unlocks a standard lock in the name of `who`, as a wallet makes it.
    pub fn unlock(&mut self, script: &dyn Script, lock: &[u8], who: &Person) -> Vec<u8> {
        let digest = self.digest(&script.request(lock));
        let proof = <(Vec<u8>, Vec<u8>)>::from_bytes(&who.sign(&digest)).expect("a proof is a key and a signature");
        script.unlock(&proof.0, &proof.1)
    }
}

impl SpendContext for Spending {
    fn digest(&mut self, request: &[u8]) -> Id {
        sha256(&[&self.number.to_le_bytes(), request])
    }

    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        let holds = self.verify_now(kind, key, digest, signature);
        match &mut self.guesses {
            Some(guesses) => {
                guesses.push(holds);
                true
            }
            None => holds,
        }
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        NoKeys.verify(kind, key, digest, signature)
    }

    fn address(&mut self, key: &[u8]) -> Address {
        NoKeys.address(key)
    }

    fn facts(&self) -> InputFacts {
        self.facts
    }
}

/// Tries whether `script` keeps the promises of a [`Script`]:
///
/// - a standard lock is its owner's, whom [`Script::owner`] finds again, and opens for the owner's signature over
///   this spend alone;
/// - a script runs the same every time, traced or not, and whether signatures are verified at once or in a batch;
/// - standard locks come back from the notation of people, and any bytes can be written in it;
/// - no bytes and no text make it panic.
///
/// # Panics
/// When a promise is broken: the message says which.
pub fn promises(script: &dyn Script) {
    let draws = &mut Draws::new(1);
    let owners: Vec<Person> = (0..OWNERS).map(Person::new).collect();
    let locks: Vec<Vec<u8>> = owners.iter().map(|who| script.lock(&who.address())).collect();
    assert_eq!(locks.iter().collect::<BTreeSet<_>>().len(), locks.len(), "different owners have different locks");
    for (n, (who, lock)) in owners.iter().zip(&locks).enumerate() {
        assert_eq!(script.owner(lock), Some(who.address()), "the owner of a standard lock");
        let text = script.disassemble(lock);
        assert_eq!(script.assemble(&text).as_ref(), Ok(lock), "a standard lock, written as {text:?}");
        check_standard(script, who, lock, &owners[(n + 1) % owners.len()], draws);
    }
    for _ in 0..RANDOM {
        let (lock, unlock) = match draws.below(3) {
            0 => (draws.bytes(60), draws.bytes(60)),
            1 => {
                let lock = draws.pick(&locks).clone();
                (draws.damaged(&lock), draws.bytes(120))
            }
            _ => {
                let n = draws.below(OWNERS) as usize;
                (locks[n].clone(), draws.damaged(&Spending::default().unlock(script, &locks[n], &owners[n])))
            }
        };
        let _ = run(script, &lock, &unlock, &Spending::default());
        let _ = (script.owner(&lock), script.request(&lock), script.unlock(&unlock, &lock));
        for text in [script.disassemble(&lock), String::from_utf8_lossy(&unlock).into_owned()] {
            if let Err(error) = script.assemble(&text) {
                assert!(!error.is_empty() && !error.contains('\n'), "expected one line of error, found {error:?}");
            }
        }
    }
}

/// Who can open a standard lock, and who cannot.
fn check_standard(script: &dyn Script, who: &Person, lock: &[u8], other: &Person, draws: &mut Draws) {
    let mut spend = Spending { number: draws.number(), ..Spending::default() };
    let unlock = spend.unlock(script, lock, who);
    assert_eq!(run(script, lock, &unlock, &spend), Ok(()), "the owner opens a standard lock");
    let (key, digest) = (&who.keys().public, spend.digest(&script.request(lock)));
    let signature = NoKeys.sign(0, &who.keys().secret, &digest).expect("a key of its own");
    let elsewhere = Spending { number: spend.number + 1, ..Spending::default() };
    for (what, lock, unlock, spend) in [
        ("somebody else's signature", lock, spend.clone().unlock(script, lock, other), &spend),
        ("somebody else's lock", &script.lock(&other.address())[..], unlock.clone(), &spend),
        ("the signature of another spend", lock, unlock.clone(), &elsewhere),
        ("a damaged signature", lock, script.unlock(key, &draws.damaged(&signature)), &spend),
        ("no signature", lock, script.unlock(key, &[]), &spend),
        ("nothing", lock, Vec::new(), &spend),
    ] {
        assert!(run(script, lock, &unlock, spend).is_err(), "a standard lock opens for {what}");
    }
}

/// The result of a run, which must be the same however it is made.
fn run(script: &dyn Script, lock: &[u8], unlock: &[u8], spend: &Spending) -> Result<(), Reject> {
    let of = || format!("lock {} and unlock {}", script.disassemble(lock), script.disassemble(unlock));
    let result = script.run(lock, unlock, 0, &mut spend.clone());
    if let Err(reject) = &result {
        assert!(matches!(reject, Reject::Invalid(_)), "expected a broken rule of {}, found {reject:?}", of());
    }
    assert_eq!(script.run(lock, unlock, 0, &mut spend.clone()), result, "run again: {}", of());
    let traced = script.trace(lock, unlock, 0, &mut spend.clone(), &mut |step| drop(step));
    assert_eq!(traced, result, "traced: {}", of());
    let mut batch = Spending { guesses: Some(Vec::new()), ..spend.clone() };
    let guessed = script.run(lock, unlock, 0, &mut batch);
    let all_hold = batch.guesses.is_some_and(|guesses| guesses.iter().all(|holds| *holds));
    // A guess that was wrong makes the node run the script again. One that refuses is not asked again.
    assert!(guessed.is_ok() || result.is_err(), "refused in a batch alone: {}", of());
    assert!(guessed.is_err() || result.is_ok() || !all_hold, "accepted in a batch alone: {}", of());
    result
}
