//! The binary form of everything that is stored, sent or hashed.
//!
//! Integers of fixed meaning are little endian; counts, heights and amounts are LEB128 varints
//! in their shortest form; byte strings and lists carry their length first. One value has one
//! encoding: what decodes encodes back to the same bytes. A [`Reader`] never allocates more
//! than the input it was given can fill.

use thiserror::Error;

use crate::address::Address;
use crate::amount::Amount;
use crate::hash::Id;

/// Where encoded bytes go: a `Vec<u8>`, or a [`Size`] that only counts them.
pub trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts bytes instead of keeping them.
#[derive(Default)]
pub struct Size(pub usize);

impl Sink for Size {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// A value with a binary form.
pub trait Encode {
    /// Appends the encoding of `self` to `out`.
    fn encode(&self, out: &mut impl Sink);

    /// The encoding in a buffer of its own.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// The length of the encoding, without making it.
    fn encoded_len(&self) -> usize {
        let mut size = Size::default();
        self.encode(&mut size);
        size.0
    }
}

/// A value that can be read back from its binary form.
pub trait Decode: Sized {
    /// Reads one value off the front of `from`.
    ///
    /// # Errors
    /// [`DecodeError`] when the input ends early or breaks a rule of the format.
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads one value that fills `bytes`.
    ///
    /// # Errors
    /// As [`Decode::decode`]; also when bytes are left over.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

/// Why bytes are not an encoding.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The input ends inside a value.
    #[error("ends {missing} bytes early")]
    Short {
        /// How many bytes are missing at least.
        missing: usize,
    },
    /// Bytes are left after the last value.
    #[error("has {left} bytes after its end")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// A varint is longer than needed or does not fit.
    #[error("has a number that is not in its shortest form")]
    Varint,
    /// A length is above the limit of its place.
    #[error("has a length of {found} where at most {limit} is allowed")]
    Limit {
        /// The limit.
        limit: usize,
        /// The length found.
        found: u64,
    },
    /// A tag or a value that the format does not know.
    #[error("has an unknown {0}")]
    Unknown(&'static str),
}

/// Reads values off the front of a byte slice.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when fewer are left.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let short = || DecodeError::Short { missing: n - self.rest.len() };
        let (front, rest) = self.rest.split_at_checked(n).ok_or_else(short)?;
        self.rest = rest;
        Ok(front)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        Ok(self.take(N)?.try_into().expect("take gives N bytes"))
    }

    /// A varint.
    ///
    /// # Errors
    /// [`DecodeError::Varint`] when it is not the shortest form of a `u64`.
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part || (byte == 0 && shift > 0) {
                return Err(DecodeError::Varint);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Varint)
    }

    /// A count of things that each take at least one byte, at most `limit`.
    ///
    /// # Errors
    /// [`DecodeError::Limit`] above `limit`, [`DecodeError::Short`] above what is left.
    pub fn count(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let found = self.varint()?;
        let count = usize::try_from(found).ok().filter(|n| *n <= limit).ok_or(DecodeError::Limit { limit, found })?;
        if count > self.left() {
            return Err(DecodeError::Short { missing: count - self.left() });
        }
        Ok(count)
    }

    /// A byte string of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Reader::count`].
    pub fn bytes(&mut self, limit: usize) -> Result<&'a [u8], DecodeError> {
        let n = self.count(limit)?;
        self.take(n)
    }

    /// A list of at most `limit` values.
    ///
    /// # Errors
    /// As [`Reader::count`], and those of the values.
    pub fn list<T: Decode>(&mut self, limit: usize) -> Result<Vec<T>, DecodeError> {
        (0..self.count(limit)?).map(|_| T::decode(self)).collect()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] when bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { left }),
        }
    }
}

/// Appends a varint.
pub fn put_varint(out: &mut impl Sink, mut value: u64) {
    while value >= 0x80 {
        out.put(&[value as u8 | 0x80]);
        value >>= 7;
    }
    out.put(&[value as u8]);
}

/// How many bytes [`put_varint`] takes for a value.
pub(crate) fn varint_len(value: u64) -> u64 {
    u64::from((64 - (value | 1).leading_zeros()).div_ceil(7))
}

/// Appends a byte string: its length, then itself.
pub fn put_bytes(out: &mut impl Sink, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.put(bytes);
}

/// Appends a list: its length, then its values.
pub fn put_list<T: Encode>(out: &mut impl Sink, values: &[T]) {
    put_varint(out, values.len() as u64);
    values.iter().for_each(|value| value.encode(out));
}

macro_rules! fixed {
    ($($type:ty),*) => {$(
        impl Encode for $type {
            fn encode(&self, out: &mut impl Sink) {
                out.put(&self.to_le_bytes());
            }
        }
        impl Decode for $type {
            fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(<$type>::from_le_bytes(from.array()?))
            }
        }
    )*};
}
fixed!(u8, u16, u32, u64, i64, u128);

