//! What signatures commit to, and what they leave open.

use crate::ledger::{id, utxo};
use fika_core::amount::Amount;
use fika_core::hash::Id;
use fika_core::script::InputFacts;
use fika_core::testing::refused;
use fika_core::tx::{Spend, TxFormat};
use fika_utxo::coin::Outpoint;
use fika_utxo::transaction::{Asked, Input, Output, Payment, Transaction};
use fika_utxo::{Params, TxError};

#[derive(Clone)]
struct Case {
    payment: Payment<'static>,
    spends: Vec<Spend>,
    input: u32,
    request: Vec<u8>,
}

impl Case {
    fn prepare(&self) -> Vec<u8> {
        let tx = Transaction::Payment(self.payment.clone()).to_bytes();
        utxo(Params::default()).prepare(&tx, &self.spends).unwrap()
    }

    fn digest(&self) -> Id {
        utxo(Params::default()).digest(&self.prepare(), self.input, &self.request)
    }
}

fn case(hash_type: u8) -> Case {
    let outpoint = |n| Outpoint { id: id(n), index: n.into() };
    let output = |n, lock| Output { amount: Amount(n), lock };
    let payment = Payment {
        version: 2,
        inputs: [0, 1, 2].map(|n| Input { outpoint: outpoint(n), sequence: n.into(), unlock: b"" }).to_vec(),
        outputs: vec![output(5, b"a"), output(6, b"b"), output(7, b"c")],
        actions: vec![Asked { kind: 1, amount: Amount(1), data: b"x" }],
        lock_time: 3,
    };
    let spends = [0, 1, 2].map(|n| Spend {
        input: n,
        key: outpoint(n as u8).key(),
        lock: vec![n as u8],
        amount: Amount(10),
        unlock: vec![],
    });
    Case { payment, spends: spends.to_vec(), input: 1, request: vec![hash_type, 9] }
}

type Change = (&'static str, fn(&mut Case));

/// Whatever the hash type is.
const ALWAYS: [Change; 11] = [
    ("hash type", |c| c.request[0] ^= 0x40),
    ("script", |c| c.request[1] ^= 1),
    ("version", |c| c.payment.version += 1),
    ("lock time", |c| c.payment.lock_time += 1),
    ("own coin", |c| c.payment.inputs[1].outpoint.index += 1),
    ("own sequence", |c| c.payment.inputs[1].sequence += 1),
    ("own amount", |c| c.spends[1].amount = Amount(11)),
    ("own lock", |c| c.spends[1].lock = vec![7]),
    ("an action's kind", |c| c.payment.actions[0].kind += 1),
    ("an action's data", |c| c.payment.actions[0].data = b"y"),
    ("an action more", |c| c.payment.actions.push(c.payment.actions[0])),
];
const OTHER_COINS: [Change; 4] = [
    ("another coin", |c| c.payment.inputs[0].outpoint.index += 1),
    ("another amount", |c| c.spends[0].amount = Amount(11)),
    ("another lock", |c| c.spends[2].lock = vec![7]),
    ("an input more", |c| {
        c.payment.inputs.push(Input { outpoint: Outpoint { id: id(9), index: 0 }, ..c.payment.inputs[0] });
        c.spends.push(Spend { input: 3, ..c.spends[0].clone() });
    }),
];
const OTHER_SEQUENCES: [Change; 1] = [("another sequence", |c| c.payment.inputs[2].sequence += 9)];
const OWN_OUTPUT: [Change; 2] = [
    ("own output's amount", |c| c.payment.outputs[1].amount = Amount(60)),
    ("own output's lock", |c| c.payment.outputs[1].lock = b"thief"),
];
const OTHER_OUTPUTS: [Change; 2] = [
    ("another output", |c| c.payment.outputs[0].lock = b"thief"),
    ("an output less", |c| c.payment.outputs.truncate(2)),
];
const NEVER: [Change; 1] = [("an unlocking script", |c| c.payment.inputs[1].unlock = b"signed")];

#[test]
fn hash_types_commit_as_documented() {
    for (hash_type, coins, sequences, own_output, outputs) in [
        (1, true, true, true, true),
        (2, true, false, false, false),
        (3, true, false, true, false),
        (0x81, false, false, true, true),
        (0x82, false, false, false, false),
        (0x83, false, false, true, false),
        (0, true, true, true, true),
    ] {
        let groups: [(&[Change], bool); 6] = [
            (&ALWAYS, true),
            (&OTHER_COINS, coins),
            (&OTHER_SEQUENCES, sequences),
            (&OWN_OUTPUT, own_output),
            (&OTHER_OUTPUTS, outputs),
            (&NEVER, false),
        ];
        for (changes, committed) in groups {
            for (what, change) in changes {
                let (before, mut after) = (case(hash_type), case(hash_type));
                change(&mut after);
                assert_eq!(before.digest() != after.digest(), committed, "{what} under hash type {hash_type:#x}");
            }
        }
    }
}

#[test]
fn inputs_have_digests_of_their_own() {
    let digests = [0, 1, 2].map(|input| Case { input, ..case(1) }.digest());
    assert!(digests[0] != digests[1] && digests[1] != digests[2]);
    let single = Case { input: 2, ..case(3) };
    let mut short = single.clone();
    short.payment.outputs.truncate(2);
    assert_ne!(single.digest(), short.digest(), "a missing output is not the same as one that is there");
}

/// What makes a digest cost the same in a transaction with one input and in one with thousands.
#[test]
fn a_digest_reads_nothing_of_other_inputs() {
    let utxo = utxo(Params::default());
    let lens = [1, 2, 3].map(|inputs| {
        let mut fewer = case(1);
        fewer.payment.inputs.truncate(inputs);
        fewer.spends.truncate(inputs);
        fewer.prepare().len()
    });
    let record = lens[1] - lens[0];
    assert_eq!(record, lens[2] - lens[1]);
    let prepared = case(1).prepare();
    let (first, last) = (lens[0] - record, lens[2] - record);
    for hash_type in [1, 2, 3, 0x81, 0x82, 0x83] {
        let Case { request, input, .. } = case(hash_type);
        let digest = |prepared: &[u8]| utxo.digest(prepared, input, &request);
        let mut other = prepared.clone();
        other[first..first + record].fill(0xff);
        other[last..].fill(0xff);
        assert_eq!(digest(&other), digest(&prepared), "hash type {hash_type:#x}");
        other[first + record] ^= 1;
        assert_ne!(digest(&other), digest(&prepared), "hash type {hash_type:#x}");
    }
}

#[test]
fn facts_are_those_of_the_input() {
    let mut case = case(1);
    case.spends[2].amount = Amount(77);
    let facts = |input| utxo(Params::default()).facts(&case.prepare(), input);
    let third = InputFacts { version: 2, lock_time: 3, sequence: 2, amount: Amount(77) };
    assert_eq!((facts(2), facts(3)), (third, InputFacts::default()));
}

#[test]
fn what_has_no_such_spends_is_not_prepared() {
    let utxo = utxo(Params::default());
    let Case { payment, spends, .. } = case(1);
    let tx = Transaction::Payment(payment).to_bytes();
    let few = utxo.prepare(&tx, &spends[1..]);
    assert_eq!(few, Err(TxError::Spends { expected: 3, found: 2 }.into()));
    let coinbase = utxo.prepare(&utxo.coinbase(1, 0, &[]), &[]);
    assert_eq!(coinbase, Err(TxError::Kind { expected: false }.into()));
    refused(utxo.prepare(&tx[1..], &spends), "bad-encoding");
}
