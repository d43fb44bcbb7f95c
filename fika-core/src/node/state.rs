//! The state of a node, and what all of its ways use: the agent, the neighbours, what has been seen.

use std::sync::Arc;

use super::budget::Overdraft;
use super::config::{NodeConfig, Role};
use super::duties::Duties;
use super::io::Event;
use super::lazy_state::LazyState;
use super::mempool::Mempool;
use super::own_txs::{OwnTx, OwnTxs};
use super::partial_blocks::PartialBlocks;
use super::peer::{Peer, PeerId, peer_in};
use super::price;
use super::requests::Requests;
use super::timers::Timers;
use super::turn::Turn;
use super::tx_status::TxStatus;
use crate::address::Address;
use crate::agent::{Agent, Ctx, Duty, Gossip, MAX_KEPT, MAX_KEPT_BYTES, Signer};
use crate::amount::Amount;
use crate::block::Block;
use crate::codec::Encode;
use crate::env::signed_proof;
use crate::hash::{Id, sha256};
use crate::header::Time;
use crate::keys::{KeyPair, KeyScheme};
use crate::message::InvItem;
use crate::transport::BAN_SCORE;
use crate::tx::{Credit, Ledger};
use crate::view::BlockView;
use crate::world::ledger::{Entries, Space};
use crate::world::transfer::FormatLedger;
use crate::world::{BlockIx, BlockSet, Tree, TxIndex, World};

/// Misbehaviour score for using up a budget again and again.
const FLOOD_SCORE: u32 = BAN_SCORE / 4;

/// Misbehaviour score for a message that the agent says is wrong.
const WRONG_SCORE: u32 = 20;

/// One node of a network.
// The parts lie in memory as they are written here, those in front that nearly every message needs: where many nodes
// run in one process, waiting for memory is most of what a message costs.
#[repr(C, align(64))]
pub struct Node {
    pub(super) tip: BlockIx,
    pub(super) finalized: BlockIx,
    /// The blocks that this node has accepted: nothing else is visible to its agent.
    pub(super) seen: BlockSet,
    pub(super) peers: Vec<Peer>,
    pub(super) timers: Timers,
    pub(super) seldom: LazyState,
    pub(super) requests: Requests,
    pub(super) partial_blocks: PartialBlocks,
    pub(super) duties: Duties,
    pub(super) agent: Box<dyn Agent>,
    pub(super) config: NodeConfig,
    pub(super) address: Address,
    pub(super) tx_status: TxStatus,
    /// Transactions to be announced at the next moment; the list holds them.
    pub(super) to_announce: Vec<TxIndex>,
    pub(super) mempool: Mempool,
    pub(super) own: OwnTxs,
}

/// So many duties may be set at once: each grinding one needs a template of its own.
const MAX_DUTIES: usize = 1_000;

/// What a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Balance {
    /// In coins of the chain.
    pub confirmed: Amount,
    /// In coins once the whole mempool is confirmed: what can be spent.
    pub spendable: Amount,
    /// In deposits.
    pub locked: Amount,
}

impl Node {
    /// A node that knows nothing but genesis.
    pub(super) fn at_genesis(config: NodeConfig, address: Address, agent: Box<dyn Agent>) -> Node {
        let mut seen = BlockSet::default();
        seen.insert(Tree::GENESIS);
        Node {
            tip: Tree::GENESIS,
            finalized: Tree::GENESIS,
            seen,
            peers: Vec::new(),
            timers: Timers::default(),
            seldom: LazyState::default(),
            requests: Requests::default(),
            partial_blocks: PartialBlocks::default(),
            duties: Duties::default(),
            agent,
            own: OwnTxs::default(),
            address,
            tx_status: TxStatus::default(),
            to_announce: Vec::new(),
            mempool: Mempool::new(config.mempool),
            config,
        }
    }

