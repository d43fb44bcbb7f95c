//! Transaction formats: state transitions over a ledger of keys and values.
//!
//! The world calls [`TxFormat::apply`] once for a transaction in the mempool, in a template and
//! in a block, with the ledger as it is there, and carries out the [`Outcome`]. No script runs
//! inside: the outcome names the [`Spend`]s to be proved, and the world runs
//! [`Script`](crate::script::Script) over them, remembering what held. Whoever's balance changes
//! follows from the locks; the world asks the script who owns them. It also checks that
//! everything adds up: spends = credits + fee + amounts of the actions.
//!
//! Formats with coins (UTXO) name a ledger key for every spend and credit. Formats with accounts
//! leave a credit's key empty (it is then only an addition to the owner's balance), name in a
//! spend the key that two conflicting transactions would share (the account's next number), and
//! read balances through [`Ledger::balance`].

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::coded_struct;
use crate::hash::Id;
use crate::reject::Reject;
use crate::script::InputFacts;

/// The entries of one ledger state that belong to the transaction format.
pub trait Ledger {
    /// The value under `key`.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// What `owner` has.
    fn balance(&self, owner: &Address) -> Amount;
    /// The keys and amounts of the coins of `owner`, in the order of keys.
    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)>;
}

/// Where a transaction is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Place {
    /// Height of the block, or of the next block for the mempool.
    pub height: u64,
    /// Header time of that block's parent, in ticks: known before the block is made.
    pub time: u32,
    /// Whether this is the first transaction of a block.
    pub coinbase: bool,
}

/// Money taken from a coin or an account, to be proved by running `unlock`, then `lock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// Which input of the transaction this is.
    pub input: u32,
    /// The ledger entry that is removed. Two transactions that share one conflict.
    pub key: Vec<u8>,
    /// The locking script.
    pub lock: Vec<u8>,
    /// What is taken.
    pub amount: Amount,
    /// The unlocking script.
    pub unlock: Vec<u8>,
}

coded_struct!(Spend { input, key, lock, amount, unlock });

/// Money given to the owner of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    /// The new ledger entry, or empty where the format keeps no coins.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// The locking script.
    pub lock: Vec<u8>,
    /// What is given.
    pub amount: Amount,
}

coded_struct!(Credit { key, value, lock, amount });

/// What a transaction asks of the consensus rules (a vote, a deposit, evidence, ...).
/// `amount` has left the sender's coins: the rules lock it, or it is burnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Whose money it is: the owner of the first spend.
    pub from: Address,
    /// Which action; its meaning is the consensus plugin's.
    pub kind: u8,
    /// What the sender puts in.
    pub amount: Amount,
    /// What else the rules need.
    pub data: Vec<u8>,
}

coded_struct!(Action { from, kind, amount, data });

/// Everything that one transaction does to one ledger.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Outcome {
    /// What later transactions call it. Must not change when only unlocking scripts do, unless
    /// the format accepts malleability.
    pub id: Id,
    /// What the block's producer may claim.
    pub fee: Amount,
    /// What is taken, and by what right.
    pub spends: Vec<Spend>,
    /// What is given.
    pub credits: Vec<Credit>,
    /// Other entries that the format keeps; `None` removes one.
    pub puts: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// What it asks of the consensus rules. `from` is filled in by the format from the first spend's lock; see [`Action`].
    pub actions: Vec<ActionRequest>,
}

coded_struct!(Outcome { id, fee; spends, credits, puts, actions });

/// An [`Action`] before the world has asked the script who its sender is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRequest {
    /// Which action.
    pub kind: u8,
    /// What the sender puts in.
    pub amount: Amount,
    /// What else the rules need.
    pub data: Vec<u8>,
}

coded_struct!(ActionRequest { kind, amount, data });

/// What a wallet wants a transaction to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Who pays.
    pub from: Address,
    /// The standard lock of the payer: of the coins to spend and of the change.
    pub from_lock: Vec<u8>,
    /// Locks and amounts to be paid.
    pub to: Vec<(Vec<u8>, Amount)>,
    /// The fee.
    pub fee: Amount,
    /// Actions to be asked for.
    pub actions: Vec<ActionRequest>,
}

coded_struct!(Order { from, from_lock, fee; to, actions });

/// A format of transactions. Pure: the same inputs give the same answer on every machine.
pub trait TxFormat: Send + Sync {
    /// What `tx` does to `ledger` at `place`. Checks structure, existence of what is spent and
    /// amounts; runs no script. For a coinbase the spends are empty and the credits are the claim.
    ///
    /// # Errors
    /// [`Reject::Invalid`] with the broken rule.
    fn apply(&self, tx: &[u8], place: Place, ledger: &dyn Ledger) -> Result<Outcome, Reject>;

    /// The digest that a signature in `input` signs. `spends` are all spends of the transaction,
    /// in order; `request` comes from the script.
    fn digest(&self, tx: &[u8], input: u32, spends: &[Spend], request: &[u8]) -> Id;

    /// What the transaction says about one of its inputs.
    fn facts(&self, tx: &[u8], input: u32) -> InputFacts;

    /// The first transaction of a block: pays `to`, differs for every `height` and `extra_nonce`.
    fn coinbase(&self, height: u64, extra_nonce: u64, to: &[(Vec<u8>, Amount)]) -> Vec<u8>;

    /// A coin that no transaction made: an unlocked deposit. `origin` and `n` make its key unique.
    fn credit(&self, origin: &Id, n: u32, lock: &[u8], amount: Amount, place: Place) -> Credit;

    /// A transaction that carries out `order`, with empty unlocking scripts.
    ///
    /// # Errors
    /// When the payer's coins do not suffice: expected and found.
    fn build(&self, order: &Order, place: Place, ledger: &dyn Ledger) -> Result<Vec<u8>, Reject>;

    /// `tx`, made by [`build`](TxFormat::build), with `unlocks[i]` in the i-th spend of its outcome.
    ///
    /// # Errors
    /// When `tx` does not decode or the number of spends differs.
    fn finish(&self, tx: &[u8], unlocks: &[Vec<u8>]) -> Result<Vec<u8>, Reject>;
}
