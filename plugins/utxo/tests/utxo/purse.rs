//! A ledger in memory, where locks are addresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::codec::Decode;
use fika_core::env::{ChainParams, Env};
use fika_core::hash::{Id, sha256};
use fika_core::keys::NoKeys;
use fika_core::plugin::Plugin;
use fika_core::tx::{Ledger, Order, Outcome, Place, TxFormat};
use fika_utxo::coin::Coin;
use fika_utxo::{Params, Utxo};

#[derive(Default)]
pub(crate) struct Purse(pub(crate) BTreeMap<Vec<u8>, Vec<u8>>);

impl Purse {
    /// Coins of `owner`, each given at genesis.
    pub(crate) fn with_coins(owner: Address, amounts: &[Amount]) -> Purse {
        let mut purse = Purse::default();
        let to: Vec<_> = amounts.iter().map(|amount| (owner.0.to_vec(), *amount)).collect();
        let genesis = utxo(Params::default()).coinbase(0, 0, &to);
        purse.carry_out(&utxo(Params::default()).apply(&genesis, block(0), &purse).unwrap());
        purse
    }

    pub(crate) fn carry_out(&mut self, outcome: &Outcome) {
        for spend in &outcome.spends {
            assert!(self.0.remove(&spend.key).is_some());
        }
        for credit in &outcome.credits {
            assert_eq!(self.0.insert(credit.key.clone(), credit.value.clone()), None);
        }
    }
}

impl Ledger for Purse {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn balance(&self, owner: &Address) -> Amount {
        self.coins(owner).into_iter().map(|(_, amount)| amount).sum()
    }

    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)> {
        let coins = self.0.iter().map(|(key, value)| (key, Coin::from_bytes(value).unwrap()));
        coins.filter(|(_, coin)| coin.lock == owner.0).map(|(key, coin)| (key.clone(), coin.amount)).collect()
    }
}

pub(crate) fn utxo(params: Params) -> Utxo {
    Utxo::new(params, &Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) }).unwrap()
}

/// The first transaction of the block at `height`; blocks are 1,000 ticks apart.
pub(crate) fn block(height: u64) -> Place {
    Place { height, time: (height * 1000) as u32, coinbase: true }
}

/// Another transaction of that block.
pub(crate) fn inside(height: u64) -> Place {
    Place { coinbase: false, ..block(height) }
}

pub(crate) fn who(n: u8) -> Address {
    Address(sha256(&[&[n]]).0[..20].try_into().unwrap())
}

pub(crate) fn order(from: Address, to: Address, amount: Amount, fee: Amount) -> Order {
    Order { from, from_lock: from.0.to_vec(), to: vec![(to.0.to_vec(), amount)], fee, actions: Vec::new() }
}

pub(crate) fn id(n: u8) -> Id {
    sha256(&[&[n]])
}
