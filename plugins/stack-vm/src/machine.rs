//! The state of the machine: what the scripts of a spend share, and what each has for itself.

use fika_core::script::SpendContext;

use crate::element::Element;
use crate::error::{ScriptError, ensure};
use crate::instruction::{Instruction, Instructions};
use crate::params::Limits;

/// Sees every step. The observer of ordinary runs does nothing and costs nothing.
pub(crate) trait Observer {
    fn step(&mut self, instruction: Instruction<'_>, stack: &[Element<'_>]);
}

impl Observer for () {
    #[inline]
    fn step(&mut self, _: Instruction<'_>, _: &[Element<'_>]) {}
}

/// What all scripts of one spend share.
pub(crate) struct Machine<'c, O> {
    pub(crate) limits: &'c Limits,
    pub(crate) flags: u32,
    pub(crate) context: &'c mut dyn SpendContext,
    pub(crate) observer: O,
    /// Steps that the context has not been told of.
    pub(crate) untold: usize,
}

/// So many steps are told at once: a call across the border costs as much as several of them.
const TOLD_AT_ONCE: usize = 64;

/// One script while it runs.
pub(crate) struct Frame<'s> {
    /// Where the next instruction starts.
    pub(crate) code: Instructions<'s>,
    /// What signatures sign: the script from its last executed `CODESEPARATOR` on.
    pub(crate) signed: &'s [u8],
    /// Whether the spend ends with this script.
    pub(crate) last: bool,
    /// Operations so far, and keys tried by `CHECKMULTISIG`.
    pub(crate) operations: u32,
    pub(crate) branches: Branches,
}

/// The open `IF`s: how many there are, and which is the outermost whose branch is not taken.
/// That is enough, and takes the same time at any depth.
#[derive(Default)]
pub(crate) struct Branches {
    pub(crate) depth: u32,
    pub(crate) skipped_from: Option<u32>,
}

impl Branches {
    pub(crate) fn open(&mut self, taken: bool) {
        if !taken && self.skipped_from.is_none() {
            self.skipped_from = Some(self.depth);
        }
        self.depth += 1;
    }

    pub(crate) fn turn(&mut self) -> Result<(), ScriptError> {
        let innermost = self.depth.checked_sub(1).ok_or(ScriptError::UnbalancedConditional)?;
        match self.skipped_from {
            None => self.skipped_from = Some(innermost),
            Some(depth) if depth == innermost => self.skipped_from = None,
            Some(_) => {}
        }
        Ok(())
    }

    pub(crate) fn close(&mut self) -> Result<(), ScriptError> {
        self.depth = self.depth.checked_sub(1).ok_or(ScriptError::UnbalancedConditional)?;
        if self.skipped_from == Some(self.depth) {
            self.skipped_from = None;
        }
        Ok(())
    }
}

impl<O: Observer> Machine<'_, O> {
    pub(crate) fn on(&self, rule: u32) -> bool {
        self.flags & rule != 0
    }

    /// Counts work before it is done.
    #[inline]
    pub(crate) fn work(&mut self, steps: usize) -> Result<(), ScriptError> {
        self.untold += steps;
        if self.untold < TOLD_AT_ONCE { Ok(()) } else { self.tell_work() }
    }

    /// Tells the context of the work that it does not know of.
    pub(crate) fn tell_work(&mut self) -> Result<(), ScriptError> {
        let steps = std::mem::take(&mut self.untold) as u64;
        ensure(self.context.step(steps), ScriptError::ValidationWeight)
    }
}
