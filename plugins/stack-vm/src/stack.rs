//! The two stacks of a running script.

use crate::element::Element;
use crate::error::ScriptError;

/// Elements, top last.
pub(crate) struct Stack<'a> {
    elements: Vec<Element<'a>>,
}

impl<'a> Stack<'a> {
    /// An empty stack with room for `room` elements.
    pub(crate) fn with_room(room: usize) -> Self {
        Stack { elements: Vec::with_capacity(room) }
    }

    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    pub(crate) fn elements(&self) -> &[Element<'a>] {
        &self.elements
    }

    /// Another stack with the same elements.
    pub(crate) fn copy(&self) -> Stack<'a> {
        Stack { elements: self.elements.clone() }
    }

    #[inline]
    pub(crate) fn push(&mut self, element: Element<'a>) {
        self.elements.push(element);
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Result<Element<'a>, ScriptError> {
        self.elements.pop().ok_or(ScriptError::StackTooShort)
    }

    /// The index of the element with `above` elements over it.
    #[inline]
    fn index(&self, above: usize) -> Result<usize, ScriptError> {
        self.elements.len().checked_sub(above + 1).ok_or(ScriptError::StackTooShort)
    }

    /// The element with `above` elements over it.
    #[inline]
    pub(crate) fn peek(&self, above: usize) -> Result<Element<'a>, ScriptError> {
        Ok(self.elements[self.index(above)?])
    }

    /// As [`peek`](Stack::peek), in place.
    #[inline]
    pub(crate) fn at(&self, above: usize) -> Result<&Element<'a>, ScriptError> {
        Ok(&self.elements[self.index(above)?])
    }

    /// Pushes a copy of the element with `above` elements over it.
    #[inline]
    pub(crate) fn dup(&mut self, above: usize) -> Result<(), ScriptError> {
        let element = self.peek(above)?;
        self.elements.push(element);
        Ok(())
    }

    /// Moves the element with `above` elements over it to the top.
    #[inline]
    pub(crate) fn roll(&mut self, above: usize) -> Result<(), ScriptError> {
        let index = self.index(above)?;
        self.elements[index..].rotate_left(1);
        Ok(())
    }

    /// Removes the element with `above` elements over it.
    #[inline]
    pub(crate) fn remove(&mut self, above: usize) -> Result<(), ScriptError> {
        let index = self.index(above)?;
        self.elements.remove(index);
        Ok(())
    }

    /// Exchanges the elements with `a` and `b` elements over them.
    #[inline]
    pub(crate) fn swap(&mut self, a: usize, b: usize) -> Result<(), ScriptError> {
        let (a, b) = (self.index(a)?, self.index(b)?);
        self.elements.swap(a, b);
        Ok(())
    }

    /// Puts a copy of the top below the element under it.
    pub(crate) fn tuck(&mut self) -> Result<(), ScriptError> {
        let (top, index) = (self.peek(0)?, self.index(1)?);
        self.elements.insert(index, top);
        Ok(())
    }

    /// Removes the upper `count` elements.
    #[inline]
    pub(crate) fn drop_top(&mut self, count: usize) -> Result<(), ScriptError> {
        let left = self.elements.len().checked_sub(count).ok_or(ScriptError::StackTooShort)?;
        self.elements.truncate(left);
        Ok(())
    }
}
