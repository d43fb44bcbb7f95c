//! Memory in pages of 2 MB, where the system has them.
//!
//! Every event needs other places, and with small pages the machine would have to look up where they are nearly every time.

/// A page of memory, and a large one.
#[cfg(target_os = "linux")]
const PAGE: usize = 4_096;
#[cfg(target_os = "linux")]
const LARGE_PAGE: usize = 2 << 20;

/// Allows them; with payments a node touches so many places for every event that looking up where they are is a tenth of
/// the work.
pub(super) fn allow_large() {
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
            allow_large();
            // SAFETY: as above.
            unsafe {
                libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE);
            }
        }
    }
    list
}
