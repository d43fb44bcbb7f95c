//! Transaction formats with a flaw.

use super::*;
use crate::hash::Id;
use crate::reject::Reject;
use crate::script::InputFacts;
use crate::testing::calls::message_of;
use crate::tx::Accounts;

/// Accounts with one flaw.
struct Flawed(&'static str);

impl TxFormat for Flawed {
    fn apply(&self, tx: &[u8], context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, Reject> {
        assert!(self.0 != "panics" || tx.len() > 20, "a short transaction");
        let context = if self.0 == "anywhere" && !context.coinbase {
            ApplyContext { coinbase: true, ..context }
        } else {
            context
        };
        let outcome = Accounts.apply(tx, context, ledger).or_else(|reject| match self.0 {
            "anywhere" => Accounts.apply(tx, ApplyContext { coinbase: false, ..context }, ledger),
            _ => Err(reject),
        });
        let mut outcome = outcome?;
        match self.0 {
            "makes coins" => outcome.credits.iter_mut().for_each(|credit| credit.amount += Amount(1)),
            "twice" => outcome.puts.clear(),
            "id" => outcome.id = crate::hash::sha256d(&[tx]),
            _ => {}
        }
        Ok(outcome)
    }

    fn prepare(&self, tx: &[u8], spends: &[Spend]) -> Result<Vec<u8>, Reject> {
        if self.0 == "signs signatures" { Ok(tx.to_vec()) } else { Accounts.prepare(tx, spends) }
    }

    fn digest(&self, prepared: &[u8], input: u32, request: &[u8]) -> Id {
        Accounts.digest(prepared, input, request)
    }

    fn facts(&self, prepared: &[u8], input: u32) -> InputFacts {
        if self.0 == "facts" { InputFacts::default() } else { Accounts.facts(prepared, input) }
    }

    fn coinbase(&self, height: u64, extra_nonce: u64, to: &[(Vec<u8>, Amount)]) -> Vec<u8> {
        Accounts.coinbase(height, if self.0 == "coinbases" { 0 } else { extra_nonce }, to)
    }

    fn credit(&self, origin: &Id, n: u32, lock: &[u8], amount: Amount, context: ApplyContext) -> Credit {
        let credit = Accounts.credit(origin, n, lock, amount, context);
        if self.0 == "credits" { Credit { key: origin.0.to_vec(), ..credit } } else { credit }
    }

    fn build(&self, order: &Order, context: ApplyContext, ledger: &dyn Ledger) -> Result<Vec<u8>, Reject> {
        let fee = if self.0 == "fee" { Amount(order.fee.0 - 1) } else { order.fee };
        Accounts.build(&Order { fee, ..order.clone() }, context, ledger)
    }

    fn finish(&self, tx: &[u8], unlocks: &[Vec<u8>]) -> Result<Vec<u8>, Reject> {
        match unlocks.first() {
            Some(first) if self.0 == "finish" => Accounts.finish(tx, std::slice::from_ref(first)),
            _ => Accounts.finish(tx, unlocks),
        }
    }
}

#[test]
fn every_flaw_is_found() {
    promises(&Flawed("none"));
    for (flaw, said) in [
        ("anywhere", "stands at the front of a block"),
        ("makes coins", "makes or loses coins"),
        ("twice", "applies a second time"),
        ("id", "unlocking scripts change the id"),
        ("panics", "a short transaction"),
        ("signs signatures", "depends on unlocking scripts"),
        ("facts", "the amount of input 0"),
        ("coinbases", "coinbases of different blocks"),
        ("credits", "a coin is made a second time"),
        ("fee", "that were ordered"),
        ("finish", "2 unlocks for 1 spends"),
    ] {
        let message = message_of(|| promises(&Flawed(flaw)));
        assert!(message.contains(said), "{flaw}: expected {said:?}, found {message:?}");
    }
}
