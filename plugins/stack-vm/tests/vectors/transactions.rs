//! The pair of transactions in which Bitcoin Core tries scripts: one pays the lock, the other spends that.

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::{Id, hash160, sha256d};
use fika_core::script::{InputFacts, SpendContext};
use fika_stack_vm::opcode;
use secp256k1::{Message, PublicKey, ecdsa::Signature};

/// What the spending transaction says where a case says nothing else.
pub(crate) const PLAIN: InputFacts = InputFacts { version: 1, lock_time: 0, sequence: u32::MAX, amount: Amount::ZERO };

/// The spending transaction.
pub(crate) struct Spending {
    credit: Id,
    facts: InputFacts,
}

impl Spending {
    pub(crate) fn new(lock: &[u8], facts: InputFacts) -> Spending {
        let input = [&[0; 32][..], &[0xff; 4], &[2, 0, 0], &[0xff; 4]].concat();
        let output = [&0u64.to_le_bytes()[..], &compact_size(lock.len()), lock].concat();
        let credit = sha256d(&[&1u32.to_le_bytes(), &[1], &input, &[1], &output, &[0; 4]]);
        Spending { credit, facts }
    }
}

fn compact_size(n: usize) -> Vec<u8> {
    match n {
        ..0xfd => vec![n as u8],
        _ => [&[0xfd][..], &u16::try_from(n).expect("scripts are short").to_le_bytes()].concat(),
    }
}

/// Cuts a script into its instructions, the last of which may be cut off.
pub(crate) fn instructions(mut script: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let Some(&operation) = script.first() {
        let length = |bytes: usize| match script.get(1..=bytes) {
            Some(length) => length.iter().rev().fold(bytes, |n, byte| n.saturating_mul(256) + usize::from(*byte)),
            None => usize::MAX,
        };
        let data = match operation {
            push @ 1..=0x4b => push.into(),
            opcode::PUSHDATA1 => length(1),
            opcode::PUSHDATA2 => length(2),
            opcode::PUSHDATA4 => length(4),
            _ => 0,
        };
        let (instruction, rest) = script.split_at(script.len().min(data.saturating_add(1)));
        all.push(instruction);
        script = rest;
    }
    all
}

impl SpendContext for Spending {
    /// Bitcoin's first signature hash, which leaves out the operations CODESEPARATOR.
    fn digest(&mut self, request: &[u8]) -> Id {
        let (hash_type, code) = (request[0], &request[1..]);
        let code = instructions(code).into_iter().filter(|one| *one != [opcode::CODESEPARATOR]).collect::<Vec<_>>();
        let code = code.concat();
        let sequence = self.facts.sequence.to_le_bytes();
        let input = [&self.credit.0[..], &[0; 4], &compact_size(code.len()), &code, &sequence].concat();
        let outputs: &[u8] = if hash_type & 0x1f == 2 { &[0] } else { &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0] };
        let (version, lock_time) = (self.facts.version.to_le_bytes(), self.facts.lock_time.to_le_bytes());
        sha256d(&[&version, &[1], &input, outputs, &lock_time, &u32::from(hash_type).to_le_bytes()])
    }

    fn verify(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        self.verify_now(kind, key, digest, signature)
    }

    fn verify_now(&mut self, kind: u8, key: &[u8], digest: &Id, signature: &[u8]) -> bool {
        assert_eq!(kind, 0);
        let Ok(key) = PublicKey::from_slice(key) else { return false };
        let Ok(mut signature) = Signature::from_der_lax(signature) else { return false };
        signature.normalize_s();
        signature.verify(Message::from_digest(digest.0), &key).is_ok()
    }

    fn address(&mut self, key: &[u8]) -> Address {
        Address(hash160(key))
    }

    fn facts(&self) -> InputFacts {
        self.facts
    }
}
