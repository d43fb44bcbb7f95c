//! The event loop: nodes of fika-core under virtual time.
//!
//! Everything that happens has a place in one total order ([`Order`](super::order::Order)). Of all that is under way
//! the loop takes the first: a message or another event from the queue, a timer of a node, or a success of its work.
//! It gives it to the node and carries out what the node answers. Timers and successes are one per node and move; they
//! are kept in [`Tournament`]s, so that nothing in the queue is ever taken back.

mod connections;
mod disturb;
mod last_look;
mod miner;
mod outages;
mod prefetch;
mod sending;
mod suppress;
mod work;

use std::collections::BTreeMap;

use fika_core::agent::Attack;
use fika_core::consensus::Consensus;
use fika_core::hash::{Id, domain_hash};
use fika_core::header::{SECOND, Time};
use fika_core::message::Message;
use fika_core::node::{Event, Input, Node, Outputs, PaymentOrder, PeerId, PeerMessage, Role};
use fika_core::transport::Transport;
use fika_core::world::{IdMap, World};

use super::block_announcements::{BlockAnnouncements, SuppressedInv};
use super::charge::Charges;
use super::clock::Clock;
use super::links::{Delivery, Links};
use super::observer::{Observer, Seen};
use super::order::{Class, Order};
use super::queue::Queue;
use super::tournament::{NEVER, Tournament};
use super::trace_hash::TraceHash;
use super::tracer::Tracer;
use miner::MinerState;
use outages::{LinkEvent, Outages};

/// Something that will happen to a node.
enum SimEvent {
    /// The two talk to each other again after a ban.
    Connect(PeerId),
    /// A ban begins.
    Disconnect(PeerId),
    /// The neighbour announces the block of this number alone.
    Announce(PeerId, u32),
    /// A message of so many bytes arrives.
    Deliver(PeerId, u32, PeerMessage),
    /// A message has passed the node's own line.
    Received(Box<(PeerId, PeerMessage)>),
    Pay(Box<PaymentOrder>),
    UpdateChain,
    /// Of the link that the node dials to this neighbour, unless it has changed since it was in this state.
    Link(PeerId, u32, LinkEvent),
}

// Most of a run's memory and of its misses are events.
const _: () = assert!(size_of::<SimEvent>() <= 40);

/// What one node brings beside itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Machine {
    /// Hashes per second.
    pub(crate) hash_rate: u128,
    pub(crate) clock: Clock,
}

/// Everything that an engine is made of.
pub(crate) struct Parts<'a> {
    /// One for all nodes, or one for each.
    pub(crate) worlds: Vec<World>,
    pub(crate) nodes: Vec<Node>,
    /// By node.
    pub(crate) attacks: Vec<Option<&'a dyn Attack>>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) links: Links,
    pub(crate) transport: &'a dyn Transport,
    pub(crate) charges: Charges,
    pub(crate) seed: u64,
    /// Whether announcements that change nothing stay out of the queue.
    pub(crate) suppress: bool,
    /// By node, whether it joins later; empty where nothing happens to the network.
    pub(crate) absent: Vec<bool>,
    /// Who writes down what happens.
    pub(crate) tracer: Option<&'a mut Tracer>,
}

/// The nodes of a run, and everything that is under way between them.
pub(crate) struct Engine<'a> {
    pub(crate) worlds: Vec<World>,
    pub(crate) nodes: Vec<Node>,
    attacks: Vec<Option<&'a dyn Attack>>,
    miners: Vec<MinerState>,
    /// By node; none at all where all clocks are right.
    clocks: Vec<Clock>,
    links: Links,
    transport: &'a dyn Transport,
    consensus: std::sync::Arc<dyn Consensus>,
    charges: Charges,
    seed: u64,
    queue: Queue<SimEvent>,
    wakes: Tournament,
    successes: Tournament,
    announcements: BlockAnnouncements,
    /// Blocks by their number in the run; number 0 stands for none.
    blocks: Vec<Id>,
    numbers: IdMap<u32>,
    last_number: u32,
    /// The block that was asked for last.
    last_requested: Id,
    /// Neighbours of nodes that have used up their budgets, and until when.
    waits: BTreeMap<(u32, PeerId), Time>,
    outages: Outages<SimEvent>,
    out: Outputs,
    /// Empty, but for its memory: to whom a message is sent.
    deliveries: Vec<Delivery>,
    now: Time,
    /// Which node something has happened to last.
    pub(crate) last_node: u32,
    trace: TraceHash,
    pub(crate) tracer: Option<&'a mut Tracer>,
    /// Messages sent, by kind.
    pub(crate) sent: [u64; Message::KINDS.len()],
    /// Bytes of them.
    pub(crate) sent_bytes: u64,
    /// Events handled, suppressed announcements included.
    pub(crate) events: u64,
}

