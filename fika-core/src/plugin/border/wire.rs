//! What crosses as it is: `#[repr(C)]` mirrors of the vocabulary, and the sink through which bytes are answered.

use std::cell::Cell;
use std::mem::{size_of, transmute_copy};
use std::slice;

use abi_stable::StableAbi;

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::DecodeError;
use crate::hash::Id;
use crate::header::Header;
use crate::plugin::panics::raise;
use crate::script::InputFacts;
use crate::target::Work;
use crate::tx::ApplyContext;
use crate::view::BlockView;

/// Bytes that the sender keeps alive during the call.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct Bytes {
    data: *const u8,
    len: usize,
}

impl Bytes {
    pub(super) fn of(bytes: &[u8]) -> Bytes {
        Bytes { data: bytes.as_ptr(), len: bytes.len() }
    }

    /// # Safety
    /// Made by [`Bytes::of`] from bytes that live for `'a`.
    pub(super) unsafe fn get<'a>(self) -> &'a [u8] {
        // SAFETY: `of` took both from a slice that the caller says is alive.
        unsafe { slice::from_raw_parts(self.data, self.len) }
    }
}

/// Takes bytes in during a call, so that what holds them is allocated and freed on the taker's side.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct Sink {
    to: *mut (),
    put: unsafe extern "C" fn(*mut (), Bytes),
}

impl Sink {
    /// A sink that calls `take`, which must not panic, for as long as `take` lives.
    pub(super) fn into<F: FnMut(&[u8])>(take: &mut F) -> Sink {
        /// # Safety
        /// `to` is the `F` of this sink; `bytes` are alive.
        unsafe extern "C" fn put<F: FnMut(&[u8])>(to: *mut (), bytes: Bytes) {
            // SAFETY: promised by the caller.
            unsafe { (*to.cast::<F>())(bytes.get()) }
        }
        Sink { to: (&raw mut *take).cast(), put: put::<F> }
    }

    /// # Safety
    /// The sink's taker is alive.
    pub(super) unsafe fn put(self, bytes: &[u8]) {
        // SAFETY: promised by the caller.
        unsafe { (self.put)(self.to, Bytes::of(bytes)) }
    }
}

/// Runs `fill` on an empty buffer of this thread and `then` on what it wrote. May be nested.
pub(super) fn with_buffer<R>(fill: impl FnOnce(&mut Vec<u8>), then: impl FnOnce(&[u8]) -> R) -> R {
    thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });
    let mut buffer = BUFFER.take();
    buffer.clear();
    fill(&mut buffer);
    let answer = then(&buffer);
    BUFFER.set(buffer);
    answer
}

/// What the other side encoded. That it does not decode is a bug of the other side, and told like a panic of it.
pub(super) fn decoded<T>(value: Result<T, DecodeError>) -> T {
    value.unwrap_or_else(|error| raise(format!("what crossed the border {error}")))
}

/// The form in which an argument or an answer crosses.
pub(crate) trait Crosses {
    type Wire: StableAbi;
}

/// A value that crosses by its bits.
///
/// # Safety
/// `Self` and `Wire` have the same size and layout, and every `Wire` sent for a `Self` is a valid one.
pub(crate) unsafe trait Flat: Copy {
    type Wire: StableAbi + Copy;

    fn to_wire(self) -> Self::Wire {
        const { assert!(size_of::<Self>() == size_of::<Self::Wire>()) };
        // SAFETY: same layout, as this trait promises.
        unsafe { transmute_copy(&self) }
    }

    /// # Safety
    /// `wire` was made by [`to_wire`](Flat::to_wire).
    unsafe fn from_wire(wire: Self::Wire) -> Self {
        const { assert!(size_of::<Self>() == size_of::<Self::Wire>()) };
        // SAFETY: same layout, and it was a `Self` before.
        unsafe { transmute_copy(&wire) }
    }
}

macro_rules! flat {
    ($($type:ty => $wire:ty;)*) => {$(
        // SAFETY: a number, a transparent wrapper of the wire type, or a `repr(C)` struct with the fields of its mirror.
        unsafe impl Flat for $type {
            type Wire = $wire;
        }
    )*};
}
flat! {
    () => ();
    bool => bool;
    u8 => u8;
    u32 => u32;
    u64 => u64;
    Amount => u64;
    Id => [u8; 32];
    Address => AddressWire;
    Work => [u64; 4];
    Header => HeaderWire;
    ApplyContext => ApplyContextWire;
    InputFacts => FactsWire;
}

/// [`Address`]: arrays alone cannot be passed by value.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct AddressWire {
    bytes: [u8; 20],
}

/// [`Header`]
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct HeaderWire {
    version: u32,
    parent: [u8; 32],
    root: [u8; 32],
    time: u32,
    bits: u32,
    nonce: u32,
}

/// [`ApplyContext`]
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct ApplyContextWire {
    height: u64,
    time: u32,
    coinbase: bool,
}

/// [`InputFacts`]
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct FactsWire {
    version: u32,
    lock_time: u32,
    sequence: u32,
    amount: u64,
}

/// [`BlockView`]
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct BlockWire {
    id: [u8; 32],
    header: HeaderWire,
    height: u64,
    weight: [u64; 4],
    extra: Bytes,
}

impl BlockWire {
    pub(super) fn of(block: &BlockView<'_>) -> BlockWire {
        BlockWire {
            id: block.id.0,
            header: block.header.to_wire(),
            height: block.height,
            weight: block.weight.to_wire(),
            extra: Bytes::of(block.extra),
        }
    }

    /// # Safety
    /// The bytes of its extra live for `'a`.
    pub(super) unsafe fn get<'a>(&self) -> BlockView<'a> {
        // SAFETY: made by `of`; the extra as the caller promises.
        unsafe {
            BlockView {
                id: Id(self.id),
                header: Header::from_wire(self.header),
                height: self.height,
                weight: Work::from_wire(self.weight),
                extra: self.extra.get(),
            }
        }
    }
}

/// Room for a value, or for the reason why there is none. Only what `found` says is filled in.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct FoundWire<W, M> {
    pub(super) found: bool,
    pub(super) value: W,
    pub(super) missing: M,
}
