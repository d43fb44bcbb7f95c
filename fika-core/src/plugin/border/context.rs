//! What an agent is told of where it stands, and its answers on the way back.

use abi_stable::StableAbi;

use super::remote::{Handle, Remote};
use super::views::{ChainTable, SignerTable};
use super::wire::{Crosses, Sink, decoded, with_buffer};
use crate::address::Address;
use crate::agent::{Ctx, Duty, Effect};
use crate::codec::{Decode, DecodeError, Encode, Reader, put_list};
use crate::hash::Id;

/// Where an agent stands, and its answers on the way back.
pub(crate) enum Context {}

/// [`Ctx`]
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct ContextWire {
    now: u64,
    me: [u8; 20],
    tip: [u8; 32],
    catching_up: bool,
    seed: u64,
    chain: Handle<ChainTable>,
    signer: Handle<SignerTable>,
    answers: Sink,
}

impl Crosses for Context {
    type Wire = *const ContextWire;
}

impl Context {
    pub(super) fn send<R>(ctx: &mut Ctx<'_>, call: impl FnOnce(*const ContextWire) -> R) -> R {
        let mut answers = None;
        let mut take = |bytes: &[u8]| answers = Some(read_answers(&mut Reader::new(bytes)));
        let answers_sink = Sink::into(&mut take);
        // SAFETY: both are references to the objects of their tables.
        let answer = unsafe {
            Handle::lend(ctx.chain, |chain| {
                Handle::lend(ctx.signer, |signer| {
                    call(&ContextWire {
                        now: ctx.now,
                        me: ctx.me.0,
                        tip: ctx.tip.0,
                        catching_up: ctx.catching_up,
                        seed: ctx.seed,
                        chain,
                        signer,
                        answers: answers_sink,
                    })
                })
            })
        };
        if let Some(answers) = answers {
            let (effects, duties) = decoded(answers);
            ctx.effects.extend(effects);
            ctx.duties = duties.or(ctx.duties.take());
        }
        answer
    }

    /// # Safety
    /// The other side's context is alive during `call`.
    pub(super) unsafe fn receive<R>(wire: *const ContextWire, call: impl FnOnce(&mut Ctx<'_>) -> R) -> R {
        // SAFETY: promised by the caller.
        let (wire, chain, signer) = unsafe { (&*wire, Remote::borrow((*wire).chain), Remote::borrow((*wire).signer)) };
        let mut ctx = Ctx::new(wire.now, Address(wire.me), Id(wire.tip), &chain, &signer, wire.seed);
        ctx.catching_up = wire.catching_up;
        let answer = call(&mut ctx);
        if !ctx.effects.is_empty() || ctx.duties.is_some() {
            let write = |buffer: &mut Vec<u8>| {
                put_list(buffer, &ctx.effects);
                ctx.duties.is_some().encode(buffer);
                put_list(buffer, ctx.duties.as_deref().unwrap_or_default());
            };
            // SAFETY: the sender's taker lives as long as its context.
            with_buffer(write, |bytes| unsafe { wire.answers.put(bytes) });
        }
        answer
    }
}

type Answers = (Vec<Effect>, Option<Vec<Duty>>);

fn read_answers(from: &mut Reader<'_>) -> Result<Answers, DecodeError> {
    let effects = from.list(usize::MAX)?;
    let changed = bool::decode(from)?;
    let duties = from.list(usize::MAX)?;
    Ok((effects, changed.then_some(duties)))
}
