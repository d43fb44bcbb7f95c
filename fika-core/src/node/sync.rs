//! Catching up: headers first, then the blocks that they name.

use std::collections::BTreeMap;

use super::block_relay::Missing;
use super::chain_sync::ChainUpdate;
use super::config::Role;
use super::io::Event;
use super::peer::PeerId;
use super::price;
use super::requests::BLOCK;
use super::state::Node;
use super::timers::Timer;
use super::turn::Turn;
use crate::block::Head;
use crate::codec::Encode;
use crate::hash::Id;
use crate::header::Time;
use crate::message::{InvItem, MAX_HEADERS, MAX_LOCATOR, Message};
use crate::transport::BAN_SCORE;
use crate::world::Tree;

/// Blocks under way at the same time.
const WINDOW: usize = 16;

/// A neighbour that has been late so often does not hold up a chain update: where others have answered, and where none has.
const LATE_BESIDE_OTHERS: u8 = 2;
const LATE_ALONE: u8 = 5;

/// The longest answer with headers, in bytes: seals can be long.
const MAX_ANSWER_BYTES: usize = 1 << 20;

impl Node {
    /// A neighbour can be talked to: see whether it knows more. A node without any block leaves the question to the
    /// other end, which asks if it has one, so that a network at its beginning is silent.
    pub(super) fn greet(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        if self.seldom.sync.update.is_some() {
            self.seldom.sync.update.get_or_insert_default().open.push(peer);
            self.ask_headers(turn, peer);
        } else if self.config.role == Role::Full && self.public_tip(turn.world.tree()) != Tree::GENESIS {
            self.ask_headers(turn, peer);
        }
    }

