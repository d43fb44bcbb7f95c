//! A runtime for tests: virtual time, a handful of nodes, one world for all or one for each.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;

use fika_core::address::Address;
use fika_core::agent::Attack;
use fika_core::amount::Amount;
use fika_core::consensus::Consensus;
use fika_core::env::{ChainParams, Env, Proof};
use fika_core::hash::{Id, domain_hash, draw, sha256};
use fika_core::header::{SECOND, Time};
use fika_core::keys::{KeyScheme, NoKeys};
use fika_core::message::Message;
use fika_core::node::{
    Dest, Event, Input, Node, NodeConfig, Outputs, PaymentOrder, PeerId, PeerMessage, RelayConfig, Work,
};
use fika_core::reject::Reject;
use fika_core::script::{PayToAddress, Script};
use fika_core::tx::{Accounts, TxFormat};
use fika_core::world::{BlockIx, Genesis, Rules, Store, TxIndex, World};

/// A chain for tests: a block every ten seconds, drawn work, millisecond ticks.
pub fn chain() -> ChainParams {
    ChainParams { tick_us: 1_000, block_interval_us: 10 * SECOND, proof: Proof::Sampled, ..ChainParams::default() }
}

/// What a network is made of.
pub struct Setup {
    pub chain: ChainParams,
    pub consensus: fn(&Env) -> Box<dyn Consensus>,
    pub keys: fn() -> Arc<dyn KeyScheme>,
    pub script: fn(&Env) -> Box<dyn Script>,
    pub tx: fn(&Env) -> Box<dyn TxFormat>,
    pub nodes: u32,
    pub links: Vec<(u32, u32)>,
    pub coins: Amount,
    pub seed: u64,
    /// Every node judges in a world of its own.
    pub private: bool,
    pub attack: fn(u32) -> Option<Box<dyn Attack>>,
    pub config: fn(&mut NodeConfig),
    /// How one node relays, where not all do it alike.
    pub relay: fn(u32, &mut RelayConfig),
    /// Hashes a microsecond.
    pub hash_rate: fn(u32) -> u64,
}

impl Setup {
    pub fn new(consensus: fn(&Env) -> Box<dyn Consensus>) -> Setup {
        Setup {
            chain: chain(),
            consensus,
            keys: || Arc::new(NoKeys),
            script: |_| Box::new(PayToAddress),
            tx: |_| Box::new(Accounts),
            nodes: 5,
            links: vec![(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)],
            coins: Amount::coins(100),
            seed: 1,
            private: false,
            attack: |_| None,
            config: |_| {},
            relay: |_, _| {},
            hash_rate: |_| 1,
        }
    }

    pub fn world(&self) -> World {
        self.open(&self.genesis(), None).expect("genesis")
    }

    pub fn open(&self, genesis: &Genesis, store: Option<Box<dyn Store>>) -> Result<World, Reject> {
        let env = Env { chain: self.chain.clone(), keys: (self.keys)() };
        let rules = Rules {
            consensus: (self.consensus)(&env).into(),
            script: (self.script)(&env),
            tx: (self.tx)(&env),
            env,
            workers: NonZero::<usize>::MIN,
        };
        World::open(rules, genesis, store)
    }

    pub fn genesis(&self) -> Genesis {
        let coins = (0..self.nodes).map(|n| (self.address(n), self.coins)).collect();
        Genesis { coins, identity: Vec::new() }
    }

    pub fn address(&self, node: u32) -> Address {
        let keys = (self.keys)();
        keys.address(&keys.generate(&self.key_seed(node)).public)
    }

    pub fn key_seed(&self, node: u32) -> Id {
        sha256(&[&self.seed.to_le_bytes(), &node.to_le_bytes()])
    }

