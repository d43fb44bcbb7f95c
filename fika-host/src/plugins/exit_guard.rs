//! Notices when a plugin ends the process: a run that never came to its end must not count as one.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use fika_core::plugin::CallWatch;

/// The exit code of a process that ends because a plugin failed.
pub(crate) const EXIT_PLUGIN: u8 = 6;

/// Whether the process is to go on.
static ARMED: AtomicBool = AtomicBool::new(false);

/// While there is one, `exit` ends the process with an error.
pub(crate) struct ExitGuard(());

impl ExitGuard {
    /// The one of this process.
    pub(crate) fn arm() -> ExitGuard {
        static ONCE: Once = Once::new();
        ARMED.store(true, Ordering::Release);
        ONCE.call_once(|| {
            // SAFETY: a function without state. Where the system has no room for it there is no guard.
            let _ = unsafe { libc::atexit(end) };
        });
        ExitGuard(())
    }
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        disarm();
    }
}

/// The process may end.
pub(crate) fn disarm() {
    ARMED.store(false, Ordering::Release);
}

/// Called by the system when the process exits in the ordinary way, by whichever thread ends it.
extern "C" fn end() {
    if !ARMED.load(Ordering::Acquire) {
        return;
    }
    let who = CallWatch::new().look().first().map_or("a plugin".into(), |call| call.to_string());
    let line = format!("error: {who} has ended the process\n");
    // SAFETY: plain system calls; nothing of this process runs after the second one.
    unsafe {
        libc::write(2, line.as_ptr().cast(), line.len());
        libc::_exit(EXIT_PLUGIN.into())
    }
}
