//! What went wrong inside plugins.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many faults are kept until they are taken; more are counted.
const MAX_KEPT: usize = 64;

/// A call that failed inside a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The plugin's name.
    pub plugin: &'static str,
    /// The method that was called.
    pub call: &'static str,
    /// What it died of.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {} failed in {}: {}", self.plugin, self.call, self.message)
    }
}

/// The faults of a set of plugins. Clones share one list; the runtime looks into it after every call.
#[derive(Clone, Default)]
pub struct Faults(Arc<(AtomicUsize, Mutex<Vec<Fault>>)>);

impl Faults {
    /// An empty list.
    pub fn new() -> Faults {
        Faults::default()
    }

    /// How many faults have been reported in all.
    #[inline]
    pub fn count(&self) -> usize {
        self.0.0.load(Ordering::Acquire)
    }

    /// Adds a fault. Beyond the first 64 that nobody has taken they are only counted.
    pub fn report(&self, fault: Fault) {
        let mut kept = self.0.1.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_KEPT {
            kept.push(fault);
        }
        self.0.0.fetch_add(1, Ordering::Release);
    }

    /// The message of a fault that has been reported since [`count`](Faults::count) was `before`, if there is one. What was
    /// worked out meanwhile may rest on an answer that stands for none.
    #[inline]
    pub fn since(&self, before: usize) -> Option<String> {
        if self.count() == before { None } else { Some(self.latest()) }
    }

    #[cold]
    fn latest(&self) -> String {
        let kept = self.0.1.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last().map_or_else(|| "a plugin failed".into(), Fault::to_string)
    }

    #[cold]
    fn take_kept(&self) -> Vec<Fault> {
        std::mem::take(&mut self.0.1.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what has been reported since the last time. Costs one load when nothing was ever reported.
    #[inline]
    pub fn take(&self) -> Vec<Fault> {
        match self.count() {
            0 => Vec::new(),
            _ => self.take_kept(),
        }
    }
}
