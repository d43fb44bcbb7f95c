//! The notation of people: words separated by spaces.
//!
//! - a name, with or without a leading `OP_`: that operation;
//! - a decimal number: its shortest push;
//! - `<hex>`: the shortest push of these bytes;
//! - `'text'`: a push of this text, of one length byte even where a number would be shorter;
//! - `0xhex`: these bytes as they are, not a push. What has no other form is written so:
//!   pushes that could be shorter, values that mean nothing, and a push that the end cuts off.
//!   Every byte string therefore has a text, and reading the text gives the same bytes.

use fika_core::hash::{parse_hex, to_hex};

use crate::instruction::{Instruction, Instructions, push, push_number};
use crate::opcode::{self, N0, N1, N16, NEGATE1, PUSHDATA4, RESERVED};

/// Reads a script.
pub(crate) fn assemble(text: &str) -> Result<Vec<u8>, String> {
    let mut script = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let word_end = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.find('\'').ok_or_else(|| format!("expected a second ' after {rest:?}"))? + 2,
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(word_end);
        if after.starts_with(|next: char| !next.is_whitespace()) {
            return Err(format!("expected a space after {word:?}"));
        }
        put_word(&mut script, word).map_err(|why| format!("{why} in {word:?}"))?;
        rest = after.trim_start();
    }
    Ok(script)
}

fn put_word(script: &mut Vec<u8>, word: &str) -> Result<(), String> {
    if let Some(text) = word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        match text.as_bytes() {
            [byte] => script.extend([1, *byte]),
            text => push(script, text),
        }
    } else if let Some(digits) = word.strip_prefix("0x") {
        script.extend(parse_hex(digits)?);
    } else if let Some(digits) = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        push(script, &parse_hex(digits)?);
    } else if let Some(number) = word.parse().ok().filter(|number| *number != i64::MIN) {
        push_number(script, number);
    } else if let Some(operation) = opcode::by_name(word).filter(|operation| !is_prefix(*operation)) {
        script.push(operation);
    } else {
        return Err("expected an operation, a number, <hex>, 'text' or 0xhex".into());
    }
    Ok(())
}

/// PUSHDATA1 and the like are lengths of what follows, so they are only written as bytes.
fn is_prefix(operation: u8) -> bool {
    (1..=PUSHDATA4).contains(&operation)
}

/// Writes any script.
pub(crate) fn disassemble(script: &[u8]) -> String {
    let mut words = Vec::new();
    let mut instructions = Instructions { rest: script };
    loop {
        let rest = instructions.rest;
        match instructions.next() {
            None => return words.join(" "),
            Some(Ok(instruction)) => words.push(word(instruction)),
            Some(Err(_)) => {
                words.push(format!("0x{}", to_hex(rest)));
                return words.join(" ");
            }
        }
    }
}

/// Writes one instruction.
pub(crate) fn word(instruction: Instruction<'_>) -> String {
    match instruction.opcode {
        N0 => "0".into(),
        small @ NEGATE1..=N16 if small != RESERVED => (i16::from(small) - i16::from(N1 - 1)).to_string(),
        1..=PUSHDATA4 if instruction.is_minimal_push() => format!("<{}>", to_hex(instruction.data)),
        opcode => match opcode::name(opcode).filter(|_| !is_prefix(opcode)) {
            Some(name) => name.into(),
            None => format!("0x{}", to_hex(instruction.bytes)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_every_kind() {
        let text = "0 -1 16 17 1000 <0102> 'ab' OP_DUP HASH160 0x61 NOP2";
        assert!(assemble(text).unwrap_err().contains("\"NOP2\""));
        let script = assemble(text.strip_suffix(" NOP2").unwrap()).unwrap();
        assert_eq!(to_hex(&script), "004f60011102e80302010202616276a961");
        assert_eq!(disassemble(&script), "0 -1 16 <11> <e803> <0102> <6162> DUP HASH160 NOP");
    }

    #[test]
    fn what_has_no_name_is_written_in_bytes() {
        assert_eq!(disassemble(&[0xba, 0x01, 0x01, 0x50, 0x4c, 0x01]), "0xba 0x0101 RESERVED 0x4c01");
        for text in ["DUPE", "'open", "0x1", "<zz>", "PUSHDATA1", "1'a'", "'a'1", "99999999999999999999"] {
            assert!(assemble(text).is_err(), "{text}");
        }
    }
}
