//! Blocks without the transactions that the other end is likely to have (BIP 152).
//!
//! A [`CompactBlock`] names a transaction by a [`ShortId`]: the low six bytes of SipHash-2-4
//! over its hash, keyed with SHA-256 of the header and a salt, as in BIP 152. Two transactions
//! can have the same short id; whoever sends the block chooses the salt, so that nobody can
//! make such a pair beforehand.

use smallvec::SmallVec;

use crate::block::{Block, Head, MAX_BLOCK_TXS, Tx};
use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_list, put_varint};
use crate::hash::{Id, sha256, siphash};

/// Something for each of a few transactions: up to two take no memory of their own.
pub type Few<T> = SmallVec<[T; 2]>;

/// Six bytes that stand for a transaction in one compact block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShortId(pub [u8; 6]);

impl ShortId {
    /// The six bytes as an integer.
    pub fn number(&self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }
}

/// Makes the short ids of one compact block.
#[derive(Clone, Copy, Debug)]
pub struct ShortIds(u64, u64);

impl ShortIds {
    /// The short id of the transaction called `hash`.
    pub fn of(&self, hash: &Id) -> ShortId {
        let [a, b, c, d, e, f, ..] = siphash(self.0, self.1, &hash.0).to_le_bytes();
        ShortId([a, b, c, d, e, f])
    }
}

/// A block with most of its transactions as short ids.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CompactBlock {
    /// Header, extra and seal.
    pub head: Head,
    /// Goes into the key of the short ids.
    pub salt: u64,
    /// The transactions that are not given whole, in the block's order.
    pub short: Vec<ShortId>,
    /// Transactions given whole, with their places in the block, in ascending order: at least the coinbase.
    pub prefilled: Vec<(u32, Tx)>,
}

/// What a compact block says about one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot<'a> {
    /// The transaction itself.
    Given(&'a Tx),
    /// What its hash must give.
    Short(ShortId),
}

impl Slot<'_> {
    /// The transaction, if it is given.
    pub fn given(&self) -> Option<Tx> {
        match self {
            Slot::Given(tx) => Some((*tx).clone()),
            Slot::Short(_) => None,
        }
    }
}

impl CompactBlock {
    /// The compact form of `block`: its coinbase is whole, as no other node can have it.
    pub fn new(block: &Block, salt: u64) -> CompactBlock {
        let prefilled = block.txs.first().map(|coinbase| (0, coinbase.clone()));
        let mut compact = CompactBlock {
            head: block.head.clone(),
            salt,
            short: Vec::new(),
            prefilled: prefilled.into_iter().collect(),
        };
        if block.txs.len() > 1 {
            let ids = compact.short_ids();
            compact.short = block.txs[1..].iter().map(|tx| ids.of(&tx.hash())).collect();
        }
        compact
    }

    /// The block's name.
    pub fn id(&self) -> Id {
        self.head.header.id()
    }

    /// How many transactions the block has.
    pub fn tx_count(&self) -> usize {
        self.short.len() + self.prefilled.len()
    }

    /// Makes this block's short ids.
    pub fn short_ids(&self) -> ShortIds {
        let key = sha256(&[&self.head.header.bytes(), &self.salt.to_le_bytes()]).0;
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|n| key[at + n]));
        ShortIds(word(0), word(8))
    }

    /// What is said about each transaction, in the block's order; `None` when the places do not fit together, which no
    /// honest node sends.
    pub fn slots(&self) -> Option<Few<Slot<'_>>> {
        let mut slots = Few::with_capacity(self.tx_count());
        let mut short = self.short.iter();
        for (place, tx) in &self.prefilled {
            while slots.len() < *place as usize {
                slots.push(Slot::Short(*short.next()?));
            }
            if slots.len() != *place as usize {
                return None;
            }
            slots.push(Slot::Given(tx));
        }
        slots.extend(short.map(|id| Slot::Short(*id)));
        Some(slots)
    }
}

/// Send me these transactions of a block that you have sent in its compact form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetBlockTxn {
    /// The block.
    pub id: Id,
    /// Their places in the block, in ascending order.
    pub indexes: Few<u32>,
}

/// The transactions of a block that were asked for, in the order of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockTxn {
    /// The block.
    pub id: Id,
    /// The transactions.
    pub txs: Few<Tx>,
}

/// Places in ascending order travel as the distance from the place after the last one (BIP 152).
fn put_place(out: &mut impl Sink, next: &mut u64, place: u32) {
    put_varint(out, u64::from(place).wrapping_sub(*next));
    *next = u64::from(place) + 1;
}

fn read_place(from: &mut Reader<'_>, next: &mut u64) -> Result<u32, DecodeError> {
    let found = next.saturating_add(from.varint()?);
    *next = found.saturating_add(1);
    let place = u32::try_from(found).ok().filter(|place| (*place as usize) < MAX_BLOCK_TXS);
    place.ok_or(DecodeError::Limit { limit: MAX_BLOCK_TXS - 1, found })
}

