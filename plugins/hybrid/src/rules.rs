//! What the checks and the producer share.

use fika_core::address::Address;
use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};
use fika_core::header::{Header, Time};
use fika_core::reject::{Reject, ensure};
use fika_core::target::Target;
use fika_core::view::{BlockView, ChainView};

use crate::error::HybridError;
use crate::kernel::{Ages, Kernel};
use crate::targets::{Pace, Targets};

/// The rules of one chain.
pub(crate) struct Rules {
    pub(crate) env: Env,
    pub(crate) work: Pace,
    pub(crate) stake: Pace,
    pub(crate) ages: Ages,
    /// Times of stake blocks are multiples of this many ticks.
    pub(crate) step: u32,
    /// How far ahead of its clock a node accepts a work block.
    pub(crate) max_future_us: Time,
}

/// What the producer of the stake block `block` signs.
pub(crate) fn digest(block: &Id) -> Id {
    domain_hash("fika-hybrid block", &[&block.0])
}

/// The extra of a stake block: the producer's address and the key of its coin.
pub(crate) fn stake_extra(producer: &Address, coin: &[u8]) -> Vec<u8> {
    [&producer.0[..], coin].concat()
}

/// The producer and the coin that a block names; `None` for a work block.
pub(crate) fn staker(extra: &[u8]) -> Result<Option<(Address, &[u8])>, HybridError> {
    match extra.split_first_chunk() {
        Some((producer, coin)) => Ok(Some((Address(*producer), coin))),
        None if extra.is_empty() => Ok(None),
        None => Err(HybridError::Extra { found: extra.len() }),
    }
}

impl Rules {
    pub(crate) fn targets(&self, parent: &Id, past: &dyn ChainView) -> Result<Targets, Reject> {
        Targets::after(parent, past, &self.work, &self.stake)
    }

    /// The rules of stake blocks beyond those of all blocks.
    pub(crate) fn check_stake(
        &self,
        producer: &Address,
        coin: &[u8],
        header: &Header,
        parent: &BlockView<'_>,
        past: &dyn ChainView,
    ) -> Result<(), Reject> {
        let (time, nonce) = (header.time, header.nonce);
        ensure(nonce == 0, || HybridError::Nonce { found: nonce })?;
        ensure(time.is_multiple_of(self.step), || HybridError::Step { step: self.step, found: time })?;
        let coins = past.coins(&parent.id, producer)?;
        let found = coins.binary_search_by(|found| found.key[..].cmp(coin));
        let at = found.map_err(|_| HybridError::MissingCoin(*producer))?;
        let kernel = Kernel::new(&coins[at], parent, past)?;
        // A target that does not decode is not the expected one, which has been checked.
        let met = Target::from_bits(header.bits).is_some_and(|target| kernel.meets(target, time, self.ages));
        ensure(met, || HybridError::HighKernel { time, age: time.saturating_sub(kernel.since) })
    }
}