/// How long a neighbour that misbehaved is kept away.
const BAN_US: Time = 600 * SECOND;

impl<'a> Engine<'a> {
    pub(crate) fn new(parts: Parts<'a>) -> Engine<'a> {
        let Parts { worlds, nodes, attacks, machines, links, transport, charges, seed, suppress, absent, tracer } =
            parts;
        let n = nodes.len();
        // What is under way may come later than it seemed, or never.
        let suppress = suppress && links.arrivals_are_known() && absent.is_empty();
        let miner = |machine: &Machine| MinerState { hash_rate: machine.hash_rate, jobs: Default::default(), draws: 0 };
        let clocks_are_right = machines.iter().all(|machine| machine.clock == Clock::default());
        Engine {
            consensus: worlds[0].rules().consensus.clone(),
            worlds,
            nodes,
            attacks,
            miners: machines.iter().map(miner).collect(),
            clocks: if clocks_are_right { Vec::new() } else { machines.iter().map(|machine| machine.clock).collect() },
            links,
            transport,
            charges,
            seed,
            queue: Queue::new(),
            wakes: Tournament::new(n),
            successes: Tournament::new(n),
            announcements: BlockAnnouncements::new(n, suppress),
            blocks: vec![Id::ZERO],
            numbers: [(Id::ZERO, 0)].into_iter().collect(),
            last_number: 0,
            last_requested: Id::ZERO,
            waits: BTreeMap::new(),
            outages: Outages::new(absent),
            out: Outputs::default(),
            deliveries: Vec::new(),
            now: 0,
            last_node: 0,
            trace: TraceHash::default(),
            tracer,
            sent: Default::default(),
            sent_bytes: 0,
            events: 0,
        }
    }

    /// Starts all nodes, and then lets each talk to its neighbours, one after the other, until somebody asks for the end.
    pub(crate) fn start(&mut self, observer: &mut dyn Observer, is_asked: fn() -> bool) {
        let nodes = self.nodes.len() as u32;
        self.part_absent();
        (0..nodes)
            .filter(|node| self.outages.runs(*node))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|node| self.give(node, Input::Start, observer));
        for node in (0..nodes).take_while(|_| !is_asked()) {
            // Whoever comes first among the nodes opens the links to it.
            let mut peers: Vec<u32> =
                (0..self.links.degree(node)).filter(|peer| self.links.is_up(node, *peer)).collect();
            peers.sort_by_key(|peer| self.links.neighbour(node, *peer).0.min(node));
            peers.into_iter().for_each(|peer| self.give(node, Input::Connected(PeerId(peer)), observer));
        }
    }

    fn push(&mut self, at: Time, class: Class, node: u32, event: SimEvent) {
        let sequence = self.announcements.next_event(node);
        self.queue.push(self.now, Order::new(at, class, node, sequence), event);
    }

    /// Lets the owner of a node pay at `at`.
    pub(crate) fn pay(&mut self, at: Time, node: u32, order: PaymentOrder) {
        self.push(at.max(self.now), Class::Owner, node, SimEvent::Pay(Box::new(order)));
    }

    /// Lets the owner of a wallet ask for the newest chain.
    pub(crate) fn update(&mut self, at: Time, node: u32) {
        self.push(at.max(self.now), Class::Owner, node, SimEvent::UpdateChain);
    }

