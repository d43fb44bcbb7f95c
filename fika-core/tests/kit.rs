//! The test kit itself: what it models, and that each of its assertions can fail.

#![allow(missing_docs)]

mod rules;

use std::sync::atomic::{AtomicU64, Ordering};

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx, Effect};
use fika_core::amount::Amount;
use fika_core::consensus::{Consensus, LedgerOp, Summary};
use fika_core::env::ChainParams;
use fika_core::header::{Header, SECOND};
use fika_core::node::Event;
use fika_core::reject::{Missing, Reject, ensure};
use fika_core::target::Work;
use fika_core::testing::adversary::{Delaying, Silent};
use fika_core::testing::{Chain, Network, Person, Setup, env};
use fika_core::tx::Action;
use fika_core::view::{BlockView, ChainView, TreeView};
use rules::finality::Finality;
use rules::{FixedWork, RoundRobin};

fn turns() -> Setup {
    Setup::new(|env| Ok(RoundRobin(env.clone())))
}

fn work() -> Setup {
    Setup::new(|env| Ok(FixedWork(env.clone())))
}

/// RoundRobin with one method replaced.
struct Turns {
    honest: RoundRobin,
    refuses: fn(&BlockView<'_>) -> bool,
    mints: bool,
}

impl Consensus for Turns {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        ensure(!(self.refuses)(block), || "refused by this instance alone")?;
        self.honest.check(block, parent, past)
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], past: &dyn ChainView) -> Result<(), Reject> {
        self.honest.check_seal(block, seal, past)
    }

    fn settle(&self, summary: &Summary<'_>, _: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        Ok(self.mints.then_some(LedgerOp::MayMint(summary.subsidy)).into_iter().collect())
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        self.honest.agent(me)
    }
}

#[test]
#[should_panic(expected = "at height 9: expected 950 coins by the schedule, found 500")]
fn a_supply_off_the_schedule_is_seen() {
    let rules = |env: &_| Ok(Turns { honest: RoundRobin(Clone::clone(env)), refuses: |_| false, mints: false });
    let mut net = Setup::new(rules).start();
    net.run(95 * SECOND);
    net.assert_healthy();
    net.assert_supply_follows_the_schedule();
}

#[test]
#[should_panic(expected = "refused by this instance alone")]
fn a_valid_block_that_one_node_refuses_is_seen() {
    static INSTANCES: AtomicU64 = AtomicU64::new(0);
    let setup = Setup::new(|env| {
        let third = INSTANCES.fetch_add(1, Ordering::Relaxed) == 2;
        let refuses: fn(&BlockView<'_>) -> bool = if third { |block| block.height == 3 } else { |_| false };
        Ok(Turns { honest: RoundRobin(env.clone()), refuses, mints: true })
    });
    let mut net = setup.start();
    net.run(95 * SECOND);
    net.assert_no_valid_block_refused();
}

#[test]
#[should_panic(expected = "node 0, is in blocks at heights []")]
fn a_payment_that_is_not_confirmed_is_seen() {
    let mut net = turns().start();
    net.run(15 * SECOND);
    net.pay(0, 1, 5);
    net.run(16 * SECOND);
    net.assert_payments_confirmed_once();
}

#[test]
#[should_panic(expected = "node 2 could not pay: expected 500.01 coins to pay with")]
fn a_payment_that_cannot_be_made_is_seen() {
    let mut net = turns().start();
    net.run(15 * SECOND);
    net.pay(2, 1, 500);
    net.assert_payments_confirmed_once();
}

#[test]
#[should_panic(expected = "has none; node")]
fn a_node_that_falls_behind_is_seen() {
    let mut net = turns().start();
    net.run(15 * SECOND);
    net.lose(&[(2, 3), (3, 4)]);
    net.run(28 * SECOND);
    net.assert_agreement(0);
}

/// Calls every block final.
struct Hasty;

impl Attack for Hasty {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(HastyAgent(honest))
    }
}

struct HastyAgent(Box<dyn Agent>);

