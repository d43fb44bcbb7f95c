//! The node: a state machine without I/O.
//!
//! A runtime calls [`Node::handle`] with everything that happens to the node and carries out
//! the [`Outputs`]. The node knows neither sockets nor clocks; the runtime knows no rule.
//!
//! **The way of a transaction.** [`Input::Pay`] builds and signs it (`wallet`); [`Input::Message`]
//! brings those of others (`relay`). Both end in `accept_tx`: judged over the mempool, put
//! into it, announced. A producer's duty takes it into a block (`producer`).
//!
//! **The way of a block.** It arrives by [`Input::Message`] or from a duty, and goes through
//! `take_block`: parent accepted, not too early, inserted, judged and sealed in the world.
//! Then `accept_block`: shown to the agent, announced, and given to fork choice, which may
//! change the tip (`set_tip`): mempool and wallet follow, and the agent sets new duties.
//!
//! Functions marked `inline(never)` or `cold` are needed by few events, or by events of other kinds than a block's. As parts of
//! their callers they would lie in the midst of what every block runs through, and the caches would have to hold them too.

mod ahead;
mod batch;
mod bulletin;
mod chain;
mod compact;
mod gossip;
mod io;
mod mempool;
mod numbered;
mod producer;
mod rare;
mod relay;
mod requests;
mod slots;
mod sync;
mod timers;
mod wallet;

pub use ahead::Need;
pub use bulletin::News;
pub use io::{Dest, Event, Input, Outputs, PaymentOrder, PeerId, Work};
pub use mempool::{Mempool, MempoolLimits, PoolLedger};
pub use numbered::Numbered;
use rare::Rare;
pub use relay::{Announce, RelayConfig};
pub use wallet::{Balance, OwnTx};

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::agent::{Agent, Attack, Ctx, Effect, Signer};
use crate::env::signed_proof;
use crate::hash::Id;
use crate::header::{SECOND, Time};
use crate::keys::{KeyPair, KeyScheme};
use crate::message::Message;
use crate::transport::BAN_POINTS;
use crate::view::BlockView;
use crate::world::{BlockIx, BlockSet, Tree, World};

/// What a node does in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Relays, validates and produces.
    #[default]
    Full,
    /// Neither produces nor relays: pays, and asks for the chain when told to.
    Wallet,
}

/// What a node is made of.
#[derive(Clone)]
#[repr(C)]
pub struct NodeConfig {
    /// How it spreads what it has.
    pub relay: RelayConfig,
    /// What it does.
    pub role: Role,
    /// All draws of this node are made of it.
    pub seed: u64,
    /// Signs for the node and owns its coins.
    pub keys: KeyPair,
    /// What its mempool takes in.
    pub mempool: MempoolLimits,
    /// How long a piece of work may lack the newest transactions, in microseconds.
    pub template_age_us: Time,
}

impl NodeConfig {
    /// A full node with these keys and default limits.
    pub fn new(keys: KeyPair, seed: u64) -> NodeConfig {
        NodeConfig {
            keys,
            role: Role::Full,
            relay: RelayConfig::default(),
            mempool: MempoolLimits::default(),
            seed,
            template_age_us: SECOND / 2,
        }
    }
}

/// One node of a network.
///
/// Its parts lie in memory as they are written here, those in front that nearly every message needs: where many nodes
/// run in one process, waiting for memory is most of what a message costs.
#[repr(C, align(64))]
pub struct Node {
    tip: BlockIx,
    finalized: BlockIx,
    /// The blocks that this node has accepted: nothing else is visible to its agent.
    seen: BlockSet,
    peers: Vec<relay::Peer>,
    timers: timers::Timers,
    /// The blocks that this node has judged and found invalid.
    refused: Rare<BlockSet>,
    sync: Rare<sync::Sync>,
    requests: requests::Requests,
    compacts: compact::Compacts,
    producer: producer::Producer,
    agent: Box<dyn Agent>,
    wallet: wallet::Wallet,
    config: NodeConfig,
    address: Address,
    gossip: Rare<gossip::Gossips>,
    batch: batch::Batch,
    mempool: Mempool,
}

/// One call of [`Node::handle`].
struct Turn<'a> {
    world: &'a mut World,
    now: Time,
    out: &'a mut Outputs,
}

