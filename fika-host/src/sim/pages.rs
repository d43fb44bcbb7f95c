//! Memory for runs that use much of it all the time.
//!
//! Every event needs other places, and with small pages the machine would have to look up where they are nearly every
//! time: there are pages of 2 MB, where the system has them.

/// A page of memory, and a large one.
#[cfg(target_os = "linux")]
const PAGE: usize = 4_096;
#[cfg(target_os = "linux")]
const LARGE_PAGE: usize = 2 << 20;

/// The allocator's option `purge_delay`, which its bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Allows large pages from now on, and has the allocator keep what is freed: a run needs it again at once, and pages that
/// come back from the system must be cleared first.
pub(super) fn prepare() {
    // SAFETY: sets a number, which the allocator reads when it looks for memory to be given back.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
    #[cfg(target_os = "linux")]
    // SAFETY: concerns how the kernel lays out this process's memory, not what is in it.
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 0, 0, 0, 0);
    }
}

/// An empty list with room for so many, in large pages where there are some.
pub(super) fn list<T>(capacity: usize) -> Vec<T> {
    let list = Vec::<T>::with_capacity(capacity);
    #[cfg(target_os = "linux")]
    {
        let range = list.as_ptr() as usize..list.as_ptr() as usize + capacity * size_of::<T>();
        let (first, end) = (range.start.next_multiple_of(PAGE), range.end / PAGE * PAGE);
        if end.saturating_sub(first) >= LARGE_PAGE {
            // SAFETY: as above.
            unsafe {
                libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE);
            }
        }
    }
    list
}
