//! Transactions that spend coins, in a compact encoding.
//!
//! A coin is an output that no input has spent. Ids do not change with unlocking scripts, the
//! encoding of a transaction is unique, and a signature commits to the amounts that it spends.
//! [`transaction`] has the encoding, [`coin`] what the ledger keeps, [`digest`] what is signed.
//!
//! Absolute lock times and relative ones (BIP 68) count heights and header times; times are
//! those of a block's parent, because they are known before the block is made.

use fika_core::amount::Amount;
use fika_core::block::MAX_TX_BYTES;
use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};
use fika_core::plugin::Plugin;
use fika_core::reject::Reject;
use fika_core::script::InputFacts;
use fika_core::tx::{ApplyContext, Credit, Ledger, Order, Outcome, Outline, Spend, TxFormat};

mod apply;
mod build;
pub mod coin;
pub mod digest;
mod encoding;
mod error;
mod params;
pub mod transaction;

pub use apply::RELATIVE_UNIT_TICKS;
pub use error::TxError;
pub use params::Params;

use coin::Outpoint;
use transaction::{Coinbase, Output, Transaction};

/// The format for one chain.
pub struct Utxo {
    params: Params,
}

impl Plugin for Utxo {
    const NAME: &'static str = "utxo";
    const ABOUT: &'static str = "Transactions that spend coins, in a compact encoding.";
    const PARAMS: &'static [(&'static str, &'static str)] = &[
        ("maturity_blocks", "how many blocks after its own a coinbase's coin can be spent (Bitcoin: 100)"),
        ("dust", "the smallest output of a payment, in base units"),
        ("max_tx_bytes", "the longest payment, in bytes"),
        ("max_field_bytes", "the longest script and the longest data of an action, in bytes"),
    ];
    const PROVIDES: &'static [&'static str] = &["tx.coins", "tx.actions"];
    type Params = Params;

    fn new(params: Params, _: &Env) -> Result<Self, String> {
        let found = params.max_tx_bytes;
        if found as usize > MAX_TX_BYTES {
            return Err(format!("max_tx_bytes: expected at most {MAX_TX_BYTES}, found {found}"));
        }
        Ok(Utxo { params })
    }
}

impl TxFormat for Utxo {
    fn apply(&self, tx: &[u8], context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, Reject> {
        Ok(apply::apply(&self.params, tx, context, ledger)?)
    }

    fn outline(&self, tx: &[u8], context: ApplyContext) -> Result<Outline, Reject> {
        Ok(apply::outline(&self.params, tx, context)?)
    }

    fn prepare(&self, tx: &[u8], spends: &[Spend]) -> Result<Vec<u8>, Reject> {
        Ok(digest::prepare(tx, spends)?)
    }

    fn digest(&self, prepared: &[u8], input: u32, request: &[u8]) -> Id {
        digest::digest(prepared, input, request)
    }

    fn facts(&self, prepared: &[u8], input: u32) -> InputFacts {
        digest::facts(prepared, input)
    }

    fn coinbase(&self, height: u64, extra_nonce: u64, to: &[(Vec<u8>, Amount)]) -> Vec<u8> {
        // A coin worth nothing would only be in the way.
        let to = to.iter().filter(|(_, amount)| *amount > Amount::ZERO);
        let outputs = to.map(|(lock, amount)| Output { amount: *amount, lock }).collect();
        Transaction::Coinbase(Coinbase { height, extra_nonce, outputs }).to_bytes()
    }

    fn credit(&self, origin: &Id, n: u32, lock: &[u8], amount: Amount, context: ApplyContext) -> Credit {
        let id = domain_hash("fika utxo credit", &[&origin.0]);
        apply::credit(Outpoint { id, index: n }, lock, amount, ApplyContext { coinbase: false, ..context })
    }

    fn build(&self, order: &Order, context: ApplyContext, ledger: &dyn Ledger) -> Result<Vec<u8>, Reject> {
        Ok(build::build(&self.params, order, context, ledger)?)
    }

    fn finish(&self, tx: &[u8], unlocks: &[Vec<u8>]) -> Result<Vec<u8>, Reject> {
        Ok(build::finish(tx, unlocks)?)
    }
}

fika_core::export!(tx Utxo);
