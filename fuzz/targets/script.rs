//! Scripts: any locks and unlocks end within the limits, and the notation reads what it has written.

#![no_main]

use fika_core::address::Address;
use fika_core::hash::Id;
use fika_core::plugin::Faults;
use fika_core::script::{InputFacts, PayToAddress, Script, SpendContext};
use fika_core::testing::env;
use libfuzzer_sys::fuzz_target;

/// Answers by the first byte of what is asked, so that both answers are seen.
struct Context;

impl SpendContext for Context {
    fn digest(&mut self, request: &[u8]) -> Id {
        Id([request.len() as u8; 32])
    }

    fn verify(&mut self, _: u8, _: &[u8], _: &Id, signature: &[u8]) -> bool {
        signature.first().is_some_and(|byte| byte % 2 == 0)
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.verify(kind, key, digest, signature)
    }

    fn address(&mut self, key: &[u8]) -> Address {
        Address([key.len() as u8; 20])
    }

    fn facts(&self) -> InputFacts {
        InputFacts { version: 2, lock_time: 500, sequence: 10, ..InputFacts::default() }
    }
}

fuzz_target!(|input: (u32, Vec<u8>, Vec<u8>, String)| {
    let (flags, lock, unlock, text) = input;
    let stack = fika_stack_vm::PLUGIN.script("", &env(Default::default()), &Faults::new()).expect("the defaults fit");
    let scripts: [&dyn Script; 2] = [&*stack, &PayToAddress];
    for script in scripts {
        let ran = script.run(&lock, &unlock, flags, &mut Context);
        let traced = script.trace(&lock, &unlock, flags, &mut Context, &mut |_| {});
        assert_eq!(ran, traced, "watching changes nothing");
        let (_, _) = (script.owner(&lock), script.request(&lock));
        let written = script.disassemble(&lock);
        if let Ok(read) = script.assemble(&written) {
            assert_eq!(script.disassemble(&read), written);
        }
        let _ = script.assemble(&text);
    }
});