    #[inline(never)]
    pub(super) fn on_get_headers(&mut self, turn: &mut Turn<'_>, from: PeerId, locator: &[Id]) {
        if self.config.role == Role::Wallet {
            // Without an answer it would be asked again.
            return turn.out.send_other(from, Message::Headers(Vec::new()));
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
        self.end_headers_request(turn, from);
        if self.seldom.sync.wanted.room(from) < MAX_HEADERS
            || (self.config.role == Role::Wallet && self.seldom.sync.update.is_none())
        {
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
        let named: Vec<(Id, &Head)> = heads.iter().map(|head| (head.header.id(), head)).collect();
        if let Err(why) = self.check_heads(turn, &named) {
            return self.penalize(turn, Some(from), BAN_SCORE, &why);
        }
        if named.iter().any(|(id, _)| self.is_refused(turn.world, id)) {
            return self.penalize(turn, Some(from), BAN_SCORE, "it follows an invalid chain");
        }
        let new: Vec<Id> = named.iter().map(|(id, _)| *id).filter(|id| !self.knows_block(turn.world, id)).collect();
        let last = named.last().map_or(first.header.parent, |(id, _)| *id);
        for id in &new {
            self.seldom.sync.wanted.name(from, *id);
        }
        self.note_heard();
        let is_last = if self.seldom.sync.update.is_some() {
            // What was not cut names the neighbour's tip: the update is over when that is here.
            let bytes: usize = heads.iter().map(Head::encoded_len).sum();
            let is_whole = heads.len() < MAX_HEADERS && 2 * bytes < MAX_ANSWER_BYTES;
            let update = self.seldom.sync.update.get_or_insert_default();
            update.answered = true;
            if is_whole && update.open.contains(&from) {
                update.told.push((from, last));
                update.open.retain(|peer| *peer != from);
            }
            is_whole
        } else {
            // Only an empty answer says that there is nothing newer: a long one may have been cut.
            new.is_empty() && heads.len() == 1
        };
        if !is_last {
            self.seldom.sync.more.retain(|(peer, _)| *peer != from);
            self.seldom.sync.more.push((from, last));
        }
        self.pump(turn);
    }

    /// A neighbour has this block: it announces it, or has no other that is newer.
    fn on_one_header(&mut self, turn: &mut Turn<'_>, from: PeerId, head: &Head) {
        let (id, parent) = (head.header.id(), head.header.parent);
        if self.has_block(turn.world, &id) {
            return;
        }
        if let Err(why) = self.check_heads(turn, &[(id, head)]) {
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
        let sync = &self.seldom.sync;
        if !sync.wanted.is_empty() || !sync.more.is_empty() || sync.update.is_some() {
            self.ask_for_more(turn);
        }
    }

    #[inline(never)]
    fn ask_for_more(&mut self, turn: &mut Turn<'_>) {
        self.ask_for_wanted(turn);
        let is_idle = self.seldom.sync.wanted.is_empty() && !self.requests.awaits_blocks();
        let is_here = |id: &Id| self.has_block(turn.world, id);
        let (more, later): (Vec<_>, Vec<_>) =
            self.seldom.sync.more.iter().copied().partition(|(_, last)| is_idle || is_here(last));
        if !more.is_empty() {
            self.seldom.sync.more = later;
            self.await_headers(turn);
            for (peer, last) in more {
                // The node's own chain may still be the heavier one, and share nothing with the last header.
                let mut locator = self.locator(turn);
                locator.truncate(MAX_LOCATOR - 1);
                locator.insert(0, last);
                self.ask_headers_after(turn, peer, locator);
            }
        }
        if self.seldom.sync.update.is_some() {
            self.end_update_if_done(turn);
        }
    }

    /// Asks for blocks that were named, in that order. A neighbour whose blocks are late comes after all others, and what it
    /// owes does not count: who names blocks and gives none holds nobody up.
    fn ask_for_wanted(&mut self, turn: &mut Turn<'_>) {
        let mut batches: BTreeMap<PeerId, Vec<InvItem>> = BTreeMap::new();
        let mut room = WINDOW.saturating_sub(self.blocks_under_way());
        while room > 0 {
            let (peers, asked) = (&self.peers, &batches);
            let rank = |peer: PeerId| {
                let (of_it, now) = (&peers[peer.0 as usize], asked.get(&peer).map_or(0, Vec::len));
                (of_it.requested(BLOCK) + now < WINDOW).then_some(of_it.is_late())
            };
            let Some((id, peer)) = self.seldom.sync.wanted.next(rank) else { break };
            let item = InvItem::Block(id);
            if self.knows_block(turn.world, &id) {
                continue;
            }
            if self.requests.get(&item).is_some() {
                room -= usize::from(self.take_over(turn, item, peer));
            } else {
                batches.entry(peer).or_default().push(item);
                room -= 1;
            }
        }
        for (peer, items) in batches {
            self.request(turn, peer, items);
        }
    }

    /// How many blocks are under way from neighbours that are not late.
    fn blocks_under_way(&self) -> usize {
        self.peers.iter().filter(|peer| !peer.is_late()).map(|peer| peer.requested(BLOCK)).sum()
    }

    /// A block waits for others: whoever sent it is asked for the way there. What is an orphan itself waits for another,
    /// and so on: the one at the root is what lacks.
    #[inline(never)]
    pub(super) fn fetch_missing(&mut self, turn: &mut Turn<'_>, (from, missing): Missing) {
        let roots = missing.iter().map(|id| (self.seldom.orphans.root(id), *id));
        let mut unknown: Vec<(Id, Id)> = roots.filter(|(root, _)| !self.knows_block(turn.world, root)).collect();
        unknown.dedup_by_key(|(root, _)| *root);
        if unknown.is_empty() {
            return;
        }
        let is_new = |(root, named): &(Id, Id)| root == named || self.requests.get(&InvItem::Block(*root)).is_none();
        if unknown.iter().any(is_new) {
            self.ask_headers(turn, from);
        }
        self.request(turn, from, unknown.into_iter().map(|(root, _)| InvItem::Block(root)).collect());
    }

    /// A neighbour does not give a block that it named, or gave one that is not accepted: what it has named above is not
    /// wanted either.
    #[inline(never)]
    pub(super) fn chain_not_found(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        self.seldom.sync.drop_peer(peer);
        self.nothing_newer(turn, peer);
        self.pump(turn);
    }

    /// A neighbour is gone. Others that have more may have what it has named too.
    pub(super) fn sync_lost(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        let has_named = self.seldom.sync.wanted.has_any_of(peer);
        if !self.seldom.sync.asked.is_empty() || has_named || !self.seldom.sync.more.is_empty() {
            self.seldom.sync.drop_peer(peer);
        }
        if has_named {
            let others = std::mem::take(&mut self.seldom.sync.more);
            others.into_iter().for_each(|(other, _)| self.ask_headers(turn, other));
        }
        self.nothing_newer(turn, peer);
    }

    /// The owner asks for the newest chain.
    #[inline(never)]
    pub(super) fn update_chain(&mut self, turn: &mut Turn<'_>) {
        let open = self.ready_peers();
        open.iter().for_each(|peer| self.ask_headers(turn, *peer));
        self.seldom.sync.round += 1;
        self.time_update(turn);
        self.seldom.sync.update = Some(ChainUpdate { open, ..ChainUpdate::default() });
    }

    fn time_update(&mut self, turn: &Turn<'_>) {
        self.timers.set(turn.now + self.config.relay.request_timeout_us, Timer::Sync(self.seldom.sync.round));
    }

    /// The node does not know whether there are newer blocks until a neighbour has answered.
    pub(super) fn await_headers(&mut self, turn: &Turn<'_>) {
        self.seldom.sync.unheard = true;
        self.timers.cancel(|timer| *timer == Timer::Unheard);
        self.timers.set(turn.now + self.config.relay.request_timeout_us, Timer::Unheard);
    }

    /// A neighbour has answered, or the time for it is over.
    pub(super) fn note_heard(&mut self) {
        // Written only where it was set: most nodes have no such state.
        if self.seldom.sync.unheard {
            self.seldom.sync.unheard = false;
        }
    }

    fn nothing_newer(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        self.note_heard();
        if self.seldom.sync.update.is_none() {
            return;
        }
        let update = self.seldom.sync.update.get_or_insert_default();
        update.answered |= update.open.contains(&peer);
        update.open.retain(|other| *other != peer);
        update.told.retain(|(other, _)| *other != peer);
        // Without any neighbour at hand, wait for one until the time is over.
        if self.peers.iter().any(|peer| peer.ready) {
            self.end_update_if_done(turn);
        }
    }

    /// Looks whether an update gets on. Neighbours that do not answer do not hold it up.
    pub(super) fn on_sync_timeout(&mut self, turn: &mut Turn<'_>, round: u64) {
        if round != self.seldom.sync.round || self.seldom.sync.update.is_none() {
            return;
        }
        let sync = &mut self.seldom.sync;
        let Some(update) = &mut sync.update else { return };
        let enough = if update.answered { LATE_BESIDE_OTHERS } else { LATE_ALONE };
        let silent = sync.asked.iter().filter(|request| request.late >= enough).map(|request| request.from);
        let silent: Vec<PeerId> = silent.collect();
        update.open.retain(|peer| !silent.contains(peer));
        self.end_update_if_done(turn);
        if let Some(update) = &self.seldom.sync.update {
            let told: Vec<PeerId> = update.told.iter().map(|(peer, _)| *peer).collect();
            self.time_update(turn);
            let sync = &self.seldom.sync;
            if sync.wanted.is_empty() && sync.more.is_empty() && !self.requests.has_blocks() {
                // What is named but not under way is named again.
                told.into_iter().for_each(|peer| self.ask_headers(turn, peer));
            }
        }
    }

    /// Ends the update when the tips that neighbours have told are here, however far the chain has grown since.
    fn end_update_if_done(&mut self, turn: &mut Turn<'_>) {
        let Some(update) = &self.seldom.sync.update else { return };
        let is_here = |id: &Id| self.has_block(turn.world, id) || self.is_refused(turn.world, id);
        if update.open.is_empty() && update.told.iter().all(|(_, tip)| is_here(tip)) {
            self.end_update(turn);
        }
    }

    fn end_update(&mut self, turn: &mut Turn<'_>) {
        self.seldom.sync.update = None;
        turn.out.event(Event::Updated { height: turn.world.tree()[self.tip].height });
    }
}
