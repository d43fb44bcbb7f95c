//! How answers cross: `receive` on the caller's side, around the call, and `send` on the other.
//! Beside it, what the guard makes of an answer, and what it answers in place of a call that failed.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use super::remote::{Handle, Remote, Table};
use super::wire::{BlockWire, Crosses, Flat, FoundWire, Sink, decoded, with_buffer};
use crate::address::Address;
use crate::agent::{Gossip, Sealed};
use crate::codec::{Decode, DecodeError, Encode, Reader, put_list};
use crate::consensus::Origin;
use crate::hash::Id;
use crate::keys::KeyPair;
use crate::plugin::guard::Guard;
use crate::plugin::text::{MAX_CHARS, is_too_long, one_line};
use crate::reject::{Missing, Reject};
use crate::script::InputFacts;
use crate::target::Work;
use crate::tx::Credit;
use crate::view::BlockView;

/// What the guard does with answers of type `T`.
pub(crate) trait Answers<T> {
    /// The answer as the caller gets it. What is more than a caller can deal with is a fault of `call`.
    fn guard(answer: T, guard: &Guard, call: &'static &'static str) -> T {
        let _ = (guard, call);
        answer
    }

    /// The answer of a call that failed with `fault`.
    fn harmless(fault: &str) -> T;
}

/// A value that stands for nothing, or tells of the failure where it can.
pub(crate) trait Harmless {
    fn harmless(fault: &str) -> Self;

    /// Cuts it to what can be shown and dealt with; what was wrong with it, if anything was.
    fn cut(&mut self) -> Option<String> {
        None
    }
}

/// The longest list that a rule may answer.
const MAX_LIST: usize = 100_000;
/// The most blocks or ledger entries that a rejection may name.
const MAX_NAMED: usize = 10_000;

fn cut_text(text: &mut String) -> Option<String> {
    let too_long = is_too_long(text)
        .then(|| format!("expected a reason of at most {MAX_CHARS} characters, found {} bytes", text.len()));
    *text = one_line(text);
    too_long
}

fn cut_list<T>(list: &mut Vec<T>) -> Option<String> {
    let found = list.len();
    list.truncate(MAX_NAMED);
    (found > MAX_NAMED).then(|| format!("expected a rejection that names at most {MAX_NAMED} things, found {found}"))
}

macro_rules! harmless {
    ($($type:ty),*) => {$(
        impl Harmless for $type {
            fn harmless(_: &str) -> Self {
                Default::default()
            }
        }
    )*};
}
harmless!((), bool, u64, Work, Id, Address, Vec<u8>, InputFacts, Origin);

impl<T> Harmless for Option<T> {
    fn harmless(_: &str) -> Self {
        None
    }
}

impl Harmless for String {
    fn harmless(fault: &str) -> Self {
        fault.into()
    }

    fn cut(&mut self) -> Option<String> {
        cut_text(self)
    }
}

impl Harmless for Reject {
    fn harmless(fault: &str) -> Self {
        Reject::Fault(fault.into())
    }

    fn cut(&mut self) -> Option<String> {
        match self {
            Reject::Invalid(why) => cut_text(&mut why.text),
            Reject::NotYet(ids) => cut_list(ids),
            // The plugin says itself that it has failed.
            Reject::Fault(why) => cut_text(why).or_else(|| Some(why.clone())),
            Reject::Needs { why, keys } => cut_text(&mut why.text).or_else(|| cut_list(keys)),
        }
    }
}

impl Harmless for Sealed {
    fn harmless(_: &str) -> Self {
        Sealed::Drop
    }
}

impl Harmless for Gossip {
    fn harmless(_: &str) -> Self {
        Gossip::Ignore
    }
}

impl Harmless for KeyPair {
    fn harmless(_: &str) -> Self {
        KeyPair { secret: Vec::new(), public: Vec::new() }
    }
}

impl Harmless for Credit {
    fn harmless(_: &str) -> Self {
        Credit { key: Vec::new(), value: Vec::new(), lock: Vec::new(), amount: Default::default() }
    }
}

/// A value by its bits.
pub(crate) struct Plain<T>(PhantomData<T>);

impl<T: Flat> Crosses for Plain<T> {
    type Wire = T::Wire;
}

impl<T: Flat> Plain<T> {
    pub(super) fn receive(call: impl FnOnce(*mut T::Wire)) -> T {
        let mut room = MaybeUninit::uninit();
        call(room.as_mut_ptr());
        // SAFETY: a call that returns has written its answer.
        unsafe { T::from_wire(room.assume_init()) }
    }

    /// # Safety
    /// `to` is the caller's room.
    pub(super) unsafe fn send(answer: T, to: *mut T::Wire) {
        // SAFETY: promised by the caller.
        unsafe { to.write(answer.to_wire()) }
    }
}

impl<T: Flat + Harmless> Answers<T> for Plain<T> {
    fn harmless(fault: &str) -> T {
        T::harmless(fault)
    }
}

/// An optional value by its bits.
pub(crate) struct Maybe<T>(PhantomData<T>);

