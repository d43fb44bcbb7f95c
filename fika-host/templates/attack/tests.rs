mod chain;

use std::sync::Arc;

use fika_core::consensus::{Anyone, Consensus};
use fika_core::env::ChainParams;
use fika_core::keys::NoKeys;

use self::chain::{GENESIS, ctx, founder};
use super::*;

/// An honest agent, and the same under attack.
fn agents() -> (Box<dyn Agent>, Box<dyn Agent>) {
    let env = Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) };
    let honest = || Anyone(env.clone()).agent(founder(0));
    let attack = __Name__::new(Params {}, &env).unwrap();
    (honest(), attack.agent(honest(), founder(0)))
}

/// What becomes of the agent's block number `n`, and what the agent asks for.
fn seal(agent: &mut dyn Agent, n: u8) -> (Sealed, Vec<Effect>) {
    let mut ctx = ctx(0, founder(0));
    let block = BlockView { id: Id([n; 32]), height: n.into(), ..GENESIS };
    (agent.seal(&block, &mut Vec::new(), &mut ctx), ctx.effects)
}

#[test]
fn every_third_block_waits_and_those_on_top_of_it_with_it() {
    let (_, mut attacker) = agents();
    assert_eq!(seal(&mut *attacker, 1), (Sealed::Publish, vec![]));
    assert_eq!(seal(&mut *attacker, 2), (Sealed::Publish, vec![]));
    let (sealed, effects) = seal(&mut *attacker, 3);
    let [Effect::Timer(at, token)] = effects[..] else { panic!("{effects:?}") };
    assert_eq!((sealed, at), (Sealed::Hold, 2 * ChainParams::default().block_interval_us));
    assert_eq!(seal(&mut *attacker, 4), (Sealed::Hold, vec![]));

    let mut ctx = ctx(at, founder(0));
    attacker.on_timer(token, &mut ctx);
    assert_eq!(ctx.effects, [3, 4].map(|n| Effect::Publish(Id([n; 32]), vec![])));
    assert_eq!(seal(&mut *attacker, 5), (Sealed::Publish, vec![]));
    assert_eq!(seal(&mut *attacker, 6).0, Sealed::Hold);
}

#[test]
fn all_else_is_as_the_honest_agent_does_it() {
    let (mut honest, mut attacker) = agents();
    let duties = |agent: &mut dyn Agent| {
        let mut ctx = ctx(0, founder(0));
        agent.on_tip(&GENESIS, &mut ctx);
        agent.on_timer(7, &mut ctx);
        assert_eq!(ctx.effects, []);
        ctx.duties
    };
    let expected = duties(&mut *honest);
    assert!(expected.is_some());
    assert_eq!(duties(&mut *attacker), expected);
}
