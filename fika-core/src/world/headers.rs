//! Headers whose blocks are still to come, checked as far as the rules can tell.

use super::World;
use super::seen::{Scope, View};
use super::states::KEPT_BLOCKS;
use super::tree::{BlockIx, Verdict};
use crate::address::Address;
use crate::amount::Amount;
use crate::block::{Head, same_proof};
use crate::hash::Id;
use crate::reject::{Missing, Reject};
use crate::view::{BlockView, ChainView, Coin, KeyValue};

impl World {
    /// Checks headers of which each is the parent of the next, on the valid block `base`, by
    /// [`Consensus::check_header`](crate::consensus::Consensus::check_header). Only states near `tip` are read, which are quick
    /// to read; what cannot be told without others passes.
    ///
    /// # Errors
    /// What the rules say, but not [`Reject::NotYet`].
    pub(crate) fn check_headers(&self, tip: BlockIx, base: BlockIx, heads: &[(Id, &Head)]) -> Result<(), Reject> {
        let before = self.rules.faults.count();
        let oldest = self.tree[tip].height.saturating_sub(KEPT_BLOCKS);
        let top = self.tree.view(base);
        let mut checked: Vec<BlockView<'_>> = Vec::with_capacity(heads.len());
        for (id, Head { header, extra, .. }) in heads {
            let parent = checked.last().copied().unwrap_or(top);
            let block = BlockView { id: *id, header: *header, height: parent.height + 1, weight: top.weight, extra };
            if !self.is_valid(id, extra) {
                let here = self.view_of(Scope::Ancestry(base, &[]));
                let past = HeaderChain { here, top, oldest, heads: &checked };
                match self.rules.consensus.check_header(&block, &parent, &past) {
                    Err(Reject::NotYet(_)) => break,
                    verdict => verdict?,
                }
            }
            checked.push(block);
        }
        self.rules.faults.since(before).map_or(Ok(()), |fault| Err(Reject::Fault(fault)))
    }

    /// Whether another node of this world has found the block valid: then its header is, too.
    fn is_valid(&self, id: &Id, extra: &[u8]) -> bool {
        let known = self.tree.find(id).map(|ix| &self.tree[ix]);
        known.is_some_and(|entry| entry.verdict == Verdict::Valid && same_proof(&entry.extra, extra))
    }
}

/// A block with its ancestry, and headers after it.
struct HeaderChain<'a> {
    here: View<'a>,
    /// The last block that is here.
    top: BlockView<'a>,
    /// The height from which on states may be read.
    oldest: u64,
    /// In the order of heights, without a gap.
    heads: &'a [BlockView<'a>],
}

impl HeaderChain<'_> {
    fn head(&self, id: &Id) -> Result<&BlockView<'_>, Missing> {
        // Rules ask for the last ones.
        self.heads.iter().rev().find(|head| head.id == *id).ok_or(Missing(*id))
    }

    /// What there is, where the state after `at` may be read.
    fn state(&self, at: &Id) -> Result<&View<'_>, Missing> {
        let block = self.here.block(at)?;
        (block.height >= self.oldest).then_some(&self.here).ok_or(Missing(*at))
    }
}

impl ChainView for HeaderChain<'_> {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        self.here.block(id).or_else(|_| self.head(id).copied())
    }

    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing> {
        let Ok(head) = self.head(of) else { return self.here.ancestor(of, height) };
        match height.checked_sub(self.top.height + 1) {
            None => self.here.ancestor(&self.top.id, height),
            Some(n) if height <= head.height => Ok(self.heads[n as usize]),
            Some(_) => Err(Missing(*of)),
        }
    }

    fn balance(&self, at: &Id, who: &Address) -> Result<Amount, Missing> {
        self.state(at)?.balance(at, who)
    }

    fn locked(&self, at: &Id, who: &Address) -> Result<Amount, Missing> {
        self.state(at)?.locked(at, who)
    }

    fn stakes(&self, at: &Id) -> Result<Vec<(Address, Amount)>, Missing> {
        self.state(at)?.stakes(at)
    }

    fn coins(&self, at: &Id, who: &Address) -> Result<Vec<Coin>, Missing> {
        self.state(at)?.coins(at, who)
    }

    fn get(&self, at: &Id, key: &[u8]) -> Result<Option<Vec<u8>>, Missing> {
        self.state(at)?.get(at, key)
    }

    fn scan(&self, at: &Id, prefix: &[u8]) -> Result<Vec<KeyValue>, Missing> {
        self.state(at)?.scan(at, prefix)
    }
}
