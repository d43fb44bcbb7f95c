//! The promises of a consensus, as a test.

mod doubt;
mod orders;

use std::sync::Arc;

use super::{Draws, Network, Setup};
use crate::amount::Amount;
use crate::consensus::Summary;
use crate::header::Time;
use doubt::{Doubting, MayIssue};

pub fn promises(setup: &Setup) {
    Promises::new(setup).check();
}

pub struct Promises {
    setup: Setup,
    seeds: u64,
    intervals: u64,
    shuffles: u64,
    may_issue: MayIssue,
}

impl Promises {
    /// The promises of the rules of `setup`.
    pub fn new(setup: &Setup) -> Promises {
        Promises {
            setup: setup.clone().own_worlds(),
            seeds: 4,
            intervals: 40,
            shuffles: 3,
            may_issue: Arc::new(|summary| summary.subsidy),
        }
    }

    /// How many seeds are tried.
    #[must_use]
    pub fn seeds(mut self, seeds: u64) -> Promises {
        self.seeds = seeds;
        self
    }

    /// The most that a block may create, where that is not the chain's schedule.
    #[must_use]
    pub fn may_issue(mut self, amount: impl Fn(&Summary<'_>) -> Amount + Send + Sync + 'static) -> Promises {
        self.may_issue = Arc::new(amount);
        self
    }

    /// Tries whether they are kept.
    ///
    /// # Panics
    /// When one is not.
    pub fn check(&self) {
        for seed in 1..=self.seeds {
            let context = format!("seed {seed}: ");
            let setup = self.doubted(&context).seed(seed);
            let net = self.run(self.scenario(setup.clone(), seed));
            let blocks = net.all_accepted();
            assert!(!blocks.is_empty(), "{context}nobody made a block in {} block intervals", self.intervals);
            net.assert_healthy();
            net.assert_agreement(AGREEMENT);
            net.assert_kept_payments_confirmed_once();
            orders::check(&setup, &context, &blocks, self.shuffles, &mut Draws::new(seed));
        }
    }
}

const AGREEMENT: u64 = 6;

impl Promises {
    fn doubted(&self, context: &str) -> Setup {
        let (context, may_issue) = (context.to_owned(), self.may_issue.clone());
        self.setup.clone().wrap_consensus(|make| {
            Arc::new(move |env| {
                Ok(Arc::new(Doubting {
                    rules: make(env)?,
                    make: make.clone(),
                    env: env.clone(),
                    may_issue: may_issue.clone(),
                    context: context.clone(),
                }))
            })
        })
    }

    fn at(&self, interval: u64) -> Time {
        interval * self.setup.env().chain.block_interval_us
    }

    fn scenario(&self, setup: Setup, seed: u64) -> Setup {
        let interval = self.at(1);
        let last = setup.node_count() - 1;
        match seed % 4 {
            1 => setup,
            2 => setup.delay(move |from, to| interval / 20 + interval / 100 * u64::from((from + 2 * to) % 7)),
            3 => {
                let half: Vec<u32> = (0..=last / 2).collect();
                setup.partition(self.at(8)..self.at(20), &[&half])
            }
            _ => setup
                .clock(0, -(interval as i64) / 20)
                .clock(last, interval as i64 / 20)
                .crash(self.at(10)..self.at(16), last),
        }
    }

    fn run(&self, setup: Setup) -> Network {
        let nodes = setup.node_count();
        let mut net = setup.start();
        for round in 1..self.intervals * 3 / 4 {
            net.run(self.at(round) + self.at(1) / 3);
            net.pay(round as u32 % nodes, (round as u32 + 1) % nodes, 1);
        }
        net.run(self.at(self.intervals));
        net
    }
}
