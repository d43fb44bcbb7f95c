//! One block has one verdict, whatever a world has seen before: a proof counts for the locks that it was made for.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::sync::Arc;

use fika_core::amount::Amount;
use fika_core::block::Block;
use fika_core::codec::{Decode, Encode};
use fika_core::hash::Id;
use fika_core::reject::Reject;
use fika_core::testing::Setup;
use fika_core::tx::{Accounts, ActionRequest, ApplyContext, Credit, Ledger, Order, Outcome, Spend, TxFormat};
use fika_core::world::World;
use rules::accounts::the_rest_of_accounts;
use rules::quiet::Quiet;
use solo::Factory;

/// The action that puts another lock on an account; its data are the account and the lock.
const CHANGE_LOCK: u8 = 200;

/// Accounts whose locks can be changed, so that the lock of a spend follows from the state.
struct ChangingLocks;

fn entry(account: &[u8]) -> Vec<u8> {
    [b"lock of ", account].concat()
}

impl TxFormat for ChangingLocks {
    fn apply(&self, tx: &[u8], context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, Reject> {
        let mut outcome = Accounts.apply(tx, context, ledger)?;
        for spend in &mut outcome.spends {
            spend.lock = ledger.get(&entry(&spend.lock)).unwrap_or_else(|| spend.lock.clone());
        }
        for action in outcome.actions.extract_if(.., |action| action.kind == CHANGE_LOCK) {
            let (account, lock) = <(Vec<u8>, Vec<u8>)>::from_bytes(&action.data)?;
            outcome.puts.push((entry(&account), Some(lock)));
        }
        Ok(outcome)
    }

    fn prepare(&self, tx: &[u8], spends: &[Spend]) -> Result<Vec<u8>, Reject> {
        Accounts.prepare(tx, spends)
    }

    fn digest(&self, prepared: &[u8], input: u32, request: &[u8]) -> Id {
        Accounts.digest(prepared, input, request)
    }

    the_rest_of_accounts!();
}

fn setup() -> Setup {
    Setup::new(|_| Ok(Quiet)).tx(|_| Ok(ChangingLocks))
}

/// Whether a fresh world finds the last of these blocks valid when they come in this order.
fn last_is_valid(world: &mut World, blocks: &[&Arc<Block>]) -> bool {
    let verdicts = blocks.iter().map(|block| world.insert((*block).clone()).is_ok_and(|ix| world.validate(ix).is_ok()));
    verdicts.collect::<Vec<bool>>().pop().expect("a block")
}

#[test]
fn a_proof_made_for_another_lock_does_not_count() {
    let mut factory = Factory::new(setup());
    let genesis = factory.genesis();
    let lock = |n| factory.world.rules().script.lock(&factory.setup.address(n));
    let data = (lock(2), lock(4)).to_bytes();
    let change = factory.act(genesis, 4, ActionRequest { kind: CHANGE_LOCK, amount: Amount::ZERO, data });
    let payment = factory.pay(genesis, 2, 3, 5, 1);

    let with_payment = factory.block(genesis, vec![payment.clone()]);
    let changed = factory.block(genesis, vec![change]);
    let theft = factory.block(changed.id(), vec![payment]);
    assert_eq!(theft.txs.len(), 2, "a template does not run scripts");

    let fresh = || setup().world();
    assert!(last_is_valid(&mut fresh(), &[&with_payment]), "the old key still opens the old lock");
    assert!(!last_is_valid(&mut fresh(), &[&changed, &theft]));
    assert!(
        !last_is_valid(&mut fresh(), &[&with_payment, &changed, &theft]),
        "the payment was proven for another lock"
    );
    assert!(!last_is_valid(&mut fresh(), &[&changed, &with_payment, &theft]));
}
