//! The node: a state machine without I/O.
//!
//! A runtime calls [`Node::handle`] with everything that happens to the node and carries out
//! the [`Outputs`]. The node knows neither sockets nor clocks; the runtime knows no rule.
//!
//! **The way of a transaction.** [`Input::Pay`] → `pay` builds and signs it, or a neighbour announces it → `on_tx_inv` →
//! `request_txs` → [`Input::Message`] → `on_txs`. Both → `accept_tx` (was it dealt with lately?) → `accept_to_mempool`
//! (a cached validation, or `validate_tx`; then [`Mempool`]) → `spread` → `announce_txs` → a neighbour asks →
//! `on_get_txs`. A producer's duty takes it into a block: `assemble`.
//!
//! **The way of a block.** A duty comes due → `assemble` → `finish_block` (the agent seals it) → `finish_own`, or a
//! neighbour announces it → `on_inv` → `request` → [`Input::Message`] → `on_block` → `process_block` → `check_block`
//! (parent accepted, not too early, then the world: insert, validate, seal). Both → `accept_block` (shown to the agent,
//! announced) → `choose_tip` → `set_tip`: mempool and wallet follow, and the agent sets new duties.
//!
//! Inside of the node a transaction is a [`TxIndex`](crate::world::TxIndex) of its world's table. Sockets translate
//! ([`PeerMessage::from_wire`], [`PeerMessage::to_wire`]).
//!
//! # The rooms
//!
//! Files use only what stands further down, calls of `self.f()` included:
//!
//! | file | holds |
//! |---|---|
//! | `mod` | `handle` |
//! | `connections`, `restore` | neighbours that come and go; a node that remembers an earlier run |
//! | `light` | a light node, and what full nodes tell it |
//! | `sync` | catching up: headers first, orphans, a late joiner |
//! | `producer`, `wallet`, `gossip` | duties to blocks; own payments; messages of agents |
//! | `block_relay`, `tx_relay` | the ways of blocks and of transactions |
//! | `fork_choice` | a new tip |
//! | `own_review` | own payments after a new tip |
//! | `fetch`, `mempool_accept` | asking neighbours; accepting a transaction to the mempool |
//! | `state` | [`Node`], and what all ways use |
//! | `duties`, `own_txs`, `wallet_coins`, `lazy_state`, `unpublished`, `orphans`, `partial_blocks`, `chain_sync`, `wanted_blocks`, `gossip_seen`, `patience`, `requests`, `timers`, `tx_status`, `tx_orphanage`, `mempool` | stores, which know no node |
//! | `recording` | a call as a line of the log |
//! | `price`, `turn`, `wire`, `io`, `pending`, `tx_inv`, `peer`, `budget`, `config` | one call; what goes in and comes out; what a neighbour may cost |
//!
//! Functions marked `inline(never)` or `cold` are needed by few events, or by events of other kinds than a block's. As parts of
//! their callers they would lie in the midst of what every block runs through, and the caches would have to hold them too.

mod block_relay;
mod budget;
mod chain_sync;
mod config;
mod connections;
mod duties;
mod fetch;
mod fork_choice;
mod gossip;
mod gossip_seen;
mod io;
mod lazy_state;
mod light;
mod mempool;
mod mempool_accept;
mod orphans;
mod own_review;
mod own_txs;
mod partial_blocks;
mod patience;
mod peer;
mod pending;
mod prefetch;
mod price;
mod producer;
pub(crate) mod recording;
mod requests;
mod restore;
mod state;
mod sync;
mod timers;
mod turn;
mod tx_inv;
mod tx_orphanage;
mod tx_relay;
mod tx_status;
mod unpublished;
mod wallet;
mod wallet_coins;
mod wanted_blocks;
mod wire;

pub use config::{Announce, NodeConfig, RelayConfig, Role};
pub use io::{Dest, Event, Input, Outputs, PaymentOrder, PeerMessage, Work};
pub use mempool::{Mempool, MempoolLimits, PoolLedger, TxReject};
pub use own_txs::OwnTx;
pub use peer::PeerId;
#[doc(hidden)]
pub use prefetch::Need;
pub use state::{Balance, Node};
pub use tx_inv::TxInv;

use std::sync::Arc;

use crate::agent::Effect;
use crate::block::Block;
use crate::header::Time;
use crate::message::Message;
use crate::world::World;
use pending::ReceivedBlock;
use timers::Timer;
use tracing::{Level, enabled, trace};
use turn::Turn;

/// An agent may ask for this much in one call of the node before it is cut off.
const MAX_EFFECTS: usize = 10_000;

