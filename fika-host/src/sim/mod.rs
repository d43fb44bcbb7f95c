//! Many nodes in one process under virtual time.
//!
//! The nodes are those of fika-core, unchanged, with the same plugins. What a live node does with sockets, timers and a
//! mining thread is done here by one loop (`engine`) over one order of events ([`order`]). Two runs of one experiment
//! are equal in everything: no clock, entropy, thread or address has a say.
//!
//! What is simulated, and not done: the way of messages (`links`), which are charged at the size that the transport
//! would give them (`charge`) but never encoded; and, on chains with sampled proofs, the time that work takes.
//! Everything else is done for real: signatures, scripts, blocks, ledgers, each verdict once for all nodes.

mod agreed_chain;
mod block_announcements;
mod charge;
mod clock;
mod engine;
mod links;
mod network_events;
mod observer;
pub(crate) mod order;
mod pages;
mod payments;
pub(crate) mod queue;
mod replay;
mod run_observer;
mod stall;
mod tournament;
mod trace_hash;
mod tracer;

use std::collections::BTreeMap;
use std::time::Instant;

use fika_core::address::Address;
use fika_core::agent::Attack;
use fika_core::amount::Amount;
use fika_core::hash::Id;
use fika_core::header::Time;
use fika_core::keys::KeyPair;
use fika_core::message::Message;
use fika_core::node::{self, Node, NodeConfig};
use fika_core::plugin::Faults;
use fika_core::transport::Transport;
use fika_core::world::{BlockIx, World};

use crate::experiment::{self, Experiment, NodeIndex, NodeState, Payment, node_seed};
use crate::results::{Chain, Ended, EventFacts, NodeEnding, Simulated};
use charge::Charges;
use clock::Clock;
use engine::{Engine, Machine, Parts};
use links::Links;
use network_events::NetworkEvents;
pub(crate) use replay::Replay;
use run_observer::RunObserver;
pub(crate) use tracer::Tracer;

/// What a run is made of.
pub(crate) struct Simulation<'a> {
    pub(crate) experiment: &'a Experiment,
    /// One world that all nodes share, or one for each node.
    pub(crate) worlds: Vec<World>,
    /// By node.
    pub(crate) keys: Vec<KeyPair>,
    pub(crate) addresses: Vec<Address>,
    /// By node, the attack in place of the honest behaviour.
    pub(crate) attacks: Vec<Option<&'a dyn Attack>>,
    pub(crate) transport: &'a dyn Transport,
    pub(crate) faults: Faults,
    /// Whether announcements that can no longer change anything stay out of the event queue. The results do not
    /// depend on it.
    pub(crate) suppress: bool,
    /// Who writes down what happens. The results do not depend on it.
    pub(crate) tracer: Option<&'a mut Tracer>,
    /// Whether somebody has asked for the end; asked before each event, since one may take long.
    pub(crate) is_asked: fn() -> bool,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) now_us: Time,
    pub(crate) height: u64,
    pub(crate) tips: usize,
    pub(crate) events: u64,
    pub(crate) payments: u64,
    pub(crate) confirmed: u64,
    pub(crate) lost: u64,
}

/// What a run has come to.
pub(crate) struct Outcome {
    pub(crate) chain: Chain,
    pub(crate) ended: Ended,
    /// Why it could not reach its end, in one line.
    pub(crate) why: Option<String>,
    pub(crate) duration_us: Time,
    /// What the rules have created at the full nodes' tip, less what they have destroyed.
    pub(crate) issued: Amount,
    /// What exists there, counted.
    pub(crate) supply: Amount,
    pub(crate) nodes: Vec<NodeEnding>,
    pub(crate) events: Vec<EventFacts>,
    pub(crate) simulated: Simulated,
    /// As many as the experiment asks for.
    pub(crate) replays: Vec<Replay>,
}

/// Wallets whose payments have not been confirmed for so many block intervals ask for the chain.
const LOST_INTERVALS: u64 = 6;

/// How many events pass between two looks at the world outside.
const LOOK_EVERY: u64 = 8_192;

