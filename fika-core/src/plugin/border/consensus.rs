//! [`Consensus`] across the border.

use super::agent::AgentTable;
use super::answers::{Coded, Either, List, Made, Maybe, One, Plain, Verdict};
use super::arguments::{Block, HeaderMut, Lent, Ref, Settled, Slice, Value};
use super::remote::Remote;
use super::views::{ChainTable, TreeTable};
use crate::address::Address;
use crate::agent::Agent;
use crate::consensus::{Consensus, LedgerOp, Origin, Summary};
use crate::hash::Id;
use crate::header::{Header, Time};
use crate::reject::Reject;
use crate::target::Work;
use crate::view::{BlockView, ChainView, TreeView};

guarded_table! { ConsensusTable for Consensus {
    ref check(
        block: &BlockView<'_> as Block,
        parent: &BlockView<'_> as Block,
        past: &dyn ChainView as Lent<ChainTable>,
    ) -> Result<(), Reject> as Verdict;
    ref check_header(
        block: &BlockView<'_> as Block,
        parent: &BlockView<'_> as Block,
        past: &dyn ChainView as Lent<ChainTable>,
    ) -> Result<(), Reject> as Verdict;
    ref check_work(header: &Header as Ref<Header>) -> Result<(), Reject> as Verdict;
    ref check_seal(
        block: &BlockView<'_> as Block,
        seal: &[u8] as Slice,
        past: &dyn ChainView as Lent<ChainTable>,
    ) -> Result<(), Reject> as Verdict;
    ref earliest(header: &Header as Ref<Header>) -> Option<Time> as Maybe<Time>;
    ref grind(header: &mut Header as HeaderMut, tries: u32 as Value<u32>) -> bool as Plain<bool>;
    ref settle(
        summary: &Summary<'_> as Settled,
        past: &dyn ChainView as Lent<ChainTable>,
    ) -> Result<Vec<LedgerOp>, Reject> as Coded<Either<List<LedgerOp>, Reject>>;
    ref weight(block: &BlockView<'_> as Block) -> Work as Plain<Work>;
    ref choose(
        current: &BlockView<'_> as Block,
        new: &BlockView<'_> as Block,
        tree: &dyn TreeView as Lent<TreeTable>,
    ) -> Id as Plain<Id> => current.id;
    ref references(block: &BlockView<'_> as Block) -> Result<Vec<Id>, Reject> as Coded<Either<List<Id>, Reject>>;
    ref origin(block: &BlockView<'_> as Block) -> Origin as Coded<One<Origin>>;
    ref agent(me: Address as Value<Address>) -> Box<dyn Agent> as Made<AgentTable>;
} }

// SAFETY: the object behind it is one of this trait, which demands `Sync`.
unsafe impl Sync for Remote<ConsensusTable> {}
