//! A block's way through the node: asked for, received, validated, accepted, announced.
//!
//! A node that has a new block tells its neighbours, all but the one that it came from; whoever lacks it asks for it,
//! and remembers who else has it, should the first not answer. How it tells them is [`Announce`]:
//!
//! | mode | block |
//! |---|---|
//! | [`Inv`](Announce::Inv) | `inv` with its id |
//! | [`Headers`](Announce::Headers) | `headers` with its header (BIP 130) |
//! | [`Flood`](Announce::Flood) | the block itself |
//!
//! Every node understands every mode, so nothing is agreed on before and a network may be mixed. A block may be asked for
//! in its compact form (`compact`), and one whose seal is not complete travels as a proposal (`proposal`).

mod compact;
mod proposal;
mod validate;

use std::sync::Arc;

use super::config::{Announce, Role};
use super::io::{Event, PeerMessage};
use super::peer::PeerId;
use super::pending::ReceivedBlock;
use super::price;
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use super::wire::name_once;
use crate::agent::Effect;
use crate::block::Block;
use crate::hash::Id;
use crate::header::Time;
use crate::message::{InvItem, Message};
use crate::world::BlockIx;
pub(super) use validate::Refusal;

/// So many ancestors of a transaction are sent at most.
const MAX_ANCESTORS: usize = 100;

/// Blocks that a neighbour is to be asked for, because one that it sent builds on them.
pub(super) type Missing = (PeerId, Vec<Id>);

impl Node {
    /// A neighbour has these blocks and other things. It is asked for what is unknown.
    pub(super) fn on_inv(&mut self, turn: &mut Turn<'_>, from: PeerId, mut items: Vec<InvItem>) {
        if self.config.role == Role::Wallet {
            return;
        }
        items.retain_mut(|item| match item {
            InvItem::Block(id) => {
                let unknown = !self.knows_block(turn.world, id);
                *item = self.block_item(*id);
                unknown
            }
            InvItem::Proposal(id) => !self.knows_block(turn.world, id) && !self.seldom.unpublished.has_proposal(id),
            InvItem::Gossip(id) => !self.seldom.gossip.contains(id),
            // Nobody has a block in compact form alone, and transactions come by index.
            InvItem::Compact(_) | InvItem::Ancestors(_) | InvItem::Tx(_) => false,
        });
        if !self.seldom.sync.wanted.is_empty() {
            // Blocks that come before these are on their way: they must not wait for the newest ones.
            items.retain(
                |item| !matches!(item, InvItem::Block(id) | InvItem::Compact(id) if self.want_block(from, *id)),
            );
        }
        self.request(turn, from, items);
    }

    /// A neighbour asks for blocks and other things.
    pub(super) fn on_get_data(&mut self, turn: &mut Turn<'_>, from: PeerId, mut items: Vec<InvItem>) {
        let mut missing = Vec::new();
        name_once(&mut items);
        for item in items.drain(..) {
            let found = match &item {
                InvItem::Ancestors(hash) => {
                    self.send_ancestors(turn, from, hash);
                    continue;
                }
                InvItem::Block(id) => self.public_block(turn, from, id).map(Message::Block),
                InvItem::Proposal(id) => self.seldom.unpublished.proposal(id).map(Message::Proposal),
                InvItem::Gossip(id) => self.seldom.gossip.get(id).map(Message::Gossip),
                InvItem::Compact(id) => self.public_block(turn, from, id).map(|block| self.compact_form(block)),
                InvItem::Tx(_) => None,
            };
            match found {
                Some(message) => turn.out.send_other(from, message),
                None => missing.push(item),
            }
        }
        turn.out.reuse_items(items);
        if !missing.is_empty() {
            turn.out.send_other(from, Message::NotFound(missing));
        }
    }

    /// Sends those ancestors of a transaction that are nearest to it, not more than a block of them.
    fn send_ancestors(&mut self, turn: &mut Turn<'_>, from: PeerId, hash: &Id) {
        let most = turn.world.rules().env.chain.max_block_bytes as usize;
        let txs = turn.world.txs_mut();
        let mut ancestors = self.mempool.ancestors_of(txs, hash, MAX_ANCESTORS);
        let (mut bytes, mut first) = (0, ancestors.len());
        while first > 0 {
            let more = bytes + txs.tx(ancestors[first - 1]).map_or(0, |tx| tx.bytes().len());
            if more > most {
                break;
            }
            (bytes, first) = (more, first - 1);
        }
        ancestors.drain(..first);
        ancestors.iter().for_each(|tx| txs.hold_again(*tx));
        turn.out.send_txs(from, ancestors, PeerMessage::Txs);
        self.charge_traffic(turn, from, price::SENT_BLOCK + (bytes / price::BYTES) as Time);
    }

