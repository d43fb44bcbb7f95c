//! Light nodes: their own payments by proof, and neighbours that lie.

#![allow(missing_docs)]

mod rules;
mod solo;

use std::sync::Arc;

use fika_core::agent::Attack;
use fika_core::amount::Amount;
use fika_core::block::{Block, Tx};
use fika_core::env::Proof;
use fika_core::filter::{filter_hash, filter_header};
use fika_core::hash::Id;
use fika_core::header::SECOND;
use fika_core::light::{BlockFilter, FilterHeaders, MerkleBlock};
use fika_core::message::{InvItem, Message};
use fika_core::node::{Dest, Event, Input, PaymentOrder, PeerId, Role};
use fika_core::plugin::Plugin;
use fika_core::testing::{Network, Setup};
use fika_core::world::Tree;
use fika_lying::Lying;
use fika_omitting::Omitting;
use fika_pow::{Params, Pow, Retarget};
use fika_stack_vm::StackVm;
use fika_toy::Toy;
use fika_utxo::Utxo;
use rules::quiet::{NO_WORK, Quiet};
use solo::{Answer, Factory, Solo, changed};

fn with_coins(setup: Setup) -> Setup {
    let setup = setup.keys(|env| Toy::new(Default::default(), env));
    let setup = setup.script(|env| StackVm::new(Default::default(), env));
    setup.tx(|env| Utxo::new(Default::default(), env))
}

/// Four full nodes that mine, and node 0, a light one with a link to each of them. A block comes every ten seconds.
fn network() -> Setup {
    let params = Params { initial_tries: 40_000_000, retarget: Retarget::None, ..Params::default() };
    let setup = with_coins(Setup::new(move |env| Pow::new(params.clone(), env))).nodes(5).complete();
    setup.config(|node, config| config.role = if node == 0 { Role::Light } else { Role::Full })
}

fn lies(net: &Network) -> Vec<(PeerId, &str)> {
    let lies = net.events().iter().filter_map(|(_, node, event)| match event {
        Event::LieFound { peer, why, .. } => {
            assert_eq!(*node, 0, "only light nodes look for lies");
            Some((*peer, &**why))
        }
        _ => None,
    });
    lies.collect()
}

fn confirmed(net: &Network) -> usize {
    let of_light = |(_, node, event): &&(_, u32, Event)| *node == 0 && matches!(event, Event::Confirmed { .. });
    net.events().iter().filter(of_light).count()
}

/// Pays and is paid, and pays on what it was paid.
fn run(setup: Setup) -> Network {
    let mut net = setup.start();
    net.pay(0, 1, 60);
    net.pay(2, 0, 50);
    net.run(200 * SECOND);
    net.pay(0, 3, 70);
    net.run(500 * SECOND);
    net.assert_no_faults();
    net
}

#[test]
fn a_light_node_pays_and_is_paid_by_proof() {
    for setup in [network(), network().shared_world()] {
        let net = run(setup.clone());
        assert_eq!((confirmed(&net), lies(&net)), (2, vec![]));
        assert!(net.height(1) > 20 && net.height(0) + 1 >= net.height(1), "it follows the headers");
        let fee = net.node(0).history().iter().map(|own| own.fee).sum();
        let expected = Amount::coins(100 + 50 - 60 - 70).checked_sub(fee).unwrap();
        assert_eq!(net.node(0).balance(net.world(0)).confirmed, expected);
        let known = net.ask(1, |chain, tip| chain.balance(tip, &setup.address(0)).unwrap());
        assert_eq!(known, expected, "as full nodes see it");
    }
}

#[test]
fn it_keeps_headers_and_no_blocks() {
    let net = run(network());
    let (world, node) = (net.world(0), net.node(0));
    let path = world.tree().path(Tree::GENESIS, node.tip());
    assert!(path.len() > 20 && path.iter().all(|ix| world.block(*ix).is_none()));
}

#[test]
fn one_world_or_one_for_each_is_the_same_to_a_light_node() {
    let events = |setup: Setup| {
        let net = run(setup);
        let of_light = net.events().iter().filter(|(_, node, _)| *node == 0);
        let shown = of_light.map(|(at, _, event)| match event {
            Event::Tip { new, .. } => format!("{at} tip {}", net.world(0).tree()[*new].id),
            other => format!("{at} {other:?}"),
        });
        shown.collect::<Vec<_>>()
    };
    let attacked = || network().attack(2, Omitting).attack(3, Lying);
    assert_eq!(events(attacked()), events(attacked().shared_world()));
}

