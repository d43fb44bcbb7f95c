use fika_core::hash::{Id, sha256};
use fika_core::script::InputFacts;

use super::*;

/// A transaction with this lock time, in which everyone's signature is the digest.
struct Spending(u32);

impl SpendContext for Spending {
    fn digest(&mut self, request: &[u8]) -> Id {
        sha256(&[request])
    }

    fn verify(&mut self, _: u8, _: &[u8], digest: &Id, signature: &[u8]) -> bool {
        digest.0 == signature
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.verify(kind, key, digest, signature)
    }

    fn address(&mut self, key: &[u8]) -> Address {
        Address([key[0]; 20])
    }

    fn facts(&self) -> InputFacts {
        InputFacts { lock_time: self.0, ..InputFacts::default() }
    }
}

fn run(lock: &[u8], key: u8, lock_time: u32) -> Result<(), Reject> {
    let signature = sha256(&[&__Name__.request(lock)]);
    __Name__.run(lock, &__Name__.unlock(&[key; 33], &signature.0), 0, &mut Spending(lock_time))
}

#[test]
fn the_owner_alone_may_spend() {
    let lock = __Name__.lock(&Address([7; 20]));
    assert_eq!(run(&lock, 7, 0), Ok(()));
    assert!(run(&lock, 8, 0).is_err());
    assert!(run(&lock[1..], 7, 0).is_err());
    assert!(__Name__.run(&lock, &__Name__.unlock(&[7; 33], &[0; 32]), 0, &mut Spending(0)).is_err());
    assert!(__Name__.run(&lock, &[40, 1], 0, &mut Spending(0)).is_err());
    assert_eq!(__Name__.owner(&lock), Some(Address([7; 20])));
}

#[test]
fn a_later_lock_waits() {
    let text = format!("{} after 500", Address([7; 20]));
    let lock = __Name__.assemble(&text).unwrap();
    assert_eq!(__Name__.disassemble(&lock), text);
    assert!(run(&lock, 7, 499).is_err());
    assert_eq!(run(&lock, 7, 500), Ok(()));
    assert_eq!(__Name__.owner(&lock), None);
    assert!(__Name__.assemble("nobody").is_err());
}
