//! What holds for all transactions and all bytes.

use crate::ledger::{inside, only_coin, utxo, who, with_coins};
use fika_core::amount::{Amount, MAX_AMOUNT};
use fika_core::codec::{Decode, Encode};
use fika_core::hash::Id;
use fika_core::testing;
use fika_core::tx::{ApplyContext, TxFormat};
use fika_utxo::Params;
use fika_utxo::coin::{Coin, Outpoint};
use fika_utxo::transaction::{Asked, Coinbase, Input, Output, Payment, Transaction};
use proptest::collection::vec;
use proptest::prelude::*;

const DATA: &[u8] = &[0x5a; 300];

fn field() -> impl Strategy<Value = &'static [u8]> {
    (0..DATA.len()).prop_map(|len| &DATA[..len])
}

fn outpoint() -> impl Strategy<Value = Outpoint> {
    (any::<[u8; 32]>(), prop_oneof![0..600u32, any::<u32>()]).prop_map(|(id, index)| Outpoint { id: Id(id), index })
}

fn outputs() -> impl Strategy<Value = Vec<Output<'static>>> {
    vec((any::<u64>(), field()).prop_map(|(amount, lock)| Output { amount: Amount(amount), lock }), 0..4)
}

fn transaction() -> impl Strategy<Value = Transaction<'static>> {
    let input = (outpoint(), any::<u32>(), field());
    let input = input.prop_map(|(outpoint, sequence, unlock)| Input { outpoint, sequence, unlock });
    let asked = (any::<u8>(), any::<u64>(), field());
    let asked = asked.prop_map(|(kind, amount, data)| Asked { kind, amount: Amount(amount), data });
    let payment = (1u32.., vec(input, 0..4), outputs(), vec(asked, 0..3), any::<u32>());
    let payment = payment.prop_map(|(version, inputs, outputs, actions, lock_time)| {
        Transaction::Payment(Payment { version, inputs, outputs, actions, lock_time })
    });
    let coinbase = (any::<u64>(), any::<u64>(), outputs());
    let coinbase = coinbase
        .prop_map(|(height, extra_nonce, outputs)| Transaction::Coinbase(Coinbase { height, extra_nonce, outputs }));
    prop_oneof![3 => payment, 1 => coinbase]
}

fn context() -> impl Strategy<Value = ApplyContext> {
    (any::<u64>(), any::<u32>(), any::<bool>()).prop_map(|(height, time, coinbase)| ApplyContext {
        height,
        time,
        coinbase,
    })
}

/// Nothing may panic, whatever the bytes are.
fn poke(tx: &[u8], context: ApplyContext) {
    let utxo = utxo(Params::default());
    let ledger = with_coins(who(1), &[Amount::coins(1)]);
    let _ = utxo.apply(tx, context, &ledger);
    let _ = utxo.prepare(tx, &[]);
    for input in [0, u32::MAX] {
        let _ = utxo.digest(tx, input, b"");
        let _ = utxo.facts(tx, input);
    }
    let _ = utxo.finish(tx, &[]);
}

#[test]
fn the_promises_of_a_format_are_kept() {
    testing::tx::promises(&utxo(Params::default()));
    // Small amounts are dust, and rewards must age.
    testing::tx::promises(&utxo(Params { dust: Amount(500), maturity_blocks: 100, ..Params::default() }));
}

/// The cheapest coin that suffices is taken alone.
#[test]
fn one_coin_is_spent_where_one_is_enough() {
    let (payer, payee) = (who(1), who(2));
    let coins = [5, 40, 7, 20, 90].map(Amount);
    let ledger = with_coins(payer, &coins);
    for needed in 1..=90 {
        let order = crate::ledger::order(payer, payee, Amount(needed), Amount::ZERO);
        let tx = utxo(Params::default()).build(&order, inside(1), &ledger).unwrap();
        let spends = utxo(Params::default()).apply(&tx, inside(1), &ledger).unwrap().spends;
        let cheapest = coins.into_iter().filter(|coin| coin.0 >= needed).min();
        assert_eq!(spends.iter().map(|spend| spend.amount).collect::<Vec<_>>(), [cheapest.unwrap()]);
    }
}

proptest! {
    #[test]
    fn encodings_come_back(transaction in transaction(), context in context()) {
        let bytes = transaction.to_bytes();
        prop_assert_eq!(Transaction::decode(&bytes), Ok(transaction));
        poke(&bytes, context);
    }

    #[test]
    fn changed_encodings_are_other_transactions_or_none(
        transaction in transaction(), at: prop::sample::Index, flip in 1u8.., context in context(),
    ) {
        let mut bytes = transaction.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(decoded) = Transaction::decode(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), &bytes[..]);
        }
        poke(&bytes, context);
    }

    #[test]
    fn any_bytes_are_accepted_or_refused(bytes: Vec<u8>, context in context()) {
        if let Ok(decoded) = Transaction::decode(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), &bytes[..]);
        }
        poke(&bytes, context);
    }

    #[test]
    fn keys_come_back_and_are_ordered(a in outpoint(), b in outpoint(), next in any::<u32>()) {
        prop_assert_eq!(Outpoint::from_key(&a.key()), Some(a));
        prop_assert_eq!(a.key().cmp(&b.key()), a.cmp(&b));
        let c = Outpoint { index: next, ..a };
        prop_assert_eq!(a.key().cmp(&c.key()), a.cmp(&c));
    }

    #[test]
    fn coins_come_back(mined: bool, height: u64, time: u32, amount: u64, lock: Vec<u8>) {
        let coin = Coin { mined, height, time, amount: Amount(amount), lock };
        prop_assert_eq!(Coin::from_bytes(&coin.to_bytes()), Ok(coin));
    }

    /// No outputs, however chosen, take more out of a coin than it holds.
    #[test]
    fn nothing_is_made_from_nothing(amounts in vec(prop_oneof![0..200u64, any::<u64>(), Just(MAX_AMOUNT.0)], 0..5)) {
        let ledger = with_coins(who(1), &[Amount(100)]);
        let outpoint = only_coin(&ledger, who(1));
        let outputs = amounts.iter().map(|n| Output { amount: Amount(*n), lock: b"x" }).collect();
        let inputs = vec![Input { outpoint, sequence: u32::MAX, unlock: b"" }];
        let payment = Payment { version: 2, inputs, outputs, actions: vec![], lock_time: 0 };
        let tx = Transaction::Payment(payment).to_bytes();
        let total: u128 = amounts.iter().map(|n| u128::from(*n)).sum();
        prop_assert_eq!(utxo(Params::default()).apply(&tx, inside(1), &ledger).is_ok(), total <= 100);
    }
}
