//! Hashes and the identifiers made of them.
//!
//! One [`Id`] names blocks, transactions and messages alike: 32 bytes, compared and ordered as
//! they lie in memory, shown in reversed hexadecimal as Bitcoin shows them.

use std::fmt;
use std::str::FromStr;

use ripemd::Ripemd160;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A 256-bit identifier, usually a double SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Id(pub [u8; 32]);

impl Id {
    /// All zeros: the parent of a genesis block.
    pub const ZERO: Id = Id([0; 32]);

    /// The first eight bytes as an integer, for draws and short identifiers.
    #[inline]
    pub fn prefix(&self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("eight of 32 bytes"))
    }
}

impl AsRef<[u8]> for Id {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0;
        bytes.reverse();
        f.write_str(&to_hex(&bytes))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Id, String> {
        let mut bytes = parse_hex(text)?;
        bytes.reverse();
        let found = bytes.len();
        let bytes = bytes.try_into().map_err(|_| format!("expected 64 hexadecimal digits, found {}", found * 2))?;
        Ok(Id(bytes))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Id, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Lower-case hexadecimal of `bytes`, in their order.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes that `text` spells in hexadecimal.
///
/// # Errors
/// Says what is wrong when `text` has an odd length or a character that is not a digit.
pub fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    if !text.len().is_multiple_of(2) {
        return Err(format!("expected an even number of hexadecimal digits, found {}", text.len()));
    }
    let digit =
        |c: u8| (c as char).to_digit(16).ok_or_else(|| format!("expected a hexadecimal digit, found {:?}", c as char));
    text.as_bytes().chunks_exact(2).map(|pair| Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// SHA-256 of the concatenated `parts`.
pub fn sha256(parts: &[&[u8]]) -> Id {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    Id(hasher.finalize().into())
}

/// Double SHA-256 of the concatenated `parts`: Bitcoin's hash of headers and transactions.
pub fn sha256d(parts: &[&[u8]]) -> Id {
    Id(Sha256::digest(sha256(parts).0).into())
}

/// RIPEMD-160 of `bytes`.
pub fn ripemd160(bytes: &[u8]) -> [u8; 20] {
    Ripemd160::digest(bytes).into()
}

/// RIPEMD-160 of SHA-256: Bitcoin's hash of public keys.
pub fn hash160(bytes: &[u8]) -> [u8; 20] {
    ripemd160(&sha256(&[bytes]).0)
}

/// A SHA-256 that no other use in the system can collide with: `domain` is hashed first, with
/// its length. Digests that are signed for different purposes carry different domains.
pub fn domain_hash(domain: &str, parts: &[&[u8]]) -> Id {
    let mut hasher = Sha256::new();
    hasher.update([u8::try_from(domain.len()).expect("a domain is a short literal")]);
    hasher.update(domain);
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Id(hasher.finalize().into())
}

/// The Merkle root over `leaves` as Bitcoin builds it, and whether the tree is *mutated*: two
/// equal neighbours at some level give the same root as a shorter list (CVE-2012-2459), so such
/// a body says nothing about the block that the root names. No leaf gives [`Id::ZERO`].
pub fn merkle_root(leaves: impl IntoIterator<Item = Id>) -> (Id, bool) {
    let mut level: Vec<Id> = leaves.into_iter().collect();
    let mut mutated = false;
    while level.len() > 1 {
        mutated |= level.chunks_exact(2).any(|pair| pair[0] == pair[1]);
        if level.len() % 2 == 1 {
            level.push(level[level.len() - 1]);
        }
        level = level.chunks_exact(2).map(|pair| sha256d(&[&pair[0].0, &pair[1].0])).collect();
    }
    (level.first().copied().unwrap_or(Id::ZERO), mutated)
}

/// A pseudo-random draw: a pure function of `seed` and what it is for. Uniform over `u64`.
///
/// Draws never consume each other, so adding one shifts no other (splitmix64's finaliser over
/// each word, Steele, Lea and Flood 2014).
#[inline]
pub fn draw(seed: u64, purpose: u64, counter: u64) -> u64 {
    draw_of(stream(seed, purpose), counter)
}

/// What all draws of `seed` for one purpose have in common, for who makes many of them.
pub fn stream(seed: u64, purpose: u64) -> u64 {
    let state = mix(seed.wrapping_add(GOLDEN));
    mix(state.wrapping_add(purpose.wrapping_mul(GOLDEN)).wrapping_add(1))
}

/// The draw of this number of a [`stream`]: what [`draw`] gives.
pub fn draw_of(stream: u64, counter: u64) -> u64 {
    mix(stream.wrapping_add(counter.wrapping_mul(GOLDEN)).wrapping_add(GOLDEN))
}

/// A draw as a number below `bound`, 0 where that is 0: the high half of their product (Lemire 2019).
pub fn below(drawn: u64, bound: u64) -> u64 {
    ((u128::from(drawn) * u128::from(bound)) >> 64) as u64
}

/// SipHash-2-4 of `bytes` (Aumasson and Bernstein 2012).
pub fn siphash(k0: u64, k1: u64, bytes: &[u8]) -> u64 {
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let round = |[mut a, mut b, mut c, mut d]: [u64; 4]| {
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32);
        c = c.wrapping_add(b);
        a = a.wrapping_add(d);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        [a, b, c.rotate_left(32), d]
    };
    let mut take = |word: u64| {
        v[3] ^= word;
        v = round(round(v));
        v[0] ^= word;
    };
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(|word| take(u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8;
    take(u64::from_le_bytes(last));
    v[2] ^= 0xff;
    v = round(round(round(round(v))));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_show() {
        let id = sha256d(&[b"fika"]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("abc".parse::<Id>().is_err());
        assert!("zz".repeat(32).parse::<Id>().is_err());
    }

    #[test]
    fn a_doubled_last_leaf_is_reported_as_mutated() {
        let leaves: Vec<Id> = (0u8..3).map(|n| sha256(&[&[n]])).collect();
        let (root, mutated) = merkle_root(leaves.clone());
        assert!(!mutated);
        let doubled = leaves.iter().chain(leaves.last()).copied();
        assert_eq!(merkle_root(doubled), (root, true));
    }

    #[test]
    fn domains_separate_digests() {
        assert_ne!(domain_hash("leader", &[b"x"]), domain_hash("cosigner", &[b"x"]));
        assert_ne!(domain_hash("a", &[b"xy", b""]), domain_hash("a", &[b"x", b"y"]));
    }

    /// The test vectors of the authors' reference program: key 00..0f, messages 00, 00 01, 00 01 02, ...
    #[test]
    fn siphash_gives_the_reference_vectors() {
        let key = |from: u8| u64::from_le_bytes(std::array::from_fn(|n| from + n as u8));
        let bytes: Vec<u8> = (0..64).collect();
        let expected = [
            (0, 0x726f_db47_dd0e_0e31),
            (1, 0x74f8_39c5_93dc_67fd),
            (7, 0xab02_00f5_8b01_d137),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
            (63, 0x958a_324c_eb06_4572),
        ];
        for (length, hash) in expected {
            assert_eq!(siphash(key(0), key(8), &bytes[..length]), hash, "of {length} bytes");
        }
    }
}
