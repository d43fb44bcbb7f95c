//! What the kit says of rules that keep their promises, and of rules that do not.

#![allow(missing_docs)]

mod rules;

use fika_core::testing::Setup;
use fika_core::testing::consensus::{Promises, promises};
use rules::dpos::Dpos;
use rules::finality::Finality;
use rules::lots::Lots;
use rules::uncles::{Uncles, parse};
use rules::{FixedWork, RoundRobin};

#[test]
fn fixed_work() {
    promises(&Setup::new(|env| Ok(FixedWork(env.clone()))));
}
#[test]
fn round_robin() {
    promises(&Setup::new(|env| Ok(RoundRobin(env.clone()))));
}
#[test]
fn lots() {
    promises(&Setup::new(|env| Ok(Lots(env.clone()))));
}
#[test]
fn finality() {
    promises(&Setup::new(|env| Ok(Finality(env.clone()))));
}
#[test]
fn dpos() {
    promises(&Setup::new(|env| Ok(Dpos(env.clone()))));
}
#[test]
fn uncles() {
    Promises::new(&Setup::new(|env| Ok(Uncles(env.clone()))))
        .may_issue(|summary| {
            let uncles = parse(summary.extra).map_or(0, |(_, uncles)| uncles.len() as u64);
            fika_core::amount::Amount(summary.subsidy.0 + uncles * (summary.subsidy.0 / 2 + summary.subsidy.0 / 32))
        })
        .check();
}
