//! Scripts with a flaw.

use super::*;
use crate::script::{PayToAddress, Step};
use crate::testing::calls::message_of;

/// PayToAddress with one flaw.
struct Flawed(&'static str);

impl Script for Flawed {
    fn run(&self, lock: &[u8], unlock: &[u8], _: u32, context: &mut dyn SpendContext) -> Result<(), Reject> {
        match self.0 {
            "panics" => assert!(unlock[0] < 255),
            "any key" => {
                let key: [u8; 32] = unlock.get(1..33).and_then(|key| key.try_into().ok()).unwrap_or_default();
                let digest = context.digest(&[]);
                let holds = context.verify(0, &key, &digest, unlock.get(33..).unwrap_or_default());
                return crate::reject::ensure(holds, || "no");
            }
            "anybody" if lock.len() == 20 => return Ok(()),
            // What may turn out false is asked as if it had to be true.
            "batch" if lock.len() != 20 => {
                let holds = context.verify(0, &[], &Id::ZERO, &[]);
                return crate::reject::ensure(!holds, || "expected a signature that does not hold");
            }
            _ => {}
        }
        PayToAddress.run(lock, unlock, 0, context)
    }

    fn trace(
        &self,
        lock: &[u8],
        unlock: &[u8],
        flags: u32,
        context: &mut dyn SpendContext,
        _: &mut dyn FnMut(Step),
    ) -> Result<(), Reject> {
        if self.0 == "trace" { Ok(()) } else { self.run(lock, unlock, flags, context) }
    }

    fn lock(&self, who: &Address) -> Vec<u8> {
        PayToAddress.lock(who)
    }

    fn request(&self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn unlock(&self, key: &[u8], signature: &[u8]) -> Vec<u8> {
        PayToAddress.unlock(key, signature)
    }

    fn owner(&self, lock: &[u8]) -> Option<Address> {
        PayToAddress.owner(lock).filter(|_| self.0 != "owner")
    }

    fn assemble(&self, text: &str) -> Result<Vec<u8>, String> {
        PayToAddress.assemble(text)
    }

    fn disassemble(&self, script: &[u8]) -> String {
        PayToAddress.disassemble(if self.0 == "notation" { &script[..script.len() / 2] } else { script })
    }
}

#[test]
fn every_flaw_is_found() {
    promises(&Flawed("none"));
    for (flaw, said) in [
        ("panics", "index out of bounds"),
        ("any key", "opens for somebody else's signature"),
        ("anybody", "opens for somebody else's signature"),
        ("batch", "refused in a batch alone"),
        ("trace", "traced: lock"),
        ("owner", "the owner of a standard lock"),
        ("notation", "written as"),
    ] {
        let message = message_of(|| promises(&Flawed(flaw)));
        assert!(message.contains(said), "{flaw}: expected {said:?}, found {message:?}");
    }
}