    /// The virtual time.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Whether any node searches for a block.
    pub(crate) fn works(&self) -> bool {
        self.successes.first().0 != NEVER
    }

    /// The world of a node.
    pub(crate) fn world(&self, node: u32) -> &World {
        &self.worlds[self.place(node)]
    }

    fn place(&self, node: u32) -> usize {
        if self.worlds.len() == 1 { 0 } else { node as usize }
    }

    /// Stands for everything that has happened so far: two runs with the same hash were the same run.
    pub(crate) fn trace_hash(&self) -> Id {
        let mut tips = Vec::with_capacity(self.nodes.len() * 64);
        for (node, state) in self.nodes.iter().enumerate() {
            let tip = &self.world(node as u32).tree()[state.tip()];
            tips.extend_from_slice(&tip.id.0);
            // A light node has no state.
            let root = if state.role() == Role::Light { Id::ZERO } else { tip.state_root };
            tips.extend_from_slice(&root.0);
        }
        domain_hash("fika trace", &[&self.trace.sum().to_le_bytes(), &tips])
    }

    /// When the next thing happens; `None`: nothing is under way.
    pub(crate) fn next_at(&self) -> Option<Time> {
        let first = self.queue.next_at().unwrap_or(NEVER).min(self.wakes.first().0).min(self.successes.first().0);
        (first != NEVER).then_some(first)
    }

    /// Lets the next thing happen; false when nothing is left up to `until`.
    pub(crate) fn step(&mut self, until: Time, observer: &mut dyn Observer) -> bool {
        let (wake_at, wake_node) = self.wakes.first();
        let (success_at, success_node) = self.successes.first();
        let queued_at = self.queue.next_at().unwrap_or(NEVER);
        let first = queued_at.min(wake_at).min(success_at);
        if first == NEVER || first > until {
            return false;
        }
        self.now = first;
        // At one time timers come first, so that what a message finds does not depend on whether others came with it.
        if wake_at == first {
            self.name_announcers(wake_node, observer);
            self.give(wake_node, Input::Wake, observer);
        } else if queued_at == first {
            if let Some((order, event)) = self.queue.pop() {
                self.fetch_ahead();
                self.happen(order, event, observer);
            }
        } else {
            self.succeed(success_node, observer);
        }
        true
    }

    // As a part of the loop it would have the event in pieces, which are slow to put together again.
    #[inline(never)]
    fn happen(&mut self, order: Order, event: SimEvent, observer: &mut dyn Observer) {
        let node = order.node();
        let event = if self.outages.is_empty() { Some(event) } else { self.hold_back(order, event) };
        let Some(event) = event else { return };
        match event {
            SimEvent::Connect(peer) => {
                self.links.set_up(node, peer.0, true);
                self.name_announcers(node, observer);
                self.give(node, Input::Connected(peer), observer);
            }
            SimEvent::Disconnect(peer) => {
                self.name_announcers(node, observer);
                self.give(node, Input::Disconnected(peer, 0), observer);
            }
            SimEvent::Pay(order) => self.give(node, Input::Pay(*order), observer),
            SimEvent::UpdateChain => {
                self.name_announcers(node, observer);
                self.give(node, Input::UpdateChain, observer);
            }
            SimEvent::Announce(peer, block) => {
                let inv = SuppressedInv { at: self.now, sequence: order.sequence(), peer: peer.0 };
                if self.announcements.arrive(node, block, inv) {
                    self.announce(node, inv, block, observer);
                }
            }
            SimEvent::Deliver(peer, bytes, message) => {
                let at = self.links.receive(node, bytes.into(), self.now);
                match at > self.now {
                    true => self.push(at, Class::Arrive, node, SimEvent::Received(Box::new((peer, message)))),
                    false => self.receive(node, peer, message, observer),
                }
            }
            SimEvent::Received(received) => self.receive(node, received.0, received.1, observer),
            SimEvent::Link(peer, state, event) => self.happen_to_link((node, peer.0), state, event),
        }
    }

