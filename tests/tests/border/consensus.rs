//! A sequence of calls to consensus rules: three agents make a chain, every block of which is judged, also when mutated.

use std::fmt::Write;
use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx, Draft, Duty, Effect, Signer};
use fika_core::amount::Amount;
use fika_core::consensus::{Consensus, Summary};
use fika_core::env::{ChainParams, Env, signed_proof};
use fika_core::hash::{Id, sha256};
use fika_core::header::{Header, SECOND, Time};
use fika_core::keys::{KeyPair, KeyScheme, NoKeys};
use fika_core::light::FilterHeaders;
use fika_core::message::Message;
use fika_core::reject::Missing;
use fika_core::target::Work;
use fika_core::tx::Action;
use fika_core::view::{BlockView, ChainView, Coin, TreeView};

const NODES: u8 = 3;
const BLOCKS: u64 = 20;

pub(crate) fn env() -> Env {
    Env { chain: ChainParams { block_interval_us: 60 * SECOND, ..ChainParams::default() }, keys: Arc::new(NoKeys) }
}

fn pair(node: u8) -> KeyPair {
    NoKeys.generate(&Id([node + 1; 32]))
}

fn address(node: u8) -> Address {
    NoKeys.address(&pair(node).public)
}

struct Node(u8);

impl Signer for Node {
    fn sign(&self, digest: &Id) -> Vec<u8> {
        let pair = pair(self.0);
        signed_proof(&pair.public, &NoKeys.sign(0, &pair.secret, digest).unwrap())
    }
}

/// A block with the weight of its chain.
struct Stored {
    id: Id,
    header: Header,
    height: u64,
    weight: Work,
    extra: Vec<u8>,
}

impl Stored {
    fn view(&self) -> BlockView<'_> {
        BlockView { id: self.id, header: self.header, height: self.height, weight: self.weight, extra: &self.extra }
    }
}

/// One chain of blocks, after each of which every node owns the same coins.
struct Past(Vec<Stored>);

impl Past {
    fn find(&self, id: &Id) -> Result<&Stored, Missing> {
        self.0.iter().find(|block| block.id == *id).ok_or(Missing(*id))
    }
}

impl ChainView for Past {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        self.find(id).map(Stored::view)
    }

    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing> {
        let of = self.find(of)?;
        let at = usize::try_from(height).ok().filter(|_| height <= of.height).ok_or(Missing(of.id))?;
        Ok(self.0[at].view())
    }

    fn balance(&self, at: &Id, _: &Address) -> Result<Amount, Missing> {
        self.find(at).map(|_| Amount::coins(100))
    }

    fn locked(&self, at: &Id, _: &Address) -> Result<Amount, Missing> {
        self.find(at).map(|block| Amount(block.height))
    }

    fn stakes(&self, at: &Id) -> Result<Vec<(Address, Amount)>, Missing> {
        self.find(at)?;
        let mut stakes: Vec<_> = (0..NODES).map(|node| (address(node), Amount::coins(100))).collect();
        stakes.sort();
        Ok(stakes)
    }

    fn coins(&self, at: &Id, who: &Address) -> Result<Vec<Coin>, Missing> {
        self.find(at)?;
        let coin = |n: u8| Coin { key: [&who.0[..], &[n]].concat(), amount: Amount::coins(50), height: 0, time: 0 };
        Ok(vec![coin(0), coin(1)])
    }

    fn get(&self, at: &Id, key: &[u8]) -> Result<Option<Vec<u8>>, Missing> {
        self.find(at).map(|_| (key.len().is_multiple_of(2)).then(|| key.to_vec()))
    }

    fn scan(&self, at: &Id, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Missing> {
        self.find(at).map(|_| vec![(prefix.to_vec(), vec![1])])
    }
}

