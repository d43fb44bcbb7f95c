//! The one loop of a node process: everything that happens goes through [`Hub::turn`].
//!
//! Sockets, timers, the miner and the control socket call the hub, which runs on one thread; each call
//! feeds the node and carries out what it answers before it returns. Nothing waits inside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem::take;
use std::rc::Rc;
use std::time::{Duration, Instant};

use fika_core::amount::Amount;
use fika_core::env::Proof;
use fika_core::hash::Id;
use fika_core::header::{SECOND, Time};
use fika_core::node::{Dest, Input, Node, Outputs, PaymentOrder, PeerId, Work};
use fika_core::plugin::Faults;
use fika_core::transport::{self, Hello, Transport};
use fika_core::world::{BlockIx, Store, World};
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::info;

use super::Failure;
use super::chain::Chain;
use super::clock::Clock;
use super::connection::Link;
use super::grind::{Miner, sample};
use super::journal::Journal;
use super::keyfile::read_or_create;
use super::memory;
use super::payer::Payer;
use super::repeats::Repeats;
use super::setup::{NodeSetup, node_key};
use super::store::DiskStore;
use crate::experiment;
use crate::results::trace::TraceEvent;

/// So many payments that are due are made before others have their turn.
const PAYMENTS_PER_TURN: usize = 16;

/// Who asked for a payment.
pub(super) enum Orderer {
    /// A client of the control socket; the answer is kept for it.
    Owner,
    /// The load of this place, for its `n`-th payment.
    Load(usize, u64),
}

/// One running node.
pub(super) struct Hub {
    pub(super) setup: NodeSetup,
    pub(super) clock: Clock,
    pub(super) world: World,
    pub(super) node: Node,
    inputs: VecDeque<Input>,
    out: Outputs,
    pub(super) transport: Box<dyn Transport>,
    pub(super) hello: Hello,
    pub(super) links: Vec<Link>,
    pub(super) session_out: transport::Output,
    store: DiskStore,
    pub(super) journal: Journal,
    pub(super) repeats: Repeats,
    faults: Faults,
    pub(super) miner: Option<Miner>,
    /// The work whose times of success are drawn.
    work: Vec<Work>,
    drawn: Vec<(Time, u64)>,
    draws: u64,
    draw_seed: u64,
    wake_at: Option<Time>,
    pub(super) payer: Payer,
    pub(super) orders: BTreeMap<u64, Orderer>,
    references: u64,
    /// What became of the owner's payments.
    pub(super) paid: BTreeMap<u64, Result<Id, String>>,
    /// Clients that wait for the newest chain.
    pub(super) updates: Vec<oneshot::Sender<()>>,
    /// When a wallet asks for the newest chain by itself.
    update_at: Option<Time>,
    pub(super) counts: Counts,
    began: bool,
    /// The loop must look at its deadline, or at its end.
    pub(super) changed: Rc<Notify>,
    /// Why the node ends.
    pub(super) end: Option<Result<(), Failure>>,
}

/// What [`Status`](super::control::Status) counts.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) blocks: u64,
    pub(super) reorgs: u64,
    /// The owner's payments that could not be made.
    pub(super) refused: u64,
    /// Bytes written to neighbours, and come from them.
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
}

