//! A format of transactions whose payments spend an entry and make it again: what builds on itself ends no selection.

#![allow(missing_docs)]

mod rules;
mod solo;

use fika_core::amount::Amount;
use fika_core::hash::Id;
use fika_core::message::Message;
use fika_core::node::TxReject;
use fika_core::reject::Reject;
use fika_core::testing::Setup;
use fika_core::tx::{Accounts, ApplyContext, Credit, Ledger, Order, Outcome, Spend, TxFormat};
use rules::accounts::the_rest_of_accounts;
use rules::quiet::Quiet;
use solo::{Factory, Solo};

/// Accounts whose payments also go through a pot: one that all share, or one for each payment.
struct Pots {
    shared: bool,
}

impl TxFormat for Pots {
    fn apply(&self, tx: &[u8], context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, Reject> {
        let mut outcome = Accounts.apply(tx, context, ledger)?;
        if let ([spend], [credit]) = (&mut outcome.spends[..], &mut outcome.credits[..]) {
            if self.shared {
                spend.key = b"pot".to_vec();
            }
            credit.key = spend.key.clone();
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

#[test]
fn a_payment_that_makes_what_it_spends_goes_into_a_template() {
    for shared in [false, true] {
        let setup = || Setup::new(|_| Ok(Quiet)).tx(move |_| Ok(Pots { shared }));
        let (mut solo, mut factory) = (Solo::new(setup()), Factory::new(setup()));
        let genesis = factory.genesis();
        let txs = [2, 3].map(|from| factory.pay(genesis, from, 4, 5, 1));
        solo.hear(0, Message::Tx(txs[0].clone()));
        let answer = solo.hear(0, Message::Tx(txs[1].clone()));
        let conflict = (txs[1].hash(), TxReject::Conflict(txs[0].hash()));
        assert_eq!(solo.rejected(&answer), if shared { vec![conflict] } else { vec![] });
        let selected = solo.selected();
        assert_eq!(selected, txs[..if shared { 1 } else { 2 }]);
        let block = factory.block(genesis, selected.clone());
        assert_eq!(block.txs[1..], selected);
        solo.hear_block(0, &block);
        assert_eq!((solo.tip(), solo.node.mempool().len()), (block.id(), 0));
    }
}
