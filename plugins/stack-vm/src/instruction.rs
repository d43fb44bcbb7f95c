//! Scripts as sequences of instructions.

use crate::element::Element;
use crate::opcode::{N0, N1, N16, NEGATE1, PUSHDATA1, PUSHDATA2, PUSHDATA4};

/// One operation and, for a push, its data.
#[derive(Clone, Copy)]
pub(crate) struct Instruction<'a> {
    pub(crate) opcode: u8,
    pub(crate) data: &'a [u8],
    /// All its bytes in the script.
    pub(crate) bytes: &'a [u8],
}

impl Instruction<'_> {
    /// Whether it is `data` behind the shortest prefix that says its length.
    pub(crate) fn is_push_of(&self, data: &[u8]) -> bool {
        let prefix = match data.len() {
            0..=0x4b => 1,
            0x4c..=0xff => 2,
            0x100..=0xffff => 3,
            _ => 5,
        };
        self.opcode <= PUSHDATA4 && self.data == data && self.bytes.len() == prefix + data.len()
    }

    /// Whether a shorter encoding would push the same data (BIP 62, rule 3).
    pub(crate) fn is_minimal_push(&self) -> bool {
        match self.data {
            [] => self.opcode == N0 || (NEGATE1..=N16).contains(&self.opcode),
            [1..=16] | [0x81] => false,
            data if data.len() < usize::from(PUSHDATA1) => usize::from(self.opcode) == data.len(),
            data if data.len() <= 0xff => self.opcode == PUSHDATA1,
            data if data.len() <= 0xffff => self.opcode == PUSHDATA2,
            _ => true,
        }
    }
}

/// Reads a script from its front.
#[derive(Clone)]
pub(crate) struct Instructions<'a> {
    pub(crate) rest: &'a [u8],
}

/// The script ends inside a push.
pub(crate) struct Truncated;

impl<'a> Iterator for Instructions<'a> {
    type Item = Result<Instruction<'a>, Truncated>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&opcode, rest) = self.rest.split_first()?;
        if opcode == N0 || opcode > PUSHDATA4 {
            let bytes = &self.rest[..1];
            self.rest = rest;
            return Some(Ok(Instruction { opcode, data: &[], bytes }));
        }
        let prefix = match opcode {
            PUSHDATA1 => 1,
            PUSHDATA2 => 2,
            PUSHDATA4 => 4,
            _ => 0,
        };
        let parse = || {
            let (length, _) = rest.split_at_checked(prefix)?;
            let length = match prefix {
                0 => usize::from(opcode),
                _ => length.iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte)),
            };
            let (bytes, left) = self.rest.split_at_checked((1 + prefix).checked_add(length)?)?;
            Some((Instruction { opcode, data: &bytes[1 + prefix..], bytes }, left))
        };
        let Some((instruction, left)) = parse() else {
            return Some(Err(Truncated));
        };
        self.rest = left;
        Some(Ok(instruction))
    }
}

/// Whether `script` does nothing but push.
pub(crate) fn is_push_only(script: &[u8]) -> bool {
    Instructions { rest: script }.all_ok(|instruction| instruction.opcode <= N16)
}

impl<'a> Instructions<'a> {
    fn all_ok(self, holds: impl Fn(Instruction<'a>) -> bool) -> bool {
        for instruction in self {
            match instruction {
                Ok(instruction) if holds(instruction) => {}
                _ => return false,
            }
        }
        true
    }
}

/// Appends the shortest push of `data`.
///
/// Pushes of 4 GiB and more have no encoding; no such element could ever be used.
pub fn push(script: &mut Vec<u8>, data: &[u8]) {
    match (data, data.len()) {
        ([], _) => return script.push(N0),
        ([n @ 1..=16], _) => return script.push(N1 - 1 + n),
        ([0x81], _) => return script.push(NEGATE1),
        (_, len @ ..0x4c) => script.push(len as u8),
        (_, len @ ..0x100) => script.extend([PUSHDATA1, len as u8]),
        (_, len @ ..0x1_0000) => {
            script.push(PUSHDATA2);
            script.extend((len as u16).to_le_bytes());
        }
        (_, len) => {
            script.push(PUSHDATA4);
            script.extend(u32::try_from(len).expect("a push is shorter than 4 GiB").to_le_bytes());
        }
    }
    script.extend_from_slice(data);
}

/// Appends the shortest push of the number `n`.
pub fn push_number(script: &mut Vec<u8>, n: i64) {
    push(script, Element::number(n).bytes());
}
