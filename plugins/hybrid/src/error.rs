//! Every rule that a block can break.

use fika_core::address::Address;
use fika_core::hash::Id;
use fika_core::reject::Rule;
use thiserror::Error;

/// Why a block is not accepted: one variant per rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HybridError {
    /// The time is not above the median of the blocks before.
    #[error("expected a time above the median {median}, found {found}")]
    TimeTooOld {
        /// The median of the blocks before, in ticks.
        median: u32,
        /// The block's time, in ticks.
        found: u32,
    },
    /// The extra is too short to name a producer and a coin.
    #[error("expected a producer of 20 bytes and a coin, found {found} bytes")]
    Extra {
        /// Its length, in bytes.
        found: usize,
    },
    /// The version is not that of the block's kind.
    #[error("expected version {expected}, found {found}")]
    Version {
        /// The version of its kind.
        expected: u32,
        /// What the header says.
        found: u32,
    },
    /// The target is not the one that comes next for the block's kind.
    #[error("expected bits {expected:08x}, found {found:08x}")]
    Bits {
        /// The target that comes next.
        expected: u32,
        /// What the header says.
        found: u32,
    },
    /// A work block whose id does not meet the target.
    #[error("expected an id at or below the target {bits:08x}, found {id}")]
    HighHash {
        /// The header's target.
        bits: u32,
        /// The header's id.
        id: Id,
    },
    /// A stake block with a nonce.
    #[error("expected nonce 0 in a stake block, found {found}")]
    Nonce {
        /// What the header says.
        found: u32,
    },
    /// A stake block between two steps of time.
    #[error("expected a time on a step of {step}, found {found}")]
    Step {
        /// The length of a step, in ticks.
        step: u32,
        /// The block's time, in ticks.
        found: u32,
    },
    /// The producer does not own the coin that it names.
    #[error("expected an unspent coin of {0}, found none")]
    MissingCoin(Address),
    /// The coin's kernel does not meet the target.
    #[error("expected a kernel that meets the stake target at {time}, found a coin aged {age}")]
    HighKernel {
        /// The block's time, in ticks.
        time: u32,
        /// The coin's age, in ticks.
        age: u32,
    },
    /// A work block with a seal.
    #[error("expected no seal on a work block, found {found} bytes")]
    WorkSeal {
        /// Its length, in bytes.
        found: usize,
    },
    /// The seal of a stake block is not the producer's signature.
    #[error("expected a signature by {producer}, found {}", signature(*signer))]
    SealSignature {
        /// Who must have signed.
        producer: Address,
        /// Whose signature it is; `None`: it is not a valid one.
        signer: Option<Address>,
    },
}

fn signature(signer: Option<Address>) -> String {
    signer.map_or_else(|| "no valid one".into(), |who| format!("one by {who}"))
}

impl Rule for HybridError {
    fn code(&self) -> &'static str {
        match self {
            HybridError::TimeTooOld { .. } => "time-too-old",
            HybridError::Extra { .. } => "bad-extra",
            HybridError::Version { .. } => "bad-version",
            HybridError::Bits { .. } => "bad-diffbits",
            HybridError::HighHash { .. } => "high-hash",
            HybridError::Nonce { .. } => "bad-nonce",
            HybridError::Step { .. } => "bad-time-step",
            HybridError::MissingCoin(_) => "bad-stake-missingorspent",
            HybridError::HighKernel { .. } => "high-kernel",
            HybridError::WorkSeal { .. } => "bad-seal",
            HybridError::SealSignature { .. } => "bad-seal-signature",
        }
    }
}
