//! Elements of the stack: byte strings that are also truth values and numbers.

/// A byte string on the stack. What a script pushes stays where it is; what operations make
/// (numbers, hashes) has at most 32 bytes and lies in the element itself. So no element is ever
/// allocated, and moving one about is a copy of 40 bytes.
#[derive(Clone, Copy)]
pub(crate) enum Element<'a> {
    Made { len: u8, bytes: [u8; 32] },
    Pushed(&'a [u8]),
}

impl<'a> Element<'a> {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Element::Made { len, bytes } => &bytes[..usize::from(*len).min(32)],
            Element::Pushed(bytes) => bytes,
        }
    }

    /// At most 32 bytes of an operation's result.
    #[inline]
    pub(crate) fn made(result: &[u8]) -> Element<'a> {
        let mut bytes = [0; 32];
        bytes[..result.len()].copy_from_slice(result);
        Element::Made { len: result.len() as u8, bytes }
    }

    /// The shortest encoding of `n`, which is above -2^63: little endian, with the sign in the last byte's highest bit.
    #[inline]
    pub(crate) fn number(n: i64) -> Element<'a> {
        let magnitude = n.unsigned_abs();
        let mut bytes = [0; 32];
        if n == 0 {
            return Element::Made { len: 0, bytes };
        }
        // One bit more than the magnitude has, for the sign.
        let len = (64 - magnitude.leading_zeros()) / 8 + 1;
        let sign = u64::from(n < 0) << 63 >> (64 - 8 * len);
        bytes[..8].copy_from_slice(&(magnitude | sign).to_le_bytes());
        Element::Made { len: len as u8, bytes }
    }

    #[inline]
    pub(crate) fn truth(holds: bool) -> Element<'a> {
        let mut bytes = [0; 32];
        bytes[0] = u8::from(holds);
        Element::Made { len: u8::from(holds), bytes }
    }

    /// False is every zero, the negative one and long ones included.
    #[inline]
    pub(crate) fn is_true(&self) -> bool {
        match self.bytes().split_last() {
            None => false,
            Some((last, front)) => last & 0x7f != 0 || front.iter().any(|byte| *byte != 0),
        }
    }

    /// The number that at most eight bytes encode; `None` for more.
    #[inline]
    pub(crate) fn as_number(&self) -> Option<i64> {
        let (word, len) = match self {
            // What lies behind the result is zero.
            Element::Made { len, bytes } => (u64::from_le_bytes(*bytes.first_chunk()?), usize::from(*len)),
            Element::Pushed(bytes) => {
                (bytes.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), bytes.len())
            }
        };
        if len == 0 {
            return Some(0);
        }
        let sign = 0x80u64.checked_shl(8 * (len as u32 - 1)).filter(|_| len <= 8)?;
        let magnitude = (word & !sign) as i64;
        Some(if word & sign == 0 { magnitude } else { -magnitude })
    }

    /// Whether no shorter byte string encodes the same number.
    #[inline]
    pub(crate) fn is_minimal_number(&self) -> bool {
        match self.bytes() {
            [] => true,
            [last] => last & 0x7f != 0,
            [.., before, last] => last & 0x7f != 0 || before & 0x80 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back_from_their_shortest_form(n in -(1i64 << 55) + 1..1 << 55, shift in 0..56u32) {
            let n = n >> shift;
            let element = Element::number(n);
            prop_assert_eq!(element.as_number(), Some(n));
            prop_assert!(element.is_minimal_number());
            prop_assert_eq!(element.is_true(), n != 0);
        }

        #[test]
        fn only_shortest_forms_encode_back_to_themselves(bytes in prop::collection::vec(any::<u8>(), 0..=8)) {
            let element = Element::Pushed(&bytes);
            let back = Element::number(element.as_number().unwrap());
            prop_assert_eq!(element.is_minimal_number(), back.bytes() == bytes);
        }
    }

    #[test]
    fn known_encodings() {
        for (n, bytes) in [
            (0, &[][..]),
            (1, &[1]),
            (-1, &[0x81]),
            (127, &[0x7f]),
            (128, &[0x80, 0]),
            (-255, &[0xff, 0x80]),
            (32768, &[0, 0x80, 0]),
            (-2_147_483_647, &[0xff, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(Element::number(n).bytes(), bytes, "{n}");
        }
        assert!(!Element::Pushed(&[0, 0, 0x80]).is_true());
        assert!(Element::Pushed(&[0x80, 0]).is_true());
        assert_eq!(Element::Pushed(&[0; 9]).as_number(), None);
    }
}
