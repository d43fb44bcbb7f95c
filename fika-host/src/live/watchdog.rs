//! Ends the process when a plugin's call does not return: nothing in the process could stop it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use fika_core::plugin::CallWatch;

use super::clock::Clock;
use super::{EXIT_ENVIRONMENT, Failure};
use crate::results::trace::{Trace, TraceEvent};

/// Looks per limit: a call is ended between one limit and one and a quarter after it began.
const LOOKS: u32 = 4;
/// The watching thread's stack.
const STACK_BYTES: usize = 64 << 10;

/// Watches all calls of the process from now on. One that takes `limit_s` seconds ends it with a line on
/// standard error and a fault in `events`.
pub(super) fn start(limit_s: u64, epoch_unix_us: u64, events: PathBuf) -> Result<(), Failure> {
    let pause = Duration::from_secs(limit_s.max(1)) / LOOKS;
    let watch = move || {
        let mut watch = CallWatch::new();
        loop {
            thread::sleep(pause);
            if let Some(call) = watch.look().into_iter().find(|call| call.looks > LOOKS) {
                end(&format!("{call} has not returned for {limit_s} s"), epoch_unix_us, &events);
            }
        }
    };
    let thread = thread::Builder::new().name("watchdog".into()).stack_size(STACK_BYTES).spawn(watch);
    thread.map(|_| ()).map_err(|error| Failure::Environment(format!("starting the watchdog: {error}")))
}

/// The thread that hangs may hold any lock, so this takes none of the node's.
fn end(why: &str, epoch_unix_us: u64, events: &PathBuf) -> ! {
    let trace = Trace { at_us: Clock::new(epoch_unix_us).now(), event: TraceEvent::Fault { why: why.to_owned() } };
    if let (Ok(mut file), Ok(line)) = (OpenOptions::new().append(true).open(events), serde_json::to_string(&trace)) {
        // The line on standard error says it too.
        let _ = writeln!(file, "{line}");
    }
    // SAFETY: plain system calls; nothing of this process runs after the second one.
    unsafe {
        let line = format!("error: {why}\n");
        libc::write(2, line.as_ptr().cast(), line.len());
        libc::_exit(EXIT_ENVIRONMENT.into())
    }
}
