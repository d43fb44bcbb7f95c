//! Rules that break one promise each, and what is said of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty, Effect, Sealed};
use fika_core::amount::Amount;
use fika_core::consensus::{Anyone, Consensus, LedgerOp, Summary};
use fika_core::env::Env;
use fika_core::hash::Id;
use fika_core::reject::{Reject, ensure};
use fika_core::target::Work;
use fika_core::testing::Setup;
use fika_core::testing::consensus::promises;
use fika_core::view::{BlockView, ChainView, TreeView};

use crate::rules::{FixedWork, RoundRobin};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// `check` refuses every 40th time that it is asked.
    Moody,
    /// `check` accepts no block above height 3 unless it has seen its parent.
    Remembering,
    /// `weight` grows with every call.
    Fattening,
    /// `choose` goes to whatever has come last.
    Newest,
    /// `choose` leaves a branch only for one that is heavier by 2.
    Stubborn,
    /// `choose` names a block that nobody knows.
    Inventive,
    /// `settle` allows a little more than the schedule.
    Minting,
    /// `settle` locks coins that nobody brought.
    Locking,
    /// `settle` returns a deposit that nobody made.
    Returning,
    /// `check` takes it for granted that an extra has 20 bytes.
    Trusting,
    /// `check` refuses what the rules' own agent makes at every fifth height.
    Contradictory,
    /// The agent calls every tip final.
    Hasty,
    /// The agent makes no block.
    Idle,
    /// The agent plans from the tip's time on, whatever its clock says.
    Nostalgic,
    /// The agent signs for a slot that has begun, whatever it signed before a restart.
    Forgetful,
}

use Flaw::*;

/// Turns, or work where forks are needed, with one flaw.
struct Flawed {
    turns: RoundRobin,
    work: Option<FixedWork>,
    flaw: Flaw,
    calls: AtomicU64,
    seen: Mutex<Vec<Id>>,
}

impl Flawed {
    fn new(flaw: Flaw, env: &Env) -> Flawed {
        let work = matches!(flaw, Stubborn | Hasty).then(|| FixedWork(env.clone()));
        Flawed { turns: RoundRobin(env.clone()), work, flaw, calls: AtomicU64::new(0), seen: Mutex::default() }
    }

    fn rules(&self) -> &dyn Consensus {
        self.work.as_ref().map_or(&self.turns, |work| work)
    }
}

impl Consensus for Flawed {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        match self.flaw {
            Moody => ensure(!(self.calls.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(40), || "not today")?,
            Remembering => {
                let mut seen = self.seen.lock().unwrap();
                ensure(block.height <= 3 || seen.contains(&parent.id), || "a stranger")?;
                seen.push(block.id);
            }
            Trusting => drop(block.extra[..20].to_vec()),
            Contradictory => ensure(!block.height.is_multiple_of(5), || "five is unlucky")?,
            _ => {}
        }
        self.rules().check(block, parent, past)
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], past: &dyn ChainView) -> Result<(), Reject> {
        self.rules().check_seal(block, seal, past)
    }

    fn settle(&self, summary: &Summary<'_>, past: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        let (mut ops, someone) = (self.rules().settle(summary, past)?, Address([7; 20]));
        match self.flaw {
            Minting => ops.push(LedgerOp::MayMint(Amount(1))),
            Locking => ops.push(LedgerOp::Lock(someone, Amount(1))),
            Returning => ops.push(LedgerOp::Unlock(someone, Amount(1))),
            _ => {}
        }
        Ok(ops)
    }

    fn weight(&self, block: &BlockView<'_>) -> Work {
        match self.flaw {
            Fattening => Work::from(self.calls.fetch_add(1, Ordering::Relaxed)),
            Stubborn => Work::from(1),
            _ => self.rules().weight(block),
        }
    }

    fn choose(&self, current: &BlockView<'_>, new: &BlockView<'_>, tree: &dyn TreeView) -> Id {
        match self.flaw {
            Newest => new.id,
            Inventive if new.height > 3 => Id([9; 32]),
            Stubborn => {
                let extends = tree.ancestor(&new.id, current.height).is_ok_and(|there| there.id == current.id);
                let enough = new.weight >= current.weight.plus(Work::from(2));
                if extends || enough { new.id } else { current.id }
            }
            _ => self.rules().choose(current, new, tree),
        }
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        Box::new(Producer { honest: self.rules().agent(me), env: self.turns.0.clone(), flaw: self.flaw })
    }
}

struct Producer {
    honest: Box<dyn Agent>,
    env: Env,
    flaw: Flaw,
}

impl Agent for Producer {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        self.honest.on_tip(tip, ctx);
        match self.flaw {
            Hasty => ctx.effect(Effect::Finalize(tip.id)),
            Idle => ctx.set_duties([]),
            Forgetful => {
                let chain = &self.env.chain;
                let slot = chain.tick(ctx.now) / chain.block_interval_ticks() * chain.block_interval_ticks();
                self.plan(slot, tip, ctx);
            }
            Nostalgic => self.plan(tip.header.time + self.env.chain.block_interval_ticks(), tip, ctx),
            _ => {}
        }
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        self.honest.seal(block, seal, ctx)
    }
}

impl Producer {
    /// This slot before all others, if it is this node's and not in the past of the chain.
    fn plan(&self, slot: u32, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let turn = RoundRobin(self.env.clone()).turn(tip, slot, ctx.chain);
        if slot > tip.header.time && turn == Some(ctx.me) {
            let draft = Draft::new(tip.id).with_extra(ctx.me.0);
            ctx.set_duties([Duty::slot(draft, self.env.chain.time(slot))]);
        }
    }
}

fn setup(flaw: Flaw) -> Setup {
    Setup::new(move |env| Ok(Flawed::new(flaw, env)))
}

macro_rules! caught {
    ($($name:ident: $flaw:ident, $said:literal;)*) => {$(
        #[test]
        #[should_panic(expected = $said)]
        fn $name() {
            promises(&setup($flaw));
        }
    )*};
}

caught! {
    a_check_with_moods: Moody, "check is not pure: asked twice about block";
    a_check_that_remembers: Remembering, "text: \"a stranger\"";
    a_weight_that_grows: Fattening, "weight is not pure";
    a_choice_of_the_newest: Newest, "choose is not consistent: between block";
    a_choice_that_stays_too_long: Stubborn, "the tip depends on the order of arrival";
    a_choice_of_nothing: Inventive, "which the node has not accepted";
    coins_from_nowhere: Minting, "creates 50.00000001 coins where the schedule allows 50";
    deposits_from_nowhere: Locking, "locks 0.00000001 coins where its actions brought 0";
    deposits_that_were_never_made: Returning, "070707, which is 0";
    a_check_that_panics: Trusting, "out of range for slice of length";
    rules_that_refuse_their_own_agent: Contradictory, "five is unlucky";
    an_agent_that_finalizes_too_early: Hasty, "left the final block";
    an_agent_that_does_nothing: Idle, "nobody made a block in 40 block intervals";
    an_agent_that_signs_twice: Forgetful, "and had signed";
    an_agent_that_signs_for_the_past: Nostalgic, "for a time ";
}

#[test]
#[should_panic(expected = "node 0 has")]
fn rules_that_no_network_can_agree_on() {
    promises(&Setup::new(|env| Ok(Anyone(env.clone()))));
}