impl TreeView for Past {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        ChainView::block(self, id)
    }

    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing> {
        ChainView::ancestor(self, of, height)
    }

    fn children(&self, id: &Id) -> Vec<Id> {
        self.0.iter().filter(|block| block.header.parent == *id).map(|block| block.id).collect()
    }

    fn subtree_weight(&self, _: &Id) -> Work {
        Work::from(1)
    }

    fn tie_goes_to(&self, current: &Id, new: &Id) -> bool {
        new.0[0] > current.0[0]
    }
}

/// One run: the rules, the chain so far, and what was answered.
struct Run {
    rules: Box<dyn Consensus>,
    agents: Vec<Box<dyn Agent>>,
    past: Past,
    now: Time,
    log: String,
}

impl Run {
    /// Calls the agent of `node`, and writes down what it leaves in its context.
    fn ask(&mut self, node: u8, call: impl FnOnce(&mut dyn Agent, &mut Ctx<'_>) -> String) -> (Vec<Effect>, Vec<Duty>) {
        let tip = self.past.0.last().unwrap().id;
        let signer = Node(node);
        let mut ctx = Ctx::new(self.now, address(node), tip, &self.past, &signer, u64::from(node));
        let answer = call(&mut *self.agents[usize::from(node)], &mut ctx);
        let Ctx { effects, duties, .. } = ctx;
        writeln!(self.log, "agent {node} {answer} {effects:?} {duties:?}").unwrap();
        (effects, duties.unwrap_or_default())
    }

    /// The next duty to come due, its node, and the answers of all agents on the way.
    fn next_duty(&mut self) -> (u8, Draft, Option<Time>) {
        let mut timers: Vec<(Time, u8, u64)> = Vec::new();
        let mut duties: Vec<(Time, u8, Duty)> = Vec::new();
        let interval = 60 * SECOND;
        for node in 0..NODES {
            let tip = self.past.0.len() - 1;
            let height = self.past.0[tip].height;
            let block = Stored { extra: self.past.0[tip].extra.clone(), ..self.past.0[tip] };
            let (effects, new) = self.ask(node, |agent, ctx| {
                agent.on_tip(&block.view(), ctx);
                format!("at the tip {height}")
            });
            timers.extend(effects.iter().filter_map(|effect| match effect {
                Effect::Timer(time, token) => Some((*time, node, *token)),
                _ => None,
            }));
            duties.extend(new.into_iter().map(|duty| match duty {
                Duty::Slot { time, .. } => (time.max(self.now), node, duty),
                _ => (self.now + interval + u64::from(node), node, duty),
            }));
        }
        while duties.is_empty() {
            timers.sort();
            let (time, node, token) = timers.remove(0);
            self.now = self.now.max(time);
            let (effects, new) = self.ask(node, |agent, ctx| {
                agent.on_timer(token, ctx);
                format!("woken at {time}")
            });
            timers.extend(effects.iter().filter_map(|effect| match effect {
                Effect::Timer(time, token) => Some((*time, node, *token)),
                _ => None,
            }));
            duties.extend(new.into_iter().filter_map(|duty| match duty {
                Duty::Slot { time, .. } => Some((time, node, duty)),
                _ => None,
            }));
        }
        let (time, node, duty) = duties.into_iter().min_by_key(|(time, node, _)| (*time, *node)).unwrap();
        self.now = time;
        match duty {
            Duty::Slot { draft, .. } => (node, draft, Some(time)),
            Duty::Grind { draft, .. } => (node, draft, None),
            other => panic!("expected a slot or a search, found {other:?}"),
        }
    }

    /// Makes the next block, has everyone validate it, and appends it.
    fn step(&mut self) {
        let (node, draft, slot) = self.next_duty();
        let Draft { version, parent, bits, extra, .. } = draft;
        let time = env().chain.tick(slot.unwrap_or(self.now));
        let mut header = Header { version, parent, root: sha256(&[&extra, &[node]]), time, bits, nonce: 0 };
        if slot.is_none() {
            let found = (0..10_000).any(|_| self.rules.grind(&mut header, 3));
            writeln!(self.log, "ground {found} {header:?}").unwrap();
        }
        let last = self.past.0.last().unwrap();
        let height = last.height + 1;
        let parent = Stored { extra: last.extra.clone(), ..*last };
        let mut block = Stored { id: header.id(), header, height, weight: parent.weight, extra };

        let mut seal = Vec::new();
        self.ask(node, |agent, ctx| format!("{:?}", agent.seal(&block.view(), &mut seal, ctx)));
        let rules = &self.rules;
        let mut validate = |what: &str, block: &Stored, seal: &[u8]| {
            let (view, parent) = (block.view(), parent.view());
            writeln!(
                self.log,
                "{what}: {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                rules.check_work(&view.header),
                rules.check_header(&view, &parent, &self.past),
                rules.references(&view),
                rules.check(&view, &parent, &self.past),
                rules.check_seal(&view, seal, &self.past),
                rules.earliest(&view.header),
                rules.weight(&view),
                rules.origin(&view),
            )
            .unwrap();
        };
        validate("block", &block, &seal);
        validate("no seal", &block, &[]);
        validate("another seal", &block, &[&seal[..], &[1]].concat());
        let mutant = |header: Header, extra: Vec<u8>| Stored { id: header.id(), header, extra, ..block };
        validate("too early", &mutant(Header { time: parent.header.time, ..header }, block.extra.clone()), &seal);
        validate("other bits", &mutant(Header { bits: header.bits ^ 1, ..header }, block.extra.clone()), &seal);
        validate("other nonce", &mutant(Header { nonce: header.nonce ^ 1, ..header }, block.extra.clone()), &seal);
        validate("garbage", &mutant(header, vec![0xff; 9]), &[0xff; 9]);

        let actions = [Action { from: address(node), kind: 1, amount: Amount(5), data: vec![1, 2] }];
        for actions in [&actions[..], &[]] {
            let summary = Summary::new(parent.view(), time, bits)
                .with_extra(&block.extra)
                .with_subsidy(Amount::coins(50))
                .with_fees(Amount(7))
                .with_actions(actions);
            writeln!(self.log, "settles {:?}", self.rules.settle(&summary, &self.past)).unwrap();
        }
        block.weight = parent.weight.plus(self.rules.weight(&block.view()));
        let seen = Stored { extra: block.extra.clone(), ..block };
        self.past.0.push(block);
        let choice = self.rules.choose(&parent.view(), &seen.view(), &self.past);
        writeln!(self.log, "chooses {choice}, or {}", self.rules.choose(&seen.view(), &parent.view(), &self.past))
            .unwrap();
        for node in 0..NODES {
            self.ask(node, |agent, ctx| {
                agent.on_block(&seen.view(), ctx);
                let proposed = agent.on_proposal(&seen.view(), &seal, ctx);
                let passing = agent.on_passing(&address(0), &address(9), b"hello", ctx);
                let truth = FilterHeaders { stop: Id([1; 32]), previous: Id::ZERO, hashes: vec![Id([2; 32])] };
                let told = agent.answer_light(&Message::CfHeaders(Box::new(truth)), ctx);
                format!("{:?} {passing:?} {proposed:?} {told:?}", agent.on_message(&address(0), b"hello", ctx))
            });
        }
    }
}

/// What the rules and their agents answer; under an attack, the first agent is the attacker.
pub(crate) fn record(rules: Box<dyn Consensus>, attack: Option<Box<dyn Attack>>) -> String {
    let genesis = Header::default();
    let genesis = Stored { id: genesis.id(), header: genesis, height: 0, weight: Work::ZERO, extra: Vec::new() };
    let mut agents: Vec<_> = (0..NODES).map(|node| rules.agent(address(node))).collect();
    if let Some(attack) = attack {
        let honest = agents.remove(0);
        agents.insert(0, attack.agent(honest, address(0)));
    }
    let mut run = Run { rules, agents, past: Past(vec![genesis]), now: SECOND, log: String::new() };
    (0..BLOCKS).for_each(|_| run.step());
    run.log
}
