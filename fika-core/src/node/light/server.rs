//! What full nodes tell light ones.

use super::super::config::Role;
use crate::block::Tx;
use crate::filter::filter_hash;
use crate::hash::Id;
use crate::header::Time;
use crate::light::{BlockFilter, BlockRange, FilterHeaders, GetMerkle, MAX_FILTER_HEADERS, MAX_FILTERS, MerkleBlock};
use crate::message::Message;
use crate::node::peer::PeerId;
use crate::node::price;
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::world::{BlockIx, Filter, Tree, touches};

impl Node {
    /// Tells a light node something, or what the agent makes of it.
    fn tell_light(&mut self, turn: &mut Turn<'_>, to: PeerId, answer: Message) {
        let other = self.with_agent(turn, Some(to), |agent, _, ctx| agent.answer_light(&answer, ctx));
        turn.out.send_other(to, other.unwrap_or(answer));
    }

    /// A block that light nodes may know of.
    fn block_for_light(&self, turn: &Turn<'_>, id: &Id) -> Option<BlockIx> {
        let ix = turn.world.tree().find(id)?;
        let is_public = self.seen.contains(ix) && !self.seldom.unpublished.is_hidden(ix);
        (is_public && self.config.role == Role::Full).then_some(ix)
    }

    /// The filters of these blocks, if there are not more than `most`; and the one before.
    fn filters(&self, turn: &mut Turn<'_>, range: &BlockRange, most: u64) -> Option<(Id, Vec<(BlockIx, Filter)>)> {
        let stop = self.block_for_light(turn, &range.stop)?;
        // The last one makes all before it.
        turn.world.filter(stop)?;
        let tree = turn.world.tree();
        let count = tree[stop].height.checked_sub(range.start)? + 1;
        if count > most {
            return None;
        }
        let before = range.start.checked_sub(1).map(|height| tree.ancestor(stop, height));
        let mut blocks: Vec<BlockIx> = tree.path(before.unwrap_or(Tree::GENESIS), stop).to_vec();
        if before.is_none() {
            blocks.insert(0, Tree::GENESIS);
        }
        let previous = before.and_then(|ix| turn.world.filter(ix)).map_or(Id::ZERO, |filter| filter.header);
        Some((previous, blocks.into_iter().filter_map(|ix| Some((ix, turn.world.filter(ix)?))).collect()))
    }

    /// A light node asks for filter headers. It gets none where this node does not have them.
    #[inline(never)]
    pub(in crate::node) fn on_get_cf_headers(&mut self, turn: &mut Turn<'_>, from: PeerId, range: &BlockRange) {
        self.peer(from).is_light = true;
        let found = self.filters(turn, range, MAX_FILTER_HEADERS as u64);
        let (previous, filters) = found.unwrap_or_default();
        let hashes: Vec<Id> = filters.iter().map(|(_, filter)| filter_hash(&filter.bytes)).collect();
        self.charge(turn, from, price::GET_HEADERS + price::SENT_HEADER * hashes.len() as Time);
        let answer = FilterHeaders { stop: range.stop, previous, hashes };
        self.tell_light(turn, from, Message::CfHeaders(Box::new(answer)));
    }

    /// A light node asks for filters. It gets one of no bytes where this node does not have them.
    #[inline(never)]
    pub(in crate::node) fn on_get_cfilters(&mut self, turn: &mut Turn<'_>, from: PeerId, range: &BlockRange) {
        self.charge(turn, from, price::GET_HEADERS);
        let Some((_, filters)) = self.filters(turn, range, MAX_FILTERS) else {
            let none = BlockFilter { block: range.stop, filter: Vec::new() };
            return self.tell_light(turn, from, Message::CFilter(Box::new(none)));
        };
        for (ix, filter) in filters {
            let answer = BlockFilter { block: turn.world.tree()[ix].id, filter: filter.bytes.to_vec() };
            self.charge_traffic(turn, from, (filter.bytes.len() / price::BYTES) as Time);
            self.tell_light(turn, from, Message::CFilter(Box::new(answer)));
        }
    }

    /// A light node asks which transactions of a block touch its locks and coins.
    #[inline(never)]
    pub(in crate::node) fn on_get_merkle(&mut self, turn: &mut Turn<'_>, from: PeerId, request: &GetMerkle) {
        let proof = self.block_for_light(turn, &request.block).and_then(|ix| {
            let block = self.public_block(turn, from, &request.block)?;
            let outlines = turn.world.outlines(ix, &block).ok()?;
            let touched = |place: &u32| request.elements.iter().any(|one| touches(&outlines[*place as usize], one));
            let places = (0..outlines.len() as u32).filter(touched).collect();
            let work =
                outlines.len() * request.elements.len() + block.txs.iter().map(|tx| Tx::bytes(tx).len()).sum::<usize>();
            self.charge(turn, from, (work / price::BYTES) as Time);
            Some(MerkleBlock::new(request.block, &block, places))
        });
        let answer = proof.unwrap_or_else(|| MerkleBlock::unknown(request.block));
        self.tell_light(turn, from, Message::MerkleBlock(Box::new(answer)));
    }
}
