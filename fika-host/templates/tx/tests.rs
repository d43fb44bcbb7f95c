use std::collections::BTreeMap;

use fika_core::address::Address;

use super::*;

/// Coins by their keys, all of one owner.
struct Coins(BTreeMap<Vec<u8>, Credit>);

impl Coins {
    fn of(amounts: &[u64]) -> Coins {
        let coins = (0..).zip(amounts).map(|(n, amount)| coin(&Id([5; 32]), n, b"lock", Amount(*amount)));
        Coins(coins.map(|coin| (coin.key.clone(), coin)).collect())
    }
}

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

const CONTEXT: ApplyContext = ApplyContext { height: 3, time: 0, coinbase: false };

fn format() -> __Name__ {
    __Name__ { params: Params::default() }
}

fn pay(amount: u64, ledger: &Coins) -> Result<Vec<u8>, Reject> {
    let to = vec![(b"shop".to_vec(), Amount(amount))];
    let order = Order { from: Address::default(), from_lock: b"lock".to_vec(), to, fee: Amount(1), actions: vec![] };
    format().build(&order, CONTEXT, ledger)
}

#[test]
fn a_payment_adds_up_and_gives_change() {
    let ledger = Coins::of(&[10, 20, 30]);
    let tx = pay(25, &ledger).unwrap();
    let tx = format().finish(&tx, &[vec![1], vec![2]]).unwrap();
    let outcome = format().apply(&tx, CONTEXT, &ledger).unwrap();
    assert_eq!(outcome.fee, Amount(1));
    assert_eq!(outcome.spends.iter().map(|spend| spend.amount.0).collect::<Vec<_>>(), [10, 20]);
    assert_eq!(outcome.credits.iter().map(|credit| credit.amount.0).collect::<Vec<_>>(), [25, 4]);
    let prepared = format().prepare(&tx, &outcome.spends).unwrap();
    assert_eq!(format().facts(&prepared, 1).amount, Amount(20));
    assert_ne!(format().digest(&prepared, 0, &[1]), format().digest(&prepared, 1, &[1]));
}

#[test]
fn what_is_not_there_cannot_be_spent() {
    assert!(pay(60, &Coins::of(&[10, 20, 30])).is_err());
    assert!(pay(1, &Coins::of(&[])).is_err());
    let tx = pay(25, &Coins::of(&[10, 20, 30])).unwrap();
    assert!(format().apply(&tx, CONTEXT, &Coins::of(&[10])).is_err());
    assert!(format().apply(&tx[1..], CONTEXT, &Coins::of(&[10, 20])).is_err());
    let twice = Transaction { inputs: vec![(b"k".to_vec(), vec![]); 2], ..Transaction::default() };
    let ledger = Coins(BTreeMap::from([(b"k".to_vec(), coin(&Id::ZERO, 0, b"lock", Amount(5)))]));
    assert!(format().apply(&twice.to_bytes(), CONTEXT, &ledger).is_err());
}

#[test]
fn unlocking_scripts_change_no_id_and_coinbases_never_collide() {
    let ledger = Coins::of(&[10]);
    let tx = pay(5, &ledger).unwrap();
    let id = |tx: &[u8]| format().apply(tx, CONTEXT, &ledger).unwrap().id;
    assert_eq!(id(&tx), id(&format().finish(&tx, &[vec![7; 70]]).unwrap()));
    let context = ApplyContext { coinbase: true, ..CONTEXT };
    let coinbase = |nonce| {
        let tx = format().coinbase(CONTEXT.height, nonce, &[(b"miner".to_vec(), Amount(50))]);
        format().apply(&tx, context, &ledger).unwrap().id
    };
    assert_ne!(coinbase(0), coinbase(1));
    assert!(format().apply(&tx, context, &ledger).is_err());
}
