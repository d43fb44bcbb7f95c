//! What signatures commit to, and what they leave open.

use crate::purse::{id, utxo};
use fika_core::amount::Amount;
use fika_core::hash::Id;
use fika_core::tx::{Spend, TxFormat};
use fika_utxo::Params;
use fika_utxo::coin::Outpoint;
use fika_utxo::transaction::{Asked, Input, Output, Payment, Transaction};

#[derive(Clone)]
struct Case {
    payment: Payment<'static>,
    spends: Vec<Spend>,
    input: u32,
    request: Vec<u8>,
}

impl Case {
    fn digest(&self) -> Id {
        let tx = Transaction::Payment(self.payment.clone()).to_bytes();
        utxo(Params::default()).digest(&tx, self.input, &self.spends, &self.request)
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
