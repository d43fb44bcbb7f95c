//! The node's log: one plain line per thing that happened, on standard error.
//!
//! `12.345678 info received transaction 3f2a… from client1`: seconds since the run began, level, text.

use std::fmt;
use std::sync::Once;

use fika_core::header::Time;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::clock::Clock;

/// Writes one event as a line.
struct Line {
    clock: Clock,
    /// When the run began, in the chain's time.
    start_us: Time,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let now = self.clock.now().saturating_sub(self.start_us);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        write!(out, "{}.{:06} {level} ", now / 1_000_000, now % 1_000_000)?;
        ctx.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

/// Sends the process's log to standard error, with times counted from the run's beginning. The
/// variable `FIKA_LOG` sets the level: error, warn, info (the default), debug, or trace, which has every call of the node.
pub(super) fn start(clock: Clock, start_us: Time) {
    static ONCE: Once = Once::new();
    let level = std::env::var("FIKA_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            // A line that cannot be written must not end the node.
            .log_internal_errors(false)
            .with_writer(std::io::stderr)
            .event_format(Line { clock, start_us })
            .init();
    });
}
