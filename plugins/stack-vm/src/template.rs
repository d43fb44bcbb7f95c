//! Scripts of well-known shapes.

use fika_core::address::Address;
use fika_core::hash::hash160;

use crate::instruction::{push, push_number};
use crate::opcode as op;

/// To the owner of a key whose HASH160 is `who`: `DUP HASH160 <who> EQUALVERIFY CHECKSIG`.
pub fn pay_to_key_hash(who: &Address) -> Vec<u8> {
    [&[op::DUP, op::HASH160, 20][..], &who.0, &[op::EQUALVERIFY, op::CHECKSIG]].concat()
}

/// Whom [`pay_to_key_hash`] pays; `None` for any other script.
pub fn key_hash(lock: &[u8]) -> Option<Address> {
    let rest = lock.strip_prefix(&[op::DUP, op::HASH160, 20])?;
    Some(Address(rest.strip_suffix(&[op::EQUALVERIFY, op::CHECKSIG])?.try_into().ok()?))
}

/// BIP 16: to whoever shows the script `redeem` and satisfies it.
pub fn pay_to_script_hash(redeem: &[u8]) -> Vec<u8> {
    [&[op::HASH160, 20][..], &hash160(redeem), &[op::EQUAL]].concat()
}

/// Whether `lock` was made by [`pay_to_script_hash`].
pub(crate) fn is_script_hash(lock: &[u8]) -> bool {
    matches!(lock, [op::HASH160, 20, .., op::EQUAL] if lock.len() == 23)
}

/// To `needed` of the owners of `keys`: `needed <key> ... count CHECKMULTISIG`.
pub fn multisig<K: AsRef<[u8]>>(needed: u8, keys: &[K]) -> Vec<u8> {
    let mut lock = Vec::new();
    push_number(&mut lock, needed.into());
    keys.iter().for_each(|key| push(&mut lock, key.as_ref()));
    push_number(&mut lock, keys.len() as i64);
    lock.push(op::CHECKMULTISIG);
    lock
}

/// Unlocks [`multisig`]: signatures with their hash types, in the order of their keys.
pub fn multisig_unlock<S: AsRef<[u8]>>(signatures: &[S]) -> Vec<u8> {
    let mut unlock = vec![op::N0];
    signatures.iter().for_each(|signature| push(&mut unlock, signature.as_ref()));
    unlock
}

/// `then`, and only with a preimage of the SHA-256 `hash`, which is pushed last.
pub fn hash_lock(hash: &[u8; 32], then: &[u8]) -> Vec<u8> {
    [&[op::SHA256, 32][..], hash, &[op::EQUALVERIFY], then].concat()
}

/// BIP 65: `then`, and only in a transaction whose lock time is of the same kind and at least
/// this: a height below 500,000,000, a header time from there on.
pub fn time_lock(lock_time: u32, then: &[u8]) -> Vec<u8> {
    locked_until(lock_time, op::CHECKLOCKTIMEVERIFY, then)
}

/// BIP 112: `then`, and only in an input whose sequence number locks it for at least as long.
pub fn age_lock(sequence: u32, then: &[u8]) -> Vec<u8> {
    locked_until(sequence, op::CHECKSEQUENCEVERIFY, then)
}

fn locked_until(operand: u32, operation: u8, then: &[u8]) -> Vec<u8> {
    let mut lock = Vec::new();
    push_number(&mut lock, operand.into());
    lock.extend([operation, op::DROP]);
    lock.extend_from_slice(then);
    lock
}