    /// Calls the agent and notes what it asks for.
    pub(super) fn with_agent<R>(
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
        ctx.catching_up = self.seldom.sync.is_catching_up();
        if ctx.catching_up {
            self.seldom.sync.agent_waits = true;
        }
        ctx.duty_list = std::mem::take(&mut turn.out.pending.duty_list);
        let answer = call(&mut *self.agent, world, &mut ctx);
        let Ctx { effects, duties, duty_list, .. } = ctx;
        turn.out.pending.duty_list = duty_list;
        if !effects.is_empty() {
            turn.out.pending.effects.extend(effects.into_iter().map(|effect| (effect, from)));
        }
        if let Some(mut duties) = duties.filter(|_| self.config.role == Role::Full) {
            if duties.len() > MAX_DUTIES {
                turn.fault(format!("the agent has more than {MAX_DUTIES} duties at once"));
                duties.clear();
            }
            self.duties.keep_room_for_seals(&*turn.world.rules().env.keys, &self.config.keys, &mut duties);
            turn.out.pending.duty_list = self.duties.replace(&mut self.timers, turn.now, duties);
        }
        answer
    }

    /// Calls the agent with a block.
    #[inline(never)]
    pub(super) fn show_block(
        &mut self,
        turn: &mut Turn<'_>,
        from: Option<PeerId>,
        ix: BlockIx,
        call: fn(&mut dyn Agent, &BlockView<'_>, &mut Ctx<'_>),
    ) {
        self.with_agent(turn, from, |agent, world, ctx| call(agent, &world.tree().view(ix), ctx));
    }

    /// Keeps a value of the agent, durably.
    #[cold]
    pub(super) fn keep(&mut self, turn: &mut Turn<'_>, name: &[u8], value: &[u8]) {
        if name.len() + value.len() > MAX_KEPT_BYTES {
            return turn.fault(format!("the agent keeps more than {MAX_KEPT_BYTES} bytes in one value"));
        }
        let id = sha256(&[name]);
        self.seldom.kept.insert(id, (name.to_vec(), value.to_vec()));
        if self.seldom.kept.len() > MAX_KEPT {
            self.seldom.kept.remove(&id);
            return turn.fault(format!("the agent keeps more than {MAX_KEPT} values"));
        }
        if let Some(store) = turn.world.store() {
            store.set(&format!("agent/{id}"), Some(&(name.to_vec(), value.to_vec()).to_bytes()));
            store.flush();
        }
    }

    /// Raises a neighbour's misbehaviour score, and bans it when it has become too much.
    #[cold]
    pub(super) fn penalize(&mut self, turn: &mut Turn<'_>, peer: Option<PeerId>, score: u32, why: &str) {
        let Some(id) = peer else { return };
        let peer = self.peer(id);
        peer.score = peer.score.saturating_add(u16::try_from(score).unwrap_or(u16::MAX));
        let ban = u32::from(peer.score) >= BAN_SCORE && !peer.banned;
        peer.banned |= ban;
        turn.out.event(Event::Misbehaved { peer: id, score, why: why.into() });
        if ban {
            turn.out.bans.push(id);
        }
    }

    /// Whether a message of a neighbour passes by what the agent has said of it. It is charged for what does not.
    pub(super) fn lets_pass(&mut self, turn: &mut Turn<'_>, from: PeerId, verdict: Gossip) -> bool {
        match verdict {
            Gossip::Forward => {}
            Gossip::Ignore => self.charge(turn, from, price::IGNORED_GOSSIP),
            Gossip::Penalize => {
                self.penalize(turn, Some(from), WRONG_SCORE, "it sent a consensus message that is wrong");
            }
        }
        verdict == Gossip::Forward
    }

    /// A neighbour has made this node work.
    #[inline]
    pub(super) fn charge(&mut self, turn: &mut Turn<'_>, peer: PeerId, price: Time) {
        if let Some(overdraft) = self.peer(peer).take_work(turn.now, price) {
            self.overdrawn(turn, peer, overdraft);
        }
    }

    /// A neighbour has made this node send so many bytes, or something else that an honest one may need much of.
    #[inline]
    pub(super) fn charge_traffic(&mut self, turn: &mut Turn<'_>, peer: PeerId, price: Time) {
        if let Some(overdraft) = self.peer(peer).take_traffic(turn.now, price) {
            self.overdrawn(turn, peer, overdraft);
        }
    }

