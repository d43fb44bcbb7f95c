//! Every rule that a block can break.

use fika_core::hash::Id;
use fika_core::reject::Rule;
use thiserror::Error;

/// Why a block is not accepted: one variant per rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PowError {
    /// The target is not the one that the retarget prescribes.
    #[error("expected bits {expected:08x}, found {found:08x}")]
    Bits {
        /// What the retarget prescribes.
        expected: u32,
        /// What the header says.
        found: u32,
    },
    /// The time is not above the median of the blocks before.
    #[error("expected a time above the median {median}, found {found}")]
    TimeTooOld {
        /// The median of the blocks before, in ticks.
        median: u32,
        /// The block's time, in ticks.
        found: u32,
    },
    /// The block has an extra.
    #[error("expected no extra, found {found} bytes")]
    Extra {
        /// Its length, in bytes.
        found: usize,
    },
    /// The id does not meet the target.
    #[error("expected an id at or below the target {bits:08x}, found {id}")]
    HighHash {
        /// The header's target.
        bits: u32,
        /// The header's id.
        id: Id,
    },
}

impl Rule for PowError {
    fn code(&self) -> &'static str {
        match self {
            PowError::Bits { .. } => "bad-diffbits",
            PowError::TimeTooOld { .. } => "time-too-old",
            PowError::Extra { .. } => "bad-extra",
            PowError::HighHash { .. } => "high-hash",
        }
    }
}
