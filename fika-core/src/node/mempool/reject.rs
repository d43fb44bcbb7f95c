//! Why a transaction is not in the mempool.

use thiserror::Error;

use crate::amount::Amount;
use crate::hash::Id;
use crate::reject::Reason;

/// The rule that keeps a transaction out of the mempool, or takes it out again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TxReject {
    /// Its fee is below the node's minimum.
    #[error("expected a fee of at least {min}, found {found}")]
    MinFee {
        /// What the node wants.
        min: Amount,
        /// What it pays.
        found: Amount,
    },
    /// Its fee rate is below the node's minimum.
    #[error("expected a fee rate of {min} base units per 1000 bytes, found {found}")]
    MinFeeRate {
        /// What the node wants, in base units per 1,000 bytes.
        min: u64,
        /// What it pays.
        found: u64,
    },
    /// It is larger than the whole mempool, or than what any block has room for.
    #[error("expected at most {max} bytes, which a block or the mempool has room for, found {found}")]
    TooLarge {
        /// The lower of the two limits that it exceeds, in bytes.
        max: u64,
        /// Its bytes.
        found: u64,
    },
    /// A transaction in the mempool spends the same.
    #[error("double spend: it conflicts with {0} in the mempool")]
    Conflict(Id),
    /// A block spends the same.
    #[error("double spend: a block spends the same")]
    SpentByBlock,
    /// It builds on itself through others.
    #[error("it builds on itself through other transactions")]
    Circular,
    /// The mempool is full of better ones.
    #[error("the mempool is full of transactions with higher fees")]
    MempoolFull,
    /// No block can take it any longer.
    #[error("it can no longer be applied")]
    Stale,
    /// The ledger as it is here does not allow it; elsewhere it may be valid.
    #[error("{0}")]
    NotApplicable(Box<Reason>),
    /// It lacks ledger entries that another transaction may make.
    #[error("{why}")]
    MissingInputs {
        /// The rule that it breaks as long as they are missing.
        why: Box<Reason>,
        /// Their keys.
        keys: Vec<Vec<u8>>,
    },
    /// Its scripts do not hold.
    #[error("{0}")]
    ScriptFailed(Box<Reason>),
    /// A plugin failed: nothing is said about it.
    #[error("undecided: {0}")]
    Undecided(String),
    /// Nobody has delivered it.
    #[error("nobody has this transaction")]
    Unavailable,
}

impl TxReject {
    /// The rule's standard name: Bitcoin Core's reject reason where it has one.
    pub fn code(&self) -> &str {
        match self {
            TxReject::MinFee { .. } => "min-fee-not-met",
            TxReject::MinFeeRate { .. } => "min-relay-fee-not-met",
            TxReject::TooLarge { .. } => "tx-size",
            TxReject::Conflict(_) => "txn-mempool-conflict",
            TxReject::SpentByBlock => "spent-by-block",
            TxReject::Circular => "circular",
            TxReject::MempoolFull => "mempool-full",
            TxReject::Stale => "stale",
            TxReject::NotApplicable(why) | TxReject::ScriptFailed(why) | TxReject::MissingInputs { why, .. } => {
                &why.code
            }
            TxReject::Undecided(_) => "plugin-fault",
            TxReject::Unavailable => "unavailable",
        }
    }
}
