//! Every rule that a transaction can break.

use fika_core::amount::{Amount, MAX_AMOUNT};
use fika_core::codec::DecodeError;
use fika_core::reject::Rule;
use thiserror::Error;

use crate::coin::Outpoint;

/// Why a transaction is not accepted: one variant per rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TxError {
    /// The bytes are not an encoding.
    #[error("the transaction {0}")]
    Encoding(#[from] DecodeError),
    /// A coinbase that is not the first transaction of a block, or another transaction that is.
    #[error("expected {}, found {}", kind(*.expected), kind(!.expected))]
    Kind {
        /// Whether a coinbase belongs here.
        expected: bool,
    },
    /// A coinbase that was made for another height.
    #[error("expected a coinbase of height {expected}, found {found}")]
    CoinbaseHeight {
        /// The block's height.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// The encoding is longer than allowed.
    #[error("expected a transaction of at most {limit} bytes, found {found}")]
    TxSize {
        /// The limit, in bytes.
        limit: u32,
        /// What was found, in bytes.
        found: usize,
    },
    /// A script or the data of an action is longer than allowed.
    #[error("expected scripts and data of at most {limit} bytes, found {found}")]
    FieldSize {
        /// The limit, in bytes.
        limit: u32,
        /// What was found, in bytes.
        found: usize,
    },
    /// Nothing is spent.
    #[error("expected at least one input")]
    NoInputs,
    /// Two inputs spend the same coin.
    #[error("expected different coins, found {0} twice")]
    Duplicate(Outpoint),
    /// The coin does not exist: never made, or spent already.
    #[error("expected coin {0}, found none: it was spent or never made")]
    MissingCoin(Outpoint),
    /// The ledger's entry for a coin is not one.
    #[error("coin {0} cannot be read")]
    BrokenCoin(Outpoint),
    /// The coin of a coinbase is spent too early.
    #[error("coin {coin} of a coinbase can be spent from height {expected} on, found {found}")]
    Immature {
        /// The coin.
        coin: Outpoint,
        /// From which height on it can be spent.
        expected: u64,
        /// The height.
        found: u64,
    },
    /// The transaction's lock time has not come.
    #[error("the lock time {lock_time} has not come: the next block has height {height}, its parent time {time}")]
    NotFinal {
        /// The lock time.
        lock_time: u32,
        /// The next block's height.
        height: u64,
        /// The header time of its parent, in ticks.
        time: u32,
    },
    /// The input's sequence number locks the coin for longer than it exists (BIP 68).
    #[error("coin {coin} is locked until {unit} {expected}, found {found}")]
    TooYoung {
        /// The coin.
        coin: Outpoint,
        /// What is counted: height or time.
        unit: &'static str,
        /// From when on it can be spent.
        expected: u64,
        /// Height or time.
        found: u64,
    },
    /// An output is smaller than allowed.
    #[error("expected outputs of at least {limit}, found {found}")]
    Dust {
        /// The limit.
        limit: Amount,
        /// What was found.
        found: Amount,
    },
    /// Amounts add up to more than can exist.
    #[error("expected {0} of at most {MAX_AMOUNT} coins together")]
    Sum(&'static str),
    /// More goes out than in.
    #[error("expected inputs of at least {expected}, found {found}")]
    Overspent {
        /// Outputs and actions.
        expected: Amount,
        /// Inputs.
        found: Amount,
    },
    /// The payer's coins do not suffice.
    #[error("expected coins of at least {expected} that can be spent now, found {found}")]
    Funds {
        /// What is to be paid, fee and actions included.
        expected: Amount,
        /// What there is.
        found: Amount,
    },
    /// Spends of another transaction.
    #[error("expected {expected} spends, found {found}")]
    Spends {
        /// The number of inputs.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// A wallet has unlocked more or fewer inputs than there are.
    #[error("expected {expected} unlocking scripts, found {found}")]
    Unlocks {
        /// The number of inputs.
        expected: usize,
        /// What was found.
        found: usize,
    },
}

fn kind(coinbase: bool) -> &'static str {
    if coinbase { "a coinbase" } else { "a payment" }
}

impl Rule for TxError {
    fn code(&self) -> &'static str {
        match self {
            TxError::Encoding(error) => error.code(),
            TxError::Kind { expected: true } => "bad-cb-missing",
            TxError::Kind { expected: false } => "bad-cb-multiple",
            TxError::CoinbaseHeight { .. } => "bad-cb-height",
            TxError::TxSize { .. } => "bad-txns-oversize",
            TxError::FieldSize { .. } => "bad-txns-script-size",
            TxError::NoInputs => "bad-txns-vin-empty",
            TxError::Duplicate(_) => "bad-txns-inputs-duplicate",
            TxError::MissingCoin(_) => "bad-txns-inputs-missingorspent",
            TxError::BrokenCoin(_) => "bad-coin-encoding",
            TxError::Immature { .. } => "bad-txns-premature-spend-of-coinbase",
            TxError::NotFinal { .. } => "bad-txns-nonfinal",
            TxError::TooYoung { .. } => "non-BIP68-final",
            TxError::Dust { .. } => "dust",
            TxError::Sum("inputs") => "bad-txns-inputvalues-outofrange",
            TxError::Sum(_) => "bad-txns-txouttotal-toolarge",
            TxError::Overspent { .. } => "bad-txns-in-belowout",
            TxError::Funds { .. } => "insufficient-funds",
            TxError::Spends { .. } => "bad-spend-count",
            TxError::Unlocks { .. } => "bad-unlock-count",
        }
    }

    fn needs(&self) -> Vec<Vec<u8>> {
        match self {
            TxError::MissingCoin(coin) => vec![coin.key()],
            _ => Vec::new(),
        }
    }
}

/// Turns a broken rule into its error.
pub(crate) fn ensure(holds: bool, error: impl FnOnce() -> TxError) -> Result<(), TxError> {
    if holds { Ok(()) } else { Err(error()) }
}
