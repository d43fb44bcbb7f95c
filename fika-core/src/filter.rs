//! Filters that say of a block which coins it may concern (BIP 158).
//!
//! A filter is a Golomb-coded set of 64-bit hashes. It never leaves out what the block has, and contains something else
//! once in [`M`] times. Its elements are
//!
//! - the lock of each coin that the block's transactions make, and
//! - the key of each coin that they spend.
//!
//! BIP 158 has the locks of coins that are spent. Whoever has a block does not know those, and so could not tell a filter
//! that leaves one out. A wallet knows the keys of its own coins, and with keys everybody who has the block can make its
//! filter again: of two neighbours that disagree, the block says for certain which one lies.
//!
//! The header of a filter commits to it and to the filters of all earlier blocks (BIP 157).

use std::collections::BTreeSet;

use crate::codec::{DecodeError, Reader, put_varint};
use crate::hash::{Id, sha256d, siphash};

/// The bits of a difference that are written as they are.
const P: u32 = 19;
/// One in so many other things seems to be in a filter.
pub const M: u64 = 784_931;
/// The longest filter that is decoded, in bytes.
pub const MAX_FILTER_BYTES: usize = 1 << 20;

/// Where the hash of an element lies among those of a filter of `count` elements.
fn place(block: &Id, count: u64, element: &[u8]) -> u64 {
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|n| block.0[at + n]));
    let hash = siphash(word(0), word(8), element);
    ((u128::from(hash) * u128::from(count * M)) >> 64) as u64
}

/// The filter of the block called `block`, which has these elements.
pub fn filter(block: &Id, elements: &BTreeSet<&[u8]>) -> Vec<u8> {
    let count = elements.len() as u64;
    let mut places: Vec<u64> = elements.iter().map(|element| place(block, count, element)).collect();
    places.sort_unstable();
    let mut bytes = Vec::new();
    put_varint(&mut bytes, count);
    let mut bits = BitWriter { bytes, free: 0 };
    let mut last = 0;
    for place in places {
        let difference = place - last;
        (0..difference >> P).for_each(|_| bits.put(true));
        bits.put(false);
        (0..P).rev().for_each(|bit| bits.put(difference >> bit & 1 == 1));
        last = place;
    }
    bits.bytes
}

/// Which of these the block called `block` may have, by its filter, in their order.
///
/// # Errors
/// [`DecodeError`] when the filter is none.
pub fn matching<'a>(filter: &[u8], block: &Id, watched: &[&'a [u8]]) -> Result<Vec<&'a [u8]>, DecodeError> {
    let mut from = Reader::new(filter);
    let count = from.varint()?;
    let mut bits = BitReader { bytes: from.take(from.left())?, at: 0 };
    // Each takes these many bits at least.
    let most = bits.bytes.len() * 8 / (P as usize + 1);
    if count > most as u64 {
        return Err(DecodeError::Limit { limit: most, found: count });
    }
    let mut places = BTreeSet::new();
    let mut last = 0;
    for _ in 0..count {
        let mut high = 0;
        while bits.next()? {
            high += 1;
        }
        let low = (0..P).try_fold(0, |low, _| bits.next().map(|bit| low << 1 | u64::from(bit)))?;
        last += high << P | low;
        places.insert(last);
    }
    Ok(watched.iter().copied().filter(|element| places.contains(&place(block, count, element))).collect())
}

/// The name of a filter.
pub fn filter_hash(filter: &[u8]) -> Id {
    sha256d(&[filter])
}

/// The header of a filter: its hash, and the header of the filter before it (of genesis: zeros).
pub fn filter_header(hash: &Id, previous: &Id) -> Id {
    sha256d(&[&hash.0, &previous.0])
}

/// Writes bits, the highest of each byte first.
struct BitWriter {
    bytes: Vec<u8>,
    /// How many bits of the last byte are free.
    free: u32,
}

impl BitWriter {
    fn put(&mut self, bit: bool) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
        self.free -= 1;
        *self.bytes.last_mut().expect("one was added") |= u8::from(bit) << self.free;
    }
}

/// Reads them.
struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    fn next(&mut self) -> Result<bool, DecodeError> {
        let byte = self.bytes.get(self.at / 8).ok_or(DecodeError::Short { missing: 1 })?;
        let bit = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Ok(bit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hash::{parse_hex, sha256, to_hex};

    /// The first test vector of BIP 158: the genesis block of Bitcoin's testnet 3, with the lock of its one coin.
    #[test]
    fn the_first_vector_of_bip_158() {
        let block: Id = "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943".parse().unwrap();
        let lock = "4104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6\
                    49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac";
        let lock = parse_hex(lock).unwrap();
        let made = filter(&block, &[&lock[..]].into());
        assert_eq!(to_hex(&made), "019dfca8");
        let header = filter_header(&filter_hash(&made), &Id::ZERO).to_string();
        assert_eq!(header, "21584579b7eb08997773e5aeff3a7f932700042d0ed2a6129012b7d7ae81b750");
    }

    #[test]
    fn other_things_seem_to_be_in_it_once_in_m_times() {
        let (block, words) = (sha256(&[b"a block"]), |from: u32, to: u32| (from..to).map(|n| n.to_le_bytes()));
        let (inside, outside): (Vec<_>, Vec<_>) = (words(0, 10_000).collect(), words(10_000, 4_000_000).collect());
        let made = filter(&block, &inside.iter().map(|word| &word[..]).collect());
        let outside: Vec<&[u8]> = outside.iter().map(|word| &word[..]).collect();
        let found = matching(&made, &block, &outside).unwrap().len() as f64;
        // Of N elements in a range of N * M.
        let expected = outside.len() as f64 / M as f64;
        assert!((found - expected).abs() < 4.0 * expected.sqrt(), "{found} of {expected}");
        // 19 bits, one for the end of a unary number, and half of one more.
        let bits = made.len() as f64 * 8.0 / inside.len() as f64;
        assert!((bits - 21.0).abs() < 1.0, "{bits}");
    }

    proptest! {
        #[test]
        fn what_a_block_has_is_always_found(elements: BTreeSet<Vec<u8>>, id: [u8; 32]) {
            let (block, elements) = (Id(id), elements.iter().map(|element| &element[..]).collect::<BTreeSet<_>>());
            let all: Vec<&[u8]> = elements.iter().copied().collect();
            prop_assert_eq!(matching(&filter(&block, &elements), &block, &all), Ok(all));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = matching(&bytes, &Id::ZERO, &[b"a"]);
        }
    }
}
