//! Every rule, with a transaction that breaks it and one that just does not.

use crate::ledger::{block, id, inside, only_coin, order, utxo, who, with_coins};
use fika_core::amount::{Amount, MAX_AMOUNT};
use fika_core::codec::{Decode, DecodeError, Encode};
use fika_core::reject::{Reason, Reject};
use fika_core::testing::refused;
use fika_core::testing::tx::MemoryLedger;
use fika_core::tx::{ActionRequest, ApplyContext, Ledger, TxFormat};
use fika_utxo::coin::Outpoint;
use fika_utxo::transaction::{Asked, Input, Output, Payment, SEQUENCE_FINAL, Transaction};
use fika_utxo::{Params, TxError};

#[test]
fn three_coins_of_thirty_pay_forty_and_leave_forty_nine() {
    let (client, shop) = (who(1), who(2));
    let mut ledger = with_coins(client, &[Amount::coins(30); 3]);
    let utxo = utxo(Params::default());
    let bare = utxo.build(&order(client, shop, Amount::coins(40), Amount::coins(1)), inside(1), &ledger).unwrap();
    let before = utxo.apply(&bare, inside(1), &ledger).unwrap();
    assert_eq!(before.spends.len(), 2);

    let unlocks = vec![b"first".to_vec(), b"second".to_vec()];
    let tx = utxo.finish(&bare, &unlocks).unwrap();
    let outcome = utxo.apply(&tx, inside(1), &ledger).unwrap();
    assert_eq!(outcome.id, before.id, "unlocking scripts do not change the id");
    assert_eq!(outcome.fee, Amount::coins(1));
    assert_eq!(outcome.spends.iter().map(|spend| spend.unlock.clone()).collect::<Vec<_>>(), unlocks);
    ledger.carry_out(&outcome);
    assert_eq!((ledger.balance(&client), ledger.balance(&shop)), (Amount::coins(49), Amount::coins(40)));

    refused(utxo.apply(&tx, inside(2), &ledger), "bad-txns-inputs-missingorspent");
    let few = utxo.finish(&bare, &unlocks[..1]);
    assert_eq!(few, Err(TxError::Unlocks { expected: 2, found: 1 }.into()));
    let much = order(client, shop, Amount::coins(49), Amount::coins(1));
    let funds = TxError::Funds { expected: Amount::coins(50), found: Amount::coins(49) };
    assert_eq!(utxo.build(&much, inside(2), &ledger), Err(funds.into()));
}

#[test]
fn the_coin_that_just_suffices_is_taken() {
    let amounts = [5, 40, 7, 20, 20, 100].map(Amount::coins);
    let ledger = with_coins(who(1), &amounts);
    let taken = |amount| {
        let utxo = utxo(Params::default());
        let tx = utxo.build(&order(who(1), who(2), Amount::coins(amount), Amount::ZERO), inside(1), &ledger).unwrap();
        let spends = utxo.apply(&tx, inside(1), &ledger).unwrap().spends;
        spends.iter().map(|spend| spend.amount).collect::<Vec<_>>()
    };
    assert_eq!(taken(20), [Amount::coins(20)]);
    assert_eq!(taken(21), [Amount::coins(40)]);
    assert_eq!(taken(106), [100, 7].map(Amount::coins));
    assert_eq!(taken(192), [100, 40, 20, 20, 7, 5].map(Amount::coins));
}

#[test]
fn actions_take_money_and_have_a_sender() {
    let ledger = with_coins(who(1), &[Amount::coins(30), Amount::coins(2)]);
    let utxo = utxo(Params::default());
    let vote = ActionRequest { kind: 7, amount: Amount::ZERO, data: b"yes".to_vec() };
    let deposit = ActionRequest { kind: 8, amount: Amount::coins(10), data: vec![] };
    let mut wish = order(who(1), who(2), Amount::ZERO, Amount::ZERO);
    wish.to.clear();
    wish.actions = vec![vote.clone()];
    let outcome = utxo.apply(&utxo.build(&wish, inside(1), &ledger).unwrap(), inside(1), &ledger).unwrap();
    assert_eq!((outcome.spends.len(), &outcome.actions), (1, &vec![vote]));
    wish.actions = vec![deposit.clone()];
    let outcome = utxo.apply(&utxo.build(&wish, inside(1), &ledger).unwrap(), inside(1), &ledger).unwrap();
    assert_eq!((outcome.actions, outcome.credits[0].amount), (vec![deposit], Amount::coins(20)));
}