impl Agent for HastyAgent {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.0.on_tip(tip, ctx);
        ctx.effect(Effect::Finalize(tip.id));
        ctx.effect(Effect::Publish(tip.header.parent, Vec::new()));
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> fika_core::agent::Sealed {
        self.0.seal(block, seal, ctx)
    }
}

/// RoundRobin whose honest agent is hasty.
struct HastyTurns(RoundRobin);

impl Consensus for HastyTurns {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        self.0.check(block, parent, past)
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], past: &dyn ChainView) -> Result<(), Reject> {
        self.0.check_seal(block, seal, past)
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        Hasty.agent(self.0.agent(me), me)
    }
}

fn parted(setup: Setup) -> Network {
    let mut net = setup.partition(20 * SECOND..80 * SECOND, &[&[0, 1]]).start();
    net.run(75 * SECOND);
    net
}

#[test]
#[should_panic(expected = "called block")]
fn two_final_blocks_of_one_height_are_seen() {
    parted(Setup::new(|env| Ok(HastyTurns(RoundRobin(env.clone()))))).assert_final_blocks_stay();
}

#[test]
#[should_panic(expected = "which was neither held nor proposed")]
fn a_fault_is_seen() {
    parted(Setup::new(|env| Ok(HastyTurns(RoundRobin(env.clone()))))).assert_no_faults();
}

/// The rules of `Finality` wait for two thirds, so that an attacker who does not is alone with his opinion.
#[test]
fn what_attackers_do_is_not_held_against_the_honest() {
    let mut net = Setup::new(|env| Ok(Finality(env.clone()))).attack(0, Hasty).start();
    net.run(300 * SECOND);
    assert!(net.events().iter().any(|(_, node, event)| *node == 0 && matches!(event, Event::Fault { .. })));
    net.assert_healthy();
    net.assert_agreement(1);
}

/// Says at every tip what no rules can read.
struct Babbling;

struct Babbler(Box<dyn Agent>);

impl Attack for Babbling {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Babbler(honest))
    }
}

impl Agent for Babbler {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.0.on_tip(tip, ctx);
        ctx.effect(Effect::Broadcast(tip.id.0[..9].to_vec()));
    }
}

#[test]
fn who_is_banned_is_alone() {
    let mut net = Setup::new(|env| Ok(Finality(env.clone()))).attack(0, Babbling).start();
    net.run(605 * SECOND);
    net.assert_healthy();
    net.assert_agreement(0);
    assert!(net.height(0) < 30 && net.height(1) > 45, "heights {} and {}", net.height(0), net.height(1));
    let (last, _) = net.produced(1).last().unwrap();
    assert!(*last > 500 * SECOND);
    let sent = net.sent().len();
    net.run(705 * SECOND);
    assert!(net.sent()[sent..].iter().all(|(from, to, _)| *from != 0 && *to != 0), "nothing goes over its links");
}

