//! A node that begins again: it signs nothing while it catches up, and what its agent kept is there.

#![allow(missing_docs)]

use std::sync::{Arc, Mutex};

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx, Effect, Sealed, SigningGuard};
use fika_core::consensus::Consensus;
use fika_core::header::{Header, SECOND};
use fika_core::node::Event;
use fika_core::plugin::Plugin;
use fika_core::reject::Reject;
use fika_core::testing::adversary::{Delaying, Silent, Twins};
use fika_core::testing::{Chain, Network, Person, Setup};
use fika_core::view::{BlockView, ChainView};
use fika_pos::Pos;
use fika_selfish::Selfish;

const DOWN: std::ops::Range<u64> = 300 * SECOND..900 * SECOND;

/// Four stakeholders, of whom the last is away for ten minutes. Its links are slow, so that catching up takes a while.
fn network(seed: u64) -> Network {
    let setup = Setup::new(|env| Pos::new(Default::default(), env)).nodes(4).complete().seed(seed);
    let slow = |from, to| if from == 3 || to == 3 { 3 * SECOND } else { 50_000 };
    let mut net = setup.delay(slow).crash(DOWN, 3).start();
    net.run(1_500 * SECOND);
    net
}

#[test]
fn a_signer_that_begins_again_signs_nothing_while_it_catches_up() {
    for seed in 1..6 {
        let net = network(seed);
        let others = net.events().iter().filter_map(|(at, node, event)| match event {
            Event::Tip { new, .. } if *node == 0 && *at <= DOWN.end => Some(net.world(0).tree()[*new].height),
            _ => None,
        });
        let height = others.max().expect("the others went on");
        let own = net.produced(3).iter().filter(|(at, _)| *at > DOWN.end);
        let own: Vec<u64> =
            own.filter_map(|(_, id)| net.world(3).tree().find(id)).map(|ix| net.world(3).tree()[ix].height).collect();
        assert!(own.iter().all(|own| *own > height), "seed {seed}: blocks at {own:?}, the others had {height}");
        assert!(!own.is_empty(), "seed {seed}: it takes part again");
        net.assert_agreement(2);
    }
}

/// What agents have been given back, by how often.
type Given = Arc<Mutex<Vec<Vec<(Vec<u8>, Vec<u8>)>>>>;

/// Rules whose agents keep the height of their tip.
#[derive(Clone)]
struct Keeps {
    inner: Arc<Pos>,
    given: Given,
}

struct Keeper {
    honest: Box<dyn Agent>,
    given: Given,
}

impl Consensus for Keeps {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        self.inner.check(block, parent, past)
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], past: &dyn ChainView) -> Result<(), Reject> {
        self.inner.check_seal(block, seal, past)
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        Box::new(Keeper { honest: self.inner.agent(me), given: self.given.clone() })
    }
}

impl Agent for Keeper {
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        Some(&mut *self.honest)
    }

    fn restore(&mut self, kept: &[(Vec<u8>, Vec<u8>)]) {
        self.given.lock().expect("no test panics here").push(kept.to_vec());
        self.honest.restore(kept);
    }

    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        ctx.effect(Effect::Keep(b"height".to_vec(), tip.height.to_le_bytes().to_vec()));
        self.honest.on_tip(tip, ctx);
    }
}

#[test]
fn what_an_agent_keeps_comes_back_after_a_crash() {
    let given = Given::default();
    let rules = given.clone();
    let setup =
        Setup::new(move |env| Ok(Keeps { inner: Arc::new(Pos::new(Default::default(), env)?), given: rules.clone() }));
    let mut net = setup.nodes(3).complete().start();
    net.run(200 * SECOND);
    let height = net.height(2);
    assert!(height > 2);
    net.kill(2);
    net.restart(2);
    let given = given.lock().expect("no test panics here");
    let [kept] = &given[..] else { panic!("expected one restart, found {}", given.len()) };
    let found = kept.iter().find(|(name, _)| name == b"height").map(|(_, value)| value.clone());
    // Durable before anything left the node: not even the last value is lost.
    assert_eq!(found, Some(height.to_le_bytes().to_vec()));
}

/// Rules whose agents sign one block for each height.
struct OncePerHeight;

#[derive(Default)]
struct Signing(SigningGuard);

impl Consensus for OncePerHeight {
    fn check(&self, _: &BlockView<'_>, _: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
        Ok(())
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(Signing::default())
    }
}

impl Agent for Signing {
    fn restore(&mut self, kept: &[(Vec<u8>, Vec<u8>)]) {
        self.0.restore(kept);
    }

    fn seal(&mut self, block: &BlockView<'_>, _: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        if self.0.sign(block.height, ctx) { Sealed::Publish } else { Sealed::Drop }
    }
}

#[test]
fn an_attacker_that_begins_again_has_what_its_honest_agent_kept() {
    let twins = Twins { rules: Arc::new(OncePerHeight) };
    let attacks: [(&str, &dyn Attack); 4] =
        [("silent", &Silent), ("delaying", &Delaying { by_us: SECOND }), ("twins", &twins), ("selfish", &Selfish)];
    let (mut chain, signer) = (Chain::new(0), Person::new(1));
    let header = Header { parent: chain.tip().id, ..Header::default() };
    chain.push(header, &[]);
    // What is to be kept once the agent has been asked to sign at height 1.
    let sign = |agent: &mut dyn Agent| {
        let mut ctx = chain.ctx(0, &signer);
        agent.seal(&chain.tip(), &mut Vec::new(), &mut ctx);
        let kept = ctx.effects.into_iter().filter_map(|effect| match effect {
            Effect::Keep(name, value) => Some((name, value)),
            _ => None,
        });
        kept.collect::<Vec<_>>()
    };
    for (name, attack) in attacks {
        let start = || attack.agent(OncePerHeight.agent(signer.address()), signer.address());
        let kept = sign(&mut *start());
        assert_eq!(kept.len(), 1, "{name} signs, and keeps that it did");
        let mut again = start();
        again.restore(&kept);
        assert_eq!(sign(&mut *again), [], "{name} has signed at this height before it began again");
    }
}
