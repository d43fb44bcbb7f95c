//! What nobody has proven yet: headers whose blocks are still to come, and blocks of which nothing comes.

#![allow(missing_docs)]

mod rules;
mod solo;

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Effect, Gossip};
use fika_core::block::Head;
use fika_core::consensus::Consensus;
use fika_core::env::Proof;
use fika_core::header::{Header, SECOND};
use fika_core::message::{InvItem, Message};
use fika_core::node::{Dest, Event, PeerId};
use fika_core::plugin::Plugin;
use fika_core::reject::Reject;
use fika_core::testing::{Chain, Setup};
use fika_core::view::{BlockView, ChainView};
use fika_pow::{Params, Pow, Retarget};
use rules::quiet::{BAD_SEAL, Quiet};
use solo::{Answer, Factory, Solo, changed};

/// Rules whose bits follow from the headers alone. Proofs are sampled, so that a test need not search.
fn pow() -> Setup {
    let params = || Params { initial_tries: 1 << 30, retarget: Retarget::PerBlock, ..Params::default() };
    Setup::new(move |env| Pow::new(params(), env)).chain(|chain| chain.proof = Proof::Sampled)
}

fn quiet() -> Setup {
    Setup::new(|_| Ok(Quiet)).chain(|chain| chain.proof = Proof::Real)
}

/// Headers on genesis, so many ticks apart, with the bits that the rules ask for.
fn pow_headers(solo: &Solo, count: usize, ticks: u32) -> Vec<Head> {
    let env = solo.world.rules().env.clone();
    let rules = Pow::new(Params { initial_tries: 1 << 30, retarget: Retarget::PerBlock, ..Params::default() }, &env);
    let rules = rules.unwrap();
    let genesis = solo.world.tree().view(fika_core::world::Tree::GENESIS);
    let mut chain = Chain::new(genesis.header.time);
    let mut parent = genesis.id;
    let next = |_| {
        let bits = rules.expected_bits(&chain.tip(), &chain).unwrap();
        let header = Header { bits, ..chain.next(chain.tip().header.time + ticks) };
        chain.push(header, &[]);
        // The same header on the true genesis.
        let head = Head { header: Header { parent, ..header }, ..Head::default() };
        parent = head.header.id();
        head
    };
    (0..count).map(next).collect()
}

fn banned(out: &Answer) -> Vec<u32> {
    out.bans.iter().map(|peer| peer.0).collect()
}

/// The blocks that were asked of a neighbour.
fn asked(out: &Answer, peer: u32) -> Vec<InvItem> {
    let to = |(dest, message): &(Dest, Message)| match message {
        Message::GetData(items) if *dest == Dest::Peer(PeerId(peer)) => items.clone(),
        _ => Vec::new(),
    };
    out.messages.iter().flat_map(to).collect()
}

#[test]
fn headers_with_other_bits_than_the_rules_ask_for_ban_before_a_block_is_asked_for() {
    let mut solo = Solo::new(pow());
    let right = pow_headers(&solo, 40, 7_000);
    assert!(right[39].header.bits != right[0].header.bits, "the bits follow the times");
    // The last of many, one at its beginning, and one alone.
    let mut last = right.clone();
    last[39].header.bits = right[0].header.bits;
    let out = solo.hear(0, Message::Headers(last));
    assert_eq!((banned(&out), asked(&out, 0)), (vec![0], vec![]), "{:?}", out.events);
    let easy = Header { bits: 0x207f_ffff, ..right[0].header };
    let child = Header { parent: easy.id(), ..right[1].header };
    let heads = [easy, child].map(|header| Head { header, ..Head::default() });
    let out = solo.hear(1, Message::Headers(heads.to_vec()));
    assert_eq!((banned(&out), asked(&out, 1)), (vec![1], vec![]), "{:?}", out.events);
    let out = solo.hear(2, Message::Headers(right.clone()));
    assert_eq!((banned(&out), asked(&out, 2).len()), (vec![], 16), "{:?}", out.events);
    let mut solo = Solo::new(pow());
    let out = solo.hear(0, Message::Headers(vec![heads[0].clone()]));
    assert_eq!((banned(&out), asked(&out, 0)), (vec![0], vec![]), "{:?}", out.events);
}