impl Encode for ShortId {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&self.0);
    }
}

impl Decode for ShortId {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(ShortId(from.array()?))
    }
}

impl Encode for CompactBlock {
    fn encode(&self, out: &mut impl Sink) {
        self.head.encode(out);
        self.salt.encode(out);
        put_list(out, &self.short);
        put_varint(out, self.prefilled.len() as u64);
        let mut next = 0;
        for (place, tx) in &self.prefilled {
            put_place(out, &mut next, *place);
            tx.encode(out);
        }
    }
}

impl Decode for CompactBlock {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (head, salt) = (Head::decode(from)?, u64::decode(from)?);
        let short: Vec<ShortId> = from.list(MAX_BLOCK_TXS)?;
        let count = from.count(MAX_BLOCK_TXS - short.len())?;
        let mut next = 0;
        let prefilled = (0..count).map(|_| Ok((read_place(from, &mut next)?, Tx::decode(from)?)));
        let prefilled: Vec<(u32, Tx)> = prefilled.collect::<Result<_, _>>()?;
        let compact = CompactBlock { head, salt, short, prefilled };
        match next {
            end if end <= compact.tx_count() as u64 => Ok(compact),
            end => Err(DecodeError::Limit { limit: compact.tx_count(), found: end }),
        }
    }
}

impl Encode for GetBlockTxn {
    fn encode(&self, out: &mut impl Sink) {
        self.id.encode(out);
        put_varint(out, self.indexes.len() as u64);
        let mut next = 0;
        self.indexes.iter().for_each(|place| put_place(out, &mut next, *place));
    }
}

impl Decode for GetBlockTxn {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = Id::decode(from)?;
        let count = from.count(MAX_BLOCK_TXS)?;
        let mut next = 0;
        let indexes = (0..count).map(|_| read_place(from, &mut next)).collect::<Result<_, _>>()?;
        Ok(GetBlockTxn { id, indexes })
    }
}

impl Encode for BlockTxn {
    fn encode(&self, out: &mut impl Sink) {
        self.id.encode(out);
        put_list(out, &self.txs);
    }
}

impl Decode for BlockTxn {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(BlockTxn { id: Id::decode(from)?, txs: from.list(MAX_BLOCK_TXS)?.into() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(txs: u8) -> Block {
        Block { head: Head { extra: vec![1], ..Head::default() }, txs: (0..txs).map(|n| Tx::new([n; 9])).collect() }
    }

    #[test]
    fn slots_follow_the_order_of_the_block() {
        let whole = block(4);
        let mut compact = CompactBlock::new(&whole, 7);
        let ids = compact.short_ids();
        let fits = |compact: &CompactBlock| {
            let slots = compact.slots().unwrap();
            assert_eq!(slots.len(), 4);
            slots.iter().zip(&whole.txs).for_each(|(slot, tx)| match slot {
                Slot::Given(given) => assert_eq!(*given, tx),
                Slot::Short(short) => assert_eq!(*short, ids.of(&tx.hash())),
            });
        };
        fits(&compact);
        compact.short.remove(1);
        compact.prefilled.push((2, whole.txs[2].clone()));
        fits(&compact);
        assert_eq!(CompactBlock::from_bytes(&compact.to_bytes()).as_ref(), Ok(&compact));
        assert_ne!(ids.of(&whole.txs[1].hash()), CompactBlock::new(&whole, 8).short_ids().of(&whole.txs[1].hash()));
    }

    #[test]
    fn places_that_cannot_be_are_refused() {
        let mut compact = CompactBlock::new(&block(3), 7);
        compact.prefilled.push((9, Tx::new([9; 9])));
        assert_eq!(compact.slots(), None);
        assert!(matches!(CompactBlock::from_bytes(&compact.to_bytes()), Err(DecodeError::Limit { .. })));
        compact.prefilled[1].0 = 0;
        assert_eq!(compact.slots(), None);
        assert!(CompactBlock::from_bytes(&compact.to_bytes()).is_err());
        let far = GetBlockTxn { id: Id::ZERO, indexes: Few::from([5, MAX_BLOCK_TXS as u32]) };
        assert!(matches!(GetBlockTxn::from_bytes(&far.to_bytes()), Err(DecodeError::Limit { .. })));
    }

    proptest! {
        #[test]
        fn places_come_back(places in proptest::collection::btree_set(0u32..MAX_BLOCK_TXS as u32, 0..50)) {
            let request = GetBlockTxn { id: Id::ZERO, indexes: places.into_iter().collect() };
            prop_assert_eq!(GetBlockTxn::from_bytes(&request.to_bytes()), Ok(request));
        }
    }
}