#[test]
fn a_coinbase_claims_at_its_own_height() {
    let utxo = utxo(Params::default());
    let ledger = MemoryLedger::default();
    let lock = who(1).0.to_vec();
    let coinbase = utxo.coinbase(5, 0, &[(lock.clone(), Amount::coins(50)), (lock, Amount::ZERO)]);
    let outcome = utxo.apply(&coinbase, block(5), &ledger).unwrap();
    assert!(outcome.spends.is_empty());
    assert_eq!(outcome.credits.iter().map(|credit| credit.amount).collect::<Vec<_>>(), [Amount::coins(50)]);
    let apply = |context| utxo.apply(&coinbase, context, &ledger);
    assert_eq!(apply(block(6)), Err(TxError::CoinbaseHeight { expected: 6, found: 5 }.into()));
    assert_eq!(apply(inside(5)), Err(TxError::Kind { expected: false }.into()));
    let ids = [(5, 0), (5, 1), (6, 0)]
        .map(|(height, nonce)| utxo.apply(&utxo.coinbase(height, nonce, &[]), block(height), &ledger).unwrap().id);
    assert!(ids[0] != ids[1] && ids[0] != ids[2]);
}

#[test]
fn mined_coins_wait_and_given_ones_do_not() {
    let utxo = utxo(Params { maturity_blocks: 3, ..Params::default() });
    let mut ledger = with_coins(who(1), &[Amount::coins(2)]);
    let spend = |ledger: &MemoryLedger, amount, height| {
        utxo.build(&order(who(1), who(2), Amount::coins(amount), Amount::ZERO), inside(height), ledger)
    };
    assert!(spend(&ledger, 2, 1).is_ok(), "coins of genesis are spendable at once");
    let coinbase = utxo.coinbase(5, 0, &[(who(1).0.to_vec(), Amount::coins(50))]);
    ledger.carry_out(&utxo.apply(&coinbase, block(5), &ledger).unwrap());
    let funds = TxError::Funds { expected: Amount::coins(50), found: Amount::coins(2) };
    assert_eq!(spend(&ledger, 50, 7), Err(funds.into()));
    let tx = spend(&ledger, 50, 8).unwrap();
    let error = refused(utxo.apply(&tx, inside(7), &ledger), "bad-txns-premature-spend-of-coinbase");
    assert!(error.ends_with("of a coinbase can be spent from height 8 on, found 7"), "{error}");
    assert!(utxo.apply(&tx, inside(8), &ledger).is_ok());

    let deposit = utxo.credit(&id(1), 0, &who(3).0, Amount::coins(9), block(8));
    let other = utxo.credit(&id(1), 1, &who(3).0, Amount::coins(9), block(8));
    assert!(deposit.key != other.key && Outpoint::from_key(&deposit.key).is_some());
    ledger.credit(&deposit);
    assert!(utxo.build(&order(who(3), who(1), Amount::coins(9), Amount::ZERO), inside(8), &ledger).is_ok());
}

/// A coin of 10 at genesis, its outpoint, and a payment that spends it.
fn coin_of_ten() -> (MemoryLedger, Outpoint) {
    let ledger = with_coins(who(1), &[Amount::coins(10)]);
    let outpoint = only_coin(&ledger, who(1));
    (ledger, outpoint)
}

fn payment<'a>(outpoint: Outpoint, lock: &'a [u8]) -> Payment<'a> {
    Payment {
        version: 2,
        inputs: vec![Input { outpoint, sequence: SEQUENCE_FINAL, unlock: &[] }],
        outputs: vec![Output { amount: Amount::coins(10), lock }],
        actions: vec![],
        lock_time: 0,
    }
}

