//! The filters that were made, and what they are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::tree::BlockIx;
use crate::filter::filter;
use crate::hash::Id;
use crate::tx::Outline;

/// A block's filter.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) header: Id,
}

/// Filters by block.
pub(super) type Filters = BTreeMap<BlockIx, Filter>;

/// Whether a transaction makes a coin with this lock, or spends the coin with this key.
pub(crate) fn touches(outline: &Outline, element: &[u8]) -> bool {
    outline.credits.iter().any(|credit| credit.lock == element) || outline.spends.iter().any(|key| key == element)
}

/// The filter of the block called `id` whose transactions say this.
pub(crate) fn filter_of(id: &Id, outlines: &[Outline]) -> Vec<u8> {
    let locks = outlines.iter().flat_map(|outline| &outline.credits).map(|credit| &credit.lock[..]);
    let keys = outlines.iter().flat_map(|outline| &outline.spends).map(|key| &key[..]);
    let elements: BTreeSet<&[u8]> = locks.chain(keys).filter(|element| !element.is_empty()).collect();
    filter(id, &elements)
}
