//! What light nodes ask full ones, and are told (BIP 157 and, for proofs, BIP 37).

use std::collections::BTreeSet;

use crate::block::{Block, MAX_BLOCK_TXS, MAX_PROOF_BYTES, Tx};
use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_bytes, put_list};
use crate::filter::MAX_FILTER_BYTES;
use crate::hash::{Id, domain_hash};
use crate::header::Header;
use crate::merkle;

/// The most filter headers in one answer.
pub const MAX_FILTER_HEADERS: usize = 500;
/// The most filters that one request may ask for.
pub const MAX_FILTERS: u64 = 100;
/// The most locks and keys that a proof may be asked for.
pub const MAX_ELEMENTS: usize = 1_000;
/// The longest of them, in bytes.
pub const MAX_ELEMENT_BYTES: usize = 16 << 10;

/// Blocks of one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRange {
    /// The height of the first.
    pub start: u64,
    /// The last one.
    pub stop: Id,
}

/// The hashes of the filters of a [`BlockRange`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterHeaders {
    /// The last block.
    pub stop: Id,
    /// The filter header before the first.
    pub previous: Id,
    /// One for each block; none where the sender does not have them.
    pub hashes: Vec<Id>,
}

/// The filter of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockFilter {
    /// Which block.
    pub block: Id,
    /// Its [filter](crate::filter::filter).
    pub filter: Vec<u8>,
}

/// Asks for the transactions of a block that make a coin with one of these locks, or spend one of these keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMerkle {
    /// Which block.
    pub block: Id,
    /// Locks and keys.
    pub elements: Vec<Vec<u8>>,
}

/// Transactions of a block, and the proof that they are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleBlock {
    /// Which block.
    pub block: Id,
    /// Its extra, which the root commits to as well.
    pub extra: Vec<u8>,
    /// How many transactions it has; 0 where the sender does not have the block.
    pub count: u32,
    /// Some of them with their places, ascending: the coinbase, and what was asked for.
    pub txs: Vec<(u32, Tx)>,
    /// The [proof](merkle::proof).
    pub hashes: Vec<Id>,
}

impl MerkleBlock {
    /// Proves that `block` has the transactions at these places.
    pub fn new(id: Id, block: &Block, mut places: BTreeSet<u32>) -> MerkleBlock {
        // Its place shows how high the tree is: else a transaction of 64 bytes could pass for two hashes, and what these
        // name for transactions (CVE-2017-12842).
        places.insert(0);
        let places: Vec<u32> = places.into_iter().filter(|place| (*place as usize) < block.txs.len()).collect();
        let leaves: Vec<Id> = block.txs.iter().map(Tx::hash).collect();
        MerkleBlock {
            block: id,
            extra: block.head.extra.clone(),
            count: leaves.len() as u32,
            hashes: merkle::proof(&leaves, &places),
            txs: places.into_iter().map(|place| (place, block.txs[place as usize].clone())).collect(),
        }
    }

    /// The answer of who does not have the block.
    pub fn unknown(block: Id) -> MerkleBlock {
        MerkleBlock { block, extra: Vec::new(), count: 0, txs: Vec::new(), hashes: Vec::new() }
    }

    /// Whether the block with this header has all these transactions.
    pub fn proves(&self, header: &Header) -> bool {
        let leaves: Vec<(u32, Id)> = self.txs.iter().map(|(place, tx)| (*place, tx.hash())).collect();
        // As long as two hashes, it may be an inner node of the tree.
        let inner = self.txs.iter().any(|(_, tx)| tx.bytes().len() == 64);
        let has_coinbase = leaves.first().is_some_and(|(place, _)| *place == 0);
        let Some(root) = merkle::root(self.count, &leaves, &self.hashes) else { return false };
        let root = match self.extra.is_empty() {
            true => root,
            false => domain_hash("fika body with extra", &[&root.0, &self.extra]),
        };
        has_coinbase && !inner && root == header.root
    }
}

impl Encode for BlockRange {
    fn encode(&self, out: &mut impl Sink) {
        self.start.encode(out);
        self.stop.encode(out);
    }
}

impl Decode for BlockRange {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(BlockRange { start: u64::decode(from)?, stop: Id::decode(from)? })
    }
}

impl Encode for FilterHeaders {
    fn encode(&self, out: &mut impl Sink) {
        self.stop.encode(out);
        self.previous.encode(out);
        put_list(out, &self.hashes);
    }
}

impl Decode for FilterHeaders {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (stop, previous) = (Id::decode(from)?, Id::decode(from)?);
        Ok(FilterHeaders { stop, previous, hashes: from.list(MAX_FILTER_HEADERS)? })
    }
}

impl Encode for BlockFilter {
    fn encode(&self, out: &mut impl Sink) {
        self.block.encode(out);
        put_bytes(out, &self.filter);
    }
}

impl Decode for BlockFilter {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(BlockFilter { block: Id::decode(from)?, filter: from.bytes(MAX_FILTER_BYTES)?.to_vec() })
    }
}

impl Encode for GetMerkle {
    fn encode(&self, out: &mut impl Sink) {
        self.block.encode(out);
        put_list(out, &self.elements);
    }
}

impl Decode for GetMerkle {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let block = Id::decode(from)?;
        let count = from.count(MAX_ELEMENTS)?;
        let elements = (0..count).map(|_| Ok(from.bytes(MAX_ELEMENT_BYTES)?.to_vec())).collect::<Result<_, _>>()?;
        Ok(GetMerkle { block, elements })
    }
}

impl Encode for MerkleBlock {
    fn encode(&self, out: &mut impl Sink) {
        self.block.encode(out);
        put_bytes(out, &self.extra);
        self.count.encode(out);
        put_list(out, &self.txs);
        put_list(out, &self.hashes);
    }
}

impl Decode for MerkleBlock {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(MerkleBlock {
            block: Id::decode(from)?,
            extra: from.bytes(MAX_PROOF_BYTES)?.to_vec(),
            count: u32::decode(from)?,
            txs: from.list(MAX_BLOCK_TXS)?,
            hashes: from.list(MAX_BLOCK_TXS)?,
        })
    }
}
