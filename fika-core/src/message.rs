//! What neighbours say to each other.
//!
//! A [`Message`] has one canonical encoding: a kind byte and a payload. Transports frame it.

use std::sync::Arc;

use crate::address::Address;
use crate::block::{Block, Head, MAX_PROOF_BYTES, Tx};
use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_bytes, put_list};
use crate::compact::{BlockTxn, CompactBlock, GetBlockTxn};
use crate::hash::{Id, domain_hash};
use crate::light::{BlockFilter, BlockRange, FilterHeaders, GetMerkle, MerkleBlock};

/// The most items in one announcement or request.
pub const MAX_ITEMS: usize = 1_000;
/// The most headers in one answer.
pub const MAX_HEADERS: usize = 500;
/// The most block ids in a locator.
pub const MAX_LOCATOR: usize = 64;

/// Something that can be announced and asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InvItem {
    /// A transaction, by the hash of all its bytes.
    Tx(Id),
    /// A block.
    Block(Id),
    /// A proposed block.
    Proposal(Id),
    /// A consensus message, by [`GossipMessage::id`].
    Gossip(Id),
    /// A block, to be sent as a [`CompactBlock`] where the other end makes them. Only asked for.
    Compact(Id),
    /// The ancestors of a transaction, by its hash, that are in the mempool: those nearest to it, parents first (as BIP 331
    /// does). Only asked for; the answer is transactions.
    Ancestors(Id),
}

impl InvItem {
    /// The number of its kind in the encoding, below 6.
    #[inline]
    pub fn kind(&self) -> usize {
        match self {
            InvItem::Tx(_) => 0,
            InvItem::Block(_) => 1,
            InvItem::Proposal(_) => 2,
            InvItem::Gossip(_) => 3,
            InvItem::Compact(_) => 4,
            InvItem::Ancestors(_) => 5,
        }
    }

    /// Its name.
    #[inline]
    pub fn id(&self) -> &Id {
        match self {
            InvItem::Tx(id) | InvItem::Block(id) | InvItem::Proposal(id) => id,
            InvItem::Gossip(id) | InvItem::Compact(id) | InvItem::Ancestors(id) => id,
        }
    }
}

/// A message of one consensus agent to another, or to all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipMessage {
    /// The node that claims to have said it first; the neighbours that pass it on leave this as it is.
    pub from: Address,
    /// For whom it is; `None` for everyone.
    pub to: Option<Address>,
    /// Makes equal bytes sent twice two messages.
    pub sequence: u64,
    /// The agent's bytes.
    pub bytes: Vec<u8>,
}

impl GossipMessage {
    /// Its name in relay.
    pub fn id(&self) -> Id {
        domain_hash("fika gossip", &[&self.to_bytes()])
    }
}

/// One message between neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// I have these.
    Inv(Vec<InvItem>),
    /// Send me these.
    GetData(Vec<InvItem>),
    /// I do not have these.
    NotFound(Vec<InvItem>),
    /// A transaction.
    Tx(Tx),
    /// A block.
    Block(Arc<Block>),
    /// A proposed block, its seal incomplete.
    Proposal(Arc<Block>),
    /// Send me the headers after the first of these that you have on your chain.
    GetHeaders(Vec<Id>),
    /// Headers, each the child of the one before. None: nothing newer.
    Headers(Vec<Head>),
    /// An agent's message, passed on by nodes.
    Gossip(Arc<GossipMessage>),
    /// An agent's message to this neighbour alone. It names no sender.
    Direct(Vec<u8>),
    /// A block with short ids in place of most transactions.
    CompactBlock(Arc<CompactBlock>),
    /// Send me these transactions of a block.
    GetBlockTxn(Box<GetBlockTxn>),
    /// The transactions of a block that you asked for.
    BlockTxn(Box<BlockTxn>),
    /// Send me the filter headers of these blocks. Whoever asks is a light node.
    GetCfHeaders(Box<BlockRange>),
    /// The hashes of these filters.
    CfHeaders(Box<FilterHeaders>),
    /// Send me the filters of these blocks.
    GetCFilters(Box<BlockRange>),
    /// The filter of a block.
    CFilter(Box<BlockFilter>),
    /// Send me those transactions of a block that touch one of these locks or coins, with a proof.
    GetMerkle(Box<GetMerkle>),
    /// Transactions of a block, with the proof that they are in it.
    MerkleBlock(Box<MerkleBlock>),
}

impl Message {
    /// The kinds' names, by their number in the encoding.
    pub const KINDS: [&str; 19] = [
        "inv",
        "getdata",
        "notfound",
        "tx",
        "block",
        "proposal",
        "getheaders",
        "headers",
        "gossip",
        "direct",
        "compactblock",
        "getblocktxn",
        "blocktxn",
        "getcfheaders",
        "cfheaders",
        "getcfilters",
        "cfilter",
        "getmerkle",
        "merkleblock",
    ];

