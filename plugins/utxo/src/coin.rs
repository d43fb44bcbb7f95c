//! Coins: their names and what the ledger keeps of them.

use std::fmt;

use fika_core::amount::Amount;
use fika_core::codec::{Decode, DecodeError, Encode, Reader, Sink, put_varint};
use fika_core::hash::Id;

use crate::encoding::u32_varint;

/// Which coin: the transaction that made it, and which of its outputs it is. Shown as `id:index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outpoint {
    /// The transaction's id.
    pub id: Id,
    /// The output.
    pub index: u32,
}

impl Outpoint {
    /// The coin's key in the ledger: 33 bytes where the index is below 253. Keys are ordered
    /// as outpoints are.
    pub fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(33);
        key.extend(self.id.0);
        match self.index {
            n @ ..0xfd => key.push(n as u8),
            n @ ..0x1_0000 => {
                key.push(0xfd);
                key.extend((n as u16).to_be_bytes());
            }
            n => {
                key.push(0xfe);
                key.extend(n.to_be_bytes());
            }
        }
        key
    }

    /// Reads what [`key`](Outpoint::key) made.
    pub fn from_key(key: &[u8]) -> Option<Outpoint> {
        let (id, index) = key.split_first_chunk()?;
        let index = match *index {
            [n] => u32::from(n),
            [0xfd, a, b] => u32::from_be_bytes([0, 0, a, b]),
            [0xfe, a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
            _ => return None,
        };
        Some(Outpoint { id: Id(*id), index }).filter(|outpoint| outpoint.key() == key)
    }
}

impl fmt::Display for Outpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.index)
    }
}

impl Encode for Outpoint {
    fn encode(&self, out: &mut impl Sink) {
        self.id.encode(out);
        put_varint(out, self.index.into());
    }
}

impl Decode for Outpoint {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Outpoint { id: Id::decode(from)?, index: u32_varint(from)? })
    }
}

/// A coin's value in the ledger. Its lock comes last and needs no length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coin {
    /// Whether it comes from a coinbase above genesis.
    pub mined: bool,
    /// The height of the block that made it.
    pub height: u64,
    /// The header time of that block's parent, in ticks.
    pub time: u32,
    /// What it is worth.
    pub amount: Amount,
    /// The locking script.
    pub lock: Vec<u8>,
}

impl Encode for Coin {
    fn encode(&self, out: &mut impl Sink) {
        self.mined.encode(out);
        put_varint(out, self.height);
        put_varint(out, self.time.into());
        self.amount.encode(out);
        out.put(&self.lock);
    }
}

impl Decode for Coin {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Coin {
            mined: bool::decode(from)?,
            height: from.varint()?,
            time: u32_varint(from)?,
            amount: Amount::decode(from)?,
            lock: from.take(from.left())?.to_vec(),
        })
    }
}