/// Of what kind the lies are that it finds, where its neighbour `node` is this attacker.
fn found(node: u32, attack: impl Attack + 'static) -> Vec<String> {
    let net = run(network().attack(node, attack));
    assert_eq!(confirmed(&net), 2, "its payments are confirmed all the same");
    let lies = lies(&net);
    assert!(lies.iter().all(|(peer, _)| peer.0 == node - 1), "nobody else is blamed: {lies:?}");
    let all = net.events().iter();
    let bans = all.filter(|(_, node, event)| *node == 0 && matches!(event, Event::Misbehaved { score: 100, .. }));
    assert_eq!(bans.count(), lies.len(), "it is banned");
    lies.into_iter().map(|(_, why)| why.to_owned()).collect()
}

#[test]
fn a_neighbour_that_omits_is_found_out() {
    assert_eq!(found(2, Omitting), ["its filter is not that of the block"]);
}

#[test]
fn a_neighbour_that_claims_what_is_in_no_block_is_found_out() {
    assert_eq!(found(3, Lying), ["it claims what is not in the block"]);
}

/// A light node with neighbours that the test plays.
fn light() -> Setup {
    let setup = with_coins(Setup::new(|_| Ok(Quiet)).chain(|chain| chain.proof = Proof::Real));
    setup.config(|_, config| config.role = Role::Light)
}

/// What a full node of the factory's world would say.
struct Truth {
    factory: Factory,
    /// A full node that answers for all.
    full: Solo,
}

impl Truth {
    fn new() -> Truth {
        let full = with_coins(Setup::new(|_| Ok(Quiet)).chain(|chain| chain.proof = Proof::Real));
        Truth { factory: Factory::new(light()), full: Solo::new(full) }
    }

    fn block(&mut self, parent: Id, txs: Vec<Tx>) -> Arc<Block> {
        let block = self.factory.block(parent, txs);
        self.full.hear_block(0, &block);
        block
    }

    /// The honest answers to what the light node asks, and those of `other` in the place of one neighbour's.
    fn answer(
        &mut self,
        light: &mut Solo,
        asked: Answer,
        other: &dyn Fn(u32, &Message, Message) -> Option<Message>,
    ) -> Vec<Event> {
        let (mut open, mut events) = (asked.messages, asked.events);
        while !open.is_empty() {
            let mut next = Vec::new();
            for (to, question) in open {
                let Dest::Peer(PeerId(peer)) = to else { continue };
                for (_, answer) in self.full.hear(0, question.clone()).messages {
                    let Some(answer) = other(peer, &question, answer) else { continue };
                    let more = light.hear(peer, answer);
                    next.extend(more.messages);
                    events.extend(more.events);
                }
            }
            open = next;
        }
        events
    }

    /// All three neighbours announce a block.
    fn announce(
        &mut self,
        light: &mut Solo,
        id: Id,
        other: &dyn Fn(u32, &Message, Message) -> Option<Message>,
    ) -> Vec<Event> {
        let asked = light.hear(0, Message::Inv(vec![InvItem::Block(id)]));
        self.answer(light, asked, other)
    }
}

fn honest(_: u32, _: &Message, answer: Message) -> Option<Message> {
    Some(answer)
}

fn liars(events: &[Event]) -> Vec<u32> {
    let lies = events.iter().filter_map(|event| match event {
        Event::LieFound { peer, .. } => Some(peer.0),
        _ => None,
    });
    let mut lies: Vec<u32> = lies.collect();
    lies.sort_unstable();
    lies
}

fn pay(light: &mut Solo, to: u32, coins: u64) -> Answer {
    let to = light.setup.address(to);
    light.give(Input::Pay(PaymentOrder { reference: 1, to, amount: Amount::coins(coins), fee: Amount(5) }))
}

fn balance(light: &Solo) -> (Amount, Amount) {
    let balance = light.node.balance(&light.world);
    (balance.confirmed, balance.spendable)
}

