//! Hints to the machine's caches, for runtimes of many nodes. Nothing else depends on them.
//!
//! Simulated nodes are large, many, and come in no order, so most of what an event costs is waiting for memory. An event
//! loop that knows which nodes come next has their memory fetched while others are at work.

/// Bytes that are fetched together.
const LINE: usize = 64;

/// Fetches the first `bytes` of something.
#[inline(always)]
pub fn fetch<T: ?Sized>(what: &T, bytes: usize) {
    fetch_at(std::ptr::from_ref(what).cast(), bytes);
}

/// Fetches `bytes` from an address on, which need not be anything's.
#[inline(always)]
pub fn fetch_at(what: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(LINE) {
        fetch_line(what.wrapping_add(line));
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
