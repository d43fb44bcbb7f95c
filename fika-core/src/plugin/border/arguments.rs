//! How arguments cross: `send` on the caller's side, `receive` on the other, each around the
//! rest of the call, so that whatever an argument points to lives long enough.

use std::marker::PhantomData;

use abi_stable::StableAbi;

use super::remote::{Handle, Remote, Table};
use super::wire::{BlockWire, Bytes, Crosses, Flat, HeaderWire, Sink, decoded, with_buffer};
use crate::amount::Amount;
use crate::codec::{Decode, Encode, Reader, put_list};
use crate::consensus::Summary;
use crate::hash::Id;
use crate::header::Header;
use crate::keys::VerifyJob;
use crate::tx::Action;
use crate::view::BlockView;

/// A value by its bits.
pub(crate) struct Value<T>(PhantomData<T>);

impl<T: Flat> Crosses for Value<T> {
    type Wire = T::Wire;
}

impl<T: Flat> Value<T> {
    pub(super) fn send<R>(value: T, call: impl FnOnce(T::Wire) -> R) -> R {
        call(value.to_wire())
    }

    /// # Safety
    /// As [`Flat::from_wire`].
    pub(super) unsafe fn receive<R>(wire: T::Wire, call: impl FnOnce(T) -> R) -> R {
        // SAFETY: promised by the caller.
        call(unsafe { T::from_wire(wire) })
    }
}

/// A reference to such a value.
pub(crate) struct Ref<T>(PhantomData<T>);

impl<T: Flat<Wire: 'static>> Crosses for Ref<T> {
    type Wire = *const T::Wire;
}

impl<T: Flat<Wire: 'static>> Ref<T> {
    pub(super) fn send<R>(value: &T, call: impl FnOnce(*const T::Wire) -> R) -> R {
        call((&raw const *value).cast())
    }

    /// # Safety
    /// The other side's value is alive during `call`.
    pub(super) unsafe fn receive<R>(wire: *const T::Wire, call: impl FnOnce(&T) -> R) -> R {
        // SAFETY: promised by the caller; the layouts are the same.
        call(unsafe { &*wire.cast::<T>() })
    }
}

/// A header that the other side changes.
pub(crate) enum HeaderMut {}

impl Crosses for HeaderMut {
    type Wire = *mut HeaderWire;
}

impl HeaderMut {
    pub(super) fn send<R>(header: &mut Header, call: impl FnOnce(*mut HeaderWire) -> R) -> R {
        call((&raw mut *header).cast())
    }

    /// # Safety
    /// The other side's header is alive during `call`, and nobody else uses it.
    pub(super) unsafe fn receive<R>(wire: *mut HeaderWire, call: impl FnOnce(&mut Header) -> R) -> R {
        // SAFETY: promised by the caller; the layouts are the same.
        call(unsafe { &mut *wire.cast::<Header>() })
    }
}

/// A byte string.
pub(crate) enum Slice {}

impl Crosses for Slice {
    type Wire = Bytes;
}

impl Slice {
    pub(super) fn send<R>(bytes: &[u8], call: impl FnOnce(Bytes) -> R) -> R {
        call(Bytes::of(bytes))
    }

    /// # Safety
    /// The other side's bytes are alive during `call`.
    pub(super) unsafe fn receive<R>(wire: Bytes, call: impl FnOnce(&[u8]) -> R) -> R {
        // SAFETY: promised by the caller.
        call(unsafe { wire.get() })
    }
}

/// A text.
pub(crate) enum Text {}

impl Crosses for Text {
    type Wire = Bytes;
}

impl Text {
    pub(super) fn send<R>(text: &str, call: impl FnOnce(Bytes) -> R) -> R {
        call(Bytes::of(text.as_bytes()))
    }

    /// # Safety
    /// The other side's text is alive during `call`.
    pub(super) unsafe fn receive<R>(wire: Bytes, call: impl FnOnce(&str) -> R) -> R {
        // SAFETY: promised by the caller.
        call(std::str::from_utf8(unsafe { wire.get() }).expect("the other side sent a text"))
    }
}

