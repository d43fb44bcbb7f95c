//! A sequence of calls to a script.

use std::fmt::Write;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::{Id, hash160, sha256};
use fika_core::script::{InputFacts, Script, SpendContext};

/// A transaction whose valid signatures are hashes of key and digest. Counts what it is asked.
#[derive(Default)]
struct Spending {
    asked: Vec<String>,
}

fn signature(key: &[u8], digest: &Id) -> Vec<u8> {
    sha256(&[key, &digest.0]).0.to_vec()
}

impl SpendContext for Spending {
    fn digest(&mut self, request: &[u8]) -> Id {
        self.asked.push(format!("digest {request:?}"));
        sha256(&[request])
    }

    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, found: &[u8]) -> bool {
        self.asked.push(format!("verify {kind} {key:?}"));
        found == signature(key, digest)
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, found: &[u8]) -> bool {
        self.asked.push(format!("verify now {kind} {key:?}"));
        found == signature(key, digest)
    }

    fn address(&mut self, key: &[u8]) -> Address {
        Address(hash160(key))
    }

    fn step(&mut self, steps: u64) -> bool {
        self.asked.push(format!("step {steps}"));
        true
    }

    fn facts(&self) -> InputFacts {
        InputFacts { version: 2, lock_time: 77, sequence: 5, amount: Amount(9) }
    }
}

pub(crate) fn record(script: Box<dyn Script>) -> String {
    let mut log = String::new();
    let key = [2; 33];
    let lock = script.lock(&Address(hash160(&key)));
    let request = script.request(&lock);
    writeln!(log, "lock {lock:?}\nrequest {request:?}\nowner {:?}", script.owner(&lock)).unwrap();
    let unlock = script.unlock(&key, &signature(&key, &sha256(&[&request])));
    let wrong = script.unlock(&key, &[1; 32]);
    let mut texts: Vec<Vec<u8>> = [
        "1 2 ADD 3 EQUAL",
        "1 IF 2 ELSE 3 ENDIF",
        "77 CHECKLOCKTIMEVERIFY",
        "6 CHECKSEQUENCEVERIFY",
        "RETURN",
        "1 0 VERIFY",
        "DUP HASH160 EQUALVERIFY CHECKSIG",
        "NO-SUCH-WORD",
    ]
    .into_iter()
    .filter_map(|text| {
        let bytes = script.assemble(text);
        writeln!(log, "assemble {text}: {bytes:?}").unwrap();
        bytes.ok()
    })
    .collect();
    texts.extend([lock.clone(), vec![0xff; 5], vec![0x4e, 1], Vec::new()]);
    for lock in &texts {
        writeln!(log, "means {:?}, owner {:?}", script.disassemble(lock), script.owner(lock)).unwrap();
        for unlock in [&unlock, &wrong, &vec![0x51], &Vec::new()] {
            let mut spending = Spending::default();
            writeln!(log, "run {:?} {:?}", script.run(lock, unlock, 0, &mut spending), spending.asked).unwrap();
            let mut steps = Vec::new();
            let traced = script.trace(lock, unlock, 0, &mut spending, &mut |step| steps.push(step));
            writeln!(log, "traced {traced:?} {steps:?}").unwrap();
        }
    }
    log
}
