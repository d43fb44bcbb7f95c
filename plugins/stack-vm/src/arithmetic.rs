//! Numbers: arithmetic, comparison, and the time locks that read them.

use crate::element::Element;
use crate::error::{ScriptError, ensure};
use crate::machine::{Machine, Observer};
use crate::opcode as op;
use crate::rules;
use crate::stack::Stack;

/// The longest operand of arithmetic, in bytes. Results may be longer and are then only byte strings.
pub(crate) const OPERAND_BYTES: usize = 4;
/// The longest operand of time locks, in bytes (BIP 65).
const LOCK_TIME_BYTES: usize = 5;

/// Lock times from here on are times, those below are heights.
const LOCK_TIME_THRESHOLD: i64 = 500_000_000;
/// A sequence number that takes no part in lock times.
const SEQUENCE_FINAL: u32 = u32::MAX;
/// BIP 68: a sequence number with this bit locks nothing.
const SEQUENCE_DISABLED: u32 = 1 << 31;
/// BIP 68: the lock counts units of time, not blocks.
const SEQUENCE_TIME: u32 = 1 << 22;
/// BIP 68: the bits that count.
const SEQUENCE_MASK: u32 = 0xffff;

impl<O: Observer> Machine<'_, O> {
    #[inline]
    pub(crate) fn number(&self, element: &Element<'_>, limit: usize) -> Result<i64, ScriptError> {
        let found = element.bytes().len();
        let minimal = !self.on(rules::MINIMALDATA) || element.is_minimal_number();
        match element.as_number() {
            Some(number) if found <= limit && minimal => Ok(number),
            _ => Err(ScriptError::Number { limit, found }),
        }
    }

    #[inline]
    pub(crate) fn arithmetic(&self, opcode: u8, stack: &mut Stack<'_>) -> Result<(), ScriptError> {
        let read = |above| self.number(stack.at(above)?, OPERAND_BYTES);
        if opcode <= op::NOTEQUAL0 {
            let a = read(0)?;
            let result = match opcode {
                op::ADD1 => a + 1,
                op::SUB1 => a - 1,
                op::NEGATE => -a,
                op::ABS => a.abs(),
                op::NOT => i64::from(a == 0),
                op::NOTEQUAL0 => i64::from(a != 0),
                _ => return Err(ScriptError::BadOpcode),
            };
            stack.drop_top(1)?;
            stack.push(Element::number(result));
            return Ok(());
        }
        if opcode == op::WITHIN {
            let (a, low, high) = (read(2)?, read(1)?, read(0)?);
            stack.drop_top(3)?;
            stack.push(Element::truth(low <= a && a < high));
            return Ok(());
        }
        let (a, b) = (read(1)?, read(0)?);
        let result = match opcode {
            op::ADD => a + b,
            op::SUB => a - b,
            op::BOOLAND => i64::from(a != 0 && b != 0),
            op::BOOLOR => i64::from(a != 0 || b != 0),
            op::NUMEQUAL | op::NUMEQUALVERIFY => i64::from(a == b),
            op::NUMNOTEQUAL => i64::from(a != b),
            op::LESSTHAN => i64::from(a < b),
            op::GREATERTHAN => i64::from(a > b),
            op::LESSTHANOREQUAL => i64::from(a <= b),
            op::GREATERTHANOREQUAL => i64::from(a >= b),
            op::MIN => a.min(b),
            op::MAX => a.max(b),
            _ => return Err(ScriptError::BadOpcode),
        };
        stack.drop_top(2)?;
        if opcode == op::NUMEQUALVERIFY {
            return ensure(result != 0, ScriptError::NumEqualVerify);
        }
        stack.push(Element::number(result));
        Ok(())
    }

    /// A lock time from the top of the stack, which stays there.
    fn lock_time(&self, stack: &Stack<'_>) -> Result<i64, ScriptError> {
        let found = self.number(stack.at(0)?, LOCK_TIME_BYTES)?;
        ensure(found >= 0, ScriptError::NegativeLockTime { found })?;
        Ok(found)
    }

    /// BIP 65: the transaction's lock time is of the same kind and at least this.
    pub(crate) fn check_lock_time(&self, stack: &Stack<'_>) -> Result<(), ScriptError> {
        if !self.on(rules::CHECKLOCKTIMEVERIFY) {
            return Ok(());
        }
        let expected = self.lock_time(stack)?;
        let facts = self.context.facts();
        let found = i64::from(facts.lock_time);
        let same_kind = (expected < LOCK_TIME_THRESHOLD) == (found < LOCK_TIME_THRESHOLD);
        ensure(
            same_kind && expected <= found && facts.sequence != SEQUENCE_FINAL,
            ScriptError::UnsatisfiedLockTime { expected, found: facts.lock_time },
        )
    }

    /// BIP 112: the input's sequence number is of the same kind and at least this.
    pub(crate) fn check_sequence(&self, stack: &Stack<'_>) -> Result<(), ScriptError> {
        if !self.on(rules::CHECKSEQUENCEVERIFY) {
            return Ok(());
        }
        let expected = self.lock_time(stack)?;
        if expected & i64::from(SEQUENCE_DISABLED) != 0 {
            return Ok(());
        }
        let facts = self.context.facts();
        let found = facts.sequence;
        let relative = |sequence: u32| (sequence & SEQUENCE_TIME, sequence & SEQUENCE_MASK);
        // The bits that count all lie in the lower half of the operand.
        let (wanted, given) = (relative(expected as u32), relative(found));
        let in_force = facts.version >= 2 && found & SEQUENCE_DISABLED == 0;
        ensure(
            in_force && wanted.0 == given.0 && wanted.1 <= given.1,
            ScriptError::UnsatisfiedLockTime { expected, found },
        )
    }
}