    pub fn start(self) -> Lockstep {
        let mut worlds: Vec<World> = (0..if self.private { self.nodes } else { 1 }).map(|_| self.world()).collect();
        let nodes = (0..self.nodes).map(|n| {
            let world = if self.private { &mut worlds[n as usize] } else { &mut worlds[0] };
            let mut config =
                NodeConfig::new((self.keys)().generate(&self.key_seed(n)), draw(self.seed, 1, u64::from(n)));
            (self.config)(&mut config);
            (self.relay)(n, &mut config.relay);
            Node::new(config, world, (self.attack)(n).as_deref())
        });
        let nodes = nodes.collect();
        let mut net = Lockstep {
            worlds,
            nodes,
            peers: vec![Vec::new(); self.nodes as usize],
            queue: BTreeMap::new(),
            sequence: 0,
            now: 0,
            trace: Id::ZERO,
            works: vec![BTreeMap::new(); self.nodes as usize],
            wakes: vec![None; self.nodes as usize],
            draws: 0,
            events: Vec::new(),
            sent: Vec::new(),
            cut: Vec::new(),
            setup: self,
        };
        for (a, b) in net.setup.links.clone() {
            net.peers[a as usize].push(b);
            net.peers[b as usize].push(a);
        }
        for n in 0..net.setup.nodes {
            net.push(0, n, Input::Start);
            for peer in 0..net.peers[n as usize].len() as u32 {
                net.push(1, n, Input::Connected(PeerId(peer)));
            }
        }
        net
    }
}

/// What will happen to a node.
#[derive(Debug)]
enum Next {
    Input(Input),
    /// A message of this neighbour, as a transport carries it.
    Message(PeerId, Message),
}

pub struct Lockstep {
    pub setup: Setup,
    pub worlds: Vec<World>,
    pub nodes: Vec<Node>,
    peers: Vec<Vec<u32>>,
    queue: BTreeMap<(Time, u64), (u32, Next)>,
    sequence: u64,
    pub now: Time,
    pub trace: Id,
    works: Vec<BTreeMap<u64, u64>>,
    wakes: Vec<Option<(Time, u64)>>,
    draws: u64,
    pub events: Vec<(Time, u32, Event)>,
    /// Every message on every link: from, to, what.
    pub sent: Vec<(u32, u32, Message)>,
    /// Links that carry nothing.
    pub cut: Vec<(u32, u32)>,
}

impl Lockstep {
    fn push(&mut self, at: Time, node: u32, input: Input) -> (Time, u64) {
        self.push_next(at, node, Next::Input(input))
    }

