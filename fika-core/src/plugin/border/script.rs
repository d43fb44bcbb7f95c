//! [`Script`] and the context that it runs in across the border.

use super::answers::{Coded, Either, Maybe, One, Plain, Verdict};
use super::arguments::{Lent, Ref, Slice, Text, Value};
use super::remote::Remote;
use super::wire::{Crosses, Sink, decoded, with_buffer};
use crate::address::Address;
use crate::codec::{Decode, Encode};
use crate::hash::Id;
use crate::reject::Reject;
use crate::script::{InputFacts, Script, SpendContext, Step};

guarded_table! { ScriptTable for Script {
    ref run(
        lock: &[u8] as Slice,
        unlock: &[u8] as Slice,
        flags: u32 as Value<u32>,
        context: &mut dyn SpendContext as Lent<SpendTable>,
    ) -> Result<(), Reject> as Verdict;
    ref trace(
        lock: &[u8] as Slice,
        unlock: &[u8] as Slice,
        flags: u32 as Value<u32>,
        context: &mut dyn SpendContext as Lent<SpendTable>,
        observer: &mut dyn FnMut(Step) as Observer,
    ) -> Result<(), Reject> as Verdict;
    ref lock(who: &Address as Ref<Address>) -> Vec<u8> as Coded<One<Vec<u8>>>;
    ref request(lock: &[u8] as Slice) -> Vec<u8> as Coded<One<Vec<u8>>>;
    ref unlock(key: &[u8] as Slice, signature: &[u8] as Slice) -> Vec<u8> as Coded<One<Vec<u8>>>;
    ref owner(lock: &[u8] as Slice) -> Option<Address> as Maybe<Address>;
    ref assemble(text: &str as Text) -> Result<Vec<u8>, String> as Coded<Either<One<Vec<u8>>, String>>;
    ref disassemble(script: &[u8] as Slice) -> String as Coded<One<String>>;
} }

// SAFETY: the object behind it is one of this trait, which demands `Sync`.
unsafe impl Sync for Remote<ScriptTable> {}

table! { SpendTable for SpendContext {
    mut digest(request: &[u8] as Slice) -> Id as Plain<Id>;
    mut verify(
        kind: u8 as Value<u8>,
        key: &[u8] as Slice,
        digest: &Id as Ref<Id>,
        signature: &[u8] as Slice,
    ) -> bool as Plain<bool>;
    mut verify_now(
        kind: u8 as Value<u8>,
        key: &[u8] as Slice,
        digest: &Id as Ref<Id>,
        signature: &[u8] as Slice,
    ) -> bool as Plain<bool>;
    mut address(key: &[u8] as Slice) -> Address as Plain<Address>;
    ref facts() -> InputFacts as Plain<InputFacts>;
    mut step(steps: u64 as Value<u64>) -> bool as Plain<bool>;
} }

/// Who is told every step.
pub(crate) enum Observer {}

impl Crosses for Observer {
    type Wire = Sink;
}

impl Observer {
    pub(super) fn send<R>(observer: &mut dyn FnMut(Step), call: impl FnOnce(Sink) -> R) -> R {
        let mut steps = Vec::new();
        let mut take = |bytes: &[u8]| steps.push(Step::from_bytes(bytes));
        let answer = call(Sink::into(&mut take));
        // Told afterwards: an observer may panic, which must not happen below frames of the other side.
        steps.into_iter().for_each(|step| observer(decoded(step)));
        answer
    }

    /// # Safety
    /// The sink's taker is alive during `call`.
    pub(super) unsafe fn receive<R>(wire: Sink, call: impl FnOnce(&mut dyn FnMut(Step)) -> R) -> R {
        // SAFETY: promised by the caller.
        call(&mut |step: Step| with_buffer(|buffer| step.encode(buffer), |bytes| unsafe { wire.put(bytes) }))
    }
}
