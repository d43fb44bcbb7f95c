//! What exists is what the rules' operations have created, less what they have destroyed, whatever the schedule says.

#![allow(missing_docs)]

mod rules;
mod solo;

use fika_core::address::Address;
use fika_core::agent::Agent;
use fika_core::amount::Amount;
use fika_core::consensus::{Consensus, LedgerOp, Summary};
use fika_core::reject::Reject;
use fika_core::testing::Setup;
use fika_core::tx::ActionRequest;
use fika_core::view::{BlockView, ChainView};
use rules::quiet::Quiet;
use solo::Factory;

/// Rewards come every second block, for somebody else than its producer, and not as the schedule says.
struct LateRewards;

const REWARD: Amount = Amount(700);

impl Consensus for LateRewards {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        Quiet.check(block, parent, past)
    }

    fn settle(&self, summary: &Summary<'_>, _: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        let is_due = summary.height.is_multiple_of(2);
        Ok(is_due.then_some(LedgerOp::Mint(Address([5; 20]), REWARD)).into_iter().collect())
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        Quiet.agent(me)
    }
}

#[test]
fn the_supply_is_what_the_operations_made_of_it() {
    let mut factory = Factory::new(Setup::new(|_| Ok(LateRewards)));
    let genesis = factory.genesis();
    let at = |factory: &Factory, id| factory.world.tree().find(id).unwrap();
    let start = factory.world.supply(at(&factory, &genesis));
    let burnt = Amount::coins(5);
    // What an action brings and no operation locks is gone.
    let burning = factory.act(genesis, 2, ActionRequest { kind: 1, amount: burnt, data: Vec::new() });
    let first = factory.block(genesis, vec![burning]);
    assert_eq!(first.txs.len(), 2);
    let last = factory.chain(first.id(), 6).pop().unwrap();
    let ix = at(&factory, &last.id());
    let expected = Amount(start.0 + 3 * REWARD.0 - burnt.0);
    assert_eq!((factory.world.supply(ix), factory.world.counted_supply(ix)), (expected, expected));
}
