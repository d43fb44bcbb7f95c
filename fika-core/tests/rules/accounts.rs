//! A format of transactions that differs from [`Accounts`](fika_core::tx::Accounts) in a few calls.

// Most of the tests that have these rules do not need it.
#![allow(unused_imports, unused_macros)]

/// The calls of a [`TxFormat`](fika_core::tx::TxFormat) from `facts` on, as accounts answer them.
macro_rules! the_rest_of_accounts {
    () => {
        fn facts(&self, prepared: &[u8], input: u32) -> fika_core::script::InputFacts {
            Accounts.facts(prepared, input)
        }

        fn coinbase(&self, height: u64, extra_nonce: u64, to: &[(Vec<u8>, Amount)]) -> Vec<u8> {
            Accounts.coinbase(height, extra_nonce, to)
        }

        fn credit(&self, origin: &Id, n: u32, lock: &[u8], amount: Amount, context: ApplyContext) -> Credit {
            Accounts.credit(origin, n, lock, amount, context)
        }

        fn build(&self, order: &Order, context: ApplyContext, ledger: &dyn Ledger) -> Result<Vec<u8>, Reject> {
            Accounts.build(order, context, ledger)
        }

        fn finish(&self, tx: &[u8], unlocks: &[Vec<u8>]) -> Result<Vec<u8>, Reject> {
            Accounts.finish(tx, unlocks)
        }
    };
}

pub(crate) use the_rest_of_accounts;
