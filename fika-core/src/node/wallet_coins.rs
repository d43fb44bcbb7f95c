//! The coins that a wallet pays with: confirmed ones, and its own unconfirmed change where those do not suffice.
//!
//! A payment from a confirmed coin waits for no other payment, so that its own fee decides when it is confirmed.

use std::collections::BTreeSet;

use super::mempool::PoolLedger;
use crate::address::Address;
use crate::amount::Amount;
use crate::tx::Ledger;
use crate::world::ledger::Entries;
use crate::world::transfer::FormatLedger;

/// By amount, then by key.
type CoinSet = BTreeSet<(Amount, Vec<u8>)>;

/// What a wallet can spend. No coin of one of its own unconfirmed payments is in it.
#[derive(Default)]
pub(super) struct WalletCoins {
    /// Of the ledger at the tip; looked up for the first payment after a change of the tip.
    confirmed: Option<CoinSet>,
    /// Made by own payments in the mempool.
    pub(super) change: CoinSet,
}

impl WalletCoins {
    /// Looks up the confirmed coins of `owner`, unless that is done. `is_spent` knows those of own unconfirmed payments.
    pub(super) fn look_up(&mut self, state: &dyn Entries, owner: &Address, is_spent: impl Fn(&[u8]) -> bool) {
        self.confirmed.get_or_insert_with(|| {
            let all = FormatLedger(state).coins(owner).into_iter();
            all.filter(|(key, _)| !is_spent(key)).map(|(key, amount)| (amount, key)).collect()
        });
    }

    /// An own payment spends these.
    pub(super) fn spend(&mut self, spends: &[(Vec<u8>, Amount)]) {
        for (key, amount) in spends {
            let coin = (*amount, key.clone());
            self.change.remove(&coin);
            if let Some(confirmed) = &mut self.confirmed {
                confirmed.remove(&coin);
            }
        }
    }
}

/// The ledger with the mempool, of whose coins a wallet sees those that it may spend.
pub(super) struct WalletLedger<'a> {
    pub(super) pool: PoolLedger<'a>,
    pub(super) owner: Address,
    pub(super) coins: &'a WalletCoins,
    /// Whether it may spend its own unconfirmed change.
    pub(super) with_change: bool,
}

impl WalletLedger<'_> {
    fn sets(&self) -> impl Iterator<Item = &CoinSet> {
        self.coins.confirmed.iter().chain(self.with_change.then_some(&self.coins.change))
    }
}

impl Ledger for WalletLedger<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.pool.get(key)
    }

    fn balance(&self, owner: &Address) -> Amount {
        self.pool.balance(owner)
    }

    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)> {
        if *owner != self.owner {
            return self.pool.coins(owner);
        }
        // Somebody else may have spent one of them with the same key.
        let all = self.sets().flatten().filter(|(_, key)| !self.pool.is_spent(key));
        let mut coins: Vec<(Vec<u8>, Amount)> = all.map(|(amount, key)| (key.clone(), *amount)).collect();
        coins.sort_unstable();
        coins
    }

    fn coin_worth(&self, owner: &Address, least: Amount) -> Option<(Vec<u8>, Amount)> {
        if *owner != self.owner {
            return self.pool.coin_worth(owner, least);
        }
        let from = (least, Vec::new());
        let first = |coins: &CoinSet| coins.range(&from..).find(|(_, key)| !self.pool.is_spent(key)).cloned();
        self.sets().filter_map(first).min().map(|(amount, key)| (key, amount))
    }
}