impl<T: Flat> Crosses for Maybe<T> {
    type Wire = FoundWire<T::Wire, ()>;
}

impl<T: Flat> Maybe<T> {
    pub(super) fn receive(call: impl FnOnce(*mut FoundWire<T::Wire, ()>)) -> Option<T> {
        // SAFETY: forwarded.
        Found::<T>::receive_raw(call).ok()
    }

    /// # Safety
    /// `to` is the caller's room.
    pub(super) unsafe fn send(answer: Option<T>, to: *mut FoundWire<T::Wire, ()>) {
        // SAFETY: promised by the caller.
        unsafe { Found::<T>::send_raw(answer.ok_or(()), to) }
    }
}

impl<T: Flat> Answers<Option<T>> for Maybe<T> {
    fn harmless(_: &str) -> Option<T> {
        None
    }
}

/// A value by its bits, or the block that is missing.
pub(crate) struct Found<T>(PhantomData<T>);

impl<T: Flat> Crosses for Found<T> {
    type Wire = FoundWire<T::Wire, [u8; 32]>;
}

impl<T: Flat> Found<T> {
    fn receive_raw<M: Copy>(call: impl FnOnce(*mut FoundWire<T::Wire, M>)) -> Result<T, M> {
        let mut room = MaybeUninit::<FoundWire<T::Wire, M>>::uninit();
        let at = room.as_mut_ptr();
        call(at);
        // SAFETY: a call that returns has written `found` and what it promises.
        unsafe { if (*at).found { Ok(T::from_wire((&raw const (*at).value).read())) } else { Err((*at).missing) } }
    }

    /// # Safety
    /// `to` is the caller's room.
    unsafe fn send_raw<M>(answer: Result<T, M>, to: *mut FoundWire<T::Wire, M>) {
        // SAFETY: promised by the caller.
        unsafe {
            (&raw mut (*to).found).write(answer.is_ok());
            match answer {
                Ok(value) => (&raw mut (*to).value).write(value.to_wire()),
                Err(missing) => (&raw mut (*to).missing).write(missing),
            }
        }
    }

    pub(super) fn receive(call: impl FnOnce(*mut FoundWire<T::Wire, [u8; 32]>)) -> Result<T, Missing> {
        Self::receive_raw(call).map_err(|missing| Missing(Id(missing)))
    }

    /// # Safety
    /// `to` is the caller's room.
    pub(super) unsafe fn send(answer: Result<T, Missing>, to: *mut FoundWire<T::Wire, [u8; 32]>) {
        // SAFETY: promised by the caller.
        unsafe { Self::send_raw(answer.map_err(|Missing(id)| id.0), to) }
    }
}

/// A block of a view, which keeps its extra.
pub(crate) enum FoundBlock {}

impl Crosses for FoundBlock {
    type Wire = FoundWire<BlockWire, [u8; 32]>;
}

impl FoundBlock {
    /// The answer borrows from the view; the signatures of the traits tie its lifetime to it.
    pub(super) fn receive<'a>(
        call: impl FnOnce(*mut FoundWire<BlockWire, [u8; 32]>),
    ) -> Result<BlockView<'a>, Missing> {
        let mut room = MaybeUninit::<FoundWire<BlockWire, [u8; 32]>>::uninit();
        let at = room.as_mut_ptr();
        call(at);
        // SAFETY: a call that returns has written `found` and what it promises.
        unsafe { if (*at).found { Ok((*at).value.get()) } else { Err(Missing(Id((*at).missing))) } }
    }

    /// # Safety
    /// `to` is the caller's room.
    pub(super) unsafe fn send(answer: Result<BlockView<'_>, Missing>, to: *mut FoundWire<BlockWire, [u8; 32]>) {
        // SAFETY: promised by the caller.
        unsafe {
            (&raw mut (*to).found).write(answer.is_ok());
            match answer {
                Ok(block) => (&raw mut (*to).value).write(BlockWire::of(&block)),
                Err(Missing(id)) => (&raw mut (*to).missing).write(id.0),
            }
        }
    }
}

/// Whether something holds; only the reason why it does not is encoded.
pub(crate) enum Verdict {}

impl Crosses for Verdict {
    type Wire = Sink;
}

impl Verdict {
    pub(super) fn receive(call: impl FnOnce(*mut Sink)) -> Result<(), Reject> {
        let mut reject = None;
        let mut take = |bytes: &[u8]| reject = Some(Reject::from_bytes(bytes));
        call(&mut Sink::into(&mut take));
        reject.map_or(Ok(()), |reject| Err(decoded(reject)))
    }

    /// # Safety
    /// `to` is the caller's sink.
    pub(super) unsafe fn send(answer: Result<(), Reject>, to: *mut Sink) {
        if let Err(reject) = answer {
            // SAFETY: promised by the caller.
            with_buffer(|buffer| reject.encode(buffer), |bytes| unsafe { (*to).put(bytes) });
        }
    }
}

