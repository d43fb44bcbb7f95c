//! What it takes to call rules directly.

use std::sync::Arc;

use crate::address::Address;
use crate::agent::Signer;
use crate::env::{ChainParams, Env, signed_proof};
use crate::hash::{Id, domain_hash};
use crate::keys::{KeyPair, KeyScheme, NoKeys};
use crate::reject::Reject;

/// What a plugin is made with: a chain with these parameters, whose keys are [`NoKeys`].
///
/// ```
/// use fika_core::consensus::Anyone;
/// use fika_core::env::ChainParams;
///
/// let rules = Anyone(fika_core::testing::env(ChainParams::default()));
/// ```
pub fn env(chain: ChainParams) -> Env {
    Env { chain, keys: Arc::new(NoKeys) }
}

/// Somebody with a key pair: an owner of coins in a [`Chain`](super::Chain), and the signer of an agent.
///
/// ```
/// use fika_core::agent::Signer;
/// use fika_core::env::ChainParams;
/// use fika_core::hash::Id;
/// use fika_core::testing::{Person, env};
///
/// let alice = Person::new(1);
/// let proof = alice.sign(&Id([7; 32]));
/// assert_eq!(env(ChainParams::default()).signer(&Id([7; 32]), &proof), Some(alice.address()));
/// ```
#[derive(Clone)]
pub struct Person {
    keys: KeyPair,
    scheme: Arc<dyn KeyScheme>,
}

impl Person {
    /// The person of this number, with a pair of [`NoKeys`].
    pub fn new(number: u64) -> Person {
        Person::with_keys(Arc::new(NoKeys), number)
    }

    /// The same with a pair of `scheme`.
    pub fn with_keys(scheme: Arc<dyn KeyScheme>, number: u64) -> Person {
        let keys = scheme.generate(&domain_hash("fika test person", &[&number.to_le_bytes()]));
        Person { keys, scheme }
    }

    /// The person's address.
    pub fn address(&self) -> Address {
        self.scheme.address(&self.keys.public)
    }

    /// The key pair.
    pub fn keys(&self) -> &KeyPair {
        &self.keys
    }
}

impl From<&Person> for Address {
    fn from(person: &Person) -> Address {
        person.address()
    }
}

impl Signer for Person {
    fn sign(&self, digest: &Id) -> Vec<u8> {
        let signature = self.scheme.sign(0, &self.keys.secret, digest).expect("a key of this scheme can sign");
        signed_proof(&self.keys.public, &signature)
    }
}

/// What a test that must fail says.
#[cfg(test)]
pub(super) fn message_of(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(test).expect_err("it found nothing wrong");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default()
}

/// A call of rules must be refused for the rule called `code`. Gives the text of the refusal.
///
/// ```
/// use fika_core::reject::ensure;
/// use fika_core::testing::refused;
///
/// assert_eq!(refused(ensure(false, || "expected more"), "invalid"), "expected more");
/// ```
///
/// # Panics
/// When the call did not refuse, could not tell, or refused for another rule.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Reject>, code: &str) -> String {
    match result {
        Err(Reject::Invalid(why) | Reject::Needs { why, .. }) if why.code == code => why.text,
        other => panic!("expected a refusal with {code}, found {other:?}"),
    }
}