    /// The kind's number.
    #[inline]
    pub fn kind(&self) -> u8 {
        match self {
            Message::Inv(_) => 0,
            Message::GetData(_) => 1,
            Message::NotFound(_) => 2,
            Message::Tx(_) => 3,
            Message::Block(_) => 4,
            Message::Proposal(_) => 5,
            Message::GetHeaders(_) => 6,
            Message::Headers(_) => 7,
            Message::Gossip(_) => 8,
            Message::Direct(_) => 9,
            Message::CompactBlock(_) => 10,
            Message::GetBlockTxn(_) => 11,
            Message::BlockTxn(_) => 12,
            Message::GetCfHeaders(_) => 13,
            Message::CfHeaders(_) => 14,
            Message::GetCFilters(_) => 15,
            Message::CFilter(_) => 16,
            Message::GetMerkle(_) => 17,
            Message::MerkleBlock(_) => 18,
        }
    }

    /// The kind's name.
    pub fn kind_name(&self) -> &'static str {
        Message::KINDS[usize::from(self.kind())]
    }

    /// Appends the payload: the encoding without the kind.
    pub fn encode_payload(&self, out: &mut impl Sink) {
        match self {
            Message::Inv(items) | Message::GetData(items) | Message::NotFound(items) => put_list(out, items),
            Message::Tx(tx) => out.put(tx.bytes()),
            Message::Block(block) | Message::Proposal(block) => block.encode(out),
            Message::GetHeaders(locator) => put_list(out, locator),
            Message::Headers(heads) => put_list(out, heads),
            Message::Gossip(gossip) => gossip.encode(out),
            Message::Direct(bytes) => out.put(bytes),
            Message::CompactBlock(compact) => compact.encode(out),
            Message::GetBlockTxn(request) => request.encode(out),
            Message::BlockTxn(answer) => answer.encode(out),
            Message::GetCfHeaders(range) | Message::GetCFilters(range) => range.encode(out),
            Message::CfHeaders(answer) => answer.encode(out),
            Message::CFilter(answer) => answer.encode(out),
            Message::GetMerkle(request) => request.encode(out),
            Message::MerkleBlock(answer) => answer.encode(out),
        }
    }

    /// The length of the payload, in bytes, without making it.
    pub fn payload_len(&self) -> usize {
        let mut size = crate::codec::Size::default();
        self.encode_payload(&mut size);
        size.0
    }

    /// Reads the payload of a message of this kind.
    ///
    /// # Errors
    /// [`DecodeError`] when the kind is unknown or the payload breaks a rule or limit.
    pub fn decode_payload(kind: u8, payload: &[u8]) -> Result<Message, DecodeError> {
        let mut from = Reader::new(payload);
        let message = match kind {
            0 => Message::Inv(from.list(MAX_ITEMS)?),
            1 => Message::GetData(from.list(MAX_ITEMS)?),
            2 => Message::NotFound(from.list(MAX_ITEMS)?),
            3 => Message::Tx(Tx::new(limited(&mut from, crate::block::MAX_TX_BYTES)?)),
            4 => Message::Block(Arc::new(Block::decode(&mut from)?)),
            5 => Message::Proposal(Arc::new(Block::decode(&mut from)?)),
            6 => Message::GetHeaders(from.list(MAX_LOCATOR)?),
            7 => Message::Headers(from.list(MAX_HEADERS)?),
            8 => Message::Gossip(Arc::new(GossipMessage::decode(&mut from)?)),
            9 => Message::Direct(limited(&mut from, MAX_PROOF_BYTES)?.to_vec()),
            10 => Message::CompactBlock(Arc::new(CompactBlock::decode(&mut from)?)),
            11 => Message::GetBlockTxn(Box::new(GetBlockTxn::decode(&mut from)?)),
            12 => Message::BlockTxn(Box::new(BlockTxn::decode(&mut from)?)),
            13 => Message::GetCfHeaders(Box::new(BlockRange::decode(&mut from)?)),
            14 => Message::CfHeaders(Box::new(FilterHeaders::decode(&mut from)?)),
            15 => Message::GetCFilters(Box::new(BlockRange::decode(&mut from)?)),
            16 => Message::CFilter(Box::new(BlockFilter::decode(&mut from)?)),
            17 => Message::GetMerkle(Box::new(GetMerkle::decode(&mut from)?)),
            18 => Message::MerkleBlock(Box::new(MerkleBlock::decode(&mut from)?)),
            _ => return Err(DecodeError::Unknown("kind of message")),
        };
        from.finish()?;
        Ok(message)
    }
}