fn verdict(params: Params, payment: Payment<'_>, context: ApplyContext, ledger: &MemoryLedger) -> Result<(), Reject> {
    let tx = Transaction::Payment(payment).to_bytes();
    utxo(params).apply(&tx, context, ledger).map(drop)
}

#[test]
fn what_breaks_a_rule_is_told_which() {
    let (ledger, outpoint) = coin_of_ten();
    let good = payment(outpoint, b"lock");
    let tight = Params { dust: Amount(5), max_tx_bytes: 60, max_field_bytes: 4, ..Params::default() };
    let breaks = |rule: TxError, change: &dyn Fn(&mut Payment<'static>)| {
        let mut payment = payment(outpoint, b"lock");
        change(&mut payment);
        assert_eq!(verdict(tight.clone(), payment, inside(1), &ledger), Err(rule.into()));
    };
    assert_eq!(verdict(tight.clone(), good.clone(), inside(1), &ledger), Ok(()));
    assert_eq!(verdict(tight.clone(), good, block(1), &ledger), Err(TxError::Kind { expected: true }.into()));
    breaks(TxError::NoInputs, &|p| p.inputs.clear());
    breaks(TxError::TxSize { limit: 60, found: 85 }, &|p| p.inputs.push(p.inputs[0]));
    let mut twice = payment(outpoint, b"");
    twice.inputs.push(twice.inputs[0]);
    let twice = verdict(Params::default(), twice, inside(1), &ledger);
    assert_eq!(twice, Err(TxError::Duplicate(outpoint).into()));
    let absent = Outpoint { index: 1, ..outpoint };
    breaks(TxError::MissingCoin(absent), &|p| p.inputs[0].outpoint = absent);
    let long = TxError::FieldSize { limit: 4, found: 5 };
    breaks(long.clone(), &|p| p.inputs[0].unlock = b"12345");
    breaks(long.clone(), &|p| p.outputs[0].lock = b"12345");
    let asked = Asked { kind: 0, amount: Amount(1), data: b"12345" };
    breaks(long, &|p| {
        p.outputs.clear();
        p.actions.push(asked);
    });
    breaks(TxError::Dust { limit: Amount(5), found: Amount(4) }, &|p| p.outputs[0].amount = Amount(4));
    let over = TxError::Overspent { expected: Amount::coins(10) + Amount(1), found: Amount::coins(10) };
    breaks(over.clone(), &|p| p.outputs[0].amount = Amount::coins(10) + Amount(1));
    breaks(over, &|p| p.actions.push(Asked { data: &[], ..asked }));
    for amount in [MAX_AMOUNT, Amount(u64::MAX)] {
        let mut much = payment(outpoint, b"");
        much.outputs = vec![Output { amount, lock: b"" }; 2];
        let much = verdict(Params::default(), much, inside(1), &ledger);
        assert_eq!(much, Err(TxError::Sum("outputs and actions").into()));
    }
}

#[test]
fn lock_times_and_ages_are_waited_for() {
    let (ledger, outpoint) = coin_of_ten();
    const TIME: u32 = 500_000_000;
    const UNITS: u32 = 1 << 22;
    let at_time = |time| ApplyContext { time, ..inside(1) };
    const NOT_FINAL: Option<&str> = Some("bad-txns-nonfinal");
    const TOO_YOUNG: Option<&str> = Some("non-BIP68-final");
    for (version, lock_time, sequence, context, code) in [
        (2, 5, 1 << 31, inside(5), NOT_FINAL),
        (2, 5, 1 << 31, inside(6), None),
        (2, 5, SEQUENCE_FINAL, inside(5), None),
        (2, TIME + 1, 1 << 31, at_time(TIME + 1), NOT_FINAL),
        (2, TIME + 1, 1 << 31, at_time(TIME + 2), None),
        (2, 0, 4, inside(3), TOO_YOUNG),
        (2, 0, 4, inside(4), None),
        (1, 0, 4, inside(3), None),
        (2, 0, 4 | 1 << 31, inside(3), None),
        (2, 0, UNITS | 2, at_time(1023), TOO_YOUNG),
        (2, 0, UNITS | 2, at_time(1024), None),
    ] {
        let mut payment = payment(outpoint, b"");
        payment.version = version;
        payment.lock_time = lock_time;
        payment.inputs[0].sequence = sequence;
        let found = verdict(Params::default(), payment.clone(), context, &ledger);
        assert_eq!(found.as_ref().err().map(Reject::code), code, "{payment:?} at {context:?}: {found:?}");
    }
}

