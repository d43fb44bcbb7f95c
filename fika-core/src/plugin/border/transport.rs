//! [`Transport`] and its sessions across the border.

use abi_stable::StableAbi;

use super::answers::{Answers, Made, Plain};
use super::arguments::{CodedRef, Value};
use super::remote::Remote;
use super::wire::{Bytes, Crosses, Sink, decoded, with_buffer};
use crate::codec::{Decode, DecodeError, Encode, Reader, put_bytes, put_varint};
use crate::header::Time;
use crate::message::Message;
use crate::plugin::guard::{Guard, Guarded};
use crate::transport::{Close, Hello, Input, Output, Session, Transport};

guarded_table! { TransportTable for Transport {
    ref open(dialed: bool as Value<bool>, hello: &Hello as CodedRef<Hello>) -> Box<dyn Session> as Made<SessionTable>;
    ref wire_size(message: &Message as CodedRef<Message>) -> u64 as Plain<u64>;
} }

// SAFETY: the object behind it is one of this trait, which demands `Sync`.
unsafe impl Sync for Remote<TransportTable> {}

guarded_table! { SessionTable for Session {
    mut handle(
        now: Time as Value<Time>,
        input: Input<'_> as Event,
        out: &mut Output as Answered,
    ) -> () as Plain<()> => close(out);
} }

/// A call that failed ends the connection; the other end is not to blame.
fn close(out: &mut Output) {
    out.close = Some(Close { reason: "the transport plugin failed".into(), score: 0 });
}

/// The session of a transport that failed to make one.
struct Closed;

impl Session for Closed {
    fn handle(&mut self, _: Time, _: Input<'_>, out: &mut Output) {
        close(out);
    }
}

impl Answers<Box<dyn Session>> for Made<SessionTable> {
    fn guard(answer: Box<dyn Session>, guard: &Guard, _: &'static &'static str) -> Box<dyn Session> {
        Box::new(Guarded::new(answer, guard.clone()))
    }

    fn harmless(_: &str) -> Box<dyn Session> {
        Box::new(Closed)
    }
}

/// What happens to a session.
pub(crate) enum Event {}

/// [`Input`]: which one, and the bytes that arrived or the encoded message.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct EventWire {
    tag: u8,
    bytes: Bytes,
}

impl Crosses for Event {
    type Wire = EventWire;
}

impl Event {
    pub(super) fn send<R>(input: Input<'_>, call: impl FnOnce(EventWire) -> R) -> R {
        let event = |tag, bytes: &[u8]| EventWire { tag, bytes: Bytes::of(bytes) };
        match input {
            Input::Open => call(event(0, &[])),
            Input::Bytes(bytes) => call(event(1, bytes)),
            Input::Message(message) => with_buffer(|buffer| message.encode(buffer), |bytes| call(event(2, bytes))),
            Input::Wake => call(event(3, &[])),
        }
    }

    /// # Safety
    /// The bytes are alive during `call`.
    pub(super) unsafe fn receive<R>(wire: EventWire, call: impl FnOnce(Input<'_>) -> R) -> R {
        // SAFETY: promised by the caller.
        let bytes = unsafe { wire.bytes.get() };
        match wire.tag {
            0 => call(Input::Open),
            1 => call(Input::Bytes(bytes)),
            2 => call(Input::Message(&decoded(Message::from_bytes(bytes)))),
            _ => call(Input::Wake),
        }
    }
}

/// What a session answers, on the way back.
pub(crate) enum Answered {}

impl Crosses for Answered {
    type Wire = Sink;
}

impl Answered {
    pub(super) fn send<R>(out: &mut Output, call: impl FnOnce(Sink) -> R) -> R {
        let mut added = None;
        let mut take = |bytes: &[u8]| added = Some(read(&mut Reader::new(bytes)));
        let answer = call(Sink::into(&mut take));
        if let Some(added) = added {
            let added = decoded(added);
            out.bytes.extend(added.bytes);
            out.messages.extend(added.messages);
            out.control_frames = out.control_frames.saturating_add(added.control_frames);
            out.ready = added.ready.or(out.ready.take());
            out.wake_at = added.wake_at.or(out.wake_at);
            out.close = added.close.or(out.close.take());
        }
        answer
    }

    /// # Safety
    /// The sink's taker is alive during `call`.
    pub(super) unsafe fn receive<R>(wire: Sink, call: impl FnOnce(&mut Output) -> R) -> R {
        let mut out = Output::default();
        let answer = call(&mut out);
        if out != Output::default() {
            // SAFETY: promised by the caller.
            with_buffer(|buffer| write(&out, buffer), |bytes| unsafe { wire.put(bytes) });
        }
        answer
    }
}

fn write(out: &Output, buffer: &mut Vec<u8>) {
    out.bytes.encode(buffer);
    put_varint(buffer, out.messages.len() as u64);
    out.messages.iter().for_each(|message| put_bytes(buffer, &message.to_bytes()));
    out.control_frames.encode(buffer);
    out.ready.encode(buffer);
    out.wake_at.encode(buffer);
    out.close.encode(buffer);
}

fn read(from: &mut Reader<'_>) -> Result<Output, DecodeError> {
    let bytes = Vec::decode(from)?;
    let count = from.count(usize::MAX)?;
    let messages = (0..count).map(|_| Message::from_bytes(from.bytes(usize::MAX)?)).collect::<Result<_, _>>()?;
    Ok(Output {
        bytes,
        messages,
        control_frames: u32::decode(from)?,
        ready: Option::decode(from)?,
        wake_at: Option::decode(from)?,
        close: Option::decode(from)?,
    })
}
