//! A light node: it follows headers, and finds its own payments by filters and proofs (SPV; BIP 157, BIP 158, BIP 37).
//!
//! It keeps headers and no blocks, and has no ledger but its own coins. What it can check of a header alone it checks: work,
//! bits, and the seal where that needs no state ([`World::accept_header`](crate::world::World)). It follows the headers
//! that fork choice prefers among all that its neighbours have shown. They share the world's tree with blocks, so tip, depth
//! and reorganisation are what they are for a full node. In the simulator the shared world may have the blocks and states
//! behind them: no function in this folder asks for these, but for `server`, which is the full node's side.
//!
//! | message | answer | what for |
//! |---|---|---|
//! | `getheaders` | `headers` | the chain |
//! | `getcfheaders` | `cfheaders` | hashes of filters, asked of all neighbours |
//! | `getcfilters` | `cfilter`, each | the filters, asked of one |
//! | `getmerkle` | `merkleblock` | own transactions of a block, with a proof, asked of three |
//! | `getdata` | `block` | where neighbours disagree: the block says who lies |
//!
//! **What it does.** Two places on the chain of headers move towards the tip, one step at a time ([`Step`](state::Step)):
//!
//! 1. *Agreed*: all neighbours are asked for the filter headers after it. Where they say the same, that is believed, and it
//!    moves on. Where they do not, the node fetches the first block that they disagree about and makes its filter itself.
//!    Whoever has said something else lies.
//! 2. *Scanned*: filters up to what is agreed are fetched and compared with their headers. One that has none of the node's
//!    locks and coins moves it on. Otherwise three neighbours are asked for the transactions in question. A proof that does
//!    not hold, and a transaction that one leaves out and another proves, are lies. What the filter has and nobody proves is
//!    looked for in the block itself.
//!
//! A neighbour whose earlier filter headers are others than the agreed ones makes the node compare all from the beginning,
//! once: either an agreed one was a lie, or the neighbour's is. Liars are banned and reported ([`Event::LieFound`]).
//!
//! **What it believes.** That somebody of its neighbours is honest: if all tell the same lie by omission, it lacks a payment
//! until it meets another one. That the chain with most work is valid, as in Nakamoto 2008, section 8. What a proof shows
//! needs no belief beyond that: nobody can make it accept what is in no block of the chain.
//!
//! **Its payments** are made of coins that it knows by proof and sent whole to all neighbours. They are confirmed when a
//! proof has them in a block of its chain, and unconfirmed when that block leaves it. Deposits and coins that rules make
//! without a transaction are in no transaction, so a light node does not know them. What it knows is not kept over a
//! restart, but for its payments: it begins again at genesis.
//!
//! Handlers of messages note what has come; [`light_go_on`](Node::light_go_on) alone takes the next step.

mod dispute;
mod filters;
mod headers;
mod progress;
mod proofs;
mod scan;
mod server;
mod state;
mod wallet;

pub(super) use state::Light;

use std::slice;

use super::io::{Event, PeerMessage};
use super::peer::PeerId;
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use crate::message::{InvItem, Message};
use crate::world::{Tree, World};
use state::Step;

impl Node {
    /// A neighbour says something to a light node.
    pub(super) fn on_light_message(&mut self, turn: &mut Turn<'_>, from: PeerId, message: PeerMessage) {
        let message = match message {
            PeerMessage::Other(message) => message,
            // It keeps none of others.
            PeerMessage::GetTxs(txs) => return turn.out.send_txs(from, txs, PeerMessage::TxsNotFound),
            other => return other.release(turn.world.txs_mut()),
        };
        match message {
            Message::Inv(items) => {
                let is_new = |item: &InvItem| matches!(item, InvItem::Block(id) if !self.has_block(turn.world, id));
                if items.iter().any(is_new) {
                    self.ask_headers(turn, from);
                }
            }
            // Without an answer it would be asked again.
            Message::GetHeaders(_) => turn.out.send_other(from, Message::Headers(Vec::new())),
            Message::GetData(items) => turn.out.send_other(from, Message::NotFound(items)),
            Message::Headers(heads) => {
                let is_answer = self.seldom.sync.asked.iter().any(|request| request.from == from);
                self.end_headers_request(turn, from);
                self.on_light_headers(turn, from, &heads, is_answer);
            }
            Message::CompactBlock(compact) => self.on_light_headers(turn, from, slice::from_ref(&compact.head), false),
            Message::Block(block) => {
                self.on_light_headers(turn, from, slice::from_ref(&block.head), false);
                self.on_light_block(turn, from, &block);
            }
            Message::NotFound(_) => self.light_block_not_found(turn, from),
            Message::CfHeaders(answer) => self.on_cf_headers(turn, from, &answer),
            Message::CFilter(answer) => self.on_cfilter(turn, from, *answer),
            Message::MerkleBlock(answer) => self.on_merkle_block(turn, from, *answer),
            Message::GetCfHeaders(range) => self.on_get_cf_headers(turn, from, &range),
            Message::GetMerkle(request) => self.on_get_merkle(turn, from, &request),
            Message::GetCFilters(_) | Message::GetBlockTxn(_) | Message::BlockTxn(_) | Message::Tx(_) => {}
            Message::Proposal(_) | Message::Gossip(_) | Message::Direct(_) => {}
        }
    }

