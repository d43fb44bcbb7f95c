//! What a signature signs.
//!
//! The first byte of the request is Bitcoin's hash type. Whatever it is, the digest commits to
//! the whole request (the script that is satisfied), version, lock time, the input itself with
//! its coin's amount and lock (so that nobody is fooled about the fee, as in BIP 143), and all
//! actions (they act for the owner of the first input). Beyond that:
//!
//! | hash type | inputs | outputs |
//! |---|---|---|
//! | 1, `ALL`, and any other | all, with sequence numbers, amounts and locks (as in BIP 341) | all |
//! | 2, `NONE` | all, without the sequence numbers of the others | none |
//! | 3, `SINGLE` | as `NONE` | the one with the input's index, if there is one |
//! | with 128 added, `ANYONECANPAY` | no others | as above |
//!
//! Preparing a transaction takes time in proportion to its size and that of the locks that it
//! satisfies: each coin and output is hashed once, and so are the lists of these hashes. A digest
//! of any hash type then takes time in proportion to its request, however many inputs there are.

use fika_core::amount::Amount;
use fika_core::codec::{DecodeError, Reader};
use fika_core::hash::{Id, domain_hash};
use fika_core::script::InputFacts;
use fika_core::tx::Spend;

use crate::encoding::put_list;
use crate::error::{TxError, ensure};
use crate::transaction::{Asked, Input, Output, Transaction};

const NONE: u8 = 2;
const SINGLE: u8 = 3;
const BASE_MASK: u8 = 0x1f;
const ANYONECANPAY: u8 = 0x80;

/// What all inputs share, and what one of them has for itself, in the order in which
/// [`prepare`] writes it: the shared part first, then one record for each input.
struct Prepared {
    version: [u8; 4],
    lock_time: [u8; 4],
    actions: [u8; 32],
    coins: [u8; 32],
    sequences: [u8; 32],
    outputs: [u8; 32],
    coin: [u8; 32],
    sequence: [u8; 4],
    amount: [u8; 8],
    /// Hash of the output with the input's index; zeros where there is none.
    output: [u8; 32],
}

/// What one input has for itself.
const RECORD_BYTES: usize = 32 + 4 + 8 + 32;

impl Prepared {
    fn read(prepared: &[u8], input: u32) -> Result<Self, DecodeError> {
        let mut from = Reader::new(prepared);
        let (version, lock_time, actions) = (from.array()?, from.array()?, from.array()?);
        let (coins, sequences, outputs) = (from.array()?, from.array()?, from.array()?);
        from.take(RECORD_BYTES.saturating_mul(input as usize))?;
        let (coin, sequence, amount, output) = (from.array()?, from.array()?, from.array()?, from.array()?);
        Ok(Prepared { version, lock_time, actions, coins, sequences, outputs, coin, sequence, amount, output })
    }
}

pub(crate) fn prepare(tx: &[u8], spends: &[Spend]) -> Result<Vec<u8>, TxError> {
    let Transaction::Payment(payment) = Transaction::decode(tx)? else {
        return Err(TxError::Kind { expected: false });
    };
    let (expected, found) = (payment.inputs.len(), spends.len());
    ensure(expected == found, || TxError::Spends { expected, found })?;

    let coins: Vec<Id> = payment.inputs.iter().zip(spends).map(|(input, spend)| hash_of_coin(input, spend)).collect();
    let outputs: Vec<Id> = payment.outputs.iter().map(hash_of_output).collect();
    let sequences: Vec<[u8; 4]> = payment.inputs.iter().map(|input| input.sequence.to_le_bytes()).collect();
    let mut actions = Vec::new();
    put_list(&mut actions, &payment.actions, Asked::encode);

    let mut out = Vec::with_capacity(8 + 4 * 32 + RECORD_BYTES * spends.len());
    out.extend(payment.version.to_le_bytes());
    out.extend(payment.lock_time.to_le_bytes());
    out.extend(domain_hash("fika utxo actions", &[&actions]).0);
    out.extend(hash_of_list("fika utxo coins", &coins).0);
    out.extend(domain_hash("fika utxo sequences", &[sequences.as_flattened()]).0);
    out.extend(hash_of_list("fika utxo outputs", &outputs).0);
    for (n, spend) in spends.iter().enumerate() {
        out.extend(coins[n].0);
        out.extend(sequences[n]);
        out.extend(spend.amount.0.to_le_bytes());
        out.extend(outputs.get(n).unwrap_or(&Id::ZERO).0);
    }
    Ok(out)
}

fn hash_of_coin(input: &Input<'_>, spend: &Spend) -> Id {
    let (index, amount) = (input.outpoint.index.to_le_bytes(), spend.amount.0.to_le_bytes());
    domain_hash("fika utxo coin", &[&input.outpoint.id.0, &index, &amount, &spend.lock])
}

fn hash_of_output(output: &Output<'_>) -> Id {
    domain_hash("fika utxo output", &[&output.amount.0.to_le_bytes(), output.lock])
}

fn hash_of_list(domain: &str, hashes: &[Id]) -> Id {
    let hashes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
    domain_hash(domain, &[&hashes])
}

pub(crate) fn digest(prepared: &[u8], input: u32, request: &[u8]) -> Id {
    let Ok(of) = Prepared::read(prepared, input) else {
        // Nothing can be signed there; the node asks only about spends of what was prepared.
        return domain_hash("fika utxo no such input", &[]);
    };
    let hash_type = request.first().copied().unwrap_or(1);
    let base = hash_type & BASE_MASK;
    let position = input.to_le_bytes();
    let (position, coins, sequences): (&[u8], &[u8], &[u8]) = match base {
        _ if hash_type & ANYONECANPAY != 0 => (&[], &[], &[]),
        NONE | SINGLE => (&position, &of.coins, &[]),
        _ => (&position, &of.coins, &of.sequences),
    };
    let outputs: &[u8] = match base {
        NONE => &[],
        SINGLE => &of.output,
        _ => &of.outputs,
    };
    let shared: [&[u8]; 4] = [request, &of.version, &of.lock_time, &of.actions];
    let own: [&[u8]; 2] = [&of.coin, &of.sequence];
    domain_hash("fika utxo input", &[&shared[..], &own, &[position, coins, sequences, outputs]].concat())
}

pub(crate) fn facts(prepared: &[u8], input: u32) -> InputFacts {
    match Prepared::read(prepared, input) {
        Ok(of) => InputFacts {
            version: u32::from_le_bytes(of.version),
            lock_time: u32::from_le_bytes(of.lock_time),
            sequence: u32::from_le_bytes(of.sequence),
            amount: Amount(u64::from_le_bytes(of.amount)),
        },
        Err(_) => InputFacts::default(),
    }
}