/// What a node has after so many seconds to which neighbour 0 names a chain and gives nothing of it, while neighbour 1
/// names and gives the true one.
fn height_beside_one_that_names_and_gives_nothing(named: &[Head], seconds: u64) -> u64 {
    let (mut solo, mut factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let blocks = factory.chain(factory.genesis(), 60);
    solo.hear(0, Message::Headers(named.to_vec()));
    let heads = blocks.iter().map(|block| block.head.clone()).collect();
    let mut open = asked(&solo.hear(1, Message::Headers(heads)), 1);
    let end = solo.now + seconds * SECOND;
    loop {
        for item in std::mem::take(&mut open) {
            let block = blocks.iter().find(|block| InvItem::Block(block.id()) == item);
            let out = block.map(|block| solo.hear_block(1, block)).unwrap_or_default();
            open.extend(asked(&out, 1));
        }
        if open.is_empty() {
            let Some(at) = solo.wake_at.filter(|at| *at <= end) else { break };
            open.extend(solo.run(at).iter().flat_map(|out| asked(out, 1)));
        }
    }
    solo.height()
}

#[test]
fn who_names_blocks_and_gives_none_holds_nobody_up() {
    let mut factory = Factory::new(quiet());
    let mut heads: Vec<Head> = factory.chain(factory.genesis(), 60).iter().map(|block| block.head.clone()).collect();
    // The true chain, and one that does not exist.
    assert_eq!(height_beside_one_that_names_and_gives_nothing(&heads, 45), 60);
    let mut parent = heads[0].header.parent;
    for head in &mut heads {
        (head.header.parent, head.header.bits) = (parent, 7);
        parent = head.header.id();
    }
    assert_eq!(height_beside_one_that_names_and_gives_nothing(&heads, 45), 60);
}

/// Rules whose agent says whether its node is catching up, when it is asked.
#[derive(Clone)]
struct Tells;

impl Consensus for Tells {
    fn check(&self, _: &BlockView<'_>, _: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
        Ok(())
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(Tells)
    }
}

impl Agent for Tells {
    fn on_message(&mut self, _: &Address, _: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        ctx.effect(Effect::Reply(vec![u8::from(ctx.catching_up)]));
        Gossip::Forward
    }

    fn on_proposal(&mut self, _: &BlockView<'_>, seal: &[u8], _: &mut Ctx<'_>) -> Gossip {
        match seal {
            [1] => Gossip::Forward,
            [2] => Gossip::Penalize,
            _ => Gossip::Ignore,
        }
    }
}

#[test]
fn a_proposal_is_passed_on_if_the_agent_says_so() {
    let setup = || Setup::new(|_| Ok(Tells));
    let (mut solo, mut factory) = (Solo::new(setup()), Factory::new(setup()));
    let block = factory.block(factory.genesis(), Vec::new());
    let sealed = |seal: u8| Message::Proposal(changed(&block, |block| block.head.seal = vec![seal]));
    let ask = |solo: &mut Solo| solo.hear(2, Message::GetData(vec![InvItem::Proposal(block.id())])).messages;
    let missing = [(Dest::Peer(PeerId(2)), Message::NotFound(vec![InvItem::Proposal(block.id())]))];
    let out = solo.hear(0, sealed(0));
    assert!(out.messages.is_empty() && out.events.is_empty(), "{out:?}");
    assert_eq!(ask(&mut solo), missing);
    let out = solo.hear(0, sealed(2));
    assert!(out.messages.is_empty(), "{out:?}");
    assert!(matches!(&out.events[..], [Event::Misbehaved { peer: PeerId(0), score: 20, .. }]), "{out:?}");
    // The same block with the seal of its proposer.
    let out = solo.hear(1, sealed(1));
    let told = [(Dest::AllBut(Some(PeerId(1))), Message::Inv(vec![InvItem::Proposal(block.id())]))];
    assert_eq!(out.messages, told);
    assert_eq!(ask(&mut solo), [(Dest::Peer(PeerId(2)), sealed(1))]);
}

#[test]
fn a_chain_of_which_nothing_comes_is_given_up() {
    let setup = || Setup::new(|_| Ok(Tells));
    let (mut solo, mut factory) = (Solo::new(setup()), Factory::new(setup()));
    let blocks = factory.chain(factory.genesis(), 60);
    let is_catching_up = |solo: &mut Solo| {
        let out = solo.hear(1, Message::Direct(Vec::new()));
        out.messages.iter().any(|(_, message)| *message == Message::Direct(vec![1]))
    };
    solo.hear(0, Message::Headers(blocks.iter().map(|block| block.head.clone()).collect()));
    assert!(is_catching_up(&mut solo));
    solo.run(solo.now + 3_600 * SECOND);
    assert!(!is_catching_up(&mut solo), "nobody can keep it so for ever");
}

#[test]
fn a_block_with_a_bad_seal_leaves_nothing_behind() {
    let (mut solo, mut factory) = (Solo::new(quiet()), Factory::new(quiet()));
    let block = factory.block(factory.genesis(), Vec::new());
    let before = solo.world.tree().len();
    let bad = changed(&block, |block| block.head.seal = BAD_SEAL.to_vec());
    assert_eq!(banned(&solo.hear_block(0, &bad)), [0]);
    assert_eq!(solo.world.tree().len(), before, "it has a place in the tree");
    let out = solo.hear_block(1, &block);
    assert!(out.bans.is_empty() && solo.has(&block), "the true one is accepted: {:?}", out.events);
    let again = solo.hear_block(2, &bad);
    assert!(again.bans.is_empty(), "it is known now, and nothing is looked at");
}