#[test]
fn equal_plans_run_alike_whatever_happens_in_them() {
    let run = |seed| {
        let setup = work().seed(seed).clock(1, 300_000).clock(2, -300_000);
        let setup = setup.partition(50 * SECOND..150 * SECOND, &[&[0, 1]]).crash(160 * SECOND..200 * SECOND, 4);
        let mut net = setup.start();
        for round in 1..20 {
            net.run(round * 10 * SECOND);
            net.pay((round % 5) as u32, 0, 1);
        }
        net.run(400 * SECOND);
        net.assert_healthy();
        net.trace()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_message_takes_as_long_as_its_link() {
    let delay = |from: u32, to: u32| u64::from(10 * from + to + 1) * 10_000;
    let mut net = turns().nodes(3).links([(0, 1), (1, 2)]).delay(delay).start();
    net.run(109 * SECOND);
    net.assert_agreement(0);
    // Announced, asked for and sent: three ways over each link.
    let (_, block) = net.produced(0)[0];
    let accepted = |node: u32| {
        let tree = net.world(node).tree();
        let ix = tree.find(&block).unwrap();
        let found = net
            .events()
            .iter()
            .find(|(_, by, event)| *by == node && matches!(event, Event::BlockAccepted { block, .. } if *block == ix));
        found.unwrap().0
    };
    let (first, second) = (accepted(1) - accepted(0), accepted(2) - accepted(1));
    assert_eq!((first, second), (2 * delay(0, 1) + delay(1, 0), 2 * delay(1, 2) + delay(2, 1)));
}

#[test]
fn a_node_knows_no_clock_but_its_own() {
    let ahead = 3 * SECOND;
    let mut net = turns().clock(2, ahead as i64).start();
    net.run(200 * SECOND);
    assert_eq!(net.clock(2), net.now() + ahead);
    let at = |node: u32| net.produced(node).iter().map(|(at, _)| at % (10 * SECOND)).collect::<Vec<_>>();
    assert!(at(1).iter().all(|at| *at == 0), "{:?}", at(1));
    assert!(at(2).iter().all(|at| *at == 7 * SECOND), "three seconds before their slots: {:?}", at(2));
    // The others wait until their clocks say so.
    net.assert_healthy();
    net.assert_agreement(1);
}

#[test]
fn who_has_no_hash_power_finds_nothing() {
    let mut net = work().hash_rate(|node| if node < 2 { 2_500_000 } else { 0 }).start();
    net.run(400 * SECOND);
    net.assert_healthy();
    let made: Vec<usize> = (0..5).map(|node| net.produced(node).len()).collect();
    assert!(made[0] > 5 && made[1] > 5 && made[2..] == [0; 3], "{made:?}");
    net.assert_agreement(1);
}

#[test]
fn a_dead_node_hears_nothing_and_catches_up_afterwards() {
    let mut net = turns().start();
    net.run(105 * SECOND);
    net.pay(3, 0, 5);
    net.kill(3);
    assert!(!net.is_alive(3));
    let made = net.produced(3).len();
    net.run(405 * SECOND);
    assert_eq!(net.produced(3).len(), made);
    net.assert_healthy();
    net.restart(3);
    net.run(505 * SECOND);
    net.assert_healthy();
    net.assert_agreement(0);
    // The payment was durable before it left, and has been sent again.
    net.assert_payments_confirmed_once();
    let late = net.produced(3)[made..].iter().all(|(at, _)| *at > 405 * SECOND);
    assert!(late && net.produced(3).len() > made);
}

#[test]
#[should_panic(expected = "nodes that share a world cannot be killed")]
fn nodes_of_one_world_are_not_killed() {
    turns().shared_world().start().kill(0);
}

#[test]
fn the_silent_are_heard_by_nobody() {
    let mut net = turns().attack(2, Silent).start();
    net.run(305 * SECOND);
    net.assert_healthy();
    net.assert_agreement(0);
    let silent = net.address(2);
    assert!(net.chain(0).iter().all(|block| block.head.extra != silent.0));
    assert_eq!(net.height(0), 24, "four of five slots");
    assert_eq!(net.height(2), 24, "it listens");
}

#[test]
fn the_late_publish_after_their_time() {
    let by_us = 4 * SECOND;
    let mut net = turns().attack(2, Delaying { by_us }).start();
    net.run(305 * SECOND);
    net.assert_healthy();
    net.assert_agreement(0);
    assert_eq!(net.height(0), 30, "its blocks come in time for the next slot");
    let (made, id) = net.produced(2)[0];
    let ix = net.world(0).tree().find(&id).unwrap();
    let heard = net
        .events()
        .iter()
        .find(|(_, node, event)| *node == 0 && matches!(event, Event::BlockAccepted { block, .. } if *block == ix));
    let wait = heard.unwrap().0 - made;
    assert!((by_us..by_us + SECOND).contains(&wait), "{wait}");
}

#[test]
fn a_chain_in_memory_is_a_tree_with_a_ledger_for_each_block() {
    let (alice, bob) = (Person::new(1), Person::new(2));
    let mut chain = Chain::new(100);
    chain.give(&alice, b"a", Amount(10));
    let genesis = chain.tip().id;
    let left = chain.push(chain.next(101), b"left");
    chain.lock(&bob, Amount(3));
    chain.put(b"key", Some(b"value"));
    let leaf = chain.push_weighing(chain.next(102), &[], Work::from(5));
    chain.set_tip(&genesis);
    let right = chain.push(Header { nonce: 1, ..chain.next(101) }, &[]);
    chain.spend(&alice, b"a");

    let stakes = |at| chain.stakes(at).unwrap();
    assert_eq!(stakes(&genesis), [(alice.address(), Amount(10))]);
    let mut both = vec![(alice.address(), Amount(10)), (bob.address(), Amount(3))];
    both.sort();
    assert_eq!((stakes(&leaf), stakes(&right)), (both, vec![]));
    assert_eq!(chain.scan(&leaf, b"k"), Ok(vec![(b"key".to_vec(), b"value".to_vec())]));
    assert_eq!((chain.get(&left, b"key"), chain.get(&right, b"key")), (Ok(Some(b"value".to_vec())), Ok(None)));
    assert_eq!(chain.coins(&leaf, &alice.address()).unwrap()[0].time, 100);

    let mut children = vec![left, right];
    children.sort();
    assert_eq!((chain.children(&genesis), chain.children(&leaf)), (children, vec![]));
    assert_eq!([genesis, left, leaf].map(|id| chain.subtree_weight(&id)), [7, 6, 5].map(Work::from));
    assert_eq!(chain.block(&leaf).map(|block| (block.height, block.weight)), Ok((2, Work::from(6))));
    let ancestor = |of, height| chain.ancestor(of, height).map(|block| block.id);
    assert_eq!([0, 1, 2].map(|height| ancestor(&leaf, height)), [Ok(genesis), Ok(left), Ok(leaf)]);
    assert_eq!((ancestor(&right, 1), ancestor(&right, 2)), (Ok(right), Err(Missing(right))));
}

#[test]
fn a_chain_in_memory_does_what_rules_settle() {
    struct Bank;
    impl Consensus for Bank {
        fn check(&self, _: &BlockView<'_>, _: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
            Ok(())
        }

        fn settle(&self, summary: &Summary<'_>, past: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
            let mut ops = vec![LedgerOp::MayMint(summary.subsidy)];
            for Action { from, kind, amount, .. } in summary.actions {
                let deposit = past.locked(&summary.parent.id, from)?;
                ops.push(match kind {
                    0 => LedgerOp::Lock(*from, *amount),
                    1 => LedgerOp::Unlock(*from, deposit),
                    2 => LedgerOp::Forfeit(*from, deposit),
                    other => return Err(Reject::invalid(format!("an unknown action {other}"))),
                });
            }
            Ok(ops)
        }

        fn weight(&self, _: &BlockView<'_>) -> Work {
            Work::from(7)
        }

        fn agent(&self, _: Address) -> Box<dyn Agent> {
            Box::new(fika_core::consensus::Anyone(env(ChainParams::default())))
        }
    }
    let alice = Person::new(1);
    let mut chain = Chain::new(0);
    let mut act = |kind, amount| {
        let action = Action { from: alice.address(), kind, amount: Amount(amount), data: Vec::new() };
        let header = chain.next(chain.tip().header.time + 1);
        chain.extend(&Bank, header, &[], &[action])?;
        let at = chain.tip().id;
        Ok((chain.locked(&at, &alice.address()).unwrap(), chain.balance(&at, &alice.address()).unwrap()))
    };
    assert_eq!(act(0, 5), Ok((Amount(5), Amount(0))));
    assert_eq!(act(1, 0), Ok((Amount(0), Amount(5))));
    assert_eq!(act(0, 2), Ok((Amount(2), Amount(5))));
    assert_eq!(act(2, 0), Ok((Amount(0), Amount(5))));
    assert_eq!(act(9, 0), Err(Reject::invalid("an unknown action 9")));
    assert_eq!((chain.tip().height, chain.tip().weight), (4, Work::from(28)));
}
