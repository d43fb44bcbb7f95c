//! Transaction formats: state transitions over a ledger of keys and values.
//!
//! The world calls [`TxFormat::apply`] once for a transaction in the mempool, in a template and
//! in a block, with the ledger as it is there, and carries out the [`Outcome`]. No script runs
//! inside: the outcome names the [`Spend`]s to be proved, and the world runs
//! [`Script`](crate::script::Script) over them, remembering what held. Scripts may ask for many
//! digests of one transaction, so the world calls [`TxFormat::prepare`] once before it runs them,
//! and [`TxFormat::digest`] and [`TxFormat::facts`] with the answer. Whoever's balance changes
//! follows from the locks; the world asks the script who owns them. It also checks that
//! everything adds up: spends = credits + fee + amounts of the actions.
//!
//! Formats with coins (UTXO) name a ledger key for every spend and credit. Formats with accounts
//! leave a credit's key empty (it is then only an addition to the owner's balance), name in a
//! spend the key that two conflicting transactions would share (the account's next number), and
//! read balances through [`Ledger::balance`].

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, coded_struct, put_list};
use crate::hash::{Id, domain_hash, sha256d};
use crate::reject::{Reject, ensure};
use crate::script::InputFacts;

/// The entries of one ledger state that belong to the transaction format.
pub trait Ledger {
    /// The value under `key`.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// What `owner` has.
    fn balance(&self, owner: &Address) -> Amount;
    /// The keys and amounts of the coins of `owner`, in the order of keys.
    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)>;

    /// The cheapest coin of `owner` that is worth at least `least`; among equal ones the first by key. Quick where
    /// there are many.
    fn coin_worth(&self, owner: &Address, least: Amount) -> Option<(Vec<u8>, Amount)> {
        let coins = self.coins(owner).into_iter().filter(|(_, amount)| *amount >= least);
        coins.min_by(|(a, x), (b, y)| (x, a).cmp(&(y, b)))
    }
}

/// Where a transaction is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ApplyContext {
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

/// What a transaction says without any ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// As [`Outcome::id`].
    pub id: Id,
    /// The keys of the coins that it spends.
    pub spends: Vec<Vec<u8>>,
    /// The coins that it makes.
    pub credits: Vec<Credit>,
}

coded_struct!(Outline { id; spends, credits });

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
    /// What `tx` does to `ledger` in `context`. Checks structure, existence of what is spent and
    /// amounts; runs no script. For a coinbase the spends are empty and the credits are the claim.
    ///
    /// # Errors
    /// [`Reject::Invalid`] with the broken rule; [`Reject::Needs`] where an entry is missing that another transaction may
    /// make: the node then keeps the transaction for a while.
    fn apply(&self, tx: &[u8], context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, Reject>;

    /// What `tx` says of itself in `context`, for those who have no ledger: full nodes make filters of it, and light ones
    /// find their coins in it. It need not be allowed; where it is, [`apply`](TxFormat::apply) gives the same id, keys and
    /// credits. By default nothing can be said, and a chain of this format has no light nodes.
    ///
    /// # Errors
    /// [`Reject::Invalid`] when `tx` does not decode.
    fn outline(&self, tx: &[u8], context: ApplyContext) -> Result<Outline, Reject> {
        let _ = (tx, context);
        Err(Reject::invalid("the transaction format says nothing of a transaction without a ledger"))
    }

    /// What the digests and facts of `tx` have in common, worked out once, in bytes whose meaning
    /// is the format's own. `spends` are all spends of its outcome, in order. Does not depend on
    /// unlocking scripts, so a wallet may prepare what [`build`](TxFormat::build) made.
    ///
    /// # Errors
    /// [`Reject::Invalid`] when `tx` does not decode or has other spends.
    fn prepare(&self, tx: &[u8], spends: &[Spend]) -> Result<Vec<u8>, Reject>;

    /// The digest that a signature in `input` signs; `request` comes from the script. `prepared`
    /// is what [`prepare`](TxFormat::prepare) gave; with any other bytes the answer means nothing.
    ///
    /// A hostile script asks for hundreds of digests in every input, so the time must depend on
    /// the length of `request` alone: neither on the number of inputs nor on that of outputs.
    fn digest(&self, prepared: &[u8], input: u32, request: &[u8]) -> Id;

    /// What the transaction says about one of its inputs, and its amount. As quick as
    /// [`digest`](TxFormat::digest).
    fn facts(&self, prepared: &[u8], input: u32) -> InputFacts;

    /// The first transaction of a block: pays `to`, differs for every `height` and `extra_nonce`.
    fn coinbase(&self, height: u64, extra_nonce: u64, to: &[(Vec<u8>, Amount)]) -> Vec<u8>;

    /// A coin that no transaction made: an unlocked deposit. `origin` and `n` make its key unique.
    fn credit(&self, origin: &Id, n: u32, lock: &[u8], amount: Amount, context: ApplyContext) -> Credit;

    /// A transaction that carries out `order`, with empty unlocking scripts.
    ///
    /// # Errors
    /// When the payer's coins do not suffice: expected and found.
    fn build(&self, order: &Order, context: ApplyContext, ledger: &dyn Ledger) -> Result<Vec<u8>, Reject>;

    /// `tx`, made by [`build`](TxFormat::build), with `unlocks[i]` in the i-th spend of its outcome.
    ///
    /// # Errors
    /// When `tx` does not decode or the number of spends differs.
    fn finish(&self, tx: &[u8], unlocks: &[Vec<u8>]) -> Result<Vec<u8>, Reject>;
}

