//! Transactions, by each stock format.

#![no_main]

use std::sync::{Arc, LazyLock};

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::env::{ChainParams, Env};
use fika_core::keys::NoKeys;
use fika_core::plugin::Faults;
use fika_core::testing::tx::MemoryLedger;
use fika_core::tx::{Accounts, ApplyContext, TxFormat};
use libfuzzer_sys::fuzz_target;

static FORMATS: LazyLock<[Box<dyn TxFormat>; 2]> = LazyLock::new(|| {
    let env = Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) };
    [fika_utxo::PLUGIN.tx("", &env, &Faults::new()).expect("the defaults fit"), Box::new(Accounts)]
});

fuzz_target!(|bytes: &[u8]| {
    for format in &*FORMATS {
        let ledger = MemoryLedger::with_coins(&**format, &[(Address([7; 20]), Amount::coins(3))]);
        for coinbase in [false, true] {
            let _ = format.apply(bytes, ApplyContext { height: 5, time: 100, coinbase }, &ledger);
        }
    }
});
