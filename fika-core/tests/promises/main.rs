//! What the kit says of rules that keep their promises, and of rules that do not.

#![allow(missing_docs)]

mod flawed;
#[path = "../rules/mod.rs"]
mod rules;

use fika_core::amount::Amount;
use fika_core::env::ChainParams;
use fika_core::plugin::Plugin;
use fika_core::testing::consensus::{Promises, promises};
use fika_core::testing::{self, Setup};
use fika_stack_vm::StackVm;
use rules::dpos::Dpos;
use rules::finality::Finality;
use rules::lots::Lots;
use rules::uncles::{Uncles, parse, uncle_reward};
use rules::{FixedWork, RoundRobin};

#[test]
fn rules_of_every_kind_keep_them() {
    promises(&Setup::new(|env| Ok(FixedWork(env.clone()))));
    promises(&Setup::new(|env| Ok(RoundRobin(env.clone()))));
    promises(&Setup::new(|env| Ok(Lots(env.clone()))));
}

#[test]
fn the_stock_scripts_keep_theirs() {
    testing::script::promises(&StackVm::new(Default::default(), &testing::env(ChainParams::default())).unwrap());
}

/// Votes, certificates and deposits.
#[test]
fn rules_with_messages_and_actions_keep_them() {
    promises(&Setup::new(|env| Ok(Finality(env.clone()))));
    promises(&Setup::new(|env| Ok(Dpos(env.clone()))));
}

#[test]
fn rules_that_create_other_amounts_say_how_much() {
    let setup = Setup::new(|env| Ok(Uncles(env.clone())));
    let created = |extra: &[u8], subsidy: Amount| {
        let uncles = parse(extra).map_or(0, |(_, uncles)| uncles.len() as u64);
        Amount(subsidy.0 + uncles * (uncle_reward(subsidy).0 + subsidy.0 / 32))
    };
    Promises::new(&setup).may_issue(move |summary| created(summary.extra, summary.subsidy)).check();
}
