mod chain;

use fika_core::env::ChainParams;
use fika_core::header::{Header, Time};
use fika_core::keys::{KeyScheme, NoKeys};
use fika_core::testing::refused;

use self::chain::{GENESIS, Genesis, ctx, founder};
use super::*;

fn rules() -> __Name__ {
    let env = Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) };
    __Name__::new(Params::default(), &env).unwrap()
}

/// What the agent of `me` plans at `now`, and when.
fn plan(rules: &__Name__, now: Time, me: Address) -> (Draft, u32) {
    let mut ctx = ctx(now, me);
    rules.agent(me).on_tip(&GENESIS, &mut ctx);
    let [Duty::Slot { draft, time, .. }] = &ctx.duties.unwrap()[..] else { panic!("expected one slot") };
    (draft.clone(), rules.env.chain.tick(*time))
}

#[test]
fn everyone_plans_own_slots_and_nobody_may_take_anothers() {
    let rules = rules();
    let slot_ticks = rules.slot_ticks;
    for n in 0..3 {
        let (draft, time) = plan(&rules, 0, founder(n));
        assert_eq!(time / slot_ticks % 3, u32::from(n));
        let check = |time| {
            let block = BlockView { header: Header { time, ..GENESIS.header }, extra: &draft.extra, ..GENESIS };
            rules.check(&block, &GENESIS, &Genesis)
        };
        assert_eq!(check(time), Ok(()));
        refused(check(time + slot_ticks), "not-your-slot");
        refused(check(0), "slot-too-old");
    }
}

#[test]
fn nobody_plans_a_slot_that_has_begun() {
    let rules = rules();
    let now = rules.env.chain.time(7 * rules.slot_ticks + 1);
    let slots = [0, 1, 2].map(|n| plan(&rules, now, founder(n)).1 / rules.slot_ticks);
    assert_eq!(slots, [9, 10, 8]);
}

#[test]
fn a_stranger_plans_nothing() {
    let mut ctx = ctx(0, founder(3));
    rules().agent(founder(3)).on_tip(&GENESIS, &mut ctx);
    assert_eq!(ctx.duties, Some(vec![]));
}

#[test]
fn a_block_needs_its_producers_signature() {
    let producer = NoKeys.address(b"key");
    let mut seal = Vec::new();
    let block = BlockView { id: Id([1; 32]), height: 1, extra: &producer.0, ..GENESIS };
    let rules = rules();
    assert_eq!(rules.agent(producer).seal(&block, &mut seal, &mut ctx(0, producer)), Sealed::Publish);
    assert_eq!(rules.check_seal(&block, &seal, &Genesis), Ok(()));
    for other in [BlockView { id: Id([2; 32]), ..block }, BlockView { extra: &[7; 20], ..block }] {
        refused(rules.check_seal(&other, &seal, &Genesis), "bad-seal-signature");
    }
}
