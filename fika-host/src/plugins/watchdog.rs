//! The watchdog: ends the process when a call of a plugin does not return, for nothing inside could stop that call.

use std::io;
use std::thread;
use std::time::Duration;

use fika_core::plugin::CallWatch;

use super::exit_guard::EXIT_PLUGIN;

/// Looks per limit: a call is ended between one limit and one and a quarter after it began.
const LOOKS: u32 = 4;
/// The watching thread's stack.
const STACK_BYTES: usize = 64 << 10;

/// Watches all calls of the process from now on. A call that takes `limit_s` seconds ends the process with
/// [`EXIT_PLUGIN`] and a line on standard error. `note` is told why before. The thread that hangs may hold any lock, so `note`
/// must take none.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn start_watchdog(limit_s: u64, note: impl Fn(&str) + Send + 'static) -> io::Result<()> {
    let pause = Duration::from_secs(limit_s.max(1)) / LOOKS;
    let watch = move || {
        let mut watch = CallWatch::new();
        loop {
            thread::sleep(pause);
            if let Some(call) = watch.look().into_iter().find(|call| call.looks > LOOKS) {
                let why = format!("{call} has not returned for {limit_s} s");
                note(&why);
                let line = format!("error: {why}\n");
                // SAFETY: plain system calls; nothing of this process runs after the second one.
                unsafe {
                    libc::write(2, line.as_ptr().cast(), line.len());
                    libc::_exit(EXIT_PLUGIN.into())
                }
            }
        }
    };
    thread::Builder::new().name("watchdog".into()).stack_size(STACK_BYTES).spawn(watch).map(|_| ())
}
