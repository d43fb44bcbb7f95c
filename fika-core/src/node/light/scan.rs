//! Looking for the node's own payments in filters.

use super::state::Step;
use crate::filter::{filter_hash, filter_header, matching};
use crate::light::{BlockFilter, BlockRange, GetMerkle, MAX_ELEMENTS, MAX_FILTERS};
use crate::message::Message;
use crate::node::peer::PeerId;
use crate::node::state::Node;
use crate::node::turn::Turn;

/// So many neighbours are asked for the proof of one payment.
const PROVERS: usize = 3;

impl Node {
    /// Asks a neighbour for the next filters.
    pub(super) fn ask_filters(&mut self, turn: &mut Turn<'_>) {
        let light = &self.seldom.light;
        let tree = turn.world.tree();
        let start = tree[light.scanned].height + 1;
        let next = tree.ancestor(light.agreed, start);
        if let Some(found) = light.found.get(&next).cloned() {
            // It was looked at before another branch was longer.
            return self.scanned(turn, next, found);
        }
        let peers = light.answering(self.light_peers());
        let Some(peer) = peers.get(start as usize % peers.len().max(1)).copied() else { return };
        let last = tree[light.agreed].height.min(start + MAX_FILTERS - 1);
        let stop = tree.ancestor(light.agreed, last);
        let range = BlockRange { start, stop: tree[stop].id };
        let blocks = tree.path(light.scanned, stop);
        self.seldom.light.await_filters(peer, blocks);
        turn.out.send_other(peer, Message::GetCFilters(Box::new(range)));
    }

    /// A neighbour sends a filter.
    pub(super) fn on_cfilter(&mut self, turn: &mut Turn<'_>, from: PeerId, answer: BlockFilter) {
        let light = &mut self.seldom.light;
        light.heard(from);
        if answer.filter.is_empty() {
            return light.lacks_filters(from);
        }
        let tree = turn.world.tree();
        let Some(next) = light.next_awaited(from).filter(|ix| tree[*ix].id == answer.block) else { return };
        let previous = light.headers.get(&tree[next].parent).copied().unwrap_or_default();
        if light.headers.get(&next) == Some(&filter_header(&filter_hash(&answer.filter), &previous)) {
            light.keep_filter(answer.filter);
        } else {
            self.seldom.light.drop_filters();
            self.found_lying(turn, from, next, "its filter is not the one that all agree on");
        }
    }

    /// Looks at the filter that has come first.
    pub(super) fn scan_block(&mut self, turn: &mut Turn<'_>) {
        let light = &mut self.seldom.light;
        let Some((block, filter)) = light.take_filter() else { return };
        let (tree, id) = (turn.world.tree(), turn.world.tree()[block].id);
        let coins = light.coins(tree);
        let watched: Vec<&[u8]> = [&light.lock[..]].into_iter().chain(coins.keys().map(|key| &key[..])).collect();
        // Where all agree on what is no filter, it says nothing.
        let matched = matching(&filter, &id, &watched).unwrap_or(watched);
        if matched.is_empty() {
            return self.scanned(turn, block, Vec::new());
        }
        let matched: Vec<Vec<u8>> = matched.into_iter().take(MAX_ELEMENTS).map(<[u8]>::to_vec).collect();
        let mut open = self.seldom.light.answering(self.light_peers());
        // Not always the same ones.
        let first = tree[block].height as usize % open.len().max(1);
        open.rotate_left(first);
        open.truncate(PROVERS);
        for peer in &open {
            let request = GetMerkle { block: id, elements: matched.clone() };
            turn.out.send_other(*peer, Message::GetMerkle(Box::new(request)));
        }
        let step = Step::Proofs { block, matched, open, shown: Vec::new(), txs: Default::default() };
        self.seldom.light.asks(step);
    }
}
