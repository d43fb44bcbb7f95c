//! Transactions and their encoding.
//!
//! A varint of the version comes first. Version 0 is a coinbase: height, extra nonce, outputs.
//! Any other is a payment: inputs (outpoint, complement of the sequence number, unlocking
//! script), outputs (amount, locking script), actions (kind, amount, data), lock time. All
//! numbers are varints; the complement makes the usual sequence number, all ones, one byte.

use fika_core::amount::Amount;
use fika_core::codec::{Decode, DecodeError, Encode, Reader, Sink, put_bytes, put_varint};
use fika_core::hash::{Id, sha256d};

use crate::coin::Outpoint;
use crate::encoding::{list, put_list, u32_varint};

/// A sequence number that takes no part in lock times: the usual one.
pub const SEQUENCE_FINAL: u32 = u32::MAX;

/// A decoded transaction; scripts and data stay in the bytes that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction<'a> {
    /// The first of a block.
    Coinbase(Coinbase<'a>),
    /// Every other.
    Payment(Payment<'a>),
}

/// The transaction in which a block's producer claims what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coinbase<'a> {
    /// The block's height; makes ids of different blocks differ (BIP 34).
    pub height: u64,
    /// Changes the block's root when the nonces are used up.
    pub extra_nonce: u64,
    /// What is claimed, by whom.
    pub outputs: Vec<Output<'a>>,
}

/// A transaction that spends coins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment<'a> {
    /// 1, or from 2 on with relative lock times (BIP 68). Never 0.
    pub version: u32,
    /// The coins that are spent.
    pub inputs: Vec<Input<'a>>,
    /// The coins that are made.
    pub outputs: Vec<Output<'a>>,
    /// What is asked of the consensus rules.
    pub actions: Vec<Asked<'a>>,
    /// The transaction cannot be in blocks up to this height (below 500,000,000) or after parents up to this time.
    pub lock_time: u32,
}

/// A coin that is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input<'a> {
    /// Which one.
    pub outpoint: Outpoint,
    /// How long it must have existed (BIP 68), or [`SEQUENCE_FINAL`].
    pub sequence: u32,
    /// The unlocking script.
    pub unlock: &'a [u8],
}

/// A coin that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output<'a> {
    /// What it is worth.
    pub amount: Amount,
    /// The locking script.
    pub lock: &'a [u8],
}

/// What is asked of the consensus rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Which action.
    pub kind: u8,
    /// What the sender puts in.
    pub amount: Amount,
    /// What else the rules need.
    pub data: &'a [u8],
}

impl<'a> Transaction<'a> {
    /// Reads a transaction that fills `bytes`. No two byte strings give the same transaction.
    ///
    /// # Errors
    /// When `bytes` is not an encoding.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let from = &mut from;
        let transaction = match u32_varint(from)? {
            0 => Transaction::Coinbase(Coinbase {
                height: from.varint()?,
                extra_nonce: from.varint()?,
                outputs: list(from, Output::decode)?,
            }),
            version => Transaction::Payment(Payment {
                version,
                inputs: list(from, Input::decode)?,
                outputs: list(from, Output::decode)?,
                actions: list(from, Asked::decode)?,
                lock_time: u32_varint(from)?,
            }),
        };
        match from.left() {
            0 => Ok(transaction),
            left => Err(DecodeError::Trailing { left }),
        }
    }

    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.written(true)
    }

    /// Double SHA-256 of the encoding without unlocking scripts, so that nobody who changes
    /// these changes the id.
    pub fn id(&self) -> Id {
        sha256d(&[&self.written(false)])
    }

    fn written(&self, unlocks: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        match self {
            Transaction::Coinbase(coinbase) => {
                put_varint(&mut out, 0);
                put_varint(&mut out, coinbase.height);
                put_varint(&mut out, coinbase.extra_nonce);
                put_list(&mut out, &coinbase.outputs, Output::encode);
            }
            Transaction::Payment(payment) => {
                put_varint(&mut out, payment.version.into());
                put_list(&mut out, &payment.inputs, |input, out| input.encode(out, unlocks));
                put_list(&mut out, &payment.outputs, Output::encode);
                put_list(&mut out, &payment.actions, Asked::encode);
                put_varint(&mut out, payment.lock_time.into());
            }
        }
        out
    }
}

impl<'a> Input<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (outpoint, sequence) = (Outpoint::decode(from)?, !u32_varint(from)?);
        Ok(Input { outpoint, sequence, unlock: from.bytes(usize::MAX)? })
    }

    fn encode(&self, out: &mut Vec<u8>, unlocks: bool) {
        self.outpoint.encode(out);
        put_varint(out, (!self.sequence).into());
        if unlocks {
            put_bytes(out, self.unlock);
        }
    }
}

impl<'a> Output<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Output { amount: Amount::decode(from)?, lock: from.bytes(usize::MAX)? })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.amount.encode(out);
        put_bytes(out, self.lock);
    }
}

impl<'a> Asked<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Asked { kind: u8::decode(from)?, amount: Amount::decode(from)?, data: from.bytes(usize::MAX)? })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put(&[self.kind]);
        self.amount.encode(out);
        put_bytes(out, self.data);
    }
}