/// A block.
pub(crate) enum Block {}

impl Crosses for Block {
    type Wire = *const BlockWire;
}

impl Block {
    pub(super) fn send<R>(block: &BlockView<'_>, call: impl FnOnce(*const BlockWire) -> R) -> R {
        call(&BlockWire::of(block))
    }

    /// # Safety
    /// The other side's block is alive during `call`.
    pub(super) unsafe fn receive<R>(wire: *const BlockWire, call: impl FnOnce(&BlockView<'_>) -> R) -> R {
        // SAFETY: promised by the caller.
        call(&unsafe { (*wire).get() })
    }
}

/// What a block does, for [`Consensus::settle`](crate::consensus::Consensus::settle).
pub(crate) enum Settled {}

/// [`Summary`]
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct SummaryWire {
    parent: BlockWire,
    height: u64,
    time: u32,
    bits: u32,
    extra: Bytes,
    subsidy: u64,
    fees: u64,
    actions: Bytes,
}

impl Crosses for Settled {
    type Wire = *const SummaryWire;
}

impl Settled {
    pub(super) fn send<R>(summary: &Summary<'_>, call: impl FnOnce(*const SummaryWire) -> R) -> R {
        let Summary { parent, height, time, bits, extra, subsidy, fees, actions } = summary;
        let write = |actions: &[u8]| {
            call(&SummaryWire {
                parent: BlockWire::of(parent),
                height: *height,
                time: *time,
                bits: *bits,
                extra: Bytes::of(extra),
                subsidy: subsidy.0,
                fees: fees.0,
                actions: Bytes::of(actions),
            })
        };
        if actions.is_empty() { write(&[]) } else { with_buffer(|buffer| put_list(buffer, actions), write) }
    }

    /// # Safety
    /// The other side's summary is alive during `call`.
    pub(super) unsafe fn receive<R>(wire: *const SummaryWire, call: impl FnOnce(&Summary<'_>) -> R) -> R {
        // SAFETY: promised by the caller, for all that the summary points to, too.
        let (wire, actions, parent, extra) =
            unsafe { (&*wire, (*wire).actions.get(), (*wire).parent.get(), (*wire).extra.get()) };
        let actions: Vec<Action> = match actions {
            [] => Vec::new(),
            bytes => decoded(Reader::new(bytes).list(usize::MAX)),
        };
        call(&Summary {
            parent,
            height: wire.height,
            time: wire.time,
            bits: wire.bits,
            extra,
            subsidy: Amount(wire.subsidy),
            fees: Amount(wire.fees),
            actions: &actions,
        })
    }
}

/// Signatures to be verified together.
pub(crate) enum Jobs {}

/// A slice of [`VerifyJob`]s.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct JobsWire {
    data: *const JobWire,
    len: usize,
}

/// [`VerifyJob`]
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct JobWire {
    kind: u8,
    key: Bytes,
    digest: *const [u8; 32],
    signature: Bytes,
}

impl Crosses for Jobs {
    type Wire = JobsWire;
}

impl Jobs {
    pub(super) fn send<R>(jobs: &[VerifyJob<'_>], call: impl FnOnce(JobsWire) -> R) -> R {
        let wire = |job: &VerifyJob<'_>| JobWire {
            kind: job.kind,
            key: Bytes::of(job.key),
            digest: &raw const job.digest.0,
            signature: Bytes::of(job.signature),
        };
        let jobs: Vec<JobWire> = jobs.iter().map(wire).collect();
        call(JobsWire { data: jobs.as_ptr(), len: jobs.len() })
    }

