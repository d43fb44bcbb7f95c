//! Blocks and transactions as the node carries them.

use std::fmt;
use std::sync::Arc;

use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_bytes, put_varint};
use crate::hash::{Id, domain_hash, merkle_root, sha256d};
use crate::header::Header;

/// The largest body, extra and seal together, that is decoded, in bytes. A chain's own limit lies below.
pub const MAX_BLOCK_BYTES: usize = 8 << 20;
/// The most transactions in a block that is decoded: each takes memory beyond its bytes.
pub const MAX_BLOCK_TXS: usize = 200_000;
/// The largest transaction that is decoded, in bytes.
pub const MAX_TX_BYTES: usize = 1 << 20;
/// The largest `extra` and the largest `seal`, in bytes.
pub const MAX_PROOF_BYTES: usize = 64 << 10;

/// A transaction: bytes that the chain's [`TxFormat`](crate::tx::TxFormat) understands, with
/// their hash. Cloning shares the bytes.
#[derive(Clone)]
pub struct Tx(Arc<(Id, Box<[u8]>)>);

impl Tx {
    /// Wraps `bytes` and hashes them once.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Tx {
        let bytes = bytes.into();
        Tx(Arc::new((sha256d(&[&bytes]), bytes)))
    }

    /// Double SHA-256 of all bytes: the leaf of the Merkle tree and the name in relay. It
    /// changes with every signature; what later transactions refer to is
    /// [`Outcome::id`](crate::tx::Outcome::id).
    #[inline]
    pub fn hash(&self) -> Id {
        self.0.0
    }

    /// The encoded transaction.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.0.1
    }
}

impl PartialEq for Tx {
    fn eq(&self, other: &Tx) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for Tx {}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tx({})", self.hash())
    }
}

impl Encode for Tx {
    fn encode(&self, out: &mut impl Sink) {
        put_bytes(out, self.bytes());
    }
}

impl Decode for Tx {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Tx::new(from.bytes(MAX_TX_BYTES)?))
    }
}

/// A header with what its producer committed beside it and the proof over it: all of a block but its transactions.
#[derive(Clone, Debug, Eq, Default)]
pub struct Head {
    /// The 80 bytes that the id is made of.
    pub header: Header,
    /// What the producer fixed before the proof (producer, slot, uncles, ...); committed by the root.
    pub extra: Vec<u8>,
    /// Proofs over the finished header (signatures, certificates). Outside the id: a block with
    /// another valid seal is the same block.
    pub seal: Vec<u8>,
}

/// Whether two proofs are the same. Most rules have none, and comparing nothing is slow: an empty list has no address, and
/// some machines stumble over what they might have read there.
pub(crate) fn same_proof(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.header == other.header && same_proof(&self.extra, &other.extra) && same_proof(&self.seal, &other.seal)
    }
}

impl Encode for Head {
    fn encode(&self, out: &mut impl Sink) {
        self.header.encode(out);
        put_bytes(out, &self.extra);
        put_bytes(out, &self.seal);
    }
}

impl Decode for Head {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Head {
            header: Header::decode(from)?,
            extra: from.bytes(MAX_PROOF_BYTES)?.to_vec(),
            seal: from.bytes(MAX_PROOF_BYTES)?.to_vec(),
        })
    }
}

/// A whole block. The first transaction is the coinbase.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Block {
    /// Header, extra and seal.
    pub head: Head,
    /// The transactions, coinbase first.
    pub txs: Vec<Tx>,
}

impl Block {
    /// The block's name.
    pub fn id(&self) -> Id {
        self.head.header.id()
    }
}

impl Encode for Block {
    fn encode(&self, out: &mut impl Sink) {
        self.head.encode(out);
        put_varint(out, self.txs.len() as u64);
        self.txs.iter().for_each(|tx| tx.encode(out));
    }
}

impl Decode for Block {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Block { head: Head::decode(from)?, txs: from.list(MAX_BLOCK_TXS)? })
    }
}

/// What the header's root must be: the Merkle root over the transactions' hashes, and when
/// there is an extra, a hash of that root and the extra, in a domain of its own: else an extra could pass for a
/// transaction. The second value says whether the list of transactions is mutated; see [`merkle_root`].
pub fn body_root(txs: &[Tx], extra: &[u8]) -> (Id, bool) {
    let (merkle, mutated) = merkle_root(txs.iter().map(Tx::hash));
    let root = if extra.is_empty() { merkle } else { domain_hash("fika body with extra", &[&merkle.0, extra]) };
    (root, mutated)
}
