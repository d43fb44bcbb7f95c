use fika_core::agent::{Draft, Duty};
use fika_core::header::Header;
use fika_core::target::Work;
use fika_core::testing::{Chain, Person};

use super::*;

/// An agent that publishes all that it makes.
struct Open;

impl Agent for Open {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        ctx.set_duties([Duty::grind(Draft::new(tip.id), 1)]);
    }
}

/// A block's name says whose it is and how high.
fn name(own: bool, height: u64) -> Id {
    let mut id = Id::ZERO;
    id.0[0] = u8::from(own) + 1;
    id.0[1] = height as u8;
    id
}

fn block(id: Id, parent: Id) -> BlockView<'static> {
    let header = Header { parent, ..Header::default() };
    BlockView { id, header, height: u64::from(id.0[1]), weight: Work::from(u64::from(id.0[1])), extra: &[] }
}

struct Trial {
    miner: Box<dyn Agent>,
    tip: Id,
    /// What was published and adopted since it was last looked at.
    said: Vec<String>,
}

impl Trial {
    fn new() -> Trial {
        Trial { miner: Selfish.agent(Box::new(Open), Address::default()), tip: Id::ZERO, said: Vec::new() }
    }

    fn call<R>(&mut self, call: impl FnOnce(&mut dyn Agent, &mut Ctx<'_>) -> R) -> R {
        // The attack looks at nothing but what it is told.
        let (nothing, me) = (Chain::new(0), Person::new(1));
        let mut ctx = nothing.ctx(0, &me);
        ctx.tip = self.tip;
        let answer = call(&mut *self.miner, &mut ctx);
        for effect in ctx.effects {
            self.said.push(match effect {
                Effect::Publish(id, _) => format!("publish {}", id.0[1]),
                Effect::Adopt(id) => format!("adopt {}", id.0[1]),
                Effect::Withhold(id) => {
                    assert_eq!(id.0[0], 1, "an own block is not announced");
                    continue;
                }
                other => panic!("{other:?}"),
            });
        }
        answer
    }

    /// The attacker makes a block on its tip, or on the others' of this height.
    fn own(&mut self, height: u64) -> Sealed {
        let block = block(name(true, height), self.tip);
        let sealed = self.call(|miner, ctx| miner.seal(&block, &mut Vec::new(), ctx));
        self.call(|miner, ctx| miner.on_block(&block, ctx));
        self.tip = block.id;
        sealed
    }

    /// The others publish a block; what the attacker does.
    fn theirs(&mut self, height: u64) -> Vec<String> {
        let block = block(name(false, height), Id::ZERO);
        self.call(|miner, ctx| miner.on_block(&block, ctx));
        if u64::from(self.tip.0[1]) < height {
            self.tip = block.id;
        }
        std::mem::take(&mut self.said)
    }
}

#[test]
fn a_lead_of_one_becomes_a_race_that_the_next_own_block_wins() {
    let mut trial = Trial::new();
    assert_eq!(trial.own(1), Sealed::Hold);
    assert_eq!(trial.theirs(1), ["publish 1", "adopt 1"]);
    assert_eq!(trial.theirs(1), ["adopt 1"], "a third block of that height moves nobody");
    assert_eq!(trial.own(2), Sealed::Publish);
    // It is public: another block of its height is late and changes nothing.
    assert_eq!(trial.own(3), Sealed::Hold);
    assert!(trial.theirs(2).is_empty());
    assert_eq!(trial.theirs(3), ["publish 3", "adopt 3"]);
}

#[test]
fn a_race_that_others_win_is_over() {
    let mut trial = Trial::new();
    trial.own(1);
    trial.theirs(1);
    assert!(trial.theirs(2).is_empty());
    assert_eq!(trial.own(3), Sealed::Hold);
    assert!(trial.said.is_empty());
}

#[test]
fn a_lead_of_two_is_published_when_one_is_left() {
    let mut trial = Trial::new();
    (1..=2).for_each(|height| assert_eq!(trial.own(height), Sealed::Hold));
    assert_eq!(trial.theirs(1), ["publish 1", "publish 2"]);
    assert!(trial.theirs(2).is_empty(), "late: the attacker's second block is public");
    assert_eq!(trial.own(3), Sealed::Hold, "no race goes on");
}

#[test]
fn a_long_lead_is_given_away_block_by_block() {
    let mut trial = Trial::new();
    (1..=4).for_each(|height| assert_eq!(trial.own(height), Sealed::Hold));
    assert_eq!(trial.theirs(1), ["publish 1"]);
    assert_eq!(trial.theirs(2), ["publish 2"]);
    assert_eq!(trial.theirs(3), ["publish 3", "publish 4"]);
}

#[test]
fn a_branch_that_is_too_short_is_given_up() {
    let mut trial = Trial::new();
    trial.own(1);
    // Two at once, as after a partition.
    assert!(trial.theirs(2).is_empty());
    assert!(trial.theirs(3).is_empty());
    assert_eq!(trial.own(4), Sealed::Hold);
    assert_eq!(trial.theirs(4), ["publish 4", "adopt 4"]);
}
