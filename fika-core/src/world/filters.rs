//! What light nodes are told of blocks: their filters, and which of their transactions touch something.
//!
//! A filter is made when somebody asks for it or for a later one, and then kept.

use super::World;
use super::filter_index::{Filter, filter_of};
use super::tree::{BlockIx, Tree};
use crate::block::Block;
use crate::filter::{filter_hash, filter_header};
use crate::hash::Id;
use crate::reject::Reject;
use crate::tx::{ApplyContext, Outline};

/// So many filters are made for one question at most.
const MADE_AT_ONCE: usize = 2_000;

impl World {
    /// The context of the transaction at this place of a block.
    pub(crate) fn context_in(&self, ix: BlockIx, place: u32) -> ApplyContext {
        let entry = &self.tree[ix];
        let (height, time) = (entry.height, self.tree[entry.parent].header.time);
        ApplyContext { height, time, coinbase: place == 0 }
    }

    /// What each transaction of a block says of itself.
    ///
    /// # Errors
    /// As [`TxFormat::outline`](crate::tx::TxFormat::outline).
    pub(crate) fn outlines(&self, ix: BlockIx, block: &Block) -> Result<Vec<Outline>, Reject> {
        let outline = |(place, tx)| self.rules.tx.outline(crate::block::Tx::bytes(tx), self.context_in(ix, place));
        (0..).zip(&block.txs).map(outline).collect()
    }

    /// The filter of a block that is here with all before it; `None` also where too many are to be made at once.
    pub(crate) fn filter(&mut self, ix: BlockIx) -> Option<Filter> {
        let (mut lacking, mut at) = (Vec::new(), ix);
        while !self.filters.contains_key(&at) {
            lacking.push(at);
            if at == Tree::GENESIS {
                break;
            }
            at = self.tree[at].parent;
        }
        for ix in lacking.into_iter().rev().take(MADE_AT_ONCE) {
            let outlines = self.outlines(ix, &*self.block(ix)?).ok()?;
            let parent = self.tree[ix].parent;
            let previous = self.filters.get(&parent).map_or(Id::ZERO, |filter| filter.header);
            let bytes = filter_of(&self.tree[ix].id, &outlines);
            let header = filter_header(&filter_hash(&bytes), &previous);
            self.filters.insert(ix, Filter { bytes: bytes.into(), header });
        }
        self.filters.get(&ix).cloned()
    }
}
