//! What a signature signs.
//!
//! The first byte of the request is Bitcoin's hash type. Whatever it is, the digest commits to
//! the whole request (the script that is satisfied), version, lock time, the input itself with
//! its coin's amount and lock (so that nobody is fooled about the fee, as in BIP 143), and all
//! actions (they speak in the name of the first input's owner). Beyond that:
//!
//! | hash type | inputs | outputs |
//! |---|---|---|
//! | 1, `ALL`, and any other | all, with sequence numbers, amounts and locks (as in BIP 341) | all |
//! | 2, `NONE` | all, without the sequence numbers of the others | none |
//! | 3, `SINGLE` | as `NONE` | the one with the input's index, if there is one |
//! | with 128 added, `ANYONECANPAY` | no others | as above |
//!
//! A digest takes time in proportion to the transaction's size.

use fika_core::codec::{Encode, put_bytes};
use fika_core::hash::{Id, domain_hash};
use fika_core::tx::Spend;

use crate::transaction::{Asked, Output, Payment, Transaction, put_list};

const NONE: u8 = 2;
const SINGLE: u8 = 3;
const BASE_MASK: u8 = 0x1f;
const ANYONECANPAY: u8 = 0x80;

pub(crate) fn digest(tx: &[u8], input: u32, spends: &[Spend], request: &[u8]) -> Id {
    match Transaction::decode(tx) {
        Ok(Transaction::Payment(payment))
            if spends.len() == payment.inputs.len() && (input as usize) < payment.inputs.len() =>
        {
            of_input(&payment, input as usize, spends, request)
        }
        // Nothing can be signed there; the node asks only about spends of what was applied.
        _ => domain_hash("fika utxo no such input", &[tx, &input.to_le_bytes()]),
    }
}

fn of_input(payment: &Payment<'_>, input: usize, spends: &[Spend], request: &[u8]) -> Id {
    let hash_type = request.first().copied().unwrap_or(1);
    let (alone, base) = (hash_type & ANYONECANPAY != 0, hash_type & BASE_MASK);

    let mut coins = Vec::with_capacity(spends.len() * 80);
    let mut put_coin = |n: usize| {
        let whole = n == input || (base != NONE && base != SINGLE);
        payment.inputs[n].outpoint.encode(&mut coins);
        let sequence = if whole { payment.inputs[n].sequence } else { 0 };
        sequence.encode(&mut coins);
        spends[n].amount.encode(&mut coins);
        put_bytes(&mut coins, &spends[n].lock);
    };
    let position = if alone {
        put_coin(input);
        Vec::new()
    } else {
        (0..spends.len()).for_each(put_coin);
        (input as u32).to_le_bytes().to_vec()
    };

    let outputs = match base {
        NONE => &[],
        SINGLE => payment.outputs.get(input..=input).unwrap_or(&[]),
        _ => &payment.outputs[..],
    };
    let mut given = Vec::with_capacity(outputs.len() * 40 + 8);
    put_list(&mut given, outputs, Output::encode);
    put_list(&mut given, &payment.actions, Asked::encode);
    let (version, lock_time) = (payment.version.to_le_bytes(), payment.lock_time.to_le_bytes());
    domain_hash("fika utxo input", &[request, &version, &lock_time, &position, &coins, &given])
}