/// The smallest format: accounts with numbered payments and one unlocking script each. A
/// template for authors of account formats, and a test double.
pub struct Accounts;

/// A transaction of [`Accounts`].
enum Transfer {
    Coinbase { height: u64, extra_nonce: u64, to: Vec<(Vec<u8>, Amount)> },
    Payment { from_lock: Vec<u8>, number: u64, fee: Amount, order: Payees, unlock: Vec<u8> },
}

/// Who receives what, and what the rules are asked.
struct Payees {
    to: Vec<(Vec<u8>, Amount)>,
    actions: Vec<ActionRequest>,
}

impl Encode for Transfer {
    fn encode(&self, out: &mut impl Sink) {
        match self {
            Transfer::Coinbase { height, extra_nonce, to } => {
                0u8.encode(out);
                height.encode(out);
                extra_nonce.encode(out);
                put_list(out, to);
            }
            Transfer::Payment { from_lock, number, fee, order, unlock } => {
                1u8.encode(out);
                from_lock.encode(out);
                number.encode(out);
                fee.encode(out);
                put_list(out, &order.to);
                put_list(out, &order.actions);
                unlock.encode(out);
            }
        }
    }
}

impl Decode for Transfer {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const MOST: usize = 1_000;
        match u8::decode(from)? {
            0 => Ok(Transfer::Coinbase {
                height: u64::decode(from)?,
                extra_nonce: u64::decode(from)?,
                to: from.list(MOST * 1_000)?,
            }),
            1 => Ok(Transfer::Payment {
                from_lock: Vec::decode(from)?,
                number: u64::decode(from)?,
                fee: Amount::decode(from)?,
                order: Payees { to: from.list(MOST)?, actions: from.list(MOST)? },
                unlock: Vec::decode(from)?,
            }),
            _ => Err(DecodeError::Unknown("kind of transfer")),
        }
    }
}

impl Accounts {
    /// Where the number of an account's next payment is kept.
    fn next_number(lock: &[u8], ledger: &dyn Ledger) -> u64 {
        ledger.get(lock).and_then(|bytes| u64::from_bytes(&bytes).ok()).unwrap_or(0)
    }

    fn credits(to: &[(Vec<u8>, Amount)]) -> Vec<Credit> {
        let credit = |(lock, amount): &(Vec<u8>, Amount)| Credit {
            key: Vec::new(),
            value: Vec::new(),
            lock: lock.clone(),
            amount: *amount,
        };
        to.iter().map(credit).collect()
    }

    /// The transfer with another unlocking script.
    fn with_unlock(tx: &[u8], new: Vec<u8>) -> Result<Vec<u8>, Reject> {
        let mut transfer = Transfer::from_bytes(tx)?;
        if let Transfer::Payment { unlock, .. } = &mut transfer {
            *unlock = new;
        }
        Ok(transfer.to_bytes())
    }
}