impl Simulation<'_> {
    /// Runs to the end that the experiment names, or until `look` says how it ends.
    pub(crate) fn run(self, look: &mut dyn FnMut(Progress) -> Option<Ended>) -> Outcome {
        pages::prepare();
        let Simulation {
            experiment,
            mut worlds,
            keys,
            addresses,
            attacks,
            transport,
            faults,
            suppress,
            tracer,
            is_asked,
        } = self;
        let genesis = worlds[0].chain_id();
        let mut nodes = pages::list(keys.len());
        for (n, keys) in keys.into_iter().enumerate() {
            let place = if worlds.len() == 1 { 0 } else { n };
            nodes.push(Node::new(node_config(experiment, n, keys), &mut worlds[place], attacks[n]));
        }
        let absent = if experiment.events.is_empty() { vec![] } else { experiment.absent_at_start() };
        let machine = |node: &experiment::NodeSpec| Machine {
            hash_rate: node.hash_rate,
            clock: Clock { offset_us: node.clock_offset_us, drift_ppm: node.clock_drift_ppm },
        };
        let mut engine = Engine::new(Parts {
            worlds,
            nodes,
            attacks,
            machines: experiment.nodes.iter().map(machine).collect(),
            links: Links::new(experiment),
            transport,
            charges: Charges::new(experiment),
            seed: experiment.seed,
            suppress,
            absent,
            tracer,
        });
        let mut observer = RunObserver::new(experiment, &addresses, genesis);
        let mut happened = NetworkEvents::new(experiment, &mut observer, genesis);
        let began = Instant::now();
        engine.start(&mut observer, is_asked);
        let ended = drive((&mut engine, &mut observer, &mut happened), experiment, &faults, (look, is_asked));
        let why = match ended {
            Ended::PluginFailed => observer.plugin_fault.take(),
            Ended::Stalled => observer.stalled(&engine),
            _ => None,
        };
        let duration_us = match ended {
            Ended::StopTime => experiment.stop.time_us.unwrap_or(engine.now()),
            _ => engine.now(),
        };
        let now = engine.now();
        if let Some(tracer) = engine.tracer.take() {
            tracer.ended(now, duration_us, ended);
        }
        let events = engine.events;
        let elapsed_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let trace_hash = engine.trace_hash();
        // Wallets know no chain but the one that they asked for last. What they would be told now is part of the figures,
        // and no part of the run.
        wallets(experiment).into_iter().for_each(|wallet| engine.show_chain(wallet, &mut observer));
        let replays = Replay::collect(&engine, &addresses, experiment.replay, experiment.seed);
        let mut outcome = finish(
            engine,
            observer,
            happened,
            &addresses,
            ended,
            duration_us,
            Simulated { trace_hash, events, elapsed_us, messages: BTreeMap::new(), bytes: 0 },
        );
        (outcome.replays, outcome.why) = (replays, why);
        outcome
    }
}

/// What a node itself is told.
pub(crate) fn node_config(experiment: &Experiment, index: usize, keys: KeyPair) -> NodeConfig {
    let (spec, node) = (&experiment.nodes[index], index as NodeIndex);
    NodeConfig {
        role: spec.role.into(),
        relay: experiment.relay.of_node(spec.compact, experiment.compact_failure(node)),
        mempool: experiment.mempool.into(),
        mines: experiment.mines(index),
        ..NodeConfig::new(keys, node_seed(experiment.seed, node))
    }
}

/// Is told how far the run is, and says how it ends once it is to end.
type Look<'a> = &'a mut dyn FnMut(Progress) -> Option<Ended>;

