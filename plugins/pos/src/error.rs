//! Every rule that a block can break.

use fika_core::address::Address;
use fika_core::hash::to_hex;
use fika_core::reject::Rule;
use thiserror::Error;

/// Why a block is not accepted: one variant per rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PosError {
    /// The header claims work.
    #[error("expected bits and nonce 0, found {bits:08x} and {nonce}")]
    Work {
        /// The header's bits.
        bits: u32,
        /// The header's nonce.
        nonce: u32,
    },
    /// No slot begins at the block's time.
    #[error("expected a time at the start of a slot, found {found}")]
    NoSlot {
        /// The block's time, in ticks.
        found: u32,
    },
    /// The slot does not come after the parent's.
    #[error("expected a slot after the parent's {last}, found {found}")]
    SlotTooOld {
        /// The parent's slot.
        last: u64,
        /// The block's slot.
        found: u64,
    },
    /// Nobody had a stake at the boundary of the slot's epoch.
    #[error("expected a stake to draw slot {slot} from, found none")]
    NoStake {
        /// The block's slot.
        slot: u64,
    },
    /// Somebody else leads the slot.
    #[error("expected {leader} to lead slot {slot}, found {}", shown(found))]
    NotYourSlot {
        /// The block's slot.
        slot: u64,
        /// Who leads it.
        leader: Address,
        /// The block's extra.
        found: Vec<u8>,
    },
    /// The seal is not the producer's signature.
    #[error("expected the producer's signature, found {}", signature(*signer))]
    SealSignature {
        /// Whose signature it is; `None`: it is not a valid one.
        signer: Option<Address>,
    },
}

/// As much of an extra as is as long as an address.
fn shown(extra: &[u8]) -> String {
    to_hex(&extra[..extra.len().min(Address::default().0.len())])
}

fn signature(signer: Option<Address>) -> String {
    signer.map_or_else(|| "no valid one".into(), |who| format!("one by {who}"))
}

impl Rule for PosError {
    fn code(&self) -> &'static str {
        match self {
            PosError::Work { .. } => "bad-work",
            PosError::NoSlot { .. } => "bad-slot",
            PosError::SlotTooOld { .. } => "slot-too-old",
            PosError::NoStake { .. } => "no-stake",
            PosError::NotYourSlot { .. } => "not-your-slot",
            PosError::SealSignature { .. } => "bad-seal-signature",
        }
    }
}
