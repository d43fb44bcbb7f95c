//! Whom a block pays.

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::tx::{ApplyContext, Ledger};
use fika_core::world::{BlockIx, World};

/// Whom the block's coinbase pays, if it pays anyone that has an address.
pub(crate) fn payee(world: &World, ix: BlockIx) -> Option<Address> {
    /// A coinbase spends nothing, so it needs no ledger.
    struct NoLedger;
    impl Ledger for NoLedger {
        fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
            None
        }
        fn balance(&self, _: &Address) -> Amount {
            Amount::ZERO
        }
        fn coins(&self, _: &Address) -> Vec<(Vec<u8>, Amount)> {
            Vec::new()
        }
    }
    let entry = &world.tree()[ix];
    let context = ApplyContext { height: entry.height, time: world.tree()[entry.parent].header.time, coinbase: true };
    let block = world.block(ix)?;
    let outcome = world.rules().tx.apply(block.txs.first()?.bytes(), context, &NoLedger).ok()?;
    world.rules().script.owner(&outcome.credits.first()?.lock)
}
