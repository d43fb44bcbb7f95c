//! The run of a network. What the kit needs of `Node`, `Input` and `Outputs` is in this file; `worlds` has what it
//! needs of a world.

use std::collections::{BTreeMap, BTreeSet};

use super::links::{Fault, Links};
use super::setup::Setup;
use crate::address::Address;
use crate::amount::{Amount, COIN};
use crate::hash::{Id, domain_hash};
use crate::header::{Header, SECOND, Time};
use crate::message::Message;
use crate::node::{Dest, Event, Input, Node, Outputs, PaymentOrder, PeerId, PeerMessage, Work, recording};
use crate::testing::{Draws, MemoryStore};
use crate::world::{BlockIx, BlockSet, Genesis, Store, World};

/// What was written is durable after so long, in microseconds.
const FLUSH_AFTER_US: Time = SECOND;

impl Setup {
    /// Lets the network begin, at time 0.
    ///
    /// # Panics
    /// As [`world`](Setup::world).
    pub fn start(self) -> Network {
        Network::new(self)
    }
}

/// A network of nodes under virtual time, made by [`Setup::start`]. Equal setups run alike.
///
/// Times are in microseconds since the chain's epoch.
pub struct Network {
    setup: Setup,
    genesis: Genesis,
    worlds: Vec<World>,
    hosts: Vec<Host>,
    links: Links,
    queue: BTreeMap<(Time, u64), Due>,
    sequence: u64,
    now: Time,
    trace: Id,
    payments: u64,
    events: Vec<(Time, u32, Event)>,
    dropped: BTreeSet<(u32, Id)>,
    /// Neighbours that have used up their budgets: of the first node the second, and until when.
    waits: BTreeMap<(u32, u32), Time>,
    sent: Vec<(u32, u32, Message)>,
}

/// One node and what belongs to it.
pub(super) struct Host {
    node: Option<Node>,
    store: MemoryStore,
    flushed_at: Time,
    peers: Vec<u32>,
    /// The places in the queue of what it searches for.
    works: Vec<(Time, u64)>,
    wake: Option<(Time, u64)>,
    draws: Draws,
    pub(super) accepted: BlockSet,
    /// By height.
    pub(super) finalized: Vec<(u64, Id)>,
    pub(super) produced: Vec<(Time, Id)>,
}

/// What is due at a time.
enum Due {
    Input(u32, Input),
    /// From the first node to the second, if their link has not changed since.
    Message(u32, u32, u64, Message),
    Work(u32, Work),
    Fault(Fault),
}

impl Network {
    fn new(setup: Setup) -> Network {
        let links = setup.all_links();
        let host = |n: u32| Host {
            node: None,
            store: MemoryStore::default(),
            flushed_at: 0,
            peers: Vec::new(),
            works: Vec::new(),
            wake: None,
            draws: Draws::new(crate::hash::draw(setup.seed, 2, n.into())),
            accepted: BlockSet::default(),
            finalized: Vec::new(),
            produced: Vec::new(),
        };
        let mut net = Network {
            hosts: (0..setup.nodes).map(host).collect(),
            worlds: Vec::new(),
            links: Links::new(&links),
            queue: BTreeMap::new(),
            sequence: 0,
            now: 0,
            trace: Id::ZERO,
            payments: 0,
            events: Vec::new(),
            dropped: BTreeSet::new(),
            waits: BTreeMap::new(),
            sent: Vec::new(),
            genesis: setup.genesis(),
            setup,
        };
        for (a, b) in links {
            net.host_mut(a).peers.push(b);
            net.host_mut(b).peers.push(a);
        }
        for n in 0..net.setup.nodes {
            if n == 0 || !net.setup.shared {
                net.worlds.push(net.open_world(n));
            }
            net.make_node(n);
            net.push(0, Due::Input(n, Input::Start));
            for peer in 0..net.host(n).peers.len() as u32 {
                net.push(1, Due::Input(n, Input::Connected(PeerId(peer))));
            }
        }
        for (at, fault) in net.setup.faults.clone() {
            net.push(at, Due::Fault(fault));
        }
        net
    }

    fn open_world(&self, node: u32) -> World {
        let store = (!self.setup.shared).then(|| Box::new(self.host(node).store.clone()) as Box<dyn Store>);
        let opened = self.setup.open(&self.genesis, store);
        opened.unwrap_or_else(|reject| panic!("node {node} cannot open its world: {reject}"))
    }

