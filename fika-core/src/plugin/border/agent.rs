//! [`Agent`] and [`Attack`] across the border.

use super::answers::{Answers, Coded, Made, One, Plain};
use super::arguments::{Block, Buffer, CodedRef, CodedSlice, Ref, Slice, Value};
use super::context::Context;
use super::remote::{Handle, Remote};
use super::wire::Crosses;
use crate::address::Address;
use crate::agent::{Agent, Attack, Ctx, Gossip, Sealed};
use crate::message::Message;
use crate::plugin::guard::{Guard, Guarded};
use crate::view::BlockView;

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
    mut on_proposal(
        block: &BlockView<'_> as Block,
        seal: &[u8] as Slice,
        ctx: &mut Ctx<'_> as Context,
    ) -> Gossip as Coded<One<Gossip>> => {
        forget(ctx);
        Gossip::Ignore
    };
    mut on_message(
        from: &Address as Ref<Address>,
        bytes: &[u8] as Slice,
        ctx: &mut Ctx<'_> as Context,
    ) -> Gossip as Coded<One<Gossip>> => {
        forget(ctx);
        Gossip::Ignore
    };
    mut on_passing(
        from: &Address as Ref<Address>,
        to: &Address as Ref<Address>,
        bytes: &[u8] as Slice,
        ctx: &mut Ctx<'_> as Context,
    ) -> Gossip as Coded<One<Gossip>> => {
        forget(ctx);
        Gossip::Ignore
    };
    mut answer_light(
        answer: &Message as CodedRef<Message>,
        ctx: &mut Ctx<'_> as Context,
    ) -> Option<Message> as Coded<One<Option<Message>>> => {
        forget(ctx);
        None
    };
    mut on_timer(token: u64 as Value<u64>, ctx: &mut Ctx<'_> as Context) -> () as Plain<()> => forget(ctx);
} }

/// A call that failed has answered nothing.
fn forget(ctx: &mut Ctx<'_>) {
    ctx.effects.clear();
    ctx.duties = None;
}

/// The agent of rules that failed to make one.
struct Idle;

impl Agent for Idle {}

impl Answers<Box<dyn Agent>> for Made<AgentTable> {
    fn guard(answer: Box<dyn Agent>, guard: &Guard, _: &'static &'static str) -> Box<dyn Agent> {
        Box::new(Guarded::new(answer, guard.clone()))
    }

    fn harmless(_: &str) -> Box<dyn Agent> {
        Box::new(Idle)
    }
}

/// An agent that changes sides.
pub(crate) enum GivenAgent {}

impl Crosses for GivenAgent {
    type Wire = Handle<AgentTable>;
}

impl GivenAgent {
    pub(super) fn send<R>(agent: Box<dyn Agent>, call: impl FnOnce(Handle<AgentTable>) -> R) -> R {
        call(Handle::give(agent))
    }

    /// # Safety
    /// The handle is given with this call.
    pub(super) unsafe fn receive<R>(wire: Handle<AgentTable>, call: impl FnOnce(Box<dyn Agent>) -> R) -> R {
        // SAFETY: promised by the caller.
        call(Box::new(unsafe { Remote::take(wire) }))
    }
}

guarded_table! { AttackTable for Attack {
    ref agent(honest: Box<dyn Agent> as GivenAgent, me: Address as Value<Address>) -> Box<dyn Agent> as Made<AgentTable>;
} }

// SAFETY: the object behind it is one of this trait, which demands `Sync`.
unsafe impl Sync for Remote<AttackTable> {}
