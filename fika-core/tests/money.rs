//! The rules about money that hold for every format and every consensus, with what breaks each.

use std::collections::BTreeMap;

use fika_core::address::Address;
use fika_core::amount::{Amount, MAX_AMOUNT, MAX_TOTAL};
use fika_core::codec::Encode;
use fika_core::consensus::LedgerOp;
use fika_core::hash::Id;
use fika_core::reject::Reject;
use fika_core::script::{PayToAddress, Script};
use fika_core::testing::refused;
use fika_core::tx::{Accounts, ActionRequest, ApplyContext, Credit, Outcome, Spend};
use fika_core::world::SupplyError;
use fika_core::world::ledger::{Change, Entries, Key, Overlay, Space, Value, supply_key};
use fika_core::world::transfer::{
    FormatLedger, Settled, carry_out, change_supply, check_funds, check_sums, check_supply, settle,
};

const CONTEXT: ApplyContext = ApplyContext { height: 1, time: 0, coinbase: false };
const ALICE: Address = Address([1; 20]);

/// A ledger that never changes.
#[derive(Default)]
struct Fixed(BTreeMap<Key, Value>);

impl Fixed {
    fn with(mut self, space: Space, amount: u64) -> Fixed {
        let mut over = Overlay::new(&self);
        assert!(over.add(space.key(&[&ALICE.0]), Amount(amount)));
        let changes = over.into_changes();
        self.0.extend(changes.into_iter().filter_map(|change| Some((change.key, change.after?))));
        self
    }
}

impl Entries for Fixed {
    fn entry(&self, key: &[u8]) -> Option<Value> {
        self.0.iter().find(|(found, _)| found[..] == *key).map(|(_, value)| value.clone())
    }

    fn entries(&self, _: &[u8]) -> Vec<(Key, Value)> {
        Vec::new()
    }
}

fn spend(amount: u64) -> Spend {
    Spend { input: 3, key: b"coin".to_vec(), lock: PayToAddress.lock(&ALICE), amount: Amount(amount), unlock: vec![] }
}

fn credit(amount: u64) -> Credit {
    Credit { key: Vec::new(), value: Vec::new(), lock: PayToAddress.lock(&ALICE), amount: Amount(amount) }
}

/// A transaction that takes and gives these.
fn payment(taken: &[u64], given: &[u64]) -> Outcome {
    let spends = taken.iter().copied().map(spend).collect();
    Outcome { spends, credits: given.iter().copied().map(credit).collect(), ..Outcome::default() }
}

fn broken<T>(rule: SupplyError) -> Result<T, Reject> {
    Err(rule.into())
}

#[test]
fn a_transaction_gives_what_it_takes() {
    let check = |outcome: Outcome| check_sums(&outcome, CONTEXT);
    assert_eq!(check(payment(&[5, 2], &[4, 3])), Ok(()));
    assert_eq!(check(payment(&[], &[])), broken(SupplyError::NoInputs));
    let of = |taken, given| SupplyError::Unbalanced { taken: Amount(taken), given: Amount(given) };
    assert_eq!(check(payment(&[5], &[4, 2])), broken(of(5, 6)));
    refused(check(payment(&[5], &[4, 2])), "bad-txns-in-belowout");
    refused(check(payment(&[7], &[4, 2])), "bad-txns-in-aboveout");
    let fee = Outcome { fee: Amount(1), ..payment(&[5], &[5]) };
    assert_eq!(check(fee), broken(of(5, 6)));
    refused(check(payment(&[MAX_AMOUNT.0, 1], &[5])), "bad-txns-inputvalues-outofrange");
    refused(check(payment(&[5], &[MAX_AMOUNT.0, 1])), "bad-txns-txouttotal-toolarge");
}

#[test]
fn a_coinbase_only_gives() {
    let check = |outcome: &Outcome| check_sums(outcome, ApplyContext { coinbase: true, ..CONTEXT });
    assert_eq!(check(&payment(&[], &[5])), Ok(()));
    let action = ActionRequest { kind: 0, amount: Amount::ZERO, data: Vec::new() };
    let wrong = [
        payment(&[5], &[5]),
        Outcome { fee: Amount(1), ..payment(&[], &[5]) },
        Outcome { actions: vec![action], ..payment(&[], &[5]) },
    ];
    wrong.iter().for_each(|outcome| assert_eq!(check(outcome), broken(SupplyError::Coinbase)));
}

