//! Key schemes with a flaw.

use super::*;
use crate::keys::NoKeys;
use crate::testing::calls::message_of;

/// NoKeys with one flaw.
struct Flawed(&'static str);

impl KeyScheme for Flawed {
    fn generate(&self, seed: &Id) -> KeyPair {
        NoKeys.generate(if self.0 == "one pair" { &Id::ZERO } else { seed })
    }

    fn sign(&self, kind: u8, secret: &[u8], digest: &Id) -> Result<Vec<u8>, String> {
        let kind = if self.0 == "mixed kinds" { 0 } else { kind };
        let signature = NoKeys.sign(kind, secret, digest)?;
        Ok(if self.0 == "half" { [&signature[..16], &[0; 16]].concat() } else { signature })
    }

    fn verify(&self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        let kind = if self.0 == "mixed kinds" { 0 } else { kind };
        match self.0 {
            "half" => self.sign(kind, key, digest).is_ok_and(|good| signature.starts_with(&good[..16])),
            "longer" => self.sign(kind, key, digest).is_ok_and(|good| signature.starts_with(&good)),
            _ => NoKeys.verify(kind, key, digest, signature),
        }
    }

    fn verify_many(&self, jobs: &[VerifyJob<'_>]) -> Vec<bool> {
        let all = jobs.iter().all(|job| self.verify(job.kind, job.key, job.digest, job.signature));
        match self.0 {
            "batches" => vec![all; jobs.len()],
            _ => jobs.iter().map(|job| self.verify(job.kind, job.key, job.digest, job.signature)).collect(),
        }
    }

    fn to_pem(&self, pair: &KeyPair) -> String {
        NoKeys.to_pem(pair)
    }

    fn from_pem(&self, pem: &str) -> Result<KeyPair, String> {
        match self.0 {
            "any file" => Ok(NoKeys.from_pem(pem).unwrap_or(self.generate(&Id::ZERO))),
            "long errors" => NoKeys.from_pem(pem).map_err(|error| format!("{error}\n{pem}")),
            _ => NoKeys.from_pem(pem),
        }
    }
}

#[test]
fn every_flaw_is_found() {
    promises(&Flawed("none"));
    for (flaw, said) in [
        ("one pair", "two networks have the same keys"),
        ("mixed kinds", "a signature of another kind"),
        ("half", "a damaged signature"),
        ("longer", "a signature with one byte more"),
        ("batches", "a batch is answered as its jobs are"),
        ("any file", "is read as a key file"),
        ("long errors", "expected one line"),
    ] {
        let message = message_of(|| promises(&Flawed(flaw)));
        assert!(message.contains(said), "{flaw}: expected {said:?}, found {message:?}");
    }
}
