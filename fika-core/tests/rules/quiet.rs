//! Rules under which nobody produces: tests make the blocks.

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx};
use fika_core::consensus::{Consensus, LedgerOp, Summary};
use fika_core::header::Header;
use fika_core::reject::{Reject, ensure};
use fika_core::view::{BlockView, ChainView};

/// The nonce that stands for work that was not done.
pub const NO_WORK: u32 = 0xbad;
/// The seal that does not hold.
pub const BAD_SEAL: &[u8] = b"bad";
/// The extra that no block may carry.
pub const BAD_EXTRA: &[u8] = b"never";
/// The action that no block may carry.
pub const BAD_ACTION: u8 = 9;

#[derive(Clone)]
pub struct Quiet;

impl Consensus for Quiet {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
        ensure(block.header.time > parent.header.time, || "not later than its parent")?;
        ensure(block.extra != BAD_EXTRA, || "an extra that is never valid")
    }

    fn check_work(&self, header: &Header) -> Result<(), Reject> {
        ensure(header.nonce != NO_WORK, || "no work")
    }

    fn check_seal(&self, _: &BlockView<'_>, seal: &[u8], _: &dyn ChainView) -> Result<(), Reject> {
        ensure(seal != BAD_SEAL, || "a bad seal")
    }

    fn settle(&self, summary: &Summary<'_>, _: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        ensure(summary.actions.iter().all(|action| action.kind != BAD_ACTION), || "an action that is never allowed")?;
        Ok(vec![LedgerOp::MayMint(summary.subsidy)])
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(Quiet)
    }
}

impl Agent for Quiet {
    fn on_tip(&mut self, _: &BlockView<'_>, _: &mut Ctx<'_>) {}
}