/// An agent may ask for this much in one call of the node before it is cut off.
const MAX_EFFECTS: usize = 10_000;

impl Node {
    /// A node that has accepted what the world's store kept for it, or genesis alone.
    pub fn new(config: NodeConfig, world: &mut World, attack: Option<&dyn Attack>) -> Node {
        let address = world.rules().env.keys.address(&config.keys.public);
        let honest = world.rules().consensus.agent(address);
        let agent = match attack {
            Some(attack) => attack.agent(honest, address),
            None => honest,
        };
        let mut node = Node {
            mempool: Mempool::new(config.mempool),
            config,
            address,
            agent,
            tip: Tree::GENESIS,
            seen: BlockSet::default(),
            refused: Rare::default(),
            finalized: Tree::GENESIS,
            peers: Vec::new(),
            requests: requests::Requests::default(),
            batch: batch::Batch::default(),
            compacts: compact::Compacts::default(),
            sync: Rare::default(),
            producer: producer::Producer::default(),
            gossip: Rare::default(),
            wallet: wallet::Wallet::default(),
            timers: timers::Timers::default(),
        };
        node.seen.insert(Tree::GENESIS);
        node.restore(world);
        node
    }

    /// Tells the node what happened at `now`, by its own clock, and collects its answers.
    pub fn handle(&mut self, world: &mut World, now: Time, input: Input, out: &mut Outputs) {
        let turn = &mut Turn { world, now, out };
        match input {
            Input::Start => self.start(turn),
            Input::Connected(peer) => self.on_connected(turn, peer),
            Input::Disconnected(peer, points) => self.on_disconnected(turn, peer, points),
            Input::Message(peer, message) => self.on_message(turn, peer, message),
            Input::Numbered(peer, message) => self.on_numbered(turn, peer, message),
            Input::Wake => {}
            Input::Found { ticket, header } => self.on_found(turn, ticket, header),
            Input::Exhausted { ticket } => self.on_exhausted(turn, ticket),
            Input::Drawn { ticket } => self.on_drawn(turn, ticket),
            Input::Pay(order) => self.pay(turn, &order),
            Input::Submit(tx) => self.submit(turn, tx),
            Input::UpdateChain => self.update_chain(turn),
        }
        self.settle(turn);
        turn.out.wake_at = self.timers.next();
    }

    /// Whether nothing follows yet from what has happened and nothing is due. Work that is drawn needs no newer
    /// transactions.
    #[inline]
    fn is_settled(&self, turn: &Turn<'_>, sampled: bool) -> bool {
        turn.out.arrived.is_empty()
            && turn.out.effects.is_empty()
            && self.timers.next().is_none_or(|at| at > turn.now)
            && (sampled || !self.producer.mempool_changed)
            && self.producer.is_settled()
    }

    /// Does what follows from an input, and what is due.
    #[inline]
    fn settle(&mut self, turn: &mut Turn<'_>) {
        if !self.is_settled(turn, false) {
            self.follow_up(turn);
        }
    }

    fn follow_up(&mut self, turn: &mut Turn<'_>) {
        self.drain(turn);
        let mut left = MAX_EFFECTS;
        while let Some(timer) = self.timers.due(turn.now) {
            self.on_timer(turn, timer);
            self.drain(turn);
            left -= 1;
            if left == 0 {
                turn.out.event(Event::Fault { why: format!("more than {MAX_EFFECTS} timers and slots at once") });
                break;
            }
        }
    }

    /// Carries out what the agent asked for and takes in blocks, until nothing is left.
    fn drain(&mut self, turn: &mut Turn<'_>) {
        for _ in 0..MAX_EFFECTS {
            if let Some(arrival) = turn.out.arrived.pop_front() {
                self.take_block(turn, arrival);
            } else if let Some((effect, from)) = turn.out.effects.pop_front() {
                self.carry_out(turn, effect, from);
            } else {
                self.refresh_work(turn);
                return;
            }
        }
        turn.out.effects.clear();
        turn.out.arrived.clear();
        turn.out.event(Event::Fault { why: format!("the agent asked for more than {MAX_EFFECTS} things at once") });
    }

