//! The guard around every plugin object, compiled in or loaded.
//!
//! A call that panics answers a harmless value ([`Reject::Fault`](crate::reject::Reject) where
//! the method can say so), and what it died of goes to [`Faults`]. While a call lasts,
//! [`CallWatch`](super::CallWatch) can see it. The methods themselves are made from the lists in
//! [`border`](super::border).

use std::mem::ManuallyDrop;

use super::call_watch::inside;
use super::faults::{Fault, Faults};
use super::panics::{catch, install_hook};

/// Whose calls these are, and where their faults go.
#[derive(Clone)]
pub(crate) struct Guard {
    plugin: &'static &'static str,
    faults: Faults,
}

impl Guard {
    /// For the objects of `plugin`. Its name is kept for as long as the program runs.
    pub(crate) fn new(plugin: &'static str, faults: &Faults) -> Guard {
        install_hook();
        Guard { plugin: Box::leak(Box::new(plugin)), faults: faults.clone() }
    }

    /// What `call` answers; the message of the fault that was reported when it panicked.
    #[inline]
    pub(crate) fn call<R>(&self, name: &'static &'static str, call: impl FnOnce() -> R) -> Result<R, String> {
        inside(self.plugin, name, || catch(call)).map_err(|message| self.fault(name, message))
    }

    /// Reports that the plugin has failed; the message of the fault.
    #[cold]
    pub(super) fn fault(&self, call: &'static str, message: String) -> String {
        let fault = Fault { plugin: self.plugin, call, message };
        let message = fault.to_string();
        self.faults.report(fault);
        message
    }
}

/// An object of a plugin with a guard around its calls.
pub(crate) struct Guarded<T: ?Sized> {
    pub(super) object: ManuallyDrop<Box<T>>,
    pub(super) guard: Guard,
}

impl<T: ?Sized> Guarded<T> {
    pub(crate) fn new(object: Box<T>, guard: Guard) -> Guarded<T> {
        Guarded { object: ManuallyDrop::new(object), guard }
    }
}

impl<T: ?Sized> Drop for Guarded<T> {
    fn drop(&mut self) {
        let Guarded { object, guard } = self;
        // SAFETY: taken once, when nobody can use it any more.
        let dropped = guard.call(&"drop", || unsafe { ManuallyDrop::drop(object) });
        // The fault is reported; there is nothing to answer.
        drop(dropped);
    }
}
