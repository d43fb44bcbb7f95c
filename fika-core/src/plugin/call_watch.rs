//! Which call each thread is in, so that one that never returns can be named.
//!
//! Every thread that calls plugins owns a cell. The guard writes the outermost call and the
//! innermost one into it, two stores each; a [`CallWatch`] reads the cells from another thread. Nothing
//! here reads a clock: who looks regularly knows how long a call has been going on.

use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A plugin and one of its methods, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// The plugin's name.
    pub plugin: &'static str,
    /// The method that was called.
    pub call: &'static str,
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {} inside {}", self.plugin, self.call)
    }
}

/// Where one thread is.
struct Cell {
    /// Whether a thread has it.
    is_taken: AtomicBool,
    /// Counts outermost calls: odd inside, even outside.
    entered: AtomicU64,
    outer: SiteCell,
    inner: SiteCell,
}

/// A call's plugin and method, each a pointer to its name.
struct SiteCell(AtomicPtr<&'static str>, AtomicPtr<&'static str>);

type Name = *mut &'static str;

impl SiteCell {
    fn empty() -> SiteCell {
        SiteCell(AtomicPtr::new(ptr::null_mut()), AtomicPtr::new(ptr::null_mut()))
    }

    fn pointers(&self) -> (Name, Name) {
        (self.0.load(Ordering::Relaxed), self.1.load(Ordering::Relaxed))
    }

    fn set(&self, (plugin, call): (Name, Name)) {
        self.0.store(plugin, Ordering::Relaxed);
        self.1.store(call, Ordering::Relaxed);
    }

    fn site(&self) -> Option<CallSite> {
        let (plugin, call) = self.pointers();
        // SAFETY: only `inside` stores here, and only names that live as long as the program.
        unsafe { Some(CallSite { plugin: plugin.as_ref()?, call: call.as_ref()? }) }
    }
}

/// The cells of all threads that ever called a plugin. One whose thread has ended is used again.
static CELLS: Mutex<Vec<&'static Cell>> = Mutex::new(Vec::new());

thread_local! {
    /// This thread's cell, once it has one. A plain pointer, because nothing is quicker to reach.
    static CELL: std::cell::Cell<Option<&'static Cell>> = const { std::cell::Cell::new(None) };
    /// Gives it back.
    static LEASE: Lease = const { Lease };
}

struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(cell) = CELL.take() {
            cell.is_taken.store(false, Ordering::Release);
        }
    }
}

#[cold]
fn take_cell() -> &'static Cell {
    let mut cells = CELLS.lock().unwrap_or_else(PoisonError::into_inner);
    let free = cells.iter().find(|cell| !cell.is_taken.swap(true, Ordering::AcqRel)).copied();
    let cell = free.unwrap_or_else(|| {
        let (outer, inner) = (SiteCell::empty(), SiteCell::empty());
        let cell = Cell { is_taken: AtomicBool::new(true), entered: AtomicU64::new(0), outer, inner };
        cells.push(Box::leak(Box::new(cell)));
        cells[cells.len() - 1]
    });
    // While a thread ends there is no lease any more; its cell is then lost, not shared.
    let _ = LEASE.try_with(|_| CELL.set(Some(cell)));
    cell
}

/// Runs `run`, which must not panic, marked as being inside `call` of `plugin`.
#[inline]
pub(super) fn inside<R>(plugin: &'static &'static str, call: &'static &'static str, run: impl FnOnce() -> R) -> R {
    let cell = CELL.get().unwrap_or_else(take_cell);
    let site = (ptr::from_ref(plugin).cast_mut(), ptr::from_ref(call).cast_mut());
    let before = cell.inner.pointers();
    let is_outermost = before.0.is_null();
    // Only this thread writes, so plain loads and stores suffice.
    let entered = cell.entered.load(Ordering::Relaxed);
    cell.inner.set(site);
    if is_outermost {
        cell.outer.set(site);
        cell.entered.store(entered + 1, Ordering::Release);
    }
    let answer = run();
    cell.inner.set(before);
    if is_outermost {
        cell.entered.store(entered + 2, Ordering::Release);
    }
    answer
}

/// A call that some thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongCall {
    /// What was called first.
    pub outer: CallSite,
    /// What that has called in turn, if it is another plugin (a key scheme, say).
    pub inner: Option<CallSite>,
    /// How many looks in a row have found this very call, this one included.
    pub looks: u32,
}

impl fmt::Display for LongCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outer.fmt(f)?;
        self.inner.map_or(Ok(()), |inner| write!(f, ", which is in {inner}"))
    }
}

/// Looks at the calls of all threads of the process.
#[derive(Default)]
pub struct CallWatch {
    /// Cell, its counter, and how often it was found like that.
    seen: Vec<(usize, u64, u32)>,
}

impl CallWatch {
    /// A watch that has not looked yet.
    pub fn new() -> CallWatch {
        CallWatch::default()
    }

    /// The calls going on now. Called once a second, a call with 30 looks has taken 29 seconds or more.
    pub fn look(&mut self) -> Vec<LongCall> {
        let cells = CELLS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = Vec::new();
        let mut calls = Vec::new();
        for cell in cells.iter() {
            let entered = cell.entered.load(Ordering::Acquire);
            let (outer, inner) = (cell.outer.site(), cell.inner.site());
            let (Some(outer), true) = (outer, entered % 2 == 1) else { continue };
            let address = ptr::from_ref(*cell).addr();
            let before = self.seen.iter().find(|(cell, count, _)| (*cell, *count) == (address, entered));
            let looks = before.map_or(1, |(_, _, looks)| looks + 1);
            seen.push((address, entered, looks));
            calls.push(LongCall { outer, inner: inner.filter(|inner| *inner != outer), looks });
        }
        self.seen = seen;
        calls
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    static CHECK: CallSite = CallSite { plugin: "sluggish", call: "check" };
    static VERIFY: CallSite = CallSite { plugin: "keys-of-sluggish", call: "verify" };

    #[test]
    fn a_call_that_does_not_return_is_named_and_counted() {
        let (reached, at) = channel();
        let (go, wait) = channel::<()>();
        let thread = std::thread::spawn(move || {
            inside(&CHECK.plugin, &CHECK.call, || {
                inside(&VERIFY.plugin, &VERIFY.call, || {
                    reached.send(()).unwrap();
                    wait.recv().unwrap();
                });
            });
            inside(&CHECK.plugin, &CHECK.call, || {
                reached.send(()).unwrap();
                wait.recv().unwrap();
            });
        });
        let mut watch = CallWatch::new();
        let mut look = || watch.look().into_iter().find(|call| call.outer == CHECK);
        at.recv().unwrap();
        assert_eq!(look(), Some(LongCall { outer: CHECK, inner: Some(VERIFY), looks: 1 }));
        assert_eq!(look().map(|call| call.looks), Some(2));
        go.send(()).unwrap();
        at.recv().unwrap();
        // Another call of the same method starts at one again.
        assert_eq!(look(), Some(LongCall { outer: CHECK, inner: None, looks: 1 }));
        go.send(()).unwrap();
        thread.join().unwrap();
        assert_eq!(look(), None);
    }
}
