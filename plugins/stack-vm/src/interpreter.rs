//! The interpreter: one script after the other over one stack.

use crate::arithmetic::OPERAND_BYTES;
use crate::element::Element;
use crate::error::{ScriptError, ensure};
use crate::instruction::{Instruction, Instructions};
use crate::machine::{Branches, Frame, Machine, Observer};
use crate::opcode as op;
use crate::rules;
use crate::stack::Stack;

/// Elements that `ROLL` moves in a step.
const MOVED_PER_STEP: usize = 16;

impl<O: Observer> Machine<'_, O> {
    /// Runs `script` over `stack`. `last` says that what it leaves decides the spend.
    /// Stores in `at` the byte at which the current instruction starts.
    pub(crate) fn eval<'s>(
        &mut self,
        script: &'s [u8],
        stack: &mut Stack<'s>,
        last: bool,
        at: &mut usize,
    ) -> Result<(), ScriptError> {
        let limits = *self.limits;
        if script.len() > limits.max_script_bytes as usize {
            return Err(ScriptError::ScriptSize { limit: limits.max_script_bytes, found: script.len() });
        }
        let mut alt = Stack::with_room(0);
        let code = Instructions { rest: script };
        let mut frame = Frame { code, signed: script, last, operations: 0, branches: Branches::default() };
        loop {
            *at = script.len() - frame.code.rest.len();
            let Some(instruction) = frame.code.next() else { break };
            let instruction = instruction.map_err(|_| ScriptError::BadOpcode)?;
            let (opcode, data) = (instruction.opcode, instruction.data);
            if data.len() > limits.max_element_bytes as usize {
                return Err(ScriptError::PushSize { limit: limits.max_element_bytes, found: data.len() });
            }
            self.work(1)?;
            let executed = frame.branches.skipped_from.is_none();
            if opcode <= op::N16 {
                if !executed {
                    continue;
                }
                stack.push(self.pushed(instruction)?);
            } else {
                frame.operations += 1;
                if frame.operations > limits.max_operations {
                    return Err(ScriptError::OpCount { limit: limits.max_operations });
                }
                if op::is_disabled(opcode) {
                    return Err(ScriptError::DisabledOpcode);
                }
                if (op::IF..=op::ENDIF).contains(&opcode) {
                    self.flow(opcode, executed, stack, &mut frame.branches)?;
                } else if executed {
                    self.execute(opcode, stack, &mut alt, &mut frame)?;
                } else {
                    continue;
                }
            }
            if stack.len() + alt.len() > limits.max_stack as usize {
                return Err(ScriptError::StackSize { limit: limits.max_stack });
            }
            self.observer.step(instruction, stack.elements());
        }
        if frame.branches.depth == 0 { Ok(()) } else { Err(ScriptError::UnbalancedConditional) }
    }

    #[inline]
    fn pushed<'s>(&self, instruction: Instruction<'s>) -> Result<Element<'s>, ScriptError> {
        if self.on(rules::MINIMALDATA) && !instruction.is_minimal_push() {
            return Err(ScriptError::MinimalData);
        }
        match instruction.opcode {
            op::N0..=op::PUSHDATA4 => Ok(Element::Pushed(instruction.data)),
            op::RESERVED => Err(ScriptError::BadOpcode),
            small => Ok(Element::number(i64::from(small) - i64::from(op::N1 - 1))),
        }
    }

    fn flow(
        &self,
        opcode: u8,
        executed: bool,
        stack: &mut Stack<'_>,
        branches: &mut Branches,
    ) -> Result<(), ScriptError> {
        match opcode {
            op::IF | op::NOTIF => {
                let mut taken = false;
                if executed {
                    taken = stack.pop()?.is_true() == (opcode == op::IF);
                }
                branches.open(taken);
                Ok(())
            }
            op::ELSE => branches.turn(),
            op::ENDIF => branches.close(),
            // VERIF and VERNOTIF fail even where they are skipped.
            _ => Err(ScriptError::BadOpcode),
        }
    }

    #[inline]
    fn execute<'s>(
        &mut self,
        opcode: u8,
        stack: &mut Stack<'s>,
        alt: &mut Stack<'s>,
        frame: &mut Frame<'s>,
    ) -> Result<(), ScriptError> {
        match opcode {
            op::NOP => {}
            op::VERIFY => ensure(stack.pop()?.is_true(), ScriptError::Verify)?,
            op::RETURN => return Err(ScriptError::Return),

            op::TOALTSTACK => alt.push(stack.pop()?),
            op::FROMALTSTACK => stack.push(alt.pop().map_err(|_| ScriptError::AltStackEmpty)?),
            op::DROP2 => stack.drop_top(2)?,
            op::DUP2 => (0..2).try_for_each(|_| stack.dup(1))?,
            op::DUP3 => (0..3).try_for_each(|_| stack.dup(2))?,
            op::OVER2 => (0..2).try_for_each(|_| stack.dup(3))?,
            op::ROT2 => (0..2).try_for_each(|_| stack.roll(5))?,
            op::SWAP2 => (0..2).try_for_each(|_| stack.roll(3))?,
            op::IFDUP => {
                let top = stack.peek(0)?;
                if top.is_true() {
                    stack.push(top);
                }
            }
            op::DEPTH => stack.push(Element::number(stack.len() as i64)),
            op::DROP => stack.drop_top(1)?,
            op::DUP => stack.dup(0)?,
            op::NIP => stack.remove(1)?,
            op::OVER => stack.dup(1)?,
            op::PICK | op::ROLL => {
                stack.at(1)?;
                let above = self.number(&stack.pop()?, OPERAND_BYTES)?;
                let above = usize::try_from(above).map_err(|_| ScriptError::StackTooShort)?;
                if opcode == op::ROLL {
                    self.work(above / MOVED_PER_STEP)?;
                    stack.roll(above)?;
                } else {
                    stack.dup(above)?;
                }
            }
            op::ROT => stack.roll(2)?,
            op::SWAP => stack.swap(0, 1)?,
            op::TUCK => stack.tuck()?,
            op::SIZE => stack.push(Element::number(stack.at(0)?.bytes().len() as i64)),
            op::EQUAL | op::EQUALVERIFY => {
                let equal = stack.at(0)?.bytes() == stack.at(1)?.bytes();
                stack.drop_top(2)?;
                if opcode == op::EQUAL {
                    stack.push(Element::truth(equal));
                } else {
                    ensure(equal, ScriptError::EqualVerify)?;
                }
            }

            op::ADD1..=op::WITHIN => self.arithmetic(opcode, stack)?,
            op::RIPEMD160..=op::HASH256 => self.hash(opcode, stack)?,
            op::CODESEPARATOR => frame.signed = frame.code.rest,
            op::CHECKSIG | op::CHECKSIGVERIFY => self.check_signature(opcode, stack, frame)?,
            op::CHECKMULTISIG | op::CHECKMULTISIGVERIFY => self.check_signatures(opcode, stack, frame)?,

            op::CHECKLOCKTIMEVERIFY => self.check_lock_time(stack)?,
            op::CHECKSEQUENCEVERIFY => self.check_sequence(stack)?,
            op::NOP1 | op::NOP4..=op::NOP10 => {
                ensure(!self.on(rules::DISCOURAGE_UPGRADABLE_NOPS), ScriptError::DiscourageUpgradableNops)?;
            }
            _ => return Err(ScriptError::BadOpcode),
        }
        Ok(())
    }
}