    /// A neighbour can be talked to: what it has, and what it says of genesis. That question tells it that this node is a
    /// light one, to which no transactions are announced.
    pub(super) fn light_greet(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        self.ask_filter_headers_of_genesis(turn, peer);
        self.ask_headers(turn, peer);
        self.seldom.light.changed = true;
    }

    /// A neighbour is gone, or banned.
    pub(super) fn light_forget(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        self.seldom.light.forget(peer);
        self.light_block_not_found(turn, peer);
        self.seldom.light.changed = true;
    }

    /// Neighbours have not answered in time: the node goes on without them.
    pub(super) fn on_light_timeout(&mut self, turn: &mut Turn<'_>) {
        let asked = self.seldom.light.asked_for_block();
        self.seldom.light.give_up_waiting();
        if let Some(peer) = asked {
            self.light_block_not_found(turn, peer);
        }
        if matches!(self.seldom.light.step, Step::Idle) && self.seldom.light.wants_headers {
            self.seldom.light.wants_headers = false;
            self.ready_peers().into_iter().for_each(|peer| self.ask_headers(turn, peer));
        }
        self.seldom.light.changed = true;
    }

    /// Takes the next steps, until one waits for neighbours.
    pub(super) fn light_go_on(&mut self, turn: &mut Turn<'_>) {
        while std::mem::take(&mut self.seldom.light.changed) {
            match &self.seldom.light.step {
                Step::Idle => self.light_begin_step(turn),
                Step::Headers { open, .. } if open.is_empty() => self.compare_filter_headers(turn),
                Step::Proofs { open, .. } if open.is_empty() => self.compare_proofs(turn),
                Step::Headers { .. } | Step::Proofs { .. } | Step::Block(_) => {}
            }
        }
        let waits = self.seldom.light.is_waiting();
        if waits != self.seldom.light.timed {
            self.seldom.light.timed = waits;
            self.timers.cancel(|timer| *timer == Timer::Light);
            if waits {
                self.timers.set(turn.now + self.config.relay.request_timeout_us, Timer::Light);
            }
        }
    }

    fn light_begin_step(&mut self, turn: &mut Turn<'_>) {
        let (tree, light) = (turn.world.tree(), &self.seldom.light);
        let is_behind = tree[light.scanned].height < tree[light.agreed].height;
        if self.seldom.light.has_filter() {
            self.scan_block(turn);
        } else if self.seldom.light.awaits_filters() || self.seldom.light.paused {
        } else if is_behind {
            self.ask_filters(turn);
        } else if self.seldom.light.agreed != self.tip {
            self.ask_filter_headers(turn);
        }
    }

    /// What the node begins with: the filter and its own coins of genesis, which it knows without anybody.
    pub(super) fn light_begin(&mut self, world: &mut World) {
        let lock = world.rules().script.lock(&self.address);
        let (filter, block) = (world.filter(Tree::GENESIS), world.block(Tree::GENESIS));
        let Some((filter, block)) = filter.zip(block) else { return };
        let light = &mut self.seldom.light;
        light.lock = lock;
        light.headers.insert(Tree::GENESIS, filter.header);
        light.keep_found(Tree::GENESIS, world.outlines(Tree::GENESIS, &block).unwrap_or_default());
    }

    pub(super) fn light_start(&mut self, turn: &mut Turn<'_>) {
        if self.seldom.light.headers.is_empty() {
            turn.fault("a light node needs a transaction format that can be read without a ledger".into());
        }
    }

    /// What [`Input::UpdateChain`](super::io::Input::UpdateChain) asks of a light node: it follows the chain anyway.
    pub(super) fn light_update(&mut self, turn: &mut Turn<'_>) {
        self.ready_peers().into_iter().for_each(|peer| self.ask_headers(turn, peer));
        turn.out.event(Event::Updated { height: turn.world.tree()[self.tip].height });
    }
}