impl Answers<Result<(), Reject>> for Verdict {
    fn guard(mut answer: Result<(), Reject>, guard: &Guard, call: &'static &'static str) -> Result<(), Reject> {
        if let Err(reject) = &mut answer
            && let Some(wrong) = reject.cut()
        {
            guard.fault(call, wrong);
        }
        answer
    }

    fn harmless(fault: &str) -> Result<(), Reject> {
        Err(Reject::harmless(fault))
    }
}

/// How an encoded answer is written and read.
pub(crate) trait Code {
    type Of;
    fn put(value: &Self::Of, out: &mut Vec<u8>);
    fn get(from: &mut Reader<'_>) -> Result<Self::Of, DecodeError>;

    /// How many values it has, where it is a list.
    fn count(_: &Self::Of) -> usize {
        1
    }
}

/// One value.
pub(crate) struct One<T>(PhantomData<T>);

impl<T: Encode + Decode> Code for One<T> {
    type Of = T;

    fn put(value: &T, out: &mut Vec<u8>) {
        value.encode(out);
    }

    fn get(from: &mut Reader<'_>) -> Result<T, DecodeError> {
        T::decode(from)
    }
}

/// A list of values.
pub(crate) struct List<T>(PhantomData<T>);

impl<T: Encode + Decode> Code for List<T> {
    type Of = Vec<T>;

    fn put(values: &Vec<T>, out: &mut Vec<u8>) {
        put_list(out, values);
    }

    fn get(from: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
        from.list(usize::MAX)
    }

    fn count(values: &Vec<T>) -> usize {
        values.len()
    }
}

/// One of two.
pub(crate) struct Either<A, E>(PhantomData<(A, E)>);

impl<A: Code, E: Encode + Decode> Code for Either<A, E> {
    type Of = Result<A::Of, E>;

    fn put(value: &Result<A::Of, E>, out: &mut Vec<u8>) {
        value.is_ok().encode(out);
        match value {
            Ok(value) => A::put(value, out),
            Err(error) => error.encode(out),
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Result<A::Of, E>, DecodeError> {
        Ok(if bool::decode(from)? { Ok(A::get(from)?) } else { Err(E::decode(from)?) })
    }
}

/// An answer that is encoded.
pub(crate) struct Coded<C>(PhantomData<C>);

impl<C> Crosses for Coded<C> {
    type Wire = Sink;
}

impl<C: Code> Coded<C> {
    pub(super) fn receive(call: impl FnOnce(*mut Sink)) -> C::Of {
        let mut answer = None;
        let mut take = |bytes: &[u8]| answer = Some(C::get(&mut Reader::new(bytes)));
        call(&mut Sink::into(&mut take));
        decoded(answer.unwrap_or(Err(DecodeError::Unknown("silence in the place of an answer"))))
    }

    /// # Safety
    /// `to` is the caller's sink.
    pub(super) unsafe fn send(answer: C::Of, to: *mut Sink) {
        // SAFETY: promised by the caller.
        with_buffer(|buffer| C::put(&answer, buffer), |bytes| unsafe { (*to).put(bytes) });
    }
}

impl<T: Encode + Decode + Harmless> Answers<T> for Coded<One<T>> {
    fn harmless(fault: &str) -> T {
        T::harmless(fault)
    }
}

impl<T: Encode + Decode> Answers<Vec<T>> for Coded<List<T>> {
    fn harmless(_: &str) -> Vec<T> {
        Vec::new()
    }
}

impl<A: Code, E: Encode + Decode + Harmless> Answers<Result<A::Of, E>> for Coded<Either<A, E>> {
    fn guard(mut answer: Result<A::Of, E>, guard: &Guard, call: &'static &'static str) -> Result<A::Of, E> {
        let wrong = match &mut answer {
            Ok(values) if A::count(values) <= MAX_LIST => return answer,
            Ok(values) => Some(format!("expected a list of at most {MAX_LIST}, found {}", A::count(values))),
            Err(error) => error.cut(),
        };
        match wrong {
            Some(wrong) => Err(E::harmless(&guard.fault(call, wrong))),
            None => answer,
        }
    }

    fn harmless(fault: &str) -> Result<A::Of, E> {
        Err(E::harmless(fault))
    }
}

/// A new object of the other side.
pub(crate) struct Made<V>(PhantomData<V>);

impl<V: Table> Crosses for Made<V> {
    type Wire = Handle<V>;
}

impl<V: Table> Made<V> {
    pub(super) fn receive(call: impl FnOnce(*mut Handle<V>)) -> Box<Remote<V>> {
        let mut room = MaybeUninit::uninit();
        call(room.as_mut_ptr());
        // SAFETY: a call that returns has given its answer, and only to us.
        Box::new(unsafe { Remote::take(room.assume_init()) })
    }

    /// # Safety
    /// `to` is the caller's room.
    pub(super) unsafe fn send(answer: Box<V::Object>, to: *mut Handle<V>) {
        // SAFETY: promised by the caller.
        unsafe { to.write(Handle::give(answer)) }
    }
}
