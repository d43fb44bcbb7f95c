//! Catching up: headers first, then the blocks that they name.

use std::collections::BTreeMap;

use super::block_relay::Missing;
use super::config::Role;
use super::io::Event;
use super::peer::PeerId;
use super::price;
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use crate::block::Head;
use crate::codec::Encode;
use crate::hash::Id;
use crate::header::Time;
use crate::message::{InvItem, MAX_HEADERS, MAX_LOCATOR, Message};
use crate::reject::Reject;
use crate::transport::BAN_SCORE;
use crate::world::Tree;

/// Blocks under way at the same time.
const WINDOW: usize = 16;

/// The longest answer with headers, in bytes: seals can be long.
const MAX_ANSWER_BYTES: usize = 1 << 20;

impl Node {
    /// A neighbour can be talked to: see whether it knows more. A node without any block leaves the question to the
    /// other end, which asks if it has one, so that a network at its beginning is silent.
    pub(super) fn greet(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        if self.seldom.sync.update.is_some() {
            self.seldom.sync.update.get_or_insert_default().push(peer);
            self.ask_headers(turn, peer);
        } else if self.config.role == Role::Full && self.public_tip(turn.world.tree()) != Tree::GENESIS {
            self.ask_headers(turn, peer);
        }
    }

    fn ask_headers(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        turn.out.send_other(peer, Message::GetHeaders(self.locator(turn)));
    }

    /// Blocks of the node's chain, ever sparser towards genesis, so that the other end finds the last common one.
    fn locator(&self, turn: &Turn<'_>) -> Vec<Id> {
        let tree = turn.world.tree();
        let tip = self.public_tip(tree);
        let mut height = tree[tip].height;
        let mut step = 1;
        let mut ids = Vec::new();
        while height > 0 && ids.len() < MAX_LOCATOR - 1 {
            ids.push(tree[tree.ancestor(tip, height)].id);
            step *= if ids.len() > 10 { 2 } else { 1 };
            height = height.saturating_sub(step);
        }
        ids.push(tree[Tree::GENESIS].id);
        ids
    }

    #[inline(never)]
    pub(super) fn on_get_headers(&mut self, turn: &mut Turn<'_>, from: PeerId, locator: &[Id]) {
        if self.config.role == Role::Wallet {
            return;
        }
        let tree = turn.world.tree();
        let tip = self.public_tip(tree);
        let ours = |id: &Id| tree.find(id).filter(|ix| tree.is_ancestor(*ix, tip));
        let start = locator.iter().find_map(ours).unwrap_or(Tree::GENESIS);
        let last = (tree[start].height + MAX_HEADERS as u64).min(tree[tip].height);
        let path = tree.path(start, tree.ancestor(tip, last));
        let mut bytes = 0;
        let fits = |head: &Head| {
            bytes += head.encoded_len();
            bytes <= MAX_ANSWER_BYTES
        };
        let heads: Vec<Head> = path.iter().map_while(|ix| tree.head(*ix)).take_while(fits).collect();
        let price = price::GET_HEADERS + price::SENT_HEADER * heads.len() as Time;
        turn.out.send_other(from, Message::Headers(heads));
        self.charge(turn, from, price);
        // It did not greet, having no block: whoever asks it has some.
        if tip == Tree::GENESIS && locator.first().is_some_and(|id| !self.knows_block(turn.world, id)) {
            self.ask_headers(turn, from);
        }
    }

    #[inline(never)]
    pub(super) fn on_headers(&mut self, turn: &mut Turn<'_>, from: PeerId, heads: Vec<Head>) {
        let wanted = self.seldom.sync.wanted.iter().filter(|(_, peer)| *peer == from).count();
        if wanted >= MAX_HEADERS || (self.config.role == Role::Wallet && self.seldom.sync.update.is_none()) {
            return;
        }
        if let [head] = &heads[..]
            && self.seldom.sync.update.is_none()
            && !self.seldom.sync.unheard
        {
            return self.on_one_header(turn, from, head);
        }
        let Some(first) = heads.first() else { return self.nothing_newer(turn, from) };
        if !self.has_block(turn.world, &first.header.parent) {
            // The other end has a chain that leaves ours before the locator: its next answer will fit.
            return self.nothing_newer(turn, from);
        }
        let mut parent = first.header.parent;
        for head in &heads {
            let linked = head.header.parent == parent;
            let why = match turn.world.check_work(&head.header) {
                _ if !linked => Some("its headers are not linked".into()),
                Err(Reject::Fault(_)) | Ok(()) => None,
                Err(reject) => Some(format!("it sent a header that is not accepted: {reject}")),
            };
            if let Some(why) = why {
                return self.penalize(turn, Some(from), BAN_SCORE, &why);
            }
            parent = head.header.id();
        }
        let mut new = false;
        for head in &heads {
            let id = head.header.id();
            if self.is_refused(turn.world, &id) {
                return self.penalize(turn, Some(from), BAN_SCORE, "it follows an invalid chain");
            }
            if !self.knows_block(turn.world, &id) {
                new = true;
                if !self.seldom.sync.wanted.iter().any(|(wanted, _)| *wanted == id) {
                    self.seldom.sync.wanted.push_back((id, from));
                }
            }
        }
        self.note_answer();
        // Only an empty answer says that there is nothing newer: a long one may have been cut.
        if new || heads.len() > 1 || self.seldom.sync.update.is_some() {
            self.seldom.sync.more.retain(|(peer, _)| *peer != from);
            self.seldom.sync.more.push((from, parent));
        }
        self.pump(turn);
    }

