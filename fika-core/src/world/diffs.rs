//! What blocks changed in the ledger.

use std::sync::Arc;

use super::ledger::Change;
use super::tree::BlockIx;

/// The changes that blocks made, wherever they are kept.
pub(super) trait Diffs {
    /// What the valid block `block` changed.
    fn diff(&self, block: BlockIx) -> Arc<[Change]>;
}
