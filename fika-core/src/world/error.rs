//! The rules of all chains: what no block may do, and what may not happen to money.

use thiserror::Error;

use crate::address::Address;
use crate::amount::Amount;
use crate::hash::Id;
use crate::reject::{Reason, Reject, Rule};

/// A rule that holds for the blocks of every chain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BlockError {
    /// The encoding is longer than allowed.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
        /// What was found, in bytes.
        found: u64,
    },
    /// A list of transactions that has the same Merkle root as a shorter one (CVE-2012-2459).
    #[error("it repeats transactions")]
    Repeated,
    /// The transactions and the extra have another root than the header.
    #[error("expected the root {expected}, found {found}")]
    WrongRoot {
        /// What the header says.
        expected: Id,
        /// What the body has.
        found: Id,
    },
    /// It has no transaction.
    #[error("a block has no coinbase")]
    NoCoinbase,
    /// Its parent has broken a rule.
    #[error("its parent is invalid")]
    InvalidParent,
    /// A block that it names off its ancestry has broken a rule.
    #[error("it names the invalid block {0}")]
    InvalidReference(Id),
    /// The coinbase claims more than the fees and what the rules create.
    #[error("the coinbase claims {found} where {limit} is allowed")]
    CoinbaseAmount {
        /// What is allowed.
        limit: Amount,
        /// What it claims.
        found: Amount,
    },
    /// The fees add up to more than can exist.
    #[error("the fees are above the limit")]
    FeeSum,
    /// The amounts of the actions add up to more than can exist.
    #[error("the actions' amounts are above the limit")]
    ActionSum,
}

impl Rule for BlockError {
    fn code(&self) -> &'static str {
        match self {
            BlockError::TooLarge { .. } => "bad-blk-length",
            BlockError::Repeated => "bad-txns-duplicate",
            BlockError::WrongRoot { .. } => "bad-txnmrklroot",
            BlockError::NoCoinbase => "bad-cb-missing",
            BlockError::InvalidParent => "bad-prevblk",
            BlockError::InvalidReference(_) => "bad-reference",
            BlockError::CoinbaseAmount { .. } => "bad-cb-amount",
            BlockError::FeeSum => "bad-txns-accumulated-fee-outofrange",
            BlockError::ActionSum => "bad-actions-outofrange",
        }
    }
}

/// Why a block cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadBlock {
    /// Its parent is not known. Nobody is to blame.
    #[error("its parent {0} is not known")]
    Orphan(Id),
    /// Its transactions or its extra do not match the header, or it is too large. The sender is to blame: a valid block
    /// with this header may exist.
    #[error("its body is not the one that its header names: {0}")]
    Body(BlockError),
    /// The header alone breaks a rule.
    #[error("{0}")]
    Header(Reason),
    /// A plugin failed. The block may be valid.
    #[error("{0}")]
    Fault(String),
}

impl From<BadBlock> for Reason {
    fn from(bad: BadBlock) -> Reason {
        let text = bad.to_string();
        match bad {
            BadBlock::Orphan(_) => Reason { code: "prev-blk-not-found".into(), text },
            BadBlock::Body(rule) => Reason { code: rule.code().into(), text },
            BadBlock::Header(reason) => reason,
            BadBlock::Fault(why) => Reject::Fault(why).into_reason(),
        }
    }
}

/// A rule about the ledger's money that holds for every transaction format and every consensus.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SupplyError {
    /// Amounts add up to more than can exist.
    #[error("the sum of {0} is above the limit")]
    Sum(&'static str),
    /// A coinbase does more than pay out.
    #[error("a coinbase has inputs, actions or a fee")]
    Coinbase,
    /// A transaction takes nothing.
    #[error("a transaction spends nothing")]
    NoInputs,
    /// A transaction gives more or less than it takes.
    #[error("inputs of {taken} do not equal outputs, fee and actions of {given}")]
    Unbalanced {
        /// What its inputs hold.
        taken: Amount,
        /// Outputs, fee and actions together.
        given: Amount,
    },
    /// A spend from an account whose lock names nobody.
    #[error("an account has no owner")]
    NoOwner,
    /// A payer has less than it pays.
    #[error("expected {owner} to have {expected} coins, found {found}")]
    Funds {
        /// The payer.
        owner: Address,
        /// What it pays.
        expected: Amount,
        /// What it has.
        found: Amount,
    },
    /// A spend of what is in no entry and on no account.
    #[error("input {0} spends nobody's money")]
    NobodysMoney(u32),
    /// A spend of more than there is.
    #[error("input {0} spends more than its owner has")]
    Overspent(u32),
    /// An action in a transaction whose first input nobody owns.
    #[error("an action has no sender")]
    NoSender,
    /// An account would hold more than can exist.
    #[error("{0} is above the limit")]
    Above(&'static str),
    /// A deposit of more than the block's actions brought.
    #[error("a deposit of {amount} has only {pool} to come from")]
    Deposit {
        /// The deposit.
        amount: Amount,
        /// What is left of the actions' amounts.
        pool: Amount,
    },
    /// More is unlocked than was deposited.
    #[error("{who} has no deposit of {amount} to unlock")]
    Unlock {
        /// The owner of the deposit.
        who: Address,
        /// What is to be unlocked.
        amount: Amount,
    },
    /// More is forfeited than was deposited.
    #[error("{who} has no deposit of {amount} to forfeit")]
    Forfeit {
        /// The owner of the deposit.
        who: Address,
        /// What is to be forfeited.
        amount: Amount,
    },
    /// The supply would go below zero or above the limit.
    #[error("the supply is out of bounds")]
    Supply,
    /// Coins appeared or vanished.
    #[error("balances change by {held} base units, the supply by {issued}")]
    NotConserved {
        /// The change of all balances, deposits and unowned coins.
        held: i128,
        /// The change of the supply.
        issued: i128,
    },
}

impl Rule for SupplyError {
    fn code(&self) -> &'static str {
        match self {
            SupplyError::Sum("inputs") => "bad-txns-inputvalues-outofrange",
            SupplyError::Sum(_) => "bad-txns-txouttotal-toolarge",
            SupplyError::Coinbase => "bad-cb-spends",
            SupplyError::NoInputs => "bad-txns-vin-empty",
            SupplyError::Unbalanced { taken, given } if taken < given => "bad-txns-in-belowout",
            SupplyError::Unbalanced { .. } => "bad-txns-in-aboveout",
            SupplyError::NoOwner => "no-owner",
            SupplyError::Funds { .. } | SupplyError::Overspent(_) => "insufficient-funds",
            SupplyError::NobodysMoney(_) => "bad-txns-inputs-missingorspent",
            SupplyError::NoSender => "no-sender",
            SupplyError::Above(_) => "amount-outofrange",
            SupplyError::Deposit { .. } => "bad-deposit",
            SupplyError::Unlock { .. } => "bad-unlock",
            SupplyError::Forfeit { .. } => "bad-forfeit",
            SupplyError::Supply => "supply-outofrange",
            SupplyError::NotConserved { .. } => "supply-not-conserved",
        }
    }
}
