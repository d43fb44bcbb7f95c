//! The promises of a consensus, as one test.
//!
//! What the traits ask of rules in words, [`promises`] tries. An author's whole test is
//!
//! ```
//! # use fika_core::address::Address;
//! # use fika_core::agent::{Agent, Ctx, Draft, Duty};
//! # use fika_core::consensus::Consensus;
//! # use fika_core::env::Env;
//! # use fika_core::plugin::Plugin;
//! # use fika_core::reject::{Reject, ensure};
//! # use fika_core::view::{BlockView, ChainView};
//! # struct Turns(Env);
//! # #[derive(Default, serde::Serialize, serde::Deserialize)]
//! # struct Params {}
//! # impl Plugin for Turns {
//! #     const NAME: &'static str = "turns";
//! #     const ABOUT: &'static str = "";
//! #     type Params = Params;
//! #     fn new(_: Params, env: &Env) -> Result<Turns, String> { Ok(Turns(env.clone())) }
//! # }
//! # impl Turns {
//! #     fn turn(&self, tip: &BlockView<'_>, slot: u32, past: &dyn ChainView) -> Option<Address> {
//! #         let all = past.stakes(&past.ancestor(&tip.id, 0).ok()?.id).ok()?;
//! #         Some(all[slot as usize % all.len()].0)
//! #     }
//! # }
//! # impl Consensus for Turns {
//! #     fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
//! #         let ticks = self.0.chain.block_interval_ticks();
//! #         let later = block.header.time / ticks > parent.header.time / ticks;
//! #         let turn = self.turn(parent, block.header.time / ticks, past);
//! #         ensure(later && turn.is_some_and(|who| who.0 == block.extra), || "expected the one whose turn it is")
//! #     }
//! #     fn agent(&self, _: Address) -> Box<dyn Agent> { Box::new(Turns(self.0.clone())) }
//! # }
//! # impl Agent for Turns {
//! #     fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
//! #         let (chain, ticks) = (&self.0.chain, self.0.chain.block_interval_ticks());
//! #         let next = chain.tick(ctx.now).max(tip.header.time) / ticks + 1;
//! #         let mine = (next..next + 10).find(|slot| self.turn(tip, *slot, ctx.chain) == Some(ctx.me));
//! #         let draft = Draft::new(tip.id).with_extra(ctx.me.0);
//! #         ctx.set_duties(mine.map(|slot| Duty::slot(draft, chain.time(slot * ticks))));
//! #     }
//! # }
//! use fika_core::testing::Setup;
//! use fika_core::testing::consensus::promises;
//!
//! // In a test:
//! promises(&Setup::new(|env| Turns::new(Params::default(), env)));
//! ```
//!
//! where `Turns` is the author's plugin. The plan may have other keys, scripts, transactions, parameters, and
//! attackers too: then the honest nodes must keep the promises.
//!
//! # What is tried
//!
//! With four seeds, networks of the plan's nodes run for 40 block intervals and pay each other: one as planned; one
//! with slow links; one that is parted in halves for a while, and of which a node is down for a while later; and one
//! whose clocks differ, and in which whoever makes a block is killed at once and restarted, again and again. All the
//! while
//!
//! - **the rules are pure**: everything is asked twice, and once of an instance of the rules that was made for this
//!   question alone;
//! - **`check_header` refuses nothing that `check` accepts**;
//! - **`settle` conserves coins**: it locks no more than the actions brought, takes no more from a deposit than is in
//!   it, and creates no more than the schedule allows ([`Promises::may_issue`] for rules with another one);
//! - **`choose` is consistent**: it names an accepted block, and what it prefers it does not leave again for the
//!   block that it has just been preferred to.
//!
//! At the end
//!
//! - **the rules accept what their own agents make**: no honest node has refused a block of another or of its own,
//!   and none of its duties was in vain;
//! - **nothing final is reverted**, no honest node has signed two blocks for one time, and none that was away has made
//!   blocks for the times that it had missed;
//! - **all agree** but for the last six blocks, and every payment is in the chain once.
//!
//! Then newcomers hear of the blocks of all branches, and of copies with a changed header, extra or seal, in four
//! orders. In all of them **the same blocks are accepted**, with the same weight and the same ledger, and the tip is
//! the same, but for a tie ([`Promises::tie`]). What was chosen stays chosen when any other tip is heard of again.
//!
//! A failure names the seed, the block and its height. Rules with a flaw that this does not find are possible: it
//! tries, it proves nothing.

mod doubt;
mod orders;

use std::sync::Arc;

use super::network::Tie;
use super::{Draws, Network, Setup};
use crate::amount::Amount;
use crate::consensus::Summary;
use crate::header::Time;
use crate::view::{BlockView, TreeView};
use doubt::{Doubting, MayIssue};

/// At the end of a run the nodes' chains are the same up to so many blocks below each tip.
const AGREEMENT: u64 = 6;
/// So many block intervals a run takes.
const INTERVALS: u64 = 40;
/// Whoever has been away makes no block for a time that lies further back.
const LATE_INTERVALS: u64 = 2;
/// More blocks than this for each interval are a mistake, and would take for ever.
const MAX_BLOCKS_PER_INTERVAL: usize = 50;

/// Tries whether the rules of `setup` keep the promises of a consensus; see the [module](self).
///
/// # Panics
/// When one is broken: the message says which, with the seed, the block and its height.
pub fn promises(setup: &Setup) {
    Promises::new(setup).check();
}