impl Hub {
    /// Opens everything the node has and starts it. The miner's results come through the channel.
    pub(super) fn open(
        mut setup: NodeSetup,
        clock: Clock,
        chain: Chain,
    ) -> Result<(Hub, mpsc::UnboundedReceiver<Input>), Failure> {
        let Chain { rules, transport, attack, genesis, faults } = chain;
        let path = setup.database.clone();
        let at_path = |why: String| Failure::Input(format!("{}: {why}", path.display()));
        let environment = |path: &std::path::Path| {
            let path = path.display().to_string();
            move |error: std::io::Error| Failure::Environment(format!("{path}: {error}"))
        };
        let keys =
            read_or_create(&setup.key, &*rules.env.keys, || node_key(&*rules.env.keys, setup.seed, setup.index))?;
        let (block, _) = genesis.block(&rules).map_err(|reject| Failure::Input(format!("genesis: {reject}")))?;
        let owner = (block.id(), rules.env.keys.address(&keys.public));
        let store = DiskStore::open(&path, owner, setup.durability)?;
        let journal = Journal::open(&setup.events).map_err(environment(&setup.events))?;
        let mut world = World::open(rules, &genesis, Some(Box::new(store.clone())))
            .map_err(|reject| at_path(reject.to_string()))?;
        if let Some(why) = store.failure() {
            return Err(Failure::Environment(format!("{}: {why}", path.display())));
        }
        let node_seed = setup.node_seed();
        let node = Node::new(setup.node_config(keys), &mut world, attack.as_deref());
        let expected = setup.nodes[setup.index as usize].address;
        if node.address() != expected {
            let found = node.address();
            let why = format!("expected the key of address {expected}, found that of {found}");
            return Err(Failure::Input(format!("{}: {why}", setup.key.display())));
        }
        let (found, results) = mpsc::unbounded_channel();
        let mines = setup.mines && setup.chain.proof == Proof::Real && setup.role == experiment::Role::Full;
        let start = || Miner::start(world.rules().consensus.clone(), faults.clone(), setup.hash_rate, found);
        let miner = mines.then(start).transpose()?;
        let now = clock.now();
        let values = |name: &str| store.values(name).into_iter().next().map(|(_, value)| value);
        let payer = Payer::new(&mut setup, values);
        let tree = world.tree();
        let blocks = (1..tree.len() as u32).filter(|ix| node.has_block(&world, &tree[BlockIx(*ix)].id)).count() as u64;
        let height = tree[node.tip()].height;
        info!("{} of run {} starts at height {height} as {}", setup.name(), setup.run, node.address());
        let links = setup.ports.iter().map(|port| Link::new(setup.nodes[port.neighbour].name.clone())).collect();
        let hello = Hello { chain: world.chain_id(), name: setup.name().to_owned() };
        // From here on the world has them.
        setup.genesis = Vec::new();
        let mut hub = Hub {
            clock,
            node,
            inputs: VecDeque::new(),
            out: Outputs::default(),
            transport,
            hello,
            links,
            session_out: transport::Output::default(),
            store,
            journal,
            repeats: Repeats::default(),
            faults,
            miner,
            work: Vec::new(),
            drawn: Vec::new(),
            draws: 0,
            // A node that starts again must not draw the times of its earlier life again.
            draw_seed: node_seed ^ now,
            wake_at: None,
            payer,
            orders: BTreeMap::new(),
            references: 0,
            paid: BTreeMap::new(),
            updates: Vec::new(),
            update_at: None,
            began: false,
            counts: Counts { blocks, ..Counts::default() },
            changed: Rc::new(Notify::new()),
            end: None,
            world,
            setup,
        };
        if !hub.setup.waits {
            hub.begin(hub.setup.epoch_us);
        }
        // Reading the database has left holes.
        memory::trim();
        Ok((hub, results))
    }

    /// Starts the node's own work. What its neighbours have done so far follows.
    pub(super) fn begin(&mut self, epoch_us: i64) {
        if std::mem::replace(&mut self.began, true) {
            return;
        }
        self.clock.set_epoch(epoch_us);
        let height = self.world.tree()[self.tip()].height;
        self.trace(self.clock.now(), TraceEvent::Started { height });
        self.flush_journal();
        self.inputs.push_front(Input::Start);
        self.turn();
    }

    /// Whether the node has still to be told to begin.
    pub(super) fn waits(&self) -> bool {
        !self.began
    }

    /// Something happened.
    pub(super) fn take(&mut self, input: Input) {
        self.inputs.push_back(input);
        self.turn();
    }

    /// Something happened; the caller ends with [`turn`](Hub::turn).
    pub(super) fn push(&mut self, input: Input) {
        self.inputs.push_back(input);
    }

