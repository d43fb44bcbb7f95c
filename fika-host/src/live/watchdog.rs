//! Ends the process when a plugin's call does not return, and says so in its trace.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use super::Failure;
use super::clock::Clock;
use crate::plugins;
use crate::results::trace::{Trace, TraceEvent};

/// Watches all calls of the process from now on. One that takes `limit_s` seconds ends it with a line on
/// standard error and a fault in `events`.
pub(super) fn start(limit_s: u64, clock: Clock, events: PathBuf) -> Result<(), Failure> {
    let note = move |why: &str| {
        let trace = Trace { at_us: clock.now(), event: TraceEvent::Fault { why: why.to_owned() } };
        let file = OpenOptions::new().append(true).open(&events);
        if let (Ok(mut file), Ok(line)) = (file, serde_json::to_string(&trace)) {
            // The line on standard error says it too.
            let _ = writeln!(file, "{line}");
        }
    };
    let watching = plugins::start_watchdog(limit_s, note);
    watching.map_err(|error| Failure::Environment(format!("starting the watchdog: {error}")))
}