/// The same with what rules of another kind have to say.
///
/// ```no_run
/// # use fika_core::consensus::Anyone;
/// # use fika_core::env::Env;
/// # fn rules(env: &Env) -> Result<Anyone, String> { Ok(Anyone(env.clone())) }
/// use fika_core::amount::Amount;
/// use fika_core::testing::Setup;
/// use fika_core::testing::consensus::Promises;
///
/// // Twice the subsidy in every tenth block.
/// let setup = Setup::new(rules);
/// Promises::new(&setup)
///     .may_issue(|summary| Amount(summary.subsidy.0 * if summary.height.is_multiple_of(10) { 2 } else { 1 }))
///     .check();
/// ```
#[must_use]
pub struct Promises {
    setup: Setup,
    seeds: u64,
    may_issue: MayIssue,
    tie: Arc<Tie>,
}

/// What happens to a network beside payments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scenario {
    AsPlanned,
    SlowLinks,
    Parted,
    Crashes,
}

impl Promises {
    /// The promises of the rules of `setup`.
    pub fn new(setup: &Setup) -> Promises {
        Promises {
            setup: setup.clone().own_worlds(),
            seeds: 4,
            may_issue: Arc::new(|summary| summary.subsidy),
            tie: Arc::new(|one, other, _| one.weight == other.weight),
        }
    }

    /// How many seeds are tried, 4 by default.
    pub fn seeds(mut self, seeds: u64) -> Promises {
        self.seeds = seeds;
        self
    }

    /// The most that a block may create, where that is not the chain's schedule.
    pub fn may_issue(mut self, amount: impl Fn(&Summary<'_>) -> Amount + Send + Sync + 'static) -> Promises {
        self.may_issue = Arc::new(amount);
        self
    }

    /// Whether two tips are a tie, of which a node keeps the one that it saw first. By default they are when they
    /// weigh alike.
    pub fn tie(
        mut self,
        tie: impl Fn(&BlockView<'_>, &BlockView<'_>, &dyn TreeView) -> bool + Send + Sync + 'static,
    ) -> Promises {
        self.tie = Arc::new(tie);
        self
    }

    /// Tries whether they are kept.
    ///
    /// # Panics
    /// When one is not.
    pub fn check(&self) {
        use Scenario::*;
        for (seed, scenario) in (1..=self.seeds).zip([AsPlanned, SlowLinks, Parted, Crashes].into_iter().cycle()) {
            let context = format!("seed {seed}: ");
            let setup = self.doubted(&context).seed(seed);
            let net = self.run(setup.clone(), scenario);
            let blocks = net.all_accepted();
            assert!(!blocks.is_empty(), "{context}nobody made a block in {INTERVALS} block intervals");
            net.assert_nothing_made_late(self.at(LATE_INTERVALS));
            net.assert_healthy();
            net.assert_agreement(AGREEMENT);
            net.assert_kept_payments_confirmed_once();
            orders::check(&setup, &context, &blocks, &*self.tie, &mut Draws::new(seed));
        }
    }

    /// The plan with rules that doubt themselves.
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

    /// The end of so many block intervals.
    fn at(&self, interval: u64) -> Time {
        interval * self.setup.env().chain.block_interval_us
    }

    fn run(&self, setup: Setup, scenario: Scenario) -> Network {
        let (interval, nodes) = (self.at(1), setup.node_count());
        let skew = i64::try_from(interval / 20).unwrap_or(i64::MAX);
        let setup = match scenario {
            Scenario::AsPlanned => setup,
            Scenario::SlowLinks => {
                setup.delay(move |from, to| interval / 20 + interval / 100 * u64::from((from + 2 * to) % 7))
            }
            Scenario::Parted => {
                let half: Vec<u32> = (0..nodes / 2).collect();
                let parted = setup.partition(self.at(8)..self.at(20), &[&half]);
                parted.crash(self.at(22)..self.at(29), nodes - 1)
            }
            Scenario::Crashes => setup.clock(0, -skew).clock(nodes - 1, skew),
        };
        let mut net = setup.start();
        for round in 1..INTERVALS * 3 / 4 {
            if scenario == Scenario::Crashes {
                crash_the_next_producer(&mut net, self.at(round));
            }
            net.run(self.at(round) + interval / 3);
            net.pay(round as u32 % nodes, (round as u32 + 1) % nodes, 1);
            let (blocks, most) = (net.accepted(0).len(), MAX_BLOCKS_PER_INTERVAL * (round as usize + 1));
            assert!(blocks <= most, "seed {}: {blocks} blocks in {round} block intervals", net.seed());
        }
        net.run(self.at(INTERVALS));
        net
    }
}

/// Kills whoever makes a block before `until`, before it is durable, and restarts it at once.
fn crash_the_next_producer(net: &mut Network, until: Time) {
    let made = |net: &Network| net.honest().map(|node| (net.produced(node).len(), node)).collect::<Vec<_>>();
    let before = made(net);
    if net.run_until(until, |net| made(net) != before) {
        let maker = made(net).into_iter().zip(before).find(|(after, before)| after != before);
        let (_, maker) = maker.expect("somebody made a block").0;
        net.kill(maker);
        net.run(net.now() + 100_000);
        net.restart(maker);
    }
}
