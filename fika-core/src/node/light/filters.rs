//! Filter headers: what all neighbours agree on, and from where on they do not.

use super::state::{About, Claims, Step};
use crate::filter::filter_header;
use crate::hash::Id;
use crate::light::{BlockRange, FilterHeaders, MAX_FILTER_HEADERS};
use crate::message::Message;
use crate::node::peer::PeerId;
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::world::{BlockIx, Tree};

/// Misbehaviour score for an answer to another question.
const WRONG_ANSWER: u32 = 20;

impl Node {
    pub(super) fn ask_filter_headers_of_genesis(&mut self, turn: &mut Turn<'_>, peer: PeerId) {
        let stop = turn.world.chain_id();
        turn.out.send_other(peer, Message::GetCfHeaders(Box::new(BlockRange { start: 0, stop })));
    }

    /// Asks all neighbours for the filter headers after those that are agreed on.
    pub(super) fn ask_filter_headers(&mut self, turn: &mut Turn<'_>) {
        let (light, peers) = (&self.seldom.light, self.light_peers());
        if peers.is_empty() {
            return;
        }
        let tree = turn.world.tree();
        let start = tree[light.agreed].height + 1;
        let stop = tree.ancestor(self.tip, tree[self.tip].height.min(start + MAX_FILTER_HEADERS as u64 - 1));
        let known = tree.path(light.agreed, stop).into_iter();
        let known: Vec<Id> = known.map_while(|ix| light.headers.get(&ix).copied()).collect();
        let claims = if known.is_empty() { Vec::new() } else { vec![(None, known)] };
        let range = BlockRange { start, stop: tree[stop].id };
        for peer in &peers {
            turn.out.send_other(*peer, Message::GetCfHeaders(Box::new(range)));
        }
        // Of who has been silent an answer counts, too, if it comes.
        let open = light.answering(peers);
        self.seldom.light.asks(Step::Headers { stop, open, claims });
    }

    /// A neighbour says which filters blocks have.
    pub(super) fn on_cf_headers(&mut self, turn: &mut Turn<'_>, from: PeerId, answer: &FilterHeaders) {
        let light = &mut self.seldom.light;
        light.heard(from);
        let tree = turn.world.tree();
        if answer.stop == tree[Tree::GENESIS].id {
            let own = light.headers.get(&Tree::GENESIS).copied();
            if answer.hashes.first().map(|hash| filter_header(hash, &Id::ZERO)).is_some_and(|said| Some(said) != own) {
                self.found_lying(turn, from, Tree::GENESIS, "its filter is not that of the block");
            }
            return;
        }
        let (agreed, previous) = (light.agreed, light.headers.get(&light.agreed).copied());
        let Step::Headers { stop, open, claims } = &mut light.step else { return };
        let is_known = claims.iter().any(|(peer, _)| *peer == Some(from));
        if tree[*stop].id != answer.stop || is_known {
            return;
        }
        open.retain(|peer| *peer != from);
        let (found, expected) = (answer.hashes.len() as u64, tree[*stop].height - tree[agreed].height);
        if found == 0 {
            return;
        }
        if found != expected {
            let why = format!("expected {expected} filter headers, found {found}");
            return self.penalize(turn, Some(from), WRONG_ANSWER, &why);
        }
        if Some(answer.previous) == previous {
            let next = |last: &mut Id, hash: &Id| {
                *last = filter_header(hash, last);
                Some(*last)
            };
            claims.push((Some(from), answer.hashes.iter().scan(answer.previous, next).collect()));
        } else if agreed != Tree::GENESIS && !light.doubters.contains(&from) {
            light.doubters.push(from);
            light.is_doubted = true;
        } else {
            self.found_lying(turn, from, agreed, "it contradicts itself about filters");
        }
    }

    /// All have answered: moves on as far as they agree.
    pub(super) fn compare_filter_headers(&mut self, turn: &mut Turn<'_>) {
        let light = &mut self.seldom.light;
        light.changed = true;
        let Step::Headers { stop, claims, .. } = std::mem::take(&mut light.step) else { return };
        if std::mem::take(&mut light.is_doubted) {
            light.doubted_to = light.doubted_to.max(turn.world.tree()[light.agreed].height);
            light.agreed = Tree::GENESIS;
            return;
        }
        if claims.iter().all(|(peer, _)| peer.is_none()) {
            light.paused = true;
            return;
        }
        for (n, ix) in turn.world.tree().path(light.agreed, stop).into_iter().enumerate() {
            let of_block = claims.iter().filter_map(|(peer, headers)| Some((*peer, *headers.get(n)?)));
            let of_block: Claims<Id> = of_block.collect();
            let [(_, first), rest @ ..] = &of_block[..] else { break };
            if rest.iter().any(|(_, header)| header != first) {
                return self.dispute(turn, ix, About::Filter(of_block));
            }
            let first = *first;
            self.agree(turn, ix, first);
        }
        self.end_doubt(turn);
    }

    /// All filter headers up to where the doubt was are agreed on: who doubted does not say now what it said then.
    fn end_doubt(&mut self, turn: &mut Turn<'_>) {
        let agreed: BlockIx = self.seldom.light.agreed;
        if self.seldom.light.doubted_to > 0 && turn.world.tree()[agreed].height >= self.seldom.light.doubted_to {
            self.seldom.light.doubted_to = 0;
            for peer in std::mem::take(&mut self.seldom.light.doubters) {
                self.found_lying(turn, peer, agreed, "it contradicts itself about filters");
            }
        }
    }
}
