//! [`Agent`], [`Attack`] and what they see across the border.

use super::answers::{Coded, Either, Found, FoundBlock, List, Made, One, Plain};
use super::arguments::{Block, Buffer, CodedSlice, Context, GivenAgent, Ref, Slice, Value};
use super::remote::Remote;
use crate::address::Address;
use crate::agent::{Agent, Attack, Ctx, Gossip, Sealed, Signer};
use crate::amount::Amount;
use crate::hash::Id;
use crate::reject::Missing;
use crate::target::Work;
use crate::view::{BlockView, ChainView, Coin, TreeView};

guarded_table! { AgentTable for Agent {
    mut restore(kept: &[(Vec<u8>, Vec<u8>)] as CodedSlice<(Vec<u8>, Vec<u8>)>) -> () as Plain<()>;
    mut on_tip(tip: &BlockView<'_> as Block, ctx: &mut Ctx<'_> as Context) -> () as Plain<()> => forget(ctx);
    mut seal(
        block: &BlockView<'_> as Block,
        seal: &mut Vec<u8> as Buffer,
        ctx: &mut Ctx<'_> as Context,
    ) -> Sealed as Coded<One<Sealed>> => {
        seal.clear();
        forget(ctx);
        Sealed::Drop
    };
    mut on_block(block: &BlockView<'_> as Block, ctx: &mut Ctx<'_> as Context) -> () as Plain<()> => forget(ctx);
    mut on_candidate(
        block: &BlockView<'_> as Block,
        seal: &[u8] as Slice,
        ctx: &mut Ctx<'_> as Context,
    ) -> () as Plain<()> => forget(ctx);
    mut on_message(
        from: &Address as Ref<Address>,
        bytes: &[u8] as Slice,
        ctx: &mut Ctx<'_> as Context,
    ) -> Gossip as Coded<One<Gossip>> => {
        forget(ctx);
        Gossip::Ignore
    };
    mut on_timer(token: u64 as Value<u64>, ctx: &mut Ctx<'_> as Context) -> () as Plain<()> => forget(ctx);
} }

/// A call that failed has answered nothing.
fn forget(ctx: &mut Ctx<'_>) {
    ctx.effects.clear();
    ctx.duties = None;
}

/// The agent of rules that failed to make one.
pub(super) struct Idle;

impl Agent for Idle {
    fn on_tip(&mut self, _: &BlockView<'_>, _: &mut Ctx<'_>) {}
}

guarded_table! { AttackTable for Attack {
    ref agent(honest: Box<dyn Agent> as GivenAgent, me: Address as Value<Address>) -> Box<dyn Agent> as Made<AgentTable>;
} }

// SAFETY: the object behind it is one of this trait, which demands `Sync`.
unsafe impl Sync for Remote<AttackTable> {}

table! { SignerTable for Signer {
    ref sign(digest: &Id as Ref<Id>) -> Vec<u8> as Coded<One<Vec<u8>>>;
} }

table! { ChainTable for ChainView {
    ref block(id: &Id as Ref<Id>) -> Result<BlockView<'_>, Missing> as FoundBlock;
    ref ancestor(of: &Id as Ref<Id>, height: u64 as Value<u64>) -> Result<BlockView<'_>, Missing> as FoundBlock;
    ref balance(at: &Id as Ref<Id>, who: &Address as Ref<Address>) -> Result<Amount, Missing> as Found<Amount>;
    ref locked(at: &Id as Ref<Id>, who: &Address as Ref<Address>) -> Result<Amount, Missing> as Found<Amount>;
    ref stakes(at: &Id as Ref<Id>) -> Result<Vec<(Address, Amount)>, Missing>
        as Coded<Either<List<(Address, Amount)>, Missing>>;
    ref coins(at: &Id as Ref<Id>, who: &Address as Ref<Address>) -> Result<Vec<Coin>, Missing>
        as Coded<Either<List<Coin>, Missing>>;
    ref get(at: &Id as Ref<Id>, key: &[u8] as Slice) -> Result<Option<Vec<u8>>, Missing>
        as Coded<Either<One<Option<Vec<u8>>>, Missing>>;
    ref scan(at: &Id as Ref<Id>, prefix: &[u8] as Slice) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Missing>
        as Coded<Either<List<(Vec<u8>, Vec<u8>)>, Missing>>;
} }

table! { TreeTable for TreeView {
    ref block(id: &Id as Ref<Id>) -> Result<BlockView<'_>, Missing> as FoundBlock;
    ref ancestor(of: &Id as Ref<Id>, height: u64 as Value<u64>) -> Result<BlockView<'_>, Missing> as FoundBlock;
    ref children(id: &Id as Ref<Id>) -> Vec<Id> as Coded<List<Id>>;
    ref subtree_weight(id: &Id as Ref<Id>) -> Work as Plain<Work>;
    ref tie_goes_to(new: &Id as Ref<Id>) -> bool as Plain<bool>;
} }