impl TxFormat for Accounts {
    fn apply(&self, tx: &[u8], context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, Reject> {
        let id = sha256d(&[&Self::with_unlock(tx, Vec::new())?]);
        match Transfer::from_bytes(tx)? {
            Transfer::Coinbase { height, to, .. } => {
                ensure(context.coinbase, || "a coinbase stands only at the front of a block")?;
                ensure(height == context.height, || format!("expected height {}, found {height}", context.height))?;
                Ok(Outcome { id, credits: Self::credits(&to), ..Outcome::default() })
            }
            Transfer::Payment { from_lock, number, fee, order: Payees { to, actions }, unlock } => {
                ensure(!context.coinbase, || "expected a coinbase")?;
                let expected = Self::next_number(&from_lock, ledger);
                ensure(number == expected, || {
                    let why = Reject::invalid(format!("expected payment number {expected}, found {number}"));
                    // Those before it may still come.
                    let keys = vec![from_lock.clone()];
                    if number < expected { why } else { Reject::Needs { why: why.into_reason(), keys } }
                })?;
                let parts = to.iter().map(|(_, amount)| *amount).chain(actions.iter().map(|a| a.amount)).chain([fee]);
                let amount = Amount::checked_sum(parts).ok_or_else(|| Reject::invalid("the sum is above the limit"))?;
                let key = [&from_lock[..], &number.to_le_bytes()].concat();
                Ok(Outcome {
                    id,
                    fee,
                    puts: vec![(from_lock.clone(), Some((number + 1).to_bytes()))],
                    spends: vec![Spend { input: 0, key, lock: from_lock, amount, unlock }],
                    credits: Self::credits(&to),
                    actions,
                })
            }
        }
    }

    fn prepare(&self, tx: &[u8], spends: &[Spend]) -> Result<Vec<u8>, Reject> {
        let [spend] = spends else {
            return Err(Reject::invalid(format!("expected one spend, found {}", spends.len())));
        };
        Ok((sha256d(&[&Self::with_unlock(tx, Vec::new())?]), spend.amount).to_bytes())
    }

    fn digest(&self, prepared: &[u8], input: u32, request: &[u8]) -> Id {
        domain_hash("accounts payment", &[prepared, &input.to_le_bytes(), request])
    }

    fn facts(&self, prepared: &[u8], _: u32) -> InputFacts {
        let amount = <(Id, Amount)>::from_bytes(prepared).map_or(Amount::ZERO, |(_, amount)| amount);
        InputFacts { amount, ..InputFacts::default() }
    }

    fn coinbase(&self, height: u64, extra_nonce: u64, to: &[(Vec<u8>, Amount)]) -> Vec<u8> {
        Transfer::Coinbase { height, extra_nonce, to: to.to_vec() }.to_bytes()
    }

    fn credit(&self, _: &Id, _: u32, lock: &[u8], amount: Amount, _: ApplyContext) -> Credit {
        Credit { key: Vec::new(), value: Vec::new(), lock: lock.to_vec(), amount }
    }

    fn build(&self, order: &Order, _: ApplyContext, ledger: &dyn Ledger) -> Result<Vec<u8>, Reject> {
        let amounts = order.to.iter().map(|(_, amount)| *amount).chain(order.actions.iter().map(|a| a.amount));
        let needed = Amount::checked_sum(amounts.chain([order.fee])).unwrap_or(crate::amount::MAX_AMOUNT);
        let found = ledger.balance(&order.from);
        ensure(needed <= found, || format!("expected {needed} coins to pay with, found {found}"))?;
        let number = Self::next_number(&order.from_lock, ledger);
        let payees = Payees { to: order.to.clone(), actions: order.actions.clone() };
        let from_lock = order.from_lock.clone();
        Ok(Transfer::Payment { from_lock, number, fee: order.fee, order: payees, unlock: Vec::new() }.to_bytes())
    }

    fn finish(&self, tx: &[u8], unlocks: &[Vec<u8>]) -> Result<Vec<u8>, Reject> {
        let [unlock] = unlocks else {
            return Err(Reject::invalid(format!("expected one unlocking script, found {}", unlocks.len())));
        };
        Self::with_unlock(tx, unlock.clone())
    }
}