/// Whether a message is an answer that proves something, and what.
fn proof(answer: &Message) -> Option<&MerkleBlock> {
    match answer {
        Message::MerkleBlock(proof) => Some(proof),
        _ => None,
    }
}

#[test]
fn what_one_proves_another_may_not_leave_out() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let gifts = [2, 3].map(|from| truth.factory.pay(genesis, from, 0, 10, 1));
    let block = truth.block(genesis, gifts.to_vec());
    // Neighbour 1 shows one of the two payments alone, and proves it.
    let half = MerkleBlock::new(block.id(), &block, [1].into());
    let hides = |peer: u32, _: &Message, answer: Message| match proof(&answer) {
        Some(_) if peer == 1 => Some(Message::MerkleBlock(Box::new(half.clone()))),
        _ => Some(answer),
    };
    let events = truth.announce(&mut light, block.id(), &hides);
    assert_eq!(liars(&events), [1]);
    assert_eq!(balance(&light).0, Amount::coins(120));
}

#[test]
fn what_the_filter_has_and_nobody_proves_is_in_the_block() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let gift = truth.factory.pay(genesis, 2, 0, 10, 1);
    let block = truth.block(genesis, vec![gift]);
    let nothing = MerkleBlock::new(block.id(), &block, [].into());
    let hide = |_: u32, _: &Message, answer: Message| match proof(&answer) {
        Some(_) => Some(Message::MerkleBlock(Box::new(nothing.clone()))),
        None => Some(answer),
    };
    let events = truth.announce(&mut light, block.id(), &hide);
    assert_eq!(liars(&events), [0, 1, 2], "all three say the same lie, and the block shows it");
    assert_eq!(balance(&light).0, Amount::coins(110));
}

#[test]
fn a_body_that_is_not_the_blocks_decides_nothing() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let gift = truth.factory.pay(genesis, 2, 0, 10, 1);
    let block = truth.block(genesis, vec![gift]);
    let (nothing, empty) =
        (MerkleBlock::new(block.id(), &block, [].into()), changed(&block, |block| block.txs.truncate(1)));
    let deceive = |peer: u32, _: &Message, answer: Message| match answer {
        Message::MerkleBlock(_) if peer == 0 => Some(Message::MerkleBlock(Box::new(nothing.clone()))),
        Message::MerkleBlock(_) => None,
        Message::Block(_) if peer == 0 => Some(Message::Block(empty.clone())),
        answer => Some(answer),
    };
    truth.announce(&mut light, block.id(), &deceive);
    let mut events = Vec::new();
    for answer in light.run(light.now + 30 * SECOND) {
        events.extend(truth.answer(&mut light, answer, &deceive));
    }
    let why = |event: &Event| matches!(event, Event::Misbehaved { why, .. } if why.contains("not the block's"));
    assert!(events.iter().any(why), "{events:?}");
    assert_eq!(balance(&light).0, Amount::coins(110));
}

#[test]
fn what_it_spends_is_found_where_nothing_comes_back() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let to = light.setup.address(2);
    let all = Amount(Amount::coins(100).0 - 5);
    light.give(Input::Pay(PaymentOrder { reference: 1, to, amount: all, fee: Amount(5) }));
    let own = light.node.history()[0].tx.clone();
    let genesis = truth.factory.genesis();
    let block = truth.block(genesis, vec![own.clone()]);
    let events = truth.announce(&mut light, block.id(), &honest);
    assert!(events.contains(&Event::Confirmed { hash: own.hash(), height: 1 }), "by the key of its coin: {events:?}");
    assert_eq!(balance(&light), (Amount::ZERO, Amount::ZERO));
}

#[test]
fn a_second_payment_spends_no_coin_of_the_first() {
    let mut light = Solo::new(light());
    for _ in 0..2 {
        let events = pay(&mut light, 2, 30).events;
        assert!(events.iter().any(|event| matches!(event, Event::Paid { .. })), "{events:?}");
    }
}

