//! State that most nodes do without.

use std::ops::{Deref, DerefMut};

use crate::world::BlockSet;

/// A value that takes one word of memory until it is changed for the first time. Until then it is the empty one.
///
/// Where many nodes run in one process, what lies between the parts that every message needs costs time.
pub(super) struct LazyBox<T>(Option<Box<T>>);

/// What is empty by default.
pub(super) trait Empty: Default + 'static {
    /// The default, for all who have not changed theirs.
    const EMPTY: &'static Self;
}

impl Empty for BlockSet {
    const EMPTY: &'static BlockSet = &BlockSet::EMPTY;
}

/// The value to be changed for the first time.
#[cold]
fn made<T: Default>() -> Box<T> {
    Box::default()
}

impl<T> Default for LazyBox<T> {
    fn default() -> LazyBox<T> {
        LazyBox(None)
    }
}

impl<T: Empty> Deref for LazyBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: Empty> DerefMut for LazyBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(value) => value,
            none => none.insert(made()),
        }
    }
}