impl Node {
    /// Tells the node what happened at `now`, by its own clock, and collects its answers.
    ///
    /// When a plugin [fails](crate::world::Rules::faults) meanwhile there are none but [`Event::Fault`]: nothing that may rest
    /// on an answer which stands for none leaves the node. What the node has noted of the call may be wrong; who calls it ends
    /// it.
    pub fn handle(&mut self, world: &mut World, now: Time, input: Input, out: &mut Outputs) {
        world.txs_mut().reclaim();
        let faults = world.rules().faults.count();
        let recorded = enabled!(target: recording::TARGET, Level::TRACE).then(|| recording::input(&input, world.txs()));
        let turn = &mut Turn { world, now, out };
        match input {
            Input::Start => self.start(turn),
            Input::Connected(peer) => self.on_connected(turn, peer),
            Input::Disconnected(peer, score) => self.on_disconnected(turn, peer, score),
            Input::Message(peer, message) => self.on_message(turn, peer, message),
            Input::ControlFrames(peer, count) => self.charge(turn, peer, price::CONTROL_FRAME * Time::from(count)),
            Input::Attempt(peer) => self.charge(turn, peer, price::CONNECTION),
            Input::AlsoAnnounced { block, peers } => self.on_also_announced(&block, &peers),
            Input::Wake => {}
            Input::Found { ticket, header } => self.on_found(turn, ticket, header),
            Input::Exhausted { ticket } => self.on_exhausted(turn, ticket),
            Input::Drawn { ticket } => self.on_drawn(turn, ticket),
            Input::Pay(order) => self.pay(turn, &order),
            Input::Submit(tx) => self.submit(turn, &tx),
            Input::UpdateChain if self.config.role == Role::Light => self.light_update(turn),
            Input::UpdateChain => self.update_chain(turn),
            Input::Blocks(blocks) => self.on_blocks(turn, blocks),
        }
        let is_due = self.timers.next().is_some_and(|at| at <= now);
        if is_due || !turn.out.pending.is_empty() || !self.duties.is_current() || self.seldom.sync.agent_waits {
            self.follow_up(turn);
        }
        if self.seldom.light.changed {
            self.light_go_on(turn);
        }
        turn.out.wake_at = self.timers.next();
        if turn.world.rules().faults.count() != faults {
            turn.out.withhold(turn.world.txs_mut());
        }
        if let Some(input) = recorded {
            let outputs = recording::outputs(out, world);
            trace!(target: recording::TARGET, "call of {} at {now}: {input} -> {outputs}", self.address());
        }
    }

    #[inline(never)]
    fn start(&mut self, turn: &mut Turn<'_>) {
        if self.config.role == Role::Light {
            self.light_start(turn);
            return self.announce_own(turn);
        }
        if self.seldom.sync.unheard {
            self.await_headers(turn);
        }
        self.show_tip(turn);
        self.announce_own(turn);
    }

    fn show_tip(&mut self, turn: &mut Turn<'_>) {
        let tip = self.tip;
        self.show_block(turn, None, tip, |agent, view, ctx| agent.on_tip(view, ctx));
    }

    fn on_blocks(&mut self, turn: &mut Turn<'_>, blocks: Vec<Arc<Block>>) {
        for block in blocks {
            let id = block.id();
            // A block that lacks another waits for it as any orphan does.
            let _ = self.process_block(turn, ReceivedBlock { id, block, from: None });
        }
    }

    fn on_message(&mut self, turn: &mut Turn<'_>, from: PeerId, message: PeerMessage) {
        if self.peer(from).banned {
            return message.release(turn.world.txs_mut());
        }
        self.charge(turn, from, price::of_message(&message));
        if self.config.role == Role::Light {
            return self.on_light_message(turn, from, message);
        }
        let message = match message {
            PeerMessage::TxInv(inv) => return self.on_tx_inv(turn, from, inv),
            PeerMessage::GetTxs(txs) => return self.on_get_txs(turn, from, txs),
            PeerMessage::Txs(txs) => return self.on_txs(turn, from, txs),
            PeerMessage::TxsNotFound(txs) => return self.on_txs_not_found(turn, from, txs),
            PeerMessage::Other(message) => message,
        };
        match message {
            Message::Inv(items) => self.on_inv(turn, from, items),
            Message::GetData(items) => self.on_get_data(turn, from, items),
            Message::NotFound(items) => self.on_not_found(turn, from, items),
            Message::Block(block) => self.on_block(turn, from, block),
            Message::Proposal(block) => {
                if let Some(missing) = self.on_proposal(turn, from, block) {
                    self.fetch_missing(turn, missing);
                }
            }
            Message::GetHeaders(locator) => self.on_get_headers(turn, from, &locator),
            Message::Headers(heads) => self.on_headers(turn, from, heads),
            Message::Gossip(gossip) => self.on_gossip(turn, from, gossip),
            Message::Direct(bytes) => self.on_direct(turn, from, &bytes),
            Message::CompactBlock(compact) => self.on_compact(turn, from, compact),
            Message::GetBlockTxn(request) => self.on_get_block_txn(turn, from, &request),
            Message::BlockTxn(answer) => self.on_block_txn(turn, from, *answer),
            Message::GetCfHeaders(range) => self.on_get_cf_headers(turn, from, &range),
            Message::GetCFilters(range) => self.on_get_cfilters(turn, from, &range),
            Message::GetMerkle(request) => self.on_get_merkle(turn, from, &request),
            // Only light nodes ask for these.
            Message::CfHeaders(_) | Message::CFilter(_) | Message::MerkleBlock(_) => {}
            // They come by index.
            Message::Tx(_) => {}
        }
    }