#[test]
fn a_payment_that_is_not_in_the_block_is_refused() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let (real, fake) = (truth.factory.pay(genesis, 2, 0, 10, 1), truth.factory.pay(genesis, 3, 0, 90, 1));
    let block = truth.block(genesis, vec![real.clone()]);
    // The proof of another block.
    let forged = changed(&block, |block| block.txs.push(fake.clone()));
    let claim = MerkleBlock::new(block.id(), &forged, [1, 2].into());
    let claims = |peer: u32, _: &Message, answer: Message| match proof(&answer) {
        Some(_) if peer == 2 => Some(Message::MerkleBlock(Box::new(claim.clone()))),
        _ => Some(answer),
    };
    let events = truth.announce(&mut light, block.id(), &claims);
    assert_eq!((liars(&events), balance(&light).0), (vec![2], Amount::coins(110)));
}

#[test]
fn payments_follow_reorganisations() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let sent = pay(&mut light, 2, 30);
    assert_eq!(balance(&light), (Amount::coins(100), Amount::ZERO), "its one coin is on its way");
    let own = light.node.history()[0].tx.clone();
    let to_all = sent.messages.iter().filter(|(_, message)| *message == Message::Tx(own.clone()));
    assert_eq!(to_all.count(), 3, "all neighbours have it");
    let change = Amount(Amount::coins(70).0 - 5);
    let with = truth.block(genesis, vec![own.clone()]);
    let is_confirmed = |events: &[Event], height| events.contains(&Event::Confirmed { hash: own.hash(), height });
    let events = truth.announce(&mut light, with.id(), &honest);
    assert!(is_confirmed(&events, 1) && balance(&light) == (change, change), "{events:?}");
    let without = truth.block(genesis, vec![]);
    let longer = truth.block(without.id(), vec![]);
    let events = truth.announce(&mut light, longer.id(), &honest);
    assert!(events.contains(&Event::Unconfirmed { hash: own.hash() }), "{events:?}");
    assert_eq!((light.height(), balance(&light)), (2, (Amount::coins(100), Amount::ZERO)));
    let again = truth.block(longer.id(), vec![own.clone()]);
    let events = truth.announce(&mut light, again.id(), &honest);
    assert!(is_confirmed(&events, 3) && balance(&light) == (change, change), "{events:?}");
    assert!(liars(&events).is_empty());
}

/// The headers and filters of empty filters.
fn omitted(genesis: Id, question: &Message, answer: Message) -> Message {
    match (question, answer) {
        (Message::GetCfHeaders(range), Message::CfHeaders(truth)) if range.start > 0 => {
            let empty = filter_hash(&[0]);
            let previous = (1..range.start).fold(genesis, |previous, _| filter_header(&empty, &previous));
            let hashes = vec![empty; truth.hashes.len()];
            Message::CfHeaders(Box::new(FilterHeaders { previous, hashes, ..*truth }))
        }
        (_, Message::CFilter(truth)) => Message::CFilter(Box::new(BlockFilter { filter: vec![0], ..*truth })),
        (_, other) => other,
    }
}

#[test]
fn a_lie_that_all_have_told_comes_to_light_with_the_first_honest_one() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let asked =
        truth.full.hear(0, Message::GetCfHeaders(Box::new(fika_core::light::BlockRange { start: 0, stop: genesis })));
    let Some((_, Message::CfHeaders(first))) = asked.messages.first() else { panic!("{asked:?}") };
    let header = filter_header(&first.hashes[0], &Id::ZERO);
    let gift = truth.factory.pay(genesis, 2, 0, 10, 1);
    let one = truth.block(genesis, vec![gift]);
    let all = |_: u32, question: &Message, answer: Message| Some(omitted(header, question, answer));
    let events = truth.announce(&mut light, one.id(), &all);
    assert_eq!((liars(&events), balance(&light).0), (vec![], Amount::coins(100)), "it knows no better");
    // Two of them tell it again, and the third has become honest.
    let two = truth.block(one.id(), vec![]);
    let some = |peer: u32, question: &Message, answer: Message| match peer {
        2 => Some(answer),
        _ => Some(omitted(header, question, answer)),
    };
    let events = truth.announce(&mut light, two.id(), &some);
    assert_eq!((liars(&events), balance(&light).0), (vec![0, 1], Amount::coins(110)), "{events:?}");
}

