use super::*;
use crate::amount::Amount;
use crate::tx::{Credit, Spend};

const TIP: BlockIx = BlockIx(1);
const NEXT_TIP: BlockIx = BlockIx(2);

/// Judges a transaction of this name that spends and makes these coins, in a mempool in which those of `pool` wait as they
/// were judged first.
fn judge(
    table: &mut TxTable,
    (name, fee): (u8, u64),
    (spends, makes): (&[u8], &[u8]),
    tip: BlockIx,
    pool: &[TxNo],
) -> (TxNo, Judgement) {
    let spend = |key: &u8| Spend { input: 0, key: vec![*key], lock: vec![], amount: Amount(1), unlock: vec![] };
    let credit = |key: &u8| Credit { key: vec![*key], value: vec![], lock: vec![], amount: Amount(1) };
    let outcome = Outcome {
        fee: Amount(fee),
        spends: spends.iter().map(spend).collect(),
        credits: makes.iter().map(credit).collect(),
        ..Outcome::default()
    };
    let tx = Tx::new([name; 100]);
    let no = table.hold(tx.hash());
    let reads = (tip, spends.iter().map(|key| vec![*key]).collect());
    let serial = |table: &TxTable, no: TxNo| pool.contains(&no).then(|| table.first(no)?.serial().into()).flatten();
    let judged = table.keep(no, tx, outcome, Some(reads), &|_| None, serial);
    (no, judged)
}

/// Whether a judgement over a tip holds where those of `pool` wait as they were judged first; at hand, and at all.
fn holds(table: &TxTable, no: TxNo, tip: BlockIx, pool: &[TxNo]) -> (bool, bool) {
    let waits = |other: TxNo| pool.contains(&other);
    let serial = |other: TxNo| table.first(other).filter(|_| waits(other)).map(|first| first.serial());
    (table.judged_at_hand(no, tip, waits).is_some(), table.judged(no, tip, waits, serial).is_some())
}

#[test]
fn a_judgement_holds_beside_what_it_was_made_beside() {
    let mut table = TxTable::default();
    let (parent, _) = judge(&mut table, (1, 5), (&[9], &[1]), TIP, &[]);
    let (child, _) = judge(&mut table, (2, 5), (&[1], &[2]), TIP, &[parent]);
    assert_eq!(holds(&table, child, TIP, &[parent]), (true, true));
    assert_eq!(holds(&table, child, TIP, &[]), (false, false));
    assert_eq!(holds(&table, child, NEXT_TIP, &[parent]), (false, false));
    // A block has confirmed the parent, and the same is found over it.
    let (_, again) = judge(&mut table, (2, 5), (&[1], &[2]), NEXT_TIP, &[]);
    assert!(again.own.is_none(), "it is the first judgement");
    assert_eq!(holds(&table, child, NEXT_TIP, &[]), (true, true));
    assert_eq!(holds(&table, child, NEXT_TIP, &[parent]), (false, false));
    assert_eq!(holds(&table, child, TIP, &[parent]), (false, true), "for nodes that do not have that block");
}

#[test]
fn another_judgement_of_what_it_depends_on_is_noticed() {
    let mut table = TxTable::default();
    let (parent, _) = judge(&mut table, (1, 5), (&[9], &[1]), TIP, &[]);
    let (child, _) = judge(&mut table, (2, 5), (&[1], &[2]), TIP, &[parent]);
    let (_, other) = judge(&mut table, (1, 6), (&[9], &[1]), NEXT_TIP, &[]);
    let other = other.own.expect("another judgement than the first");
    assert_eq!(holds(&table, child, TIP, &[parent]), (false, true));
    let serial = |_| Some(other.serial());
    assert!(table.judged(child, TIP, |no| no == parent, serial).is_none(), "beside the other one nothing is known");
}

#[test]
fn a_number_that_is_used_again_stands_for_another_transaction() {
    let mut table = TxTable::default();
    let (parent, _) = judge(&mut table, (1, 5), (&[9], &[1]), TIP, &[]);
    let (child, _) = judge(&mut table, (2, 5), (&[1, 7], &[2]), TIP, &[parent]);
    assert_eq!(holds(&table, child, TIP, &[parent]), (true, true));
    table.release(parent);
    assert_eq!(holds(&table, child, TIP, &[]), (false, false));
    let (rival, _) = judge(&mut table, (3, 5), (&[7], &[3]), TIP, &[]);
    assert_eq!(rival, parent, "the number is used again");
    assert_eq!(holds(&table, child, TIP, &[rival]), (false, false));
}
