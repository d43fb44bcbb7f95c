//! Parts of encodings that coins and transactions share.

use fika_core::codec::{DecodeError, Reader, put_varint};

/// Reads a list: its length, then its values.
pub(crate) fn list<'a, T>(
    from: &mut Reader<'a>,
    decode: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    (0..from.count(usize::MAX)?).map(|_| decode(from)).collect()
}

/// Writes what [`list`] reads.
pub(crate) fn put_list<T>(out: &mut Vec<u8>, values: &[T], encode: impl Fn(&T, &mut Vec<u8>)) {
    put_varint(out, values.len() as u64);
    values.iter().for_each(|value| encode(value, out));
}

/// A varint that fits in 32 bits.
pub(crate) fn u32_varint(from: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let found = from.varint()?;
    u32::try_from(found).map_err(|_| DecodeError::Limit { limit: u32::MAX as usize, found })
}
