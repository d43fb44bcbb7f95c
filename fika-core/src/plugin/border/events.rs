//! Events of `tracing` inside a library, which has a dispatcher of its own, on their way to the host's.

use std::fmt::{self, Write};

use abi_stable::StableAbi;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::wire::Bytes;
use crate::plugin::text::one_line;

/// What the host lends a library for good.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub(crate) struct Host {
    /// How many of [`LEVELS`] the host wants to hear of.
    levels: extern "C" fn() -> u8,
    /// An event: its level's place in [`LEVELS`], its target, its text.
    event: unsafe extern "C" fn(u8, Bytes, Bytes),
}

const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

impl Host {
    /// This program as a host.
    pub(super) const HERE: Host = Host { levels, event };
}

extern "C" fn levels() -> u8 {
    let most = LevelFilter::current();
    LEVELS.iter().filter(|level| **level <= most).count() as u8
}

/// # Safety
/// The bytes are alive.
unsafe extern "C" fn event(level: u8, target: Bytes, text: Bytes) {
    // SAFETY: promised by the caller.
    let (target, text) = unsafe { (target.get(), text.get()) };
    let (library, text) = (shown(target), shown(text));
    let told = crate::plugin::panics::catch(|| match level {
        0 => tracing::error!(target: "plugin", %library, "{text}"),
        1 => tracing::warn!(target: "plugin", %library, "{text}"),
        2 => tracing::info!(target: "plugin", %library, "{text}"),
        3 => tracing::debug!(target: "plugin", %library, "{text}"),
        _ => tracing::trace!(target: "plugin", %library, "{text}"),
    });
    // A subscriber that panics must not unwind through the library; the event is lost.
    drop(told);
}

fn shown(bytes: &[u8]) -> String {
    one_line(&String::from_utf8_lossy(bytes))
}

/// Sends this library's events to `host`. A second host, or a subscriber of the library's own, changes nothing.
pub(super) fn forward(host: Host) {
    // The error says that there is a subscriber already.
    drop(tracing::subscriber::set_global_default(Forward(host)));
}

struct Forward(Host);

impl Subscriber for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && place(metadata.level()) < (self.0.levels)()
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let metadata = event.metadata();
        let (target, text) = (Bytes::of(metadata.target().as_bytes()), Bytes::of(text.0.as_bytes()));
        // SAFETY: both are alive until the call returns.
        unsafe { (self.0.event)(place(metadata.level()), target, text) }
    }

    // Spans are not forwarded: they are never enabled.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn place(level: &Level) -> u8 {
    LEVELS.iter().take_while(|known| *known != level).count() as u8
}

/// The fields of an event in one line: the message, then `name=value`.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let gap = if self.0.is_empty() { "" } else { " " };
        let written = match field.name() {
            "message" => write!(self.0, "{gap}{value:?}"),
            name => write!(self.0, "{gap}{name}={value:?}"),
        };
        // A value that fails to show itself is left out.
        let _ = written;
    }
}