    /// Lets the node deal with everything that has happened, and carries out what it answers.
    pub(super) fn turn(&mut self) {
        let mut payments = 0..PAYMENTS_PER_TURN;
        while self.began {
            let now = self.clock.now();
            let next = self.inputs.pop_front();
            let Some(input) = next.or_else(|| payments.next().and_then(|_| self.next_payment(now))) else { break };
            let mut out = take(&mut self.out);
            self.node.handle(&mut self.world, now, input, &mut out);
            let failed = self.faults.count() > 0;
            // Before anything leaves the node.
            self.store.end_turn();
            self.carry_out(now, &mut out);
            out.clear();
            self.out = out;
            if failed {
                break;
            }
        }
        for fault in self.faults.take() {
            self.fault(fault.to_string());
            self.end_with(Failure::Plugin(fault.to_string()));
        }
        if let Some(why) = self.store.failure() {
            self.fail(format!("{}: {why}", self.setup.database.display()));
        }
        self.changed.notify_one();
    }

    fn carry_out(&mut self, now: Time, out: &mut Outputs) {
        for event in out.events.drain(..) {
            self.report(now, &event);
        }
        let mut messages = take(&mut out.messages);
        let mut forwarded = BTreeSet::new();
        for (to, message) in messages.drain(..) {
            self.log_forwarded(&message, &mut forwarded);
            for wire in message.to_wire(self.world.txs()) {
                match to {
                    Dest::Peer(peer) => self.send(peer, &wire),
                    Dest::AllBut(but) => {
                        let all = (0..self.links.len() as u32).map(PeerId).filter(|peer| Some(*peer) != but);
                        all.for_each(|peer| self.send(peer, &wire));
                    }
                }
            }
            message.release(self.world.txs_mut());
        }
        out.messages = messages;
        for (peer, until) in out.waits.drain(..) {
            self.wait(now, peer, until);
        }
        for peer in out.bans.drain(..) {
            self.ban(now, peer);
        }
        if let Some(work) = out.work.take() {
            self.set_work(now, work);
        }
        self.wake_at = out.wake_at;
        // A long answer, as to a node that catches up, need not be paid for ever after.
        out.messages.shrink_to(64);
    }

    fn set_work(&mut self, now: Time, work: Vec<Work>) {
        match &self.miner {
            Some(miner) => miner.set(work),
            None if self.setup.chain.proof == Proof::Sampled => {
                self.work = work;
                self.draw_work(now);
            }
            None => {}
        }
    }

    /// Draws when the searches succeed, from now on: as the times are exponential, it does not matter how long they have
    /// taken.
    fn draw_work(&mut self, now: Time) {
        self.drawn = sample(&self.work, self.setup.hash_rate, now, self.draw_seed, &mut self.draws);
    }

    /// The node has so many hashes a second from now on.
    pub(super) fn set_hash_rate(&mut self, hash_rate: u128) {
        self.setup.hash_rate = hash_rate;
        match &self.miner {
            Some(miner) => miner.set_hash_rate(hash_rate),
            None => self.draw_work(self.clock.now()),
        }
        self.changed.notify_one();
    }

    /// The next payment that a load has due.
    fn next_payment(&mut self, now: Time) -> Option<Input> {
        let height = self.world.tree()[self.node.tip()].height;
        let due = self.payer.next(now, height)?;
        let payment = due.payment;
        let to = self.setup.nodes[payment.to as usize].address;
        // In one commit with the payment itself, so that a restart neither forgets nor repeats it.
        let (name, value) = self.payer.value(due.load);
        self.store.set(&name, Some(&value));
        Some(self.order(Orderer::Load(due.load, due.n), to, payment.amount, payment.fee).1)
    }

    /// A payment for the node to make, and its reference.
    pub(super) fn order(
        &mut self,
        by: Orderer,
        to: fika_core::address::Address,
        amount: Amount,
        fee: Amount,
    ) -> (u64, Input) {
        self.references += 1;
        self.orders.insert(self.references, by);
        (self.references, Input::Pay(PaymentOrder { reference: self.references, to, amount, fee }))
    }