    /// A neighbour does not have what it was asked for.
    #[inline(never)]
    pub(super) fn on_not_found(&mut self, turn: &mut Turn<'_>, from: PeerId, items: Vec<InvItem>) {
        for item in items {
            if self.requests.get(&item).is_some_and(|request| request.from == from) {
                self.request_item_elsewhere(turn, item, true);
            }
        }
    }

    /// A block has come whole.
    pub(super) fn on_block(&mut self, turn: &mut Turn<'_>, from: PeerId, block: Arc<Block>) {
        let id = turn.world.tree().name(&block.head.header);
        let asked = self.fulfil_request(turn, from, &InvItem::Block(id));
        if !asked && self.knows_block(turn.world, &id) {
            self.charge(turn, from, price::USELESS_BLOCK);
        }
        if asked || self.config.role == Role::Full {
            turn.out.pending.blocks.push_back(ReceivedBlock { id, block, from: Some(from) });
        }
    }

    /// Accepts a received block, keeps it for later, or refuses it. Gives what must come first.
    pub(super) fn process_block(&mut self, turn: &mut Turn<'_>, received: ReceivedBlock) -> Option<Missing> {
        if self.has_block(turn.world, &received.id) {
            return None;
        }
        match self.check_block(turn, &received) {
            Ok(ix) => {
                self.accept_block(turn, ix, received.from, true);
                None
            }
            Err(refusal) => self.defer_or_refuse(turn, received, refusal),
        }
    }

    #[cold]
    fn defer_or_refuse(&mut self, turn: &mut Turn<'_>, received: ReceivedBlock, refusal: Refusal) -> Option<Missing> {
        let ReceivedBlock { id, from, .. } = received;
        if let Some(from) = from {
            self.charge(turn, from, price::USELESS_BLOCK);
        }
        match refusal {
            Refusal::Orphan(missing) => {
                for waits_for in &missing {
                    turn.out.event(Event::Orphan { id, waits_for: *waits_for });
                }
                self.seldom.orphans.add(missing[0], received);
                return Some((from?, missing));
            }
            Refusal::Future(at) => {
                self.seldom.orphans.defer(at, received);
                self.timers.set(at, Timer::FutureBlock);
            }
            Refusal::Undecided(why) => turn.fault(format!("block {id} is undecided: {why}")),
            Refusal::Bad { score, why } => {
                let penalty = format!("it sent a block that is not accepted: {why}");
                turn.out.event(Event::BlockRejected { id, from, why: why.into() });
                self.penalize(turn, from, score, &penalty);
                turn.out.pending.useless.extend(from);
                if self.is_refused(turn.world, &id) {
                    // What builds on it is looked at now: it is invalid too.
                    turn.out.pending.blocks.extend(self.seldom.orphans.take(&id));
                }
            }
        }
        None
    }

    /// The time of future blocks has come.
    pub(super) fn release_future(&mut self, turn: &mut Turn<'_>) {
        while let Some(received) = self.seldom.orphans.due(turn.now) {
            turn.out.pending.blocks.push_back(received);
        }
    }

    /// A valid block is this node's now. `public`: the neighbours may know.
    pub(super) fn accept_block(&mut self, turn: &mut Turn<'_>, ix: BlockIx, from: Option<PeerId>, public: bool) {
        if !self.seen.insert(ix) {
            return;
        }
        let id = turn.world.tree()[ix].id;
        self.end_request(turn, &InvItem::Block(id));
        turn.out.event(Event::BlockAccepted { block: ix, from });
        if !public {
            self.seldom.unpublished.hide(ix);
            turn.out.event(Event::Withheld { block: ix });
        }
        self.show_block(turn, from, ix, |agent, view, ctx| agent.on_block(view, ctx));
        let withheld = |(effect, _): &(Effect, _)| *effect == Effect::Withhold(id);
        if public && !turn.out.pending.effects.iter().any(withheld) {
            self.announce_block(turn, ix, from);
        }
        self.choose_tip(turn, ix);
        if self.seldom.orphans.has_orphans() {
            turn.out.pending.blocks.extend(self.seldom.orphans.take(&id));
        }
    }

    /// Tells the neighbours about a block.
    pub(super) fn announce_block(&mut self, turn: &mut Turn<'_>, ix: BlockIx, from: Option<PeerId>) {
        if self.config.role == Role::Wallet {
            return;
        }
        let id = turn.world.tree()[ix].id;
        let message = match self.config.relay.announce {
            Announce::Flood => turn.world.block(ix).map(Message::Block),
            Announce::Inv => {
                let mut items = turn.out.item_list();
                items.push(InvItem::Block(id));
                Some(Message::Inv(items))
            }
            Announce::Headers => turn.world.block(ix).map(|block| Message::Headers(vec![block.head.clone()])),
        };
        if let Some(message) = message {
            turn.out.send_all(from.filter(|_| !self.config.relay.to_source), message);
            turn.out.event(Event::Forwarded { id, what: "block" });
        }
    }
}