    /// A neighbour has this block: it announces it, or has no other that is newer.
    fn on_one_header(&mut self, turn: &mut Turn<'_>, from: PeerId, head: &Head) {
        let (id, parent) = (head.header.id(), head.header.parent);
        if self.has_block(turn.world, &id) {
            return;
        }
        if let Err(reject) = turn.world.check_work(&head.header)
            && !matches!(reject, Reject::Fault(_))
        {
            let why = format!("it sent a header that is not accepted: {reject}");
            return self.penalize(turn, Some(from), BAN_SCORE, &why);
        }
        if self.is_refused(turn.world, &id) {
            return self.penalize(turn, Some(from), BAN_SCORE, "it follows an invalid chain");
        }
        if self.knows_block(turn.world, &id) {
            return;
        }
        if self.knows_block(turn.world, &parent) || self.requests.get(&InvItem::Block(parent)).is_some() {
            let item = self.block_item(id);
            self.request(turn, from, vec![item]);
        } else {
            self.ask_headers(turn, from);
        }
    }

    /// Keeps the window of blocks under way full, and asks for more headers when all are here.
    pub(super) fn pump(&mut self, turn: &mut Turn<'_>) {
        if !self.seldom.sync.wanted.is_empty() || !self.seldom.sync.more.is_empty() {
            self.ask_for_more(turn);
        }
    }

    #[inline(never)]
    fn ask_for_more(&mut self, turn: &mut Turn<'_>) {
        let mut batches: BTreeMap<PeerId, Vec<InvItem>> = BTreeMap::new();
        let mut room = WINDOW.saturating_sub(self.requests.blocks());
        while room > 0
            && let Some((id, peer)) = self.seldom.sync.wanted.pop_front()
        {
            if !self.knows_block(turn.world, &id) {
                batches.entry(peer).or_default().push(InvItem::Block(id));
                room -= 1;
            }
        }
        for (peer, items) in batches {
            self.request(turn, peer, items);
        }
        if self.seldom.sync.wanted.is_empty() && self.requests.blocks() == 0 {
            let more = std::mem::take(&mut self.seldom.sync.more);
            if !more.is_empty() {
                self.await_headers(turn);
            }
            for (peer, last) in more {
                // The node's own chain may still be the heavier one, and share nothing with the last header.
                let mut locator = self.locator(turn);
                locator.truncate(MAX_LOCATOR - 1);
                locator.insert(0, last);
                turn.out.send_other(peer, Message::GetHeaders(locator));
            }
        }
    }

    /// A block waits for others: whoever sent it is asked for the way there.
    #[inline(never)]
    pub(super) fn fetch_missing(&mut self, turn: &mut Turn<'_>, (from, missing): Missing) {
        let unknown = missing.into_iter().filter(|id| !self.knows_block(turn.world, id));
        let unknown: Vec<InvItem> = unknown.map(InvItem::Block).collect();
        if !unknown.is_empty() {
            self.ask_headers(turn, from);
            self.request(turn, from, unknown);
        }
    }

    /// A neighbour does not give a block that it named, or gave one that is not accepted: what it has named above is not
    /// wanted either.
    #[inline(never)]
    pub(super) fn chain_not_found(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        self.seldom.sync.drop_peer(peer);
        self.nothing_newer(turn, peer);
        self.pump(turn);
    }

    pub(super) fn sync_lost(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        self.seldom.sync.drop_peer(peer);
        self.nothing_newer(turn, peer);
    }

    /// The owner asks for the newest chain.
    #[inline(never)]
    pub(super) fn update_chain(&mut self, turn: &mut Turn<'_>) {
        let peers = self.ready_peers();
        peers.iter().for_each(|peer| self.ask_headers(turn, *peer));
        self.seldom.sync.round += 1;
        self.timers.set(turn.now + self.config.relay.request_timeout_us, Timer::Sync(self.seldom.sync.round));
        self.seldom.sync.update = Some(peers);
    }

    /// The node does not know whether there are newer blocks until a neighbour has answered.
    pub(super) fn await_headers(&mut self, turn: &Turn<'_>) {
        self.seldom.sync.unheard = true;
        self.timers.cancel(|timer| *timer == Timer::Unheard);
        self.timers.set(turn.now + self.config.relay.request_timeout_us, Timer::Unheard);
    }

    /// A neighbour has answered, or the time for it is over.
    pub(super) fn note_answer(&mut self) {
        // Written only where it was set: most nodes have no such state.
        if self.seldom.sync.unheard {
            self.seldom.sync.unheard = false;
        }
    }

    fn nothing_newer(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        self.note_answer();
        if self.seldom.sync.update.is_none() {
            return;
        }
        let open = self.seldom.sync.update.get_or_insert_default();
        open.retain(|other| *other != peer);
        // Without any neighbour at hand, wait for one until the time is over.
        if open.is_empty() && self.peers.iter().any(|peer| peer.ready) {
            self.end_update(turn);
        }
    }

    pub(super) fn on_sync_timeout(&mut self, turn: &mut Turn<'_>, round: u64) {
        if round == self.seldom.sync.round && self.seldom.sync.update.is_some() {
            self.end_update(turn);
        }
    }

    fn end_update(&mut self, turn: &mut Turn<'_>) {
        self.seldom.sync.update = None;
        turn.out.event(Event::Updated { height: turn.world.tree()[self.tip].height });
    }
}