    /// # Safety
    /// The other side's jobs are alive during `call`.
    pub(super) unsafe fn receive<R>(wire: JobsWire, call: impl FnOnce(&[VerifyJob<'_>]) -> R) -> R {
        // SAFETY: promised by the caller.
        let wires = unsafe { std::slice::from_raw_parts(wire.data, wire.len) };
        // SAFETY: as above, for what each job points to.
        let job = |wire: &JobWire| unsafe {
            VerifyJob {
                kind: wire.kind,
                key: wire.key.get(),
                digest: &*wire.digest.cast::<Id>(),
                signature: wire.signature.get(),
            }
        };
        call(&wires.iter().map(job).collect::<Vec<_>>())
    }
}

/// A reference to a value that is encoded.
pub(crate) struct CodedRef<T>(PhantomData<T>);

impl<T> Crosses for CodedRef<T> {
    type Wire = Bytes;
}

impl<T: Encode + Decode> CodedRef<T> {
    pub(super) fn send<R>(value: &T, call: impl FnOnce(Bytes) -> R) -> R {
        with_buffer(|buffer| value.encode(buffer), |bytes| call(Bytes::of(bytes)))
    }

    /// # Safety
    /// The other side's buffer is alive during `call`.
    pub(super) unsafe fn receive<R>(wire: Bytes, call: impl FnOnce(&T) -> R) -> R {
        // SAFETY: promised by the caller.
        call(&decoded(T::from_bytes(unsafe { wire.get() })))
    }
}

/// A slice of values that are encoded.
pub(crate) struct CodedSlice<T>(PhantomData<T>);

impl<T> Crosses for CodedSlice<T> {
    type Wire = Bytes;
}

impl<T: Encode + Decode> CodedSlice<T> {
    pub(super) fn send<R>(values: &[T], call: impl FnOnce(Bytes) -> R) -> R {
        with_buffer(|buffer| put_list(buffer, values), |bytes| call(Bytes::of(bytes)))
    }

    /// # Safety
    /// The other side's buffer is alive during `call`.
    pub(super) unsafe fn receive<R>(wire: Bytes, call: impl FnOnce(&[T]) -> R) -> R {
        // SAFETY: promised by the caller.
        call(&decoded(Reader::new(unsafe { wire.get() }).list(usize::MAX)))
    }
}

/// An object of the caller that is lent for the call, as `&dyn` or `&mut dyn`.
pub(crate) struct Lent<V>(PhantomData<V>);

impl<V: Table> Crosses for Lent<V> {
    type Wire = Handle<V>;
}

impl<V: Table> Lent<V> {
    pub(super) fn send<P, R>(object: P, call: impl FnOnce(Handle<V>) -> R) -> R {
        // SAFETY: the tables name this form only for references to their own object, which the compiler
        // checks on the receiving side, where the same method is called with a `Remote<V>`.
        unsafe { Handle::lend(object, call) }
    }

    /// # Safety
    /// The handle is lent for this call.
    pub(super) unsafe fn receive<R>(wire: Handle<V>, call: impl FnOnce(&mut Remote<V>) -> R) -> R {
        // SAFETY: promised by the caller.
        call(&mut unsafe { Remote::borrow(wire) })
    }
}

/// A buffer that is appended to.
pub(crate) enum Buffer {}

/// What is in it so far, and where all of it goes.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct BufferWire {
    before: Bytes,
    after: Sink,
}

impl Crosses for Buffer {
    type Wire = BufferWire;
}

impl Buffer {
    pub(super) fn send<R>(buffer: &mut Vec<u8>, call: impl FnOnce(BufferWire) -> R) -> R {
        let mut after = None;
        let mut take = |bytes: &[u8]| after = Some(bytes.to_vec());
        let answer = call(BufferWire { before: Bytes::of(buffer), after: Sink::into(&mut take) });
        if let Some(after) = after {
            *buffer = after;
        }
        answer
    }

    /// # Safety
    /// The other side's buffer and sink are alive during `call`.
    pub(super) unsafe fn receive<R>(wire: BufferWire, call: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        // SAFETY: promised by the caller.
        let mut buffer = unsafe { wire.before.get() }.to_vec();
        let answer = call(&mut buffer);
        // SAFETY: as above.
        unsafe { wire.after.put(&buffer) };
        answer
    }
}
