//! The encodings of ECDSA signatures and keys that Bitcoin asks for. They are rules of the
//! script, to be turned on where the key scheme is secp256k1.

use crate::error::{ScriptError, ensure};
use crate::rules::{DERSIG, LOW_S, STRICTENC};

/// The order of secp256k1.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc,
    0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// The smallest number above half the order.
const UPPER_HALF: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa1,
];

/// Checks what `flags` asks of a signature with its hash type and of the key that it is tried with.
#[inline]
pub(crate) fn check(signature: &[u8], key: &[u8], flags: u32) -> Result<(), ScriptError> {
    if flags & (DERSIG | LOW_S | STRICTENC) == 0 {
        return Ok(());
    }
    if let Some((&hash_type, der)) = signature.split_last() {
        let (r, s) = integers(der).ok_or(ScriptError::SigDer)?;
        ensure(flags & LOW_S == 0 || !is_high(r, s), ScriptError::SigHighS)?;
        let exists = (1..=3).contains(&(hash_type & 0x7f));
        ensure(flags & STRICTENC == 0 || exists, ScriptError::SigHashType)?;
    }
    ensure(flags & STRICTENC == 0 || is_key(key), ScriptError::PubkeyType)
}

/// R and S of a signature in strict DER: `30 len 02 len R 02 len S`, R and S positive and without
/// needless zeros (BIP 66).
fn integers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[0x30, length], integers) = der.split_first_chunk()? else { return None };
    if usize::from(length) != integers.len() || der.len() > 72 {
        return None;
    }
    let (r, rest) = integer(integers)?;
    let (s, rest) = integer(rest)?;
    rest.is_empty().then_some((r, s))
}

fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[0x02, length], rest) = der.split_first_chunk()? else { return None };
    let (value, rest) = rest.split_at_checked(length.into())?;
    match value {
        [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => None,
        _ => Some((value, rest)),
    }
}

/// Whether S is the larger of two values that would do. Where R or S is not below the order, none
/// would: Bitcoin Core then reads both as zero.
fn is_high(r: &[u8], s: &[u8]) -> bool {
    is_below(r, &ORDER) && is_below(s, &ORDER) && !is_below(s, &UPPER_HALF)
}

fn is_below(integer: &[u8], bound: &[u8; 32]) -> bool {
    let digits = &integer[integer.iter().take_while(|byte| **byte == 0).count()..];
    (digits.len(), digits) < (bound.len(), &bound[..])
}

fn is_key(key: &[u8]) -> bool {
    matches!((key.first(), key.len()), (Some(2 | 3), 33) | (Some(4), 65))
}