/// Lets things happen until the run is over.
fn drive(
    (engine, observer, events): (&mut Engine<'_>, &mut RunObserver<'_>, &mut NetworkEvents<'_>),
    experiment: &Experiment,
    faults: &Faults,
    (look, is_asked): (Look<'_>, fn() -> bool),
) -> Ended {
    let until = experiment.stop.time_us.unwrap_or(Time::MAX);
    let wallets: Vec<u32> = wallets(experiment);
    let (mut looked, mut asked_at) = (0, 0);
    loop {
        if faults.count() > 0 {
            note_faults(engine, observer, experiment, faults);
            return Ended::PluginFailed;
        }
        if engine.events - looked >= LOOK_EVERY || is_asked() {
            looked = engine.events;
            // The caller learns why.
            if engine.tracer.as_ref().is_some_and(|tracer| tracer.has_failed()) {
                return Ended::Asked;
            }
            let progress = Progress {
                now_us: engine.now(),
                height: observer.height,
                tips: observer.tips(),
                events: engine.events,
                payments: observer.made,
                confirmed: observer.confirmed,
                lost: observer.lost(),
            };
            if let Some(ended) = look(progress) {
                return ended;
            }
        }
        if events.happen(engine, observer, until) {
            if until == Time::MAX && observer.stalled(engine).is_some() {
                return Ended::Stalled;
            }
            continue;
        }
        let is_next = |at: &Time| *at <= until && engine.next_at().is_none_or(|next| *at <= next);
        if let Some(at) = observer.payments.next_at().filter(is_next) {
            if let Some(due) = observer.payments.take(at) {
                pay(engine, at, due);
            }
            continue;
        }
        if !engine.step(until, observer) && faults.count() == 0 {
            return if until < Time::MAX { Ended::StopTime } else { Ended::NothingLeft };
        }
        if until == Time::MAX && observer.stalled(engine).is_some() {
            return Ended::Stalled;
        }
        while let Some(due) = observer.begun.pop() {
            pay(engine, engine.now(), due);
        }
        if observer.agreed {
            observer.follow(engine);
            if observer.payments_done() {
                return Ended::StopHeight;
            }
            // A wallet that lacks money, or waits for a height, learns of it only when it asks, and so does one whose payment
            // is lost.
            let interval_us = experiment.chain.block_interval_us;
            let lost_us = LOST_INTERVALS.saturating_mul(interval_us).saturating_add(observer.stall.payment_at);
            let waits = observer.wallets_wait() && engine.now() >= lost_us;
            if (observer.payments.outstanding() > 0 || waits) && engine.now() >= asked_at {
                asked_at = engine.now() + interval_us / 2;
                wallets.iter().for_each(|node| engine.update(engine.now(), *node));
            }
        }
    }
}

/// Writes down what plugins died of, as the fault of the node that they worked for.
fn note_faults(engine: &mut Engine<'_>, observer: &mut RunObserver<'_>, experiment: &Experiment, faults: &Faults) {
    let node = engine.last_node as usize;
    for fault in faults.take() {
        let now = engine.now();
        let first = || format!("node {}: {fault}", experiment.nodes[node].name);
        observer.plugin_fault.get_or_insert_with(first);
        if let Some(tracer) = &mut engine.tracer {
            tracer.fault(now, fault.to_string());
        }
        observer.record.fault(node, fault.to_string());
    }
}

fn pay(engine: &mut Engine<'_>, at: Time, due: payments::DuePayment) {
    let Payment { from, to, amount, fee, .. } = due.payment;
    let to = engine.nodes[to as usize].address();
    engine.pay(at, from, node::PaymentOrder { reference: due.reference, to, amount, fee });
}

fn wallets(experiment: &Experiment) -> Vec<u32> {
    let is_wallet = |node: &u32| experiment.nodes[*node as usize].role == experiment::Role::Wallet;
    (0..experiment.nodes.len() as u32).filter(is_wallet).collect()
}

fn finish(
    engine: Engine<'_>,
    observer: RunObserver<'_>,
    events: NetworkEvents<'_>,
    addresses: &[Address],
    ended: Ended,
    duration_us: Time,
    mut simulated: Simulated,
) -> Outcome {
    let counts = Message::KINDS.iter().zip(engine.sent).map(|(kind, sent)| ((*kind).to_owned(), sent));
    simulated.messages = counts.collect();
    simulated.bytes = engine.sent_bytes;
    let (node, tip) = best_tip(&engine);
    let world = engine.world(node);
    let holdings = replay::holdings(world, tip, addresses);
    let ending = |(n, (address, (balance, locked))): (usize, (&Address, (Amount, Amount)))| {
        let tip = &engine.world(n as u32).tree()[engine.nodes[n].tip()];
        NodeEnding {
            address: *address,
            tip: (tip.height > 0).then_some((tip.id, tip.height)),
            balance: Some(balance),
            locked: Some(locked),
            died: (events.state(n) == NodeState::Dead).then(|| "killed by an event".into()),
            is_absent: events.state(n) == NodeState::Absent,
            ..NodeEnding::default()
        }
    };
    let nodes = addresses.iter().zip(holdings).enumerate().map(ending).collect();
    let (issued, supply) = (world.supply(tip), world.counted_supply(tip));
    let chain = observer.record.finish();
    let events = events.done;
    Outcome { chain, ended, duration_us, issued, supply, nodes, events, simulated, replays: Vec::new(), why: None }
}

/// A node with the tip that most full nodes have, and that tip.
fn best_tip(engine: &Engine<'_>) -> (u32, BlockIx) {
    let mut votes = BTreeMap::<(u64, Id), (usize, u32)>::new();
    for (n, node) in engine.nodes.iter().enumerate().filter(|(_, node)| node.role() == node::Role::Full) {
        let tip = &engine.world(n as u32).tree()[node.tip()];
        votes.entry((tip.height, tip.id)).or_insert((0, n as u32)).0 += 1;
    }
    let best = votes.iter().max_by_key(|((height, id), (count, _))| (*count, *height, *id));
    let node = best.map_or(0, |(_, (_, node))| *node);
    (node, engine.nodes[node as usize].tip())
}