    fn push_next(&mut self, at: Time, node: u32, next: Next) -> (Time, u64) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), (node, next));
        (at, self.sequence)
    }

    pub fn world(&self, node: u32) -> &World {
        &self.worlds[if self.setup.private { node as usize } else { 0 }]
    }

    /// Runs everything up to `until`.
    pub fn run(&mut self, until: Time) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, sequence), (node, next)) = entry.remove_entry();
            if matches!(next, Next::Input(Input::Wake)) && self.wakes[node as usize] != Some((at, sequence)) {
                continue;
            }
            self.now = at;
            match next {
                Next::Input(input) => self.give(node, input),
                Next::Message(peer, message) => self.deliver(node, peer, message),
            }
        }
        self.now = until;
    }

    fn deliver(&mut self, node: u32, peer: PeerId, message: Message) {
        let world = &mut self.worlds[if self.setup.private { node as usize } else { 0 }];
        for message in PeerMessage::from_wire(message, world.txs_mut()) {
            self.give(node, Input::Message(peer, message));
        }
    }

    /// Lets something happen to a node now.
    pub fn give(&mut self, node: u32, input: Input) {
        let mut out = Outputs::default();
        let world = &mut self.worlds[if self.setup.private { node as usize } else { 0 }];
        self.nodes[node as usize].handle(world, self.now, input, &mut out);
        let mut messages = Vec::new();
        for (dest, message) in std::mem::take(&mut out.messages) {
            messages.extend(message.to_wire(world.txs()).into_iter().map(|message| (dest, message)));
            message.release(world.txs_mut());
        }
        messages.into_iter().for_each(|(dest, message)| self.send(node, dest, message));
        if let Some(work) = out.work.take() {
            self.draw_work(node, &work);
        }
        if let Some((at, sequence)) = self.wakes[node as usize].take() {
            self.queue.remove(&(at, sequence));
        }
        if let Some(at) = out.wake_at {
            self.wakes[node as usize] = Some(self.push(at.max(self.now), node, Input::Wake));
        }
        for event in out.events {
            let line = format!("{} {node} {}", self.now, self.describe(node, &event));
            self.trace = domain_hash("trace", &[&self.trace.0, line.as_bytes()]);
            self.events.push((self.now, node, event));
        }
    }

    /// The event in words that do not depend on where a block lies in an arena.
    fn describe(&self, node: u32, event: &Event) -> String {
        let tree = self.world(node).tree();
        let block = |ix: &BlockIx| (tree[*ix].id, tree[*ix].state_root);
        let hash = |tx: &TxIndex| self.world(node).txs().hash(*tx);
        match event {
            Event::Produced { block: ix } => format!("produced {:?}", block(ix)),
            Event::BlockAccepted { block: ix, from } => format!("accepted {:?} {from:?}", block(ix)),
            Event::Tip { old, new, reorg_depth } => format!("tip {:?} {:?} {reorg_depth}", block(old), block(new)),
            Event::TxAccepted { tx, from, fee } => format!("accepted {} {from:?} {fee}", hash(tx)),
            Event::TxRejected { tx, from, why } => format!("rejected {} {from:?} {why}", hash(tx)),
            Event::TxDropped { tx, why } => format!("dropped {} {why}", hash(tx)),
            other => format!("{other:?}"),
        }
    }

    fn send(&mut self, from: u32, dest: Dest, message: Message) {
        let peers = self.peers[from as usize].clone();
        for (n, to) in peers.iter().enumerate() {
            let wanted = match dest {
                Dest::Peer(peer) => peer.0 as usize == n,
                Dest::AllBut(but) => but.is_none_or(|but| but.0 as usize != n),
            };
            if !wanted || self.cut.contains(&(from, *to)) || self.cut.contains(&(*to, from)) {
                continue;
            }
            let back = self.peers[*to as usize].iter().position(|peer| *peer == from).unwrap() as u32;
            let delay = 20_000 + 1_000 * u64::from((from * 7 + to * 3) % 11);
            self.sent.push((from, *to, message.clone()));
            self.push_next(self.now + delay, *to, Next::Message(PeerId(back), message.clone()));
        }
    }

    /// Cancels what a node worked on, and draws when it will succeed with the new work.
    fn draw_work(&mut self, node: u32, work: &[Work]) {
        let old = std::mem::take(&mut self.works[node as usize]);
        self.queue.retain(|(_, sequence), _| !old.values().any(|drawn| drawn == sequence));
        for work in work {
            self.draws += 1;
            let uniform = (draw(self.setup.seed, 2 + u64::from(node), self.draws) >> 11) as f64 / (1u64 << 53) as f64;
            let rate = (self.setup.hash_rate)(node) as f64;
            #[expect(clippy::disallowed_methods, reason = "runs are compared on one machine only")]
            let delay = -(1.0 - uniform).ln() * work.expected_tries as f64 / rate;
            let (_, sequence) = self.push(self.now + delay as u64, node, Input::Drawn { ticket: work.ticket });
            self.works[node as usize].insert(work.ticket, sequence);
        }
    }

    pub fn pay(&mut self, from: u32, to: u32, coins: u64) {
        let to = self.setup.address(to);
        let order = PaymentOrder { reference: 1, to, amount: Amount::coins(coins), fee: Amount::coins(1) };
        self.give(from, Input::Pay(order));
    }

    pub fn tip(&self, node: u32) -> Id {
        self.world(node).tree()[self.nodes[node as usize].tip()].id
    }

    pub fn height(&self, node: u32) -> u64 {
        self.world(node).tree()[self.nodes[node as usize].tip()].height
    }

    pub fn agreed(&self) -> bool {
        (1..self.setup.nodes).all(|node| self.tip(node) == self.tip(0))
    }

    /// Fails when a node or plugin did what it must not.
    pub fn assert_healthy(&self) {
        for (at, node, event) in &self.events {
            let bad = matches!(
                event,
                Event::Fault { .. }
                    | Event::Misbehaved { .. }
                    | Event::BlockRejected { .. }
                    | Event::SafetyViolation { .. }
            );
            assert!(!bad, "at {at} us node {node}: {event:?}");
        }
    }
}