#[test]
fn who_changes_its_mind_about_filters_is_a_liar() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let one = truth.block(genesis, vec![]);
    truth.announce(&mut light, one.id(), &honest);
    let two = truth.block(one.id(), vec![]);
    let doubts = |peer: u32, question: &Message, answer: Message| match (question, answer) {
        (Message::GetCfHeaders(range), Message::CfHeaders(mut said)) if peer == 1 && range.start == 2 => {
            said.previous = Id([7; 32]);
            Some(Message::CfHeaders(said))
        }
        (_, answer) => Some(answer),
    };
    let events = truth.announce(&mut light, two.id(), &doubts);
    assert_eq!((liars(&events), light.height()), (vec![1], 2));
    // Of genesis everybody knows the filter.
    let mut light = Solo::new(self::light());
    let doubts = |peer: u32, _: &Message, answer: Message| match answer {
        Message::CfHeaders(mut said) if peer == 2 && said.stop != genesis => {
            said.previous = Id([7; 32]);
            Some(Message::CfHeaders(said))
        }
        answer => Some(answer),
    };
    let events = truth.announce(&mut light, two.id(), &doubts);
    assert_eq!((liars(&events), light.height()), (vec![2], 2));
}

#[test]
fn a_header_without_work_is_refused() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let block = truth.block(genesis, vec![]);
    let lazy = changed(&block, |block| block.head.header.nonce = NO_WORK);
    let answer = light.hear(1, Message::Headers(vec![lazy.head.clone()]));
    assert_eq!((answer.bans, light.height()), (vec![PeerId(1)], 0));
    let events = truth.announce(&mut light, block.id(), &honest);
    assert_eq!((liars(&events), light.tip()), (vec![], block.id()));
}

#[test]
fn a_silent_neighbour_holds_nothing_up() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let gift = truth.factory.pay(genesis, 2, 0, 10, 1);
    let block = truth.block(genesis, vec![gift]);
    let silent = |peer: u32, question: &Message, answer: Message| match question {
        Message::GetHeaders(_) => Some(answer),
        _ => (peer != 1).then_some(answer),
    };
    truth.announce(&mut light, block.id(), &silent);
    for _ in 0..5 {
        let until = light.now + 30 * SECOND;
        for answer in light.run(until) {
            let events = truth.answer(&mut light, answer, &silent);
            assert!(liars(&events).is_empty());
        }
    }
    assert_eq!(balance(&light).0, Amount::coins(110));
}

/// It hears of a block from a neighbour that has it before the others do, as it is in every network.
#[test]
fn who_does_not_have_the_block_yet_holds_nothing_up() {
    let (mut truth, mut light) = (Truth::new(), Solo::new(light()));
    let genesis = truth.factory.genesis();
    let gift = truth.factory.pay(genesis, 2, 0, 10, 1);
    let block = truth.block(genesis, vec![gift]);
    let mut behind = Truth::new();
    let asked = light.hear(0, Message::Inv(vec![InvItem::Block(block.id())]));
    let (mut open, now) = (asked.messages, light.now);
    while let Some((to, question)) = open.pop() {
        let Dest::Peer(PeerId(peer)) = to else { continue };
        let full = if peer == 0 { &mut truth.full } else { &mut behind.full };
        for (_, answer) in full.hear(0, question).messages {
            open.extend(light.hear(peer, answer).messages);
        }
    }
    assert_eq!((balance(&light).0, light.now), (Amount::coins(110), now), "without waiting for anybody");
}

#[test]
fn a_full_node_announces_no_payments_to_it() {
    let mut truth = Truth::new();
    let genesis = truth.factory.genesis();
    let range = fika_core::light::BlockRange { start: 0, stop: genesis };
    truth.full.hear(2, Message::GetCfHeaders(Box::new(range)));
    let tx = truth.factory.pay(genesis, 3, 4, 10, 1);
    let answer = truth.full.hear(0, Message::Tx(tx));
    let told = answer.messages.iter().map(|(to, _)| *to).collect::<Vec<_>>();
    assert_eq!(told, [Dest::Peer(PeerId(1))]);
}

#[test]
fn a_format_that_cannot_be_read_without_a_ledger_has_no_light_nodes() {
    let setup = Setup::new(|_| Ok(Quiet)).config(|_, config| config.role = Role::Light);
    let mut light = Solo::new(setup);
    let events = light.give(Input::Start).events;
    assert!(matches!(&events[..], [Event::Fault { why }] if why.contains("without a ledger")), "{events:?}");
}