fn limited<'a>(from: &mut Reader<'a>, limit: usize) -> Result<&'a [u8], DecodeError> {
    match from.left() {
        n if n <= limit => from.take(n),
        n => Err(DecodeError::Limit { limit, found: n as u64 }),
    }
}

impl Encode for Message {
    fn encode(&self, out: &mut impl Sink) {
        self.kind().encode(out);
        self.encode_payload(out);
    }
}

/// Reads all that is left: the payload has no length of its own.
impl Decode for Message {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = u8::decode(from)?;
        Message::decode_payload(kind, from.take(from.left())?)
    }
}

impl Encode for InvItem {
    fn encode(&self, out: &mut impl Sink) {
        (self.kind() as u8).encode(out);
        self.id().encode(out);
    }
}

impl Decode for InvItem {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = u8::decode(from)?;
        let id = Id::decode(from)?;
        match kind {
            0 => Ok(InvItem::Tx(id)),
            1 => Ok(InvItem::Block(id)),
            2 => Ok(InvItem::Proposal(id)),
            3 => Ok(InvItem::Gossip(id)),
            4 => Ok(InvItem::Compact(id)),
            5 => Ok(InvItem::Ancestors(id)),
            _ => Err(DecodeError::Unknown("kind of item")),
        }
    }
}

impl Encode for GossipMessage {
    fn encode(&self, out: &mut impl Sink) {
        self.from.encode(out);
        self.to.encode(out);
        self.sequence.encode(out);
        put_bytes(out, &self.bytes);
    }
}

impl Decode for GossipMessage {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(GossipMessage {
            from: Address::decode(from)?,
            to: Option::decode(from)?,
            sequence: u64::decode(from)?,
            bytes: from.bytes(MAX_PROOF_BYTES)?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_comes_back() {
        let block = Arc::new(Block {
            head: Head { extra: vec![1], seal: vec![2, 3], ..Head::default() },
            txs: vec![Tx::new([7; 9])],
        });
        let gossip = GossipMessage { from: Address([1; 20]), to: Some(Address([2; 20])), sequence: 3, bytes: vec![4] };
        let items = vec![
            InvItem::Tx(Id([1; 32])),
            InvItem::Block(Id([2; 32])),
            InvItem::Proposal(Id([3; 32])),
            InvItem::Gossip(Id([4; 32])),
            InvItem::Compact(Id([5; 32])),
            InvItem::Ancestors(Id([6; 32])),
        ];
        let range = BlockRange { start: 3, stop: Id([1; 32]) };
        let headers = FilterHeaders { stop: Id([1; 32]), previous: Id([2; 32]), hashes: vec![Id([3; 32]); 2] };
        let all = [
            Message::Inv(items.clone()),
            Message::GetData(items.clone()),
            Message::NotFound(items),
            Message::Tx(Tx::new([1, 2, 3])),
            Message::Block(block.clone()),
            Message::Proposal(block.clone()),
            Message::GetHeaders(vec![Id([9; 32])]),
            Message::Headers(vec![block.head.clone()]),
            Message::Gossip(Arc::new(gossip)),
            Message::Direct(vec![5; 100]),
            Message::CompactBlock(Arc::new(CompactBlock::new(&block, 6))),
            Message::GetBlockTxn(Box::new(GetBlockTxn { id: Id([7; 32]), indexes: vec![0, 1, 300].into() })),
            Message::BlockTxn(Box::new(BlockTxn { id: Id([8; 32]), txs: block.txs[..].into() })),
            Message::GetCfHeaders(Box::new(range)),
            Message::CfHeaders(Box::new(headers)),
            Message::GetCFilters(Box::new(range)),
            Message::CFilter(Box::new(BlockFilter { block: Id([1; 32]), filter: vec![1, 2, 3] })),
            Message::GetMerkle(Box::new(GetMerkle { block: Id([1; 32]), elements: vec![vec![2; 20], vec![]] })),
            Message::MerkleBlock(Box::new(MerkleBlock::new(block.id(), &block, [].into()))),
        ];
        assert_eq!(all.len(), Message::KINDS.len());
        for (kind, message) in all.iter().enumerate() {
            assert_eq!(usize::from(message.kind()), kind);
            assert_eq!(Message::from_bytes(&message.to_bytes()).as_ref(), Ok(message));
            assert_eq!(message.encoded_len(), message.to_bytes().len());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            if let Ok(message) = Message::from_bytes(&bytes) {
                prop_assert_eq!(message.to_bytes(), bytes);
            }
        }
    }
}