    /// Does what follows from an input, and what is due.
    fn follow_up(&mut self, turn: &mut Turn<'_>) {
        self.drain(turn);
        let mut left = MAX_EFFECTS;
        while let Some(timer) = self.timers.due(turn.now) {
            self.on_timer(turn, timer);
            self.drain(turn);
            left -= 1;
            if left == 0 {
                turn.fault(format!("more than {MAX_EFFECTS} timers and slots at once"));
                break;
            }
        }
    }

    #[inline(never)]
    fn on_timer(&mut self, turn: &mut Turn<'_>, timer: Timer) {
        match timer {
            Timer::Slot { generation, duty } => self.on_slot(turn, generation, duty as usize),
            Timer::Agent(token) => self.with_agent(turn, None, |agent, _, ctx| agent.on_timer(token, ctx)),
            Timer::Requests => {
                self.on_requests_due(turn);
                self.pump(turn);
            }
            Timer::TxOrphans => self.on_tx_orphans_due(turn),
            Timer::TxInv => self.announce_txs(turn),
            Timer::Template => self.duties.changed = true,
            Timer::FutureBlock => {
                self.release_own(turn);
                self.release_future(turn);
            }
            Timer::Unheard => self.note_heard(),
            Timer::Sync(round) => self.on_sync_timeout(turn, round),
            Timer::Rebroadcast => self.announce_own(turn),
            Timer::Light => self.on_light_timeout(turn),
        }
    }

    /// Accepts blocks and carries out what the agent asked for, until nothing is left.
    fn drain(&mut self, turn: &mut Turn<'_>) {
        for _ in 0..MAX_EFFECTS {
            if let Some(peer) = turn.out.pending.useless.pop() {
                self.chain_not_found(turn, peer);
            } else if let Some(received) = turn.out.pending.blocks.pop_front() {
                if let Some(missing) = self.process_block(turn, received) {
                    self.fetch_missing(turn, missing);
                }
                self.pump(turn);
            } else if let Some(orphan) = turn.out.pending.txs.pop_front() {
                self.retry_orphan(turn, orphan);
            } else if let Some((effect, from)) = turn.out.pending.effects.pop_front() {
                self.carry_out(turn, effect, from);
            } else if self.seldom.sync.agent_waits && !self.seldom.sync.is_catching_up() {
                self.seldom.sync.agent_waits = false;
                self.show_tip(turn);
            } else {
                self.refresh_work(turn);
                return;
            }
        }
        turn.out.pending.effects.clear();
        turn.out.pending.blocks.clear();
        turn.out.pending.txs.drain(..).for_each(|orphan| turn.world.txs_mut().release(orphan.tx));
        turn.out.pending.useless.clear();
        turn.fault(format!("the agent asked for more than {MAX_EFFECTS} things at once"));
    }

    #[inline(never)]
    fn carry_out(&mut self, turn: &mut Turn<'_>, effect: Effect, from: Option<PeerId>) {
        match effect {
            Effect::Send(to, bytes) => self.say(turn, Some(to), bytes),
            Effect::Broadcast(bytes) => self.say(turn, None, bytes),
            Effect::Reply(bytes) => {
                if let Some(peer) = from {
                    turn.out.send_other(peer, Message::Direct(bytes));
                }
            }
            // Never in this very moment: time must go on, whatever the agent asks for.
            Effect::Timer(at, token) => self.timers.set(at.max(turn.now + 1), Timer::Agent(token)),
            Effect::Publish(id, seal) => self.publish(turn, &id, seal),
            Effect::Act { action, fee } => self.act(turn, action, fee),
            Effect::Adopt(id) => self.adopt(turn, &id),
            Effect::Finalize(id) => self.finalize(turn, &id),
            Effect::Keep(name, value) => self.keep(turn, &name, &value),
            // Seen to when the block was accepted.
            Effect::Withhold(_) => {}
        }
    }
}