impl Encode for bool {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&[u8::from(*self)]);
    }
}

impl Decode for bool {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Unknown("truth value")),
        }
    }
}

impl Encode for Id {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&self.0);
    }
}

impl Decode for Id {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Id(from.array()?))
    }
}

impl Encode for Address {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&self.0);
    }
}

impl Decode for Address {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Address(from.array()?))
    }
}

impl Encode for Amount {
    fn encode(&self, out: &mut impl Sink) {
        put_varint(out, self.0);
    }
}

impl Decode for Amount {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Amount(from.varint()?))
    }
}

/// A byte string without a limit of its own: its place has one.
impl Encode for Vec<u8> {
    fn encode(&self, out: &mut impl Sink) {
        put_bytes(out, self);
    }
}

impl Decode for Vec<u8> {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(from.bytes(usize::MAX)?.to_vec())
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut impl Sink) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(if bool::decode(from)? { Some(T::decode(from)?) } else { None })
    }
}

impl<A: Encode, B: Encode> Encode for (A, B) {
    fn encode(&self, out: &mut impl Sink) {
        self.0.encode(out);
        self.1.encode(out);
    }
}

impl<A: Decode, B: Decode> Decode for (A, B) {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok((A::decode(from)?, B::decode(from)?))
    }
}

impl Encode for String {
    fn encode(&self, out: &mut impl Sink) {
        put_bytes(out, self.as_bytes());
    }
}

impl Decode for String {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        String::from_utf8(from.bytes(usize::MAX)?.to_vec()).map_err(|_| DecodeError::Unknown("character"))
    }
}

/// Encodes a struct field by field: `coded_struct!(Name { fields; lists })`.
macro_rules! coded_struct {
    ($type:ident { $($field:ident),* $(; $($list:ident),*)? }) => {
        impl $crate::codec::Encode for $type {
            fn encode(&self, out: &mut impl $crate::codec::Sink) {
                $(self.$field.encode(out);)*
                $($($crate::codec::put_list(out, &self.$list);)*)?
            }
        }

        impl $crate::codec::Decode for $type {
            fn decode(from: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::DecodeError> {
                Ok($type {
                    $($field: $crate::codec::Decode::decode(from)?,)*
                    $($($list: from.list(usize::MAX)?,)*)?
                })
            }
        }
    };
}
pub(crate) use coded_struct;

/// Encodes an enum as a tag and its fields: `coded_enum!(Name: "what it is" { 0 Variant(a, b), 1 Other { c } })`.
macro_rules! coded_enum {
    ($type:ident: $what:literal { $($tag:literal $variant:ident $(($($part:ident),*))? $({$($field:ident),*})?),* $(,)? }) => {
        impl $crate::codec::Encode for $type {
            fn encode(&self, out: &mut impl $crate::codec::Sink) {
                match self {$(
                    $type::$variant $(($($part),*))? $({$($field),*})? => {
                        out.put(&[$tag]);
                        $($($part.encode(out);)*)?
                        $($($field.encode(out);)*)?
                    }
                )*}
            }
        }

        impl $crate::codec::Decode for $type {
            fn decode(from: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::DecodeError> {
                match u8::decode(from)? {
                    $($tag => {
                        $($(let $part = $crate::codec::Decode::decode(from)?;)*)?
                        $($(let $field = $crate::codec::Decode::decode(from)?;)*)?
                        Ok($type::$variant $(($($part),*))? $({$($field),*})?)
                    })*
                    _ => Err($crate::codec::DecodeError::Unknown($what)),
                }
            }
        }
    };
}
pub(crate) use coded_enum;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn varints_come_back(value: u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert!(reader.finish().is_ok());
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(bytes: Vec<u8>) {
            if let Ok(value) = <Vec<u8>>::from_bytes(&bytes) {
                prop_assert_eq!(value.to_bytes(), &bytes[..]);
                prop_assert_eq!(value.encoded_len(), bytes.len());
            }
        }
    }

    #[test]
    fn what_is_missing_is_counted() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.take(2), Ok(&[1, 2][..]));
        assert_eq!(reader.take(3), Err(DecodeError::Short { missing: 2 }));
        assert_eq!(reader.take(1), Ok(&[3][..]));
    }

    #[test]
    fn long_forms_and_lying_lengths_are_refused() {
        assert_eq!(Reader::new(&[0x80, 0]).varint(), Err(DecodeError::Varint));
        assert_eq!(Reader::new(&[0xff; 11]).varint(), Err(DecodeError::Varint));
        assert!(matches!(<Vec<u8>>::from_bytes(&[0xff, 0xff, 0xff, 0x7f]), Err(DecodeError::Short { .. })));
        assert_eq!(bool::from_bytes(&[2]), Err(DecodeError::Unknown("truth value")));
    }
}
