//! Proof-of-work targets, the work they stand for, and the search for a nonce.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod job;
mod search;
#[cfg(target_arch = "x86_64")]
mod sha_ni;

use std::fmt;

use ruint::aliases::U256;

use crate::codec::{Decode, DecodeError, Encode, Reader, Sink};
use crate::hash::Id;
pub use search::grind_sha256d;

/// A 256-bit number that a block's id, read as a little-endian integer, must not exceed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Target(pub U256);

impl Target {
    /// Reads Bitcoin's compact form. `None` when it is negative, zero or above 256 bits.
    pub fn from_bits(bits: u32) -> Option<Target> {
        let (size, word) = (bits >> 24, bits & 0x007f_ffff);
        if bits & 0x0080_0000 != 0 || word == 0 {
            return None;
        }
        let value = if size <= 3 {
            U256::from(word >> (8 * (3 - size)))
        } else {
            let bits_used = 32 - word.leading_zeros();
            if bits_used + 8 * (size - 3) > 256 {
                return None;
            }
            U256::from(word) << (8 * (size - 3) as usize)
        };
        (!value.is_zero()).then_some(Target(value))
    }

    /// The compact form, which keeps the three highest bytes.
    pub fn to_bits(self) -> u32 {
        let mut size = self.0.bit_len().div_ceil(8) as u32;
        let mut word = if size <= 3 {
            self.0.to::<u32>() << (8 * (3 - size))
        } else {
            (self.0 >> (8 * (size - 3) as usize)).to::<u32>()
        };
        // The highest bit is a sign in this form.
        if word & 0x0080_0000 != 0 {
            word >>= 8;
            size += 1;
        }
        size << 24 | word
    }

    /// Whether `id` is at or below the target.
    pub fn is_met_by(self, id: &Id) -> bool {
        U256::from_le_bytes(id.0) <= self.0
    }

    /// How many hashes one success costs on average: 2^256 / (target + 1).
    pub fn work(self) -> Work {
        // 2^256 itself does not fit: (2^256 - 1 - target) / (target + 1) + 1 is the same number.
        match self.0.checked_add(U256::from(1)) {
            Some(above) => Work(!self.0 / above + U256::from(1)),
            None => Work(U256::from(1)),
        }
    }

    /// The target that `tries` hashes meet once on average; at least 1 try.
    pub fn for_tries(tries: u128) -> Target {
        match tries {
            0 | 1 => Target(U256::MAX),
            _ => Target(U256::MAX / U256::from(tries)),
        }
    }
}

/// Work, or any other weight of blocks, that fork choice adds up and compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Work(pub U256);

impl Work {
    /// No weight.
    pub const ZERO: Work = Work(U256::ZERO);

    /// The sum; it stays at the maximum when it would overflow.
    #[must_use]
    pub fn plus(self, other: Work) -> Work {
        Work(self.0.saturating_add(other.0))
    }

    /// The number, or `u128::MAX` when it is larger.
    pub fn saturating_u128(self) -> u128 {
        self.0.saturating_to()
    }
}

impl From<u64> for Work {
    fn from(value: u64) -> Work {
        Work(U256::from(value))
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Encode for Work {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&self.0.to_le_bytes::<32>());
    }
}

impl Decode for Work {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Work(U256::from_le_bytes(from.array::<32>()?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values from Bitcoin's chain and from the definition of the compact form.
    #[test]
    fn compact_bits_read_as_bitcoin_reads_them() {
        let genesis = Target::from_bits(0x1d00_ffff).unwrap();
        assert_eq!(genesis.0, U256::from(0xffffu32) << 208usize);
        assert_eq!(genesis.work().0, U256::from(0x1_0001_0001u64));
        for bad in [0, 0x0080_0001, 0x0480_0001, 0x01fe_dcba, 0xff12_3456, 0x0000_0001] {
            assert_eq!(Target::from_bits(bad), None, "{bad:08x}");
        }
        assert_eq!(Target::from_bits(0x0112_3456).unwrap().0, U256::from(0x12));
        assert_eq!(Target::from_bits(0x0500_9234).unwrap().0, U256::from(0x9234_0000u64));
    }

    proptest! {
        #[test]
        fn bits_survive_the_round_trip(bits in 0x0300_8000u32..0x207f_ffff) {
            if let Some(target) = Target::from_bits(bits) {
                prop_assert_eq!(Target::from_bits(target.to_bits()), Some(target));
            }
        }
    }
}