#[test]
fn nobody_pays_with_what_is_not_theirs() {
    let ledger = Fixed::default().with(Space::Balance, 5);
    let funds = |outcome: &Outcome| check_funds(outcome, &FormatLedger(&ledger), &PayToAddress);
    assert_eq!(funds(&payment(&[2, 3], &[5])), Ok(()));
    let rule = SupplyError::Funds { owner: ALICE, expected: Amount(6), found: Amount(5) };
    assert_eq!(funds(&payment(&[2, 4], &[6])), broken(rule));
    let mut strange = payment(&[5], &[5]);
    strange.spends[0].lock = b"nobody".to_vec();
    assert_eq!(funds(&strange), broken(SupplyError::NoOwner));

    let carry = |outcome: &Outcome| carry_out(&mut Overlay::new(&ledger), outcome, CONTEXT, &PayToAddress).map(drop);
    assert_eq!(carry(&payment(&[5], &[5])), Ok(()));
    assert_eq!(carry(&payment(&[6], &[6])), broken(SupplyError::Overspent(3)));
    assert_eq!(carry(&strange), broken(SupplyError::NobodysMoney(3)));
    let rich = Fixed::default().with(Space::Balance, MAX_TOTAL.0);
    let coinbase = ApplyContext { coinbase: true, ..CONTEXT };
    let more = carry_out(&mut Overlay::new(&rich), &payment(&[], &[1]), coinbase, &PayToAddress);
    assert_eq!(more, broken(SupplyError::Above("a balance")));
}

#[test]
fn rules_lock_and_release_what_there_is() {
    let ledger = Fixed::default().with(Space::Locked, 5);
    let settle = |ops: &[LedgerOp], pool| {
        settle(&mut Overlay::new(&ledger), ops, Amount(pool), &Id::ZERO, CONTEXT, &PayToAddress, &Accounts)
    };
    let (who, amount) = (ALICE, Amount(6));
    let burnt = Settled { burnt: Amount(1), ..Settled::default() };
    assert_eq!(settle(&[LedgerOp::Lock(who, amount)], 7), Ok(burnt));
    let deposit = SupplyError::Deposit { amount, pool: Amount(5) };
    assert_eq!(settle(&[LedgerOp::Lock(who, amount)], 5), broken(deposit));
    assert_eq!(settle(&[LedgerOp::Lock(who, MAX_AMOUNT)], MAX_AMOUNT.0), Ok(Settled::default()));
    assert_eq!(settle(&[LedgerOp::Unlock(who, amount)], 0), broken(SupplyError::Unlock { who, amount }));
    assert_eq!(settle(&[LedgerOp::Forfeit(who, amount)], 0), broken(SupplyError::Forfeit { who, amount }));
    let mints = [LedgerOp::MayMint(MAX_AMOUNT), LedgerOp::MayMint(Amount(1))];
    assert_eq!(settle(&mints, 0), broken(SupplyError::Above("an amount")));
}

#[test]
fn the_supply_moves_as_balances_do() {
    let ledger = Fixed::default();
    let change = |claimed, fees| change_supply(&mut Overlay::new(&ledger), Amount(claimed), Amount(fees), Amount::ZERO);
    assert_eq!(change(5, 5), Ok(()));
    assert_eq!(change(5, 6), broken(SupplyError::Supply));
    let full = Fixed([(supply_key(), MAX_TOTAL.to_bytes().into())].into());
    let change = |claimed, fees| change_supply(&mut Overlay::new(&full), Amount(claimed), Amount(fees), Amount::ZERO);
    assert_eq!(change(5, 5), Ok(()), "fees go round where nothing new can come");
    assert_eq!(change(6, 5), broken(SupplyError::Supply));
    let changes = |held, issued| -> Vec<Change> {
        let mut over = Overlay::new(&ledger);
        assert!(over.add(Space::Balance.key(&[&ALICE.0]), Amount(held)) && over.add(supply_key(), Amount(issued)));
        over.into_changes()
    };
    assert_eq!(check_supply(&changes(5, 5)), Ok(()));
    assert_eq!(check_supply(&changes(6, 5)), broken(SupplyError::NotConserved { held: 6, issued: 5 }));
}
