//! A chain that has only a genesis block, in which three founders own coins.

use fika_core::address::Address;
use fika_core::agent::{Ctx, Signer};
use fika_core::amount::Amount;
use fika_core::env::signed_proof;
use fika_core::hash::Id;
use fika_core::header::{Header, Time};
use fika_core::keys::{KeyScheme, NoKeys};
use fika_core::reject::Missing;
use fika_core::target::Work;
use fika_core::view::{BlockView, ChainView, Coin, KeyValue};

pub(super) const GENESIS: BlockView<'static> = BlockView {
    id: Id([9; 32]),
    header: Header { version: 1, parent: Id::ZERO, root: Id::ZERO, time: 0, bits: 0, nonce: 0 },
    height: 0,
    weight: Work::ZERO,
    extra: &[],
};

pub(super) fn founder(n: u8) -> Address {
    Address([n; 20])
}

/// What the agent of `me` is told at `now`.
pub(super) fn ctx(now: Time, me: Address) -> Ctx<'static> {
    Ctx::new(now, me, GENESIS.id, &Genesis, &Genesis, 0)
}

/// The chain, and whoever signs with the key `key`.
pub(super) struct Genesis;

impl ChainView for Genesis {
    fn block(&self, _: &Id) -> Result<BlockView<'_>, Missing> {
        Ok(GENESIS)
    }

    fn ancestor(&self, _: &Id, _: u64) -> Result<BlockView<'_>, Missing> {
        Ok(GENESIS)
    }

    fn stakes(&self, _: &Id) -> Result<Vec<(Address, Amount)>, Missing> {
        Ok((0..3).map(|n| (founder(n), Amount::coins(1))).collect())
    }

    fn balance(&self, at: &Id, _: &Address) -> Result<Amount, Missing> {
        Err(Missing(*at))
    }

    fn locked(&self, at: &Id, _: &Address) -> Result<Amount, Missing> {
        Err(Missing(*at))
    }

    fn coins(&self, at: &Id, _: &Address) -> Result<Vec<Coin>, Missing> {
        Err(Missing(*at))
    }

    fn get(&self, at: &Id, _: &[u8]) -> Result<Option<Vec<u8>>, Missing> {
        Err(Missing(*at))
    }

    fn scan(&self, at: &Id, _: &[u8]) -> Result<Vec<KeyValue>, Missing> {
        Err(Missing(*at))
    }
}

impl Signer for Genesis {
    fn sign(&self, digest: &Id) -> Vec<u8> {
        signed_proof(b"key", &NoKeys.sign(0, b"key", digest).unwrap())
    }
}
