//! Proof-of-work targets, the work they stand for, and the search for a nonce.

use std::fmt;

use ruint::aliases::U256;
use sha2::block_api::compress256;

use crate::codec::{Decode, DecodeError, Encode, Reader, Sink};
use crate::hash::Id;
use crate::header::Header;

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

const SHA256_INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Searches a nonce for which the header's id meets `target`, trying at most `tries` of them
/// from `header.nonce` on.
///
/// Found: true, and the header carries the nonce. Not found: false, and the nonce is advanced
/// by `tries`, so that the next call goes on where this one ended. The first 64 bytes are
/// hashed once for all tries (the midstate).
pub fn grind_sha256d(header: &mut Header, target: Target, tries: u32) -> bool {
    let bytes = header.bytes();
    let mut midstate = SHA256_INITIAL;
    compress256(&mut midstate, &[block(&bytes[..64])]);
    let mut tail = [0u8; 64];
    tail[..16].copy_from_slice(&bytes[64..]);
    tail[16] = 0x80;
    tail[62..].copy_from_slice(&640u16.to_be_bytes());
    let mut second = [0u8; 64];
    second[32] = 0x80;
    second[62..].copy_from_slice(&256u16.to_be_bytes());
    let highest = (target.0 >> 224usize).to::<u32>();
    for _ in 0..tries {
        tail[12..16].copy_from_slice(&header.nonce.to_le_bytes());
        let mut inner = midstate;
        compress256(&mut inner, &[block(&tail)]);
        for (to, word) in second.chunks_exact_mut(4).zip(inner) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        let mut outer = SHA256_INITIAL;
        compress256(&mut outer, &[block(&second)]);
        // The id is little endian, so its highest word is the last one of the hash, byte-swapped.
        if outer[7].swap_bytes() <= highest {
            let mut id = Id::ZERO;
            for (to, word) in id.0.chunks_exact_mut(4).zip(outer) {
                to.copy_from_slice(&word.to_be_bytes());
            }
            if target.is_met_by(&id) {
                return true;
            }
        }
        header.nonce = header.nonce.wrapping_add(1);
    }
    false
}

fn block(bytes: &[u8]) -> [u8; 64] {
    bytes.try_into().expect("a SHA-256 block has 64 bytes")
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

        #[test]
        fn the_midstate_search_finds_what_plain_hashing_finds(seed: u32, tries in 1u32..64) {
            let start = Header { version: seed, nonce: seed ^ 0x5555, ..Header::default() };
            let target = Target::for_tries(16);
            let mut plain = start;
            let found = (0..tries).any(|n| {
                plain.nonce = start.nonce.wrapping_add(n);
                target.is_met_by(&plain.id())
            });
            let mut fast = start;
            prop_assert_eq!(grind_sha256d(&mut fast, target, tries), found);
            prop_assert_eq!(fast.nonce, if found { plain.nonce } else { start.nonce.wrapping_add(tries) });
        }
    }
}