    fn make_node(&mut self, node: u32) {
        let config = self.setup.node_config(node);
        let at = self.world_of(node);
        let attack = self.setup.attack_of(node, &self.worlds[at].rules().consensus);
        self.hosts[node as usize].node = Some(Node::new(config, &mut self.worlds[at], attack.as_deref()));
    }

    fn world_of(&self, node: u32) -> usize {
        if self.setup.shared { 0 } else { node as usize }
    }

    pub(super) fn host(&self, node: u32) -> &Host {
        &self.hosts[node as usize]
    }

    fn host_mut(&mut self, node: u32) -> &mut Host {
        &mut self.hosts[node as usize]
    }

    fn push(&mut self, at: Time, due: Due) -> (Time, u64) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), due);
        (at, self.sequence)
    }

    /// Lets everything happen that is due up to `until`.
    pub fn run(&mut self, until: Time) {
        self.run_until(until, |_| false);
    }

    /// The same, but stops as soon as `stop` says so. Whether it did.
    pub fn run_until(&mut self, until: Time, stop: impl Fn(&Network) -> bool) -> bool {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, _), due) = entry.remove_entry();
            self.now = at;
            match due {
                Due::Input(node, input) => self.give(node, input),
                Due::Message(from, to, changes, message) => {
                    let waits = self.waits.get(&(to, from)).copied().filter(|until| *until > at);
                    match (self.links.carries(from, to) == Some(changes), waits) {
                        (true, None) => self.deliver(to, from, message),
                        (true, Some(until)) => _ = self.push(until, Due::Message(from, to, changes, message)),
                        (false, _) => {}
                    }
                }
                Due::Work(node, work) => self.end_work(node, work),
                Due::Fault(fault) => self.carry_out(fault),
            }
            if stop(self) {
                return true;
            }
        }
        self.now = until;
        false
    }

    /// Lets a node hear a message of a neighbour now.
    pub fn deliver(&mut self, node: u32, from: u32, message: Message) {
        let peer = self.peer_of(node, from);
        let txs = self.world_mut(node).txs_mut();
        for message in PeerMessage::from_wire(message, txs) {
            self.give(node, Input::Message(peer, message));
        }
    }

    /// Lets something happen to a node now. A dead node does not notice.
    pub fn give(&mut self, node: u32, input: Input) {
        let (at, clock) = (self.world_of(node), self.clock(node));
        let (Some(host), world) = (self.hosts.get_mut(node as usize), &mut self.worlds[at]) else {
            panic!("there is no node {node}")
        };
        let Some(alive) = &mut host.node else { return };
        // What follows now is in danger for the longest time.
        if self.now >= host.flushed_at + FLUSH_AFTER_US {
            host.store.flush();
            host.flushed_at = self.now;
        }
        let mut out = Outputs::default();
        alive.handle(world, clock, input, &mut out);
        let wake = host.wake.take();
        wake.map(|place| self.queue.remove(&place));
        for (dest, message) in std::mem::take(&mut out.messages) {
            let txs = self.worlds[at].txs_mut();
            let wire = message.to_wire(txs);
            message.release(txs);
            wire.into_iter().for_each(|message| self.send(node, dest, message));
        }
        if let Some(work) = out.work.take() {
            self.begin_work(node, work);
        }
        if let Some(at) = out.wake_at {
            let at = self.now.max(self.time_of(node, at));
            self.host_mut(node).wake = Some(self.push(at, Due::Input(node, Input::Wake)));
        }
        out.events.into_iter().for_each(|event| self.note(node, event));
        for (peer, until) in out.waits {
            let until = self.time_of(node, until);
            self.waits.insert((node, self.neighbour(node, peer)), until);
        }
        if !out.bans.is_empty() {
            out.bans.into_iter().for_each(|peer| self.links.ban(node, self.neighbour(node, peer)));
            self.update_links();
        }
    }

    fn note(&mut self, node: u32, event: Event) {
        let line = format!("{} {node} {}", self.now, recording::happened(&event, self.world(node)));
        self.trace = domain_hash("trace", &[&self.trace.0, line.as_bytes()]);
        match &event {
            Event::BlockAccepted { block, .. } => {
                self.host_mut(node).accepted.insert(*block);
            }
            Event::Produced { block } => {
                let made = (self.now, self.world(node).tree()[*block].id);
                self.host_mut(node).produced.push(made);
            }
            Event::Finalized { block } => {
                let entry = &self.world(node).tree()[*block];
                let finalized = (entry.height, entry.id);
                self.host_mut(node).finalized.push(finalized);
            }
            Event::TxDropped { tx, .. } => {
                let hash = self.world(node).txs().hash(*tx);
                self.dropped.insert((node, hash));
            }
            _ => {}
        }
        self.events.push((self.now, node, event));
    }

    /// How `node` calls its neighbour `other`.
    pub fn peer_of(&self, node: u32, other: u32) -> PeerId {
        let place = self.host(node).peers.iter().position(|peer| *peer == other);
        PeerId(place.unwrap_or_else(|| panic!("there is no link between node {node} and node {other}")) as u32)
    }

    pub(super) fn neighbour(&self, node: u32, peer: PeerId) -> u32 {
        self.host(node).peers[peer.0 as usize]
    }

    pub(super) fn hosts(&self) -> u32 {
        self.setup.nodes
    }

    /// What the message of a failure begins with.
    pub(super) fn context(&self) -> String {
        format!("seed {}: ", self.setup.seed)
    }

    fn send(&mut self, from: u32, dest: Dest, message: Message) {
        for n in 0..self.host(from).peers.len() {
            let wanted = match dest {
                Dest::Peer(peer) => peer.0 as usize == n,
                Dest::AllBut(but) => but.is_none_or(|but| but.0 as usize != n),
            };
            let to = self.host(from).peers[n];
            if let Some(changes) = self.links.carries(from, to).filter(|_| wanted) {
                let number = self.sent.len() as u64;
                self.sent.push((from, to, message.clone()));
                if self.setup.loss.as_ref().is_some_and(|is_lost| is_lost(from, to, number, &message)) {
                    continue;
                }
                let at = self.now + (self.setup.delay_us)(from, to);
                self.push(at, Due::Message(from, to, changes, message.clone()));
            }
        }
    }

    /// Ends what a node searched for, and draws when it will find the new.
    fn begin_work(&mut self, node: u32, works: Vec<Work>) {
        for place in std::mem::take(&mut self.host_mut(node).works) {
            self.queue.remove(&place);
        }
        let (rate, searches) = (u128::from((self.setup.hash_rate)(node)), works.len() as u128);
        for work in works {
            let tries = work.expected_tries.saturating_mul(SECOND.into()).saturating_mul(searches);
            let Some(mean_us) = tries.checked_div(rate) else { continue };
            let wait = self.host_mut(node).draws.exponential(u64::try_from(mean_us).unwrap_or(u64::MAX));
            let place = self.push(self.now.saturating_add(wait), Due::Work(node, work));
            self.host_mut(node).works.push(place);
        }
    }

    /// The drawn time has come. Where work is real, the nonce is searched now, in no time.
    fn end_work(&mut self, node: u32, Work { ticket, header, .. }: Work) {
        let consensus = self.world(node).rules().consensus.clone();
        let grind = |mut header: Header| {
            // So many steps reach every nonce.
            let found = (0..1 << 16).any(|_| consensus.grind(&mut header, 1 << 16));
            found.then_some(header)
        };
        self.give(
            node,
            match header.map(grind) {
                None => Input::Drawn { ticket },
                Some(Some(header)) => Input::Found { ticket, header },
                Some(None) => Input::Exhausted { ticket },
            },
        );
    }

    fn carry_out(&mut self, fault: Fault) {
        match fault {
            Fault::Partition(groups) => self.part(groups),
            Fault::Heal => self.heal(),
            Fault::Kill(node) => self.kill(node),
            Fault::Restart(node) => self.restart(node),
        }
    }

    /// Breaks every connection between these groups, and between them and the rest.
    pub fn partition(&mut self, groups: &[&[u32]]) {
        self.part(groups.iter().map(|group| group.to_vec()).collect());
    }

    fn part(&mut self, groups: Vec<Vec<u32>>) {
        self.links.set_groups(groups);
        self.update_links();
    }

    /// Ends a [partition](Network::partition): the connections stand again, and both ends know it.
    pub fn heal(&mut self) {
        self.part(Vec::new());
    }

    fn update_links(&mut self) {
        for (a, b, open) in self.links.update() {
            for (node, other) in [(a, b), (b, a)] {
                let peer = self.peer_of(node, other);
                self.give(node, if open { Input::Connected(peer) } else { Input::Disconnected(peer, 0) });
            }
        }
    }

    /// From now on these links lose all that they are given, and the others nothing. Nobody is told.
    ///
    /// # Panics
    /// When there is no such link.
    pub fn lose(&mut self, links: &[(u32, u32)]) {
        self.links.set_lossy(links);
    }

    /// Ends a node without a warning. What it wrote in the last second is lost.
    ///
    /// # Panics
    /// When the nodes share a world.
    pub fn kill(&mut self, node: u32) {
        assert!(!self.setup.shared, "nodes that share a world cannot be killed: leave out shared_world()");
        self.begin_work(node, Vec::new());
        let host = self.host_mut(node);
        host.node = None;
        host.store.kill();
        if let Some(wake) = host.wake.take() {
            self.queue.remove(&wake);
        }
        self.links.set_dead(node, true);
        self.update_links();
    }

    /// Starts a killed node again, from what was durable.
    ///
    /// # Panics
    /// When it is alive.
    pub fn restart(&mut self, node: u32) {
        assert!(!self.is_alive(node), "node {node} is alive: only a killed one can be restarted");
        self.worlds[node as usize] = self.open_world(node);
        self.make_node(node);
        let tree = self.worlds[node as usize].tree();
        let mut accepted = BlockSet::default();
        for ix in (1..tree.len() as u32).map(BlockIx).filter(|ix| tree[*ix].seal.is_some()) {
            accepted.insert(ix);
        }
        self.host_mut(node).accepted = accepted;
        self.give(node, Input::Start);
        self.links.set_dead(node, false);
        self.update_links();
    }

    /// Lets a node pay so many coins to another, with a fee of a hundredth of one.
    pub fn pay(&mut self, from: u32, to: u32, coins: u64) {
        self.payments += 1;
        let (reference, to) = (self.payments, self.address(to));
        let order = PaymentOrder { reference, to, amount: Amount::coins(coins), fee: Amount(COIN.0 / 100) };
        self.give(from, Input::Pay(order));
    }

    /// A node's address.
    pub fn address(&self, node: u32) -> Address {
        self.genesis.coins[node as usize].0
    }

    /// The plan.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    pub(crate) fn seed(&self) -> u64 {
        self.setup.seed
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// What a node's clock says.
    pub fn clock(&self, node: u32) -> Time {
        self.clock_at(node, self.now)
    }

    /// What a node's clock said at a time.
    pub(super) fn clock_at(&self, node: u32, at: Time) -> Time {
        at.saturating_add_signed(self.setup.clock_of(node))
    }

    /// When a node's clock says `clock`.
    fn time_of(&self, node: u32, clock: Time) -> Time {
        clock.saturating_add_signed(self.setup.clock_of(node).saturating_neg())
    }

    /// The transactions that nodes have dropped from their mempools, by node.
    pub fn dropped(&self) -> &BTreeSet<(u32, Id)> {
        &self.dropped
    }

    /// Everything that the nodes have done, by time and node. The index of a transaction is of no use any longer.
    pub fn events(&self) -> &[(Time, u32, Event)] {
        &self.events
    }

    /// Every message that was put on a link: from, to, and what.
    pub fn sent(&self) -> &[(u32, u32, Message)] {
        &self.sent
    }

    /// A hash over all events: equal runs have equal ones.
    pub fn trace(&self) -> Id {
        self.trace
    }

    /// Whether a node runs.
    pub fn is_alive(&self, node: u32) -> bool {
        self.host(node).node.is_some()
    }

    /// A node.
    ///
    /// # Panics
    /// When it is dead.
    pub fn node(&self, node: u32) -> &Node {
        self.host(node).node.as_ref().unwrap_or_else(|| panic!("node {node} is dead"))
    }

    /// The world that a node validates in.
    pub fn world(&self, node: u32) -> &World {
        &self.worlds[self.world_of(node)]
    }

    /// The same, to be changed.
    pub fn world_mut(&mut self, node: u32) -> &mut World {
        let at = self.world_of(node);
        &mut self.worlds[at]
    }
}