    #[cold]
    fn overdrawn(&mut self, turn: &mut Turn<'_>, peer: PeerId, overdraft: Overdraft) {
        turn.out.waits.push((peer, overdraft.until));
        if overdraft.is_blamed {
            self.penalize(turn, Some(peer), FLOOD_SCORE, "it goes on asking for more than a neighbour may");
        }
    }

    /// The state of a neighbour; made when it is first heard of.
    pub(super) fn peer(&mut self, id: PeerId) -> &mut Peer {
        peer_in(&mut self.peers, id)
    }

    /// The neighbours that can be talked to.
    pub(super) fn ready_peers(&self) -> Vec<PeerId> {
        let ready = self.peers.iter().enumerate().filter(|(_, peer)| peer.ready);
        ready.map(|(n, _)| PeerId(n as u32)).collect()
    }

    /// Whether a block need not be asked for.
    pub(super) fn knows_block(&self, world: &World, id: &Id) -> bool {
        match world.tree().find(id) {
            Some(ix) if self.seen.contains(ix) => true,
            Some(ix) if self.seldom.refused.contains(ix) => true,
            _ => self.seldom.orphans.contains(id),
        }
    }

    /// Whether this node has found the block called `id` invalid.
    pub(super) fn is_refused(&self, world: &World, id: &Id) -> bool {
        world.tree().find(id).is_some_and(|ix| self.seldom.refused.contains(ix))
    }

    /// The last block of the node's chain that others may know.
    pub fn public_tip(&self, tree: &Tree) -> BlockIx {
        let mut tip = self.tip;
        while self.seldom.unpublished.is_hidden(tip) {
            tip = tree[tip].parent;
        }
        tip
    }

    /// Notes that a block is wanted which a neighbour has, after those that come before it. Whether it is.
    pub(super) fn want_block(&mut self, from: PeerId, id: Id) -> bool {
        self.requests.get(&InvItem::Block(id)).is_none() && self.seldom.sync.wanted.name(from, id)
    }

    /// A block that others may have, for a neighbour that asks for it.
    pub(super) fn public_block(&mut self, turn: &mut Turn<'_>, from: PeerId, id: &Id) -> Option<Arc<Block>> {
        let ix = turn.world.tree().find(id)?;
        if !self.seen.contains(ix) || self.seldom.unpublished.is_hidden(ix) {
            return None;
        }
        let bytes = turn.world.tree()[ix].bytes as usize;
        self.charge_traffic(turn, from, price::SENT_BLOCK + (bytes / price::BYTES) as Time);
        turn.world.block(ix)
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

    /// The transactions that are not in a block yet.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// What would let the node extend the chain, as its agent has said last.
    pub fn duties(&self) -> &[Duty] {
        &self.duties.duties
    }

    /// What the node does.
    pub fn role(&self) -> Role {
        self.config.role
    }

    /// Whether the node has accepted the block called `id`.
    pub fn has_block(&self, world: &World, id: &Id) -> bool {
        world.tree().find(id).is_some_and(|ix| self.seen.contains(ix))
    }

    /// What this node has.
    pub fn balance(&self, world: &World) -> Balance {
        if self.config.role == Role::Light {
            let coins = self.seldom.light.coins(world.tree());
            let sum = |coins: &mut dyn Iterator<Item = (&Vec<u8>, &Credit)>| coins.map(|(_, coin)| coin.amount).sum();
            let spendable = sum(&mut coins.iter().filter(|(key, _)| self.own.spender(key).is_none()));
            return Balance { confirmed: sum(&mut coins.iter()), spendable, locked: Amount::ZERO };
        }
        let state = world.state(self.tip);
        Balance {
            confirmed: FormatLedger(&state).balance(&self.address),
            spendable: self.mempool.ledger(world, &state).balance(&self.address),
            locked: state.amount(&Space::Locked.key(&[&self.address.0])),
        }
    }

    /// Whether any of the transactions that this node has made may still be confirmed and is not.
    pub fn has_unconfirmed(&self) -> bool {
        self.own.has_pending()
    }

    /// The transactions that this node has made, oldest first.
    pub fn history(&self) -> &[OwnTx] {
        &self.own.all
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
