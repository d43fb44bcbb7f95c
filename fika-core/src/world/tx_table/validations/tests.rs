use super::*;
use crate::amount::Amount;
use crate::tx::{Credit, Spend};

const TIP: BlockIx = BlockIx(1);
const NEXT_TIP: BlockIx = BlockIx(2);

/// Validates a transaction of this name that spends and makes these coins, beside those of `pool` by their first
/// validations.
fn validate(
    table: &mut TxTable,
    (name, fee): (u8, u64),
    (spends, makes): (&[u8], &[u8]),
    tip: BlockIx,
    pool: &[TxIndex],
) -> (TxIndex, Validation) {
    let spend = |key: &u8| Spend { input: 0, key: vec![*key], lock: vec![], amount: Amount(1), unlock: vec![] };
    let credit = |key: &u8| Credit { key: vec![*key], value: vec![], lock: vec![], amount: Amount(1) };
    let outcome = Outcome {
        fee: Amount(fee),
        spends: spends.iter().map(spend).collect(),
        credits: makes.iter().map(credit).collect(),
        ..Outcome::default()
    };
    let tx = Tx::new([name; 100]);
    let index = table.hold_tx(&tx);
    let reads = (tip, spends.iter().map(|key| vec![*key]).collect());
    let serial = |table: &TxTable, other: TxIndex| {
        table.first(other).filter(|_| pool.contains(&other)).map(|first| first.serial())
    };
    let validation = table.keep(index, tx, outcome, Some(reads), &|_| None, serial);
    (index, validation)
}

/// Whether a validation over a tip holds beside those of `pool` by their first validations: by the brief, and at all.
fn holds(table: &TxTable, tx: TxIndex, tip: BlockIx, pool: &[TxIndex]) -> (bool, bool) {
    let is_in = |other: TxIndex| pool.contains(&other);
    let serial = |other: TxIndex| table.first(other).filter(|_| is_in(other)).map(|first| first.serial());
    let by_brief = table.briefs[tx.0 as usize].over == tip && table.cached(tx, tip, is_in, |_| None).is_some();
    (by_brief, table.cached(tx, tip, is_in, serial).is_some())
}

#[test]
fn a_validation_holds_beside_what_it_was_made_beside() {
    let mut table = TxTable::default();
    let (parent, _) = validate(&mut table, (1, 5), (&[9], &[1]), TIP, &[]);
    let (child, _) = validate(&mut table, (2, 5), (&[1], &[2]), TIP, &[parent]);
    assert_eq!(holds(&table, child, TIP, &[parent]), (true, true));
    assert_eq!(holds(&table, child, TIP, &[]), (false, false));
    assert_eq!(holds(&table, child, NEXT_TIP, &[parent]), (false, false));
    // A block has confirmed the parent, and the same is found over it.
    let (_, again) = validate(&mut table, (2, 5), (&[1], &[2]), NEXT_TIP, &[]);
    assert!(again.own.is_none(), "it is the first validation");
    assert_eq!(holds(&table, child, NEXT_TIP, &[]), (true, true));
    assert_eq!(holds(&table, child, NEXT_TIP, &[parent]), (false, false));
    assert_eq!(holds(&table, child, TIP, &[parent]), (false, true), "for nodes that do not have that block");
}

#[test]
fn another_validation_of_what_it_depends_on_is_noticed() {
    let mut table = TxTable::default();
    let (parent, _) = validate(&mut table, (1, 5), (&[9], &[1]), TIP, &[]);
    let (child, _) = validate(&mut table, (2, 5), (&[1], &[2]), TIP, &[parent]);
    let (_, other) = validate(&mut table, (1, 6), (&[9], &[1]), NEXT_TIP, &[]);
    let other = other.own.expect("another validation than the first");
    assert_eq!(holds(&table, child, TIP, &[parent]), (false, true));
    let serial = |_| Some(other.serial());
    assert!(table.cached(child, TIP, |tx| tx == parent, serial).is_none(), "beside the other one nothing is known");
}

#[test]
fn an_index_that_is_used_again_stands_for_another_transaction() {
    let mut table = TxTable::default();
    let (parent, _) = validate(&mut table, (1, 5), (&[9], &[1]), TIP, &[]);
    let (child, _) = validate(&mut table, (2, 5), (&[1, 7], &[2]), TIP, &[parent]);
    assert_eq!(holds(&table, child, TIP, &[parent]), (true, true));
    table.release(parent);
    table.reclaim();
    assert_eq!(holds(&table, child, TIP, &[]), (false, false));
    let (conflict, _) = validate(&mut table, (3, 5), (&[7], &[3]), TIP, &[]);
    assert_eq!(conflict, parent, "the index is used again");
    assert_eq!(holds(&table, child, TIP, &[conflict]), (false, false));
}