    fn receive(&mut self, node: u32, peer: PeerId, message: PeerMessage, observer: &mut dyn Observer) {
        // What was under way when the connection broke is lost.
        if !self.links.is_up(node, peer.0) {
            return self.lose(node, message);
        }
        if !self.waits.is_empty()
            && let Some(until) = self.waits.get(&(node, peer)).copied().filter(|until| *until > self.now)
        {
            return self.push(until, Class::Arrive, node, SimEvent::Received(Box::new((peer, message))));
        }
        match &message {
            // Each is an event. They make nobody give up a block.
            PeerMessage::Txs(txs) => self.events += txs.len() as u64 - 1,
            PeerMessage::Other(message) if !self.leaves_requests_alone(node, message) => {
                self.name_announcers(node, observer)
            }
            _ => {}
        }
        self.give(node, Input::Message(peer, message), observer);
    }

    /// Gives something to a node and carries out what it answers.
    fn give(&mut self, node: u32, input: Input, observer: &mut dyn Observer) {
        self.events += 1;
        self.handle(node, input, observer);
    }

    fn handle(&mut self, node: u32, input: Input, observer: &mut dyn Observer) {
        let n = node as usize;
        self.last_node = node;
        let clock = self.clocks.get(n).copied().unwrap_or_default();
        let place = self.place(node);
        let Engine { nodes, worlds, out, now, .. } = self;
        nodes[n].handle(&mut worlds[place], clock.shows(*now), input, out);
        if !self.out.events.is_empty() {
            self.take_note(node, observer);
        }
        self.send_all(node);
        if let Some(mut work) = self.out.work.take() {
            self.begin(node, &mut work);
            self.out.reuse_work(work);
        }
        self.wakes.set(node, self.out.wake_at.map_or(NEVER, |at| clock.reaches(at).max(self.now)));
        if !self.out.ended_requests.is_empty() {
            self.end_requests(node);
        }
        if !self.out.waits.is_empty() {
            let waits = self.out.waits.drain(..);
            self.waits.extend(waits.map(|(peer, until)| ((node, peer), clock.reaches(until))));
        }
        if !self.out.bans.is_empty() {
            for peer in std::mem::take(&mut self.out.bans) {
                self.disconnect(node, peer);
            }
        }
    }

    /// Counts and shows what a node did.
    fn take_note(&mut self, node: u32, observer: &mut dyn Observer) {
        let place = self.place(node);
        // List by list: all together are long to move.
        let mut events = std::mem::take(&mut self.out.events);
        for event in &events {
            if let Event::BlockAccepted { block, .. } = event {
                let number = self.number(self.worlds[place].tree()[*block].id);
                self.announcements.accept(node, number, self.now);
            }
            let world = &self.worlds[place];
            self.trace.event(self.now, node, event, world);
            let seen = Seen { world, node: &self.nodes[node as usize] };
            if let Some(tracer) = &mut self.tracer {
                tracer.event(self.now, node, event, seen, &self.links);
            }
            observer.event(self.now, node, event, seen);
        }
        events.clear();
        self.out.events = events;
    }

    /// A node keeps a neighbour away for a while.
    #[cold]
    fn disconnect(&mut self, node: u32, peer: PeerId) {
        let (other, back) = self.links.neighbour(node, peer.0);
        self.links.set_up(node, peer.0, false);
        self.note_ban(node, peer.0, self.now + BAN_US);
        for (node, peer) in [(node, peer), (other, PeerId(back))] {
            self.push(self.now, Class::Connect, node, SimEvent::Disconnect(peer));
            self.push(self.now + BAN_US, Class::Connect, node, SimEvent::Connect(peer));
        }
    }

    fn number(&mut self, id: Id) -> u32 {
        let Engine { numbers, blocks, last_number, .. } = self;
        // Nearly always it is the block of the last event.
        if blocks[*last_number as usize] != id {
            *last_number = *numbers.entry(id).or_insert_with(|| {
                blocks.push(id);
                (blocks.len() - 1) as u32
            });
        }
        *last_number
    }
}