    /// A payment of a load could not be made now: once more later, or never.
    pub(super) fn payment_failed(&mut self, now: Time, load: usize, n: u64, why: &str) {
        let again = self.payer.failed(load, n, now);
        let (name, value) = self.payer.value(load);
        self.store.set(&name, Some(&value));
        if again {
            info!("a payment of the load must wait: {why}");
            // A wallet may simply not know yet what it has.
            if self.is_wallet() {
                self.update_at = Some(now);
            }
        } else {
            self.not_paid(now, why);
        }
    }

    pub(super) fn is_wallet(&self) -> bool {
        self.setup.role == experiment::Role::Wallet
    }

    /// How often a wallet asks for the newest chain while it waits for something: twice a block interval,
    /// but neither more than twice a second nor less than every ten seconds.
    fn update_interval_us(&self) -> Time {
        (self.setup.chain.block_interval_us / 2).clamp(SECOND / 2, 10 * SECOND)
    }

    /// A wallet keeps no chain but the one it asked for. It asks by itself only while one of its own
    /// payments is unconfirmed, or a load waits for a height or for money.
    fn plan_update(&mut self, now: Time) {
        let waits = self.began && self.is_wallet() && (self.node.has_unconfirmed() || self.payer.waits_for_chain());
        self.update_at = match self.update_at {
            _ if !waits => None,
            Some(at) => Some(at),
            None => Some(now + self.update_interval_us()),
        };
    }

    /// How long the loop may sleep; `None`: until something happens.
    pub(super) fn sleep(&mut self) -> Option<Duration> {
        let now = self.clock.now();
        self.plan_update(now);
        let sessions = self.links.iter().filter_map(Link::wake_at);
        let height = self.world.tree()[self.node.tip()].height;
        let times = [
            self.wake_at,
            self.drawn.first().map(|(at, _)| *at),
            self.payer.due(height).filter(|_| self.began),
            self.update_at,
            self.repeats.due(),
        ];
        let chain = times.into_iter().flatten().chain(sessions).min().map(|at| self.clock.until(at));
        let instants = [self.store.due(), self.journal.due()];
        let machine = instants.into_iter().flatten().min().map(|at| at.saturating_duration_since(Instant::now()));
        chain.into_iter().chain(machine).min()
    }

    /// Some time has come.
    pub(super) fn tick(&mut self) {
        let now = self.clock.now();
        self.wake_sessions(now);
        self.report_repeats(now);
        if self.wake_at.is_some_and(|at| at <= now) {
            self.push(Input::Wake);
        }
        while self.drawn.first().is_some_and(|(at, _)| *at <= now) {
            let (_, ticket) = self.drawn.remove(0);
            self.work.retain(|work| work.ticket != ticket);
            self.push(Input::Drawn { ticket });
        }
        if self.update_at.is_some_and(|at| at <= now) {
            self.update_at = None;
            self.push(Input::UpdateChain);
        }
        self.store.end_turn();
        if self.journal.due().is_some_and(|at| at <= Instant::now()) {
            self.flush_journal();
        }
        self.turn();
    }

    pub(super) fn flush_journal(&mut self) {
        if let Err(error) = self.journal.flush() {
            self.fail(format!("{}: {error}", self.setup.events.display()));
        }
    }

    /// Makes everything durable.
    pub(super) fn flush(&mut self) {
        self.report_repeats(Time::MAX);
        self.store.flush();
        self.flush_journal();
        if let Some(why) = self.store.failure() {
            self.fail(format!("{}: {why}", self.setup.database.display()));
        }
    }

    /// Ends the node: the environment cannot carry it any more.
    pub(super) fn fail(&mut self, why: String) {
        self.end_with(Failure::Environment(why));
    }

    /// Ends the node for the first reason that is given.
    fn end_with(&mut self, failure: Failure) {
        if !matches!(self.end, Some(Err(_))) {
            self.end = Some(Err(failure));
        }
        self.changed.notify_one();
    }

    /// Ends the node because it was told to.
    pub(super) fn stop(&mut self) {
        self.flush();
        self.end.get_or_insert(Ok(()));
        self.changed.notify_one();
    }

    /// The last block of the node's chain.
    pub(super) fn tip(&self) -> BlockIx {
        self.node.tip()
    }
}