    /// Calls the agent and notes what it asks for.
    fn with_agent<R>(
        &mut self,
        turn: &mut Turn<'_>,
        from: Option<PeerId>,
        call: impl FnOnce(&mut dyn Agent, &World, &mut Ctx<'_>) -> R,
    ) -> R {
        let world = &*turn.world;
        let view = world.view(&self.seen);
        let signer = NodeSigner { scheme: &*world.rules().env.keys, keys: &self.config.keys };
        let tip = world.tree()[self.tip].id;
        let mut ctx = Ctx::new(turn.now, self.address, tip, &view, &signer, self.config.seed);
        ctx.duty_list = std::mem::take(&mut turn.out.duty_list);
        let answer = call(&mut *self.agent, world, &mut ctx);
        let Ctx { effects, duties, duty_list, .. } = ctx;
        turn.out.duty_list = duty_list;
        if !effects.is_empty() {
            turn.out.effects.extend(effects.into_iter().map(|effect| (effect, from)));
        }
        if let Some(duties) = duties {
            self.set_duties(turn, duties);
        }
        answer
    }

    /// Calls the agent with a block.
    #[inline(never)]
    fn show_block(
        &mut self,
        turn: &mut Turn<'_>,
        from: Option<PeerId>,
        ix: BlockIx,
        call: fn(&mut dyn Agent, &BlockView<'_>, &mut Ctx<'_>),
    ) {
        self.with_agent(turn, from, |agent, world, ctx| call(agent, &world.tree().view(ix), ctx));
    }

    #[inline(never)]
    fn carry_out(&mut self, turn: &mut Turn<'_>, effect: Effect, from: Option<PeerId>) {
        match effect {
            Effect::Send(to, bytes) => self.say(turn, Some(to), bytes),
            Effect::Broadcast(bytes) => self.say(turn, None, bytes),
            Effect::Reply(bytes) => {
                if let Some(peer) = from {
                    turn.out.send(peer, Message::Direct(bytes));
                }
            }
            // Never in this very moment: time must go on, whatever the agent asks for.
            Effect::Timer(at, token) => self.timers.set(at.max(turn.now + 1), timers::Timer::Agent(token)),
            Effect::Publish(id, seal) => self.publish(turn, &id, seal),
            Effect::Act { action, fee } => self.act(turn, action, fee),
            Effect::Adopt(id) => self.adopt(turn, &id),
            Effect::Finalize(id) => self.finalize(turn, &id),
            // Seen to when the block was accepted.
            Effect::Withhold(_) => {}
        }
    }

    /// Blames a neighbour, and bans it when it has become too much.
    #[cold]
    fn blame(&mut self, turn: &mut Turn<'_>, peer: Option<PeerId>, points: u32, why: &str) {
        let Some(id) = peer else { return };
        let peer = self.peer(id);
        peer.points = peer.points.saturating_add(points);
        let ban = peer.points >= BAN_POINTS && !peer.banned;
        peer.banned |= ban;
        turn.out.event(Event::Misbehaved { peer: id, points, why: why.into() });
        if ban {
            turn.out.bans.push(id);
        }
    }

    /// When the node wants to be woken, by its own clock, as it last said.
    #[inline]
    pub fn wakes_at(&self) -> Option<Time> {
        self.timers.next()
    }

    /// The node's address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The last block of the node's chain.
    pub fn tip(&self) -> BlockIx {
        self.tip
    }

    /// The last block that the agent called final.
    pub fn finalized(&self) -> BlockIx {
        self.finalized
    }

    /// What waits for a block here.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// What the node does.
    pub fn role(&self) -> Role {
        self.config.role
    }

    /// Whether the node has accepted the block called `id`.
    pub fn has_block(&self, world: &World, id: &Id) -> bool {
        world.tree().find(id).is_some_and(|ix| self.seen.contains(ix))
    }
}

/// Signs block proofs with the node's key.
struct NodeSigner<'a> {
    scheme: &'a dyn KeyScheme,
    keys: &'a KeyPair,
}

impl Signer for NodeSigner<'_> {
    fn sign(&self, digest: &Id) -> Vec<u8> {
        // The key was made by this scheme, so it can sign; an empty signature holds for nobody.
        let signature = self.scheme.sign(0, &self.keys.secret, digest).unwrap_or_default();
        signed_proof(&self.keys.public, &signature)
    }
}
