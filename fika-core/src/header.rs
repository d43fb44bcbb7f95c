//! The 80-byte block header, as in Bitcoin.

use serde::{Deserialize, Serialize};

use crate::codec::{Decode, DecodeError, Encode, Reader, Sink};
use crate::hash::{Id, sha256d};

/// Microseconds since the chain's epoch. [`Env`](crate::env::Env) turns them into header ticks.
pub type Time = u64;

/// One second, in the unit of [`Time`].
pub const SECOND: Time = 1_000_000;

/// Bitcoin's header, the same for every coin: a real Bitcoin header is a Fika header.
///
/// Its [`id`](Header::id) names the block. What a producer fixes before the proof beyond these
/// fields goes into the block's `extra`, which [`root`](Header::root) commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[repr(C)]
pub struct Header {
    /// Version of the block format.
    pub version: u32,
    /// The block that this one extends.
    pub parent: Id,
    /// Commits to the transactions and the extra; see [`body_root`](crate::block::body_root).
    pub root: Id,
    /// When the block was made, in ticks since the chain's epoch.
    pub time: u32,
    /// The proof-of-work target in compact form, or what the consensus puts here.
    pub bits: u32,
    /// What mining varies.
    pub nonce: u32,
}

impl Header {
    /// The length of the binary form.
    pub const LEN: usize = 80;

    /// The binary form, Bitcoin's.
    pub fn bytes(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..4].copy_from_slice(&self.version.to_le_bytes());
        out[4..36].copy_from_slice(&self.parent.0);
        out[36..68].copy_from_slice(&self.root.0);
        out[68..72].copy_from_slice(&self.time.to_le_bytes());
        out[72..76].copy_from_slice(&self.bits.to_le_bytes());
        out[76..].copy_from_slice(&self.nonce.to_le_bytes());
        out
    }

    /// The double SHA-256 of the 80 bytes and of nothing else.
    pub fn id(&self) -> Id {
        sha256d(&[&self.bytes()])
    }
}

impl Encode for Header {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&self.bytes());
    }
}

impl Decode for Header {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Header {
            version: u32::decode(from)?,
            parent: Id::decode(from)?,
            root: Id::decode(from)?,
            time: u32::decode(from)?,
            bits: u32::decode(from)?,
            nonce: u32::decode(from)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bitcoin's genesis block, known to everyone.
    #[test]
    fn bitcoins_genesis_header_has_bitcoins_id() {
        let header = Header {
            version: 1,
            parent: Id::ZERO,
            root: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b".parse().unwrap(),
            time: 1_231_006_505,
            bits: 0x1d00_ffff,
            nonce: 2_083_236_893,
        };
        assert_eq!(header.id().to_string(), "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
        assert_eq!(Header::from_bytes(&header.bytes()), Ok(header));
    }
}
