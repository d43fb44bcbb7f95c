//! Ctrl-C and `down` ask for the end of the run. A second Ctrl-C ends this process at once.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

use super::RunError;
use crate::results::Ended;

/// The first signal that asked for the end; 0: none yet.
static ASKED: AtomicI32 = AtomicI32::new(0);

/// The exit code of a program that Ctrl-C ended, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

extern "C" fn note(signal: libc::c_int) {
    let first = ASKED.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
    if signal == libc::SIGINT && first.is_err() {
        // SAFETY: _exit may be called in a signal handler. The kernel kills the nodes with their parent.
        unsafe { libc::_exit(INTERRUPTED.into()) }
    }
}

/// From now on SIGINT, SIGTERM and SIGHUP are noted instead of ending this process at once.
pub(super) fn listen() -> io::Result<()> {
    ASKED.store(0, Ordering::Relaxed);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler only uses atomics and _exit. Zeroed is a valid sigaction: no flags, so that
        // waiting calls return early, and an empty mask.
        let status = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = note as extern "C" fn(libc::c_int) as libc::sighandler_t;
            libc::sigaction(signal, &action, std::ptr::null_mut())
        };
        if status != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Ends the preparation of a run once somebody has asked for its end.
pub(super) fn check() -> Result<(), RunError> {
    asked().map_or(Ok(()), |_| Err(RunError::Interrupted))
}

/// How the run is to end, once somebody has asked for its end.
pub(super) fn asked() -> Option<Ended> {
    match ASKED.load(Ordering::Relaxed) {
        0 => None,
        libc::SIGINT => Some(Ended::Interrupted),
        _ => Some(Ended::Asked),
    }
}