#[test]
fn wrong_parameters_are_named() {
    use fika_core::plugin::Plugin;
    let env = fika_core::env::Env { chain: Default::default(), keys: std::sync::Arc::new(fika_core::keys::NoKeys) };
    let error = fika_utxo::Utxo::new(Params { max_tx_bytes: 2 << 20, ..Params::default() }, &env).err().unwrap();
    assert_eq!(error, "max_tx_bytes: expected at most 1048576, found 2097152");
}

#[test]
fn every_rule_crosses_the_border_by_its_name() {
    let (coin, limit, found) = (Outpoint { id: id(1), index: 0 }, 1, 2);
    let table = [
        (TxError::Encoding(DecodeError::Varint), "bad-encoding"),
        (TxError::Kind { expected: true }, "bad-cb-missing"),
        (TxError::Kind { expected: false }, "bad-cb-multiple"),
        (TxError::CoinbaseHeight { expected: 1, found: 2 }, "bad-cb-height"),
        (TxError::TxSize { limit, found }, "bad-txns-oversize"),
        (TxError::FieldSize { limit, found }, "bad-txns-script-size"),
        (TxError::NoInputs, "bad-txns-vin-empty"),
        (TxError::Duplicate(coin), "bad-txns-inputs-duplicate"),
        (TxError::MissingCoin(coin), "bad-txns-inputs-missingorspent"),
        (TxError::BrokenCoin(coin), "bad-coin-encoding"),
        (TxError::Immature { coin, expected: 2, found: 1 }, "bad-txns-premature-spend-of-coinbase"),
        (TxError::NotFinal { lock_time: 2, height: 1, time: 0 }, "bad-txns-nonfinal"),
        (TxError::TooYoung { coin, unit: "height", expected: 2, found: 1 }, "non-BIP68-final"),
        (TxError::Dust { limit: Amount(2), found: Amount(1) }, "dust"),
        (TxError::Sum("inputs"), "bad-txns-inputvalues-outofrange"),
        (TxError::Sum("outputs"), "bad-txns-txouttotal-toolarge"),
        (TxError::Overspent { expected: Amount(2), found: Amount(1) }, "bad-txns-in-belowout"),
        (TxError::Funds { expected: Amount(2), found: Amount(1) }, "insufficient-funds"),
        (TxError::Spends { expected: 1, found }, "bad-spend-count"),
        (TxError::Unlocks { expected: 1, found }, "bad-unlock-count"),
    ];
    for (error, code) in table {
        // A new rule does not compile here: give it a row above, too.
        match error {
            TxError::Encoding(_) | TxError::Kind { .. } | TxError::CoinbaseHeight { .. } | TxError::TxSize { .. } => {}
            TxError::FieldSize { .. } | TxError::NoInputs | TxError::Duplicate(_) | TxError::MissingCoin(_) => {}
            TxError::BrokenCoin(_) | TxError::Immature { .. } | TxError::NotFinal { .. } => {}
            TxError::TooYoung { .. } | TxError::Dust { .. } | TxError::Sum(_) | TxError::Overspent { .. } => {}
            TxError::Funds { .. } | TxError::Spends { .. } | TxError::Unlocks { .. } => {}
        }
        let reason = Reason::from(error.clone());
        let crossed = Reason::from_bytes(&reason.to_bytes()).unwrap();
        assert_eq!((&*crossed.code, crossed.text), (code, error.to_string()));
    }
}
