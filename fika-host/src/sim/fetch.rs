//! Hints to the machine's caches.
//!
//! Nodes are large, many, and come in no order, so most of what an event costs is waiting for memory. The event loop
//! knows which nodes come next and has their memory fetched while others are at work. Nothing else depends on it.

/// Bytes that are fetched together.
const LINE: usize = 64;

/// Fetches the first `bytes` of something.
#[inline(always)]
pub(super) fn fetch<T>(what: &T, bytes: usize) {
    fetch_at(std::ptr::from_ref(what).cast(), bytes);
}

/// Fetches `bytes` from an address on, which need not be anything's.
#[inline(always)]
pub(super) fn fetch_at(what: *const u8, bytes: usize) {
    // This is done for every event. Most callers name a number, and then it becomes one hint after the other.
    let mut done = 0;
    while done < bytes {
        fetch_line(what.wrapping_add(done));
        done += LINE;
    }
    if bytes > 1 {
        fetch_line(what.wrapping_add(bytes - 1));
    }
}

#[inline(always)]
fn fetch_line(what: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which reads nothing and faults nowhere.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(what.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = what;
}
