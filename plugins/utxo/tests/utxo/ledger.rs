//! Ledgers and places to apply transactions at.

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::env::ChainParams;
use fika_core::hash::{Id, sha256};
use fika_core::plugin::Plugin;
use fika_core::testing;
use fika_core::testing::tx::MemoryLedger;
use fika_core::tx::{ApplyContext, Ledger, Order};
use fika_utxo::coin::Outpoint;
use fika_utxo::{Params, Utxo};

/// A ledger in which `owner` was given these coins at genesis.
pub(crate) fn with_coins(owner: Address, amounts: &[Amount]) -> MemoryLedger {
    let coins: Vec<_> = amounts.iter().map(|amount| (owner, *amount)).collect();
    MemoryLedger::with_coins(&utxo(Params::default()), &coins)
}

/// The coin of somebody who has one.
pub(crate) fn only_coin(ledger: &MemoryLedger, owner: Address) -> Outpoint {
    let coins = ledger.coins(&owner);
    assert_eq!(coins.len(), 1);
    Outpoint::from_key(&coins[0].0).unwrap()
}

pub(crate) fn utxo(params: Params) -> Utxo {
    Utxo::new(params, &testing::env(ChainParams::default())).unwrap()
}

/// The first transaction of the block at `height`; blocks are 1,000 ticks apart.
pub(crate) fn block(height: u64) -> ApplyContext {
    ApplyContext { height, time: (height * 1000) as u32, coinbase: true }
}

/// Another transaction of that block.
pub(crate) fn inside(height: u64) -> ApplyContext {
    ApplyContext { coinbase: false, ..block(height) }
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
