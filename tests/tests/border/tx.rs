//! A sequence of calls to a transaction format.

use std::collections::BTreeMap;
use std::fmt::Write;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::Id;
use fika_core::tx::{ActionRequest, ApplyContext, Credit, Ledger, Order, TxFormat};

/// Coins by their keys, all of one owner.
struct Coins(BTreeMap<Vec<u8>, Credit>);

impl Ledger for Coins {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).map(|coin| coin.value.clone())
    }

    fn balance(&self, _: &Address) -> Amount {
        self.0.values().map(|coin| coin.amount).sum()
    }

    fn coins(&self, _: &Address) -> Vec<(Vec<u8>, Amount)> {
        self.0.iter().map(|(key, coin)| (key.clone(), coin.amount)).collect()
    }
}

pub(crate) fn record(format: Box<dyn TxFormat>) -> String {
    let mut log = String::new();
    let context = ApplyContext { height: 7, time: 1_000, coinbase: false };
    let lock = vec![7; 25];
    let coins = (0..4).map(|n| format.credit(&Id([3; 32]), n, &lock, Amount::coins(u64::from(n) + 1), context));
    let ledger = Coins(coins.map(|coin| (coin.key.clone(), coin)).collect());
    for coin in ledger.0.values() {
        writeln!(log, "credit {coin:?}").unwrap();
    }
    let order = |amount: u64, actions| Order {
        from: Address([1; 20]),
        from_lock: lock.clone(),
        to: vec![(vec![9; 25], Amount::coins(amount))],
        fee: Amount(500),
        actions,
    };
    let vote = ActionRequest { kind: 3, amount: Amount(50), data: vec![1, 2, 3] };
    for (amount, actions) in [(1, vec![]), (5, vec![vote]), (8, vec![]), (100, vec![])] {
        let built = format.build(&order(amount, actions), context, &ledger);
        writeln!(log, "built {built:?}").unwrap();
        let Ok(tx) = built else { continue };
        let outcome = format.apply(&tx, context, &ledger);
        writeln!(log, "does {outcome:?}").unwrap();
        let Ok(outcome) = outcome else { continue };
        writeln!(log, "not prepared {:?}", format.prepare(&tx, &[])).unwrap();
        let prepared = format.prepare(&tx, &outcome.spends);
        writeln!(log, "prepared {prepared:?}").unwrap();
        for spend in &outcome.spends {
            let prepared = prepared.as_deref().unwrap();
            writeln!(log, "digest {}", format.digest(prepared, spend.input, &[1])).unwrap();
            writeln!(log, "facts {:?}", format.facts(prepared, spend.input)).unwrap();
        }
        let unlocks: Vec<Vec<u8>> = (0..outcome.spends.len()).map(|n| vec![n as u8; 70]).collect();
        let finished = format.finish(&tx, &unlocks);
        writeln!(log, "finished {finished:?}").unwrap();
        writeln!(log, "not finished {:?}", format.finish(&tx, &[])).unwrap();
        let finished = finished.unwrap();
        writeln!(log, "applied {:?}", format.apply(&finished, context, &ledger)).unwrap();
        writeln!(log, "says {:?}", format.outline(&finished, context)).unwrap();
        writeln!(log, "nothing there {:?}", format.apply(&finished, context, &Coins(BTreeMap::new()))).unwrap();
        for cut in [0, 1, finished.len() / 2, finished.len() - 1] {
            writeln!(log, "cut {:?}", format.apply(&finished[..cut], context, &ledger)).unwrap();
            writeln!(log, "says {:?}", format.outline(&finished[..cut], context)).unwrap();
        }
    }
    let context = ApplyContext { coinbase: true, ..context };
    for extra_nonce in 0..2 {
        let coinbase = format.coinbase(7, extra_nonce, &[(lock.clone(), Amount::coins(50)), (vec![], Amount(1))]);
        writeln!(log, "coinbase {coinbase:?} does {:?}", format.apply(&coinbase, context, &ledger)).unwrap();
    }
    log
}
