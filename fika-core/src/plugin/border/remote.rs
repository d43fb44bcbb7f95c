//! Objects of the other side of the border.

use std::cell::RefCell;
use std::mem::{size_of, transmute_copy};

use abi_stable::StableAbi;

use super::wire::Sink;
use crate::plugin::panics::{catch, raise};

/// The functions of one trait's objects as the side that owns them exports them.
pub(crate) trait Table: StableAbi + Sized + 'static {
    /// The trait object behind a handle.
    type Object: ?Sized + 'static;
    /// This side's functions.
    const TABLE: &'static Self;
    /// Frees an owned object.
    fn release(&self) -> unsafe extern "C" fn(*mut ()) -> u8;
    /// What the last call that answered [`PANIC`] died of.
    fn last_panic(&self) -> unsafe extern "C" fn(Sink);
}

/// An object of either side: where it is, and the functions of its side. `data` points to the
/// wide pointer to the object, so that it is thin.
#[repr(C)]
#[derive(StableAbi)]
pub(crate) struct Handle<V> {
    data: *mut (),
    table: *const V,
}

impl<V> Clone for Handle<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Handle<V> {}

impl<V: Table> Handle<V> {
    /// Hands `object` over; the side that takes the handle releases it.
    pub(super) fn give(object: Box<V::Object>) -> Handle<V> {
        let wide: *mut V::Object = Box::into_raw(object);
        Handle { data: Box::into_raw(Box::new(wide)).cast(), table: V::TABLE }
    }

    /// Shows `object` to the other side for as long as `call` takes. `P` is a reference to the object, of any lifetime.
    ///
    /// # Safety
    /// `P` is `&V::Object` or `&mut V::Object` but for lifetimes.
    pub(super) unsafe fn lend<P, R>(object: P, call: impl FnOnce(Handle<V>) -> R) -> R {
        const { assert!(size_of::<P>() == size_of::<*mut V::Object>()) };
        // SAFETY: references and raw pointers to one type have one layout. The handle, and with
        // it the pointer, is used by `call` alone, while `object` is borrowed.
        let mut wide: *mut V::Object = unsafe { transmute_copy(&object) };
        call(Handle { data: (&raw mut wide).cast(), table: V::TABLE })
    }
}

/// # Safety
/// `data` comes from a [`Handle`] of `T` objects of this side whose object is alive.
pub(super) unsafe fn object<T: ?Sized>(data: *mut ()) -> *mut T {
    // SAFETY: both ways of making a handle let it point to a wide pointer.
    unsafe { *data.cast::<*mut T>() }
}

/// Frees what [`Handle::give`] gave.
///
/// # Safety
/// Called once, with the `data` of such a handle.
pub(super) unsafe extern "C" fn release<T: ?Sized>(data: *mut ()) -> u8 {
    // SAFETY: `give` made both from boxes.
    respond(|| unsafe { drop(Box::from_raw(*Box::from_raw(data.cast::<*mut T>()))) })
}

/// A call's status: it has answered.
pub(super) const ANSWERED: u8 = 0;
/// A call's status: it panicked, and nothing was answered.
pub(super) const PANIC: u8 = 1;

thread_local!(static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) });

/// Runs a call from the other side.
pub(super) fn respond(call: impl FnOnce()) -> u8 {
    match catch(call) {
        Ok(()) => ANSWERED,
        Err(message) => {
            LAST_PANIC.set(message);
            PANIC
        }
    }
}

/// # Safety
/// The sink's taker is alive.
pub(super) unsafe extern "C" fn last_panic(to: Sink) {
    // SAFETY: promised by the caller.
    LAST_PANIC.with_borrow(|message| unsafe { to.put(message.as_bytes()) });
}

/// An object of the other side as one of this side.
pub(crate) struct Remote<V: Table> {
    handle: Handle<V>,
    owned: bool,
}

impl<V: Table> Remote<V> {
    /// Takes over what the other side [gave](Handle::give).
    ///
    /// # Safety
    /// Given by the other side, and taken once.
    pub(super) unsafe fn take(handle: Handle<V>) -> Remote<V> {
        Remote { handle, owned: true }
    }

    /// Uses what the other side [lends](Handle::lend).
    ///
    /// # Safety
    /// Not used any longer than the other side lends it.
    pub(super) unsafe fn borrow(handle: Handle<V>) -> Remote<V> {
        Remote { handle, owned: false }
    }

    /// Calls a function of the other side; a panic there goes on here.
    pub(super) fn call(&self, function: impl FnOnce(&V, *mut ()) -> u8) {
        // SAFETY: tables are statics of a side that is never unloaded.
        let table = unsafe { &*self.handle.table };
        if function(table, self.handle.data) != ANSWERED {
            go_on(table);
        }
    }
}

/// Lets the last panic of the other side go on here.
#[cold]
fn go_on(table: &impl Table) -> ! {
    let mut message = String::new();
    let mut take = |bytes: &[u8]| message = String::from_utf8_lossy(bytes).into_owned();
    // SAFETY: the taker lives until the call has returned.
    unsafe { (table.last_panic())(Sink::into(&mut take)) };
    raise(message)
}

impl<V: Table> Drop for Remote<V> {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: tables are statics of a side that is never unloaded.
            let table = unsafe { &*self.handle.table };
            // SAFETY: owned handles are taken once.
            let status = unsafe { (table.release())(self.handle.data) };
            // A second panic would end the program.
            if status != ANSWERED && !std::thread::panicking() {
                go_on(table);
            }
        }
    }
}
