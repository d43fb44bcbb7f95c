//! Carrying out what transactions and rules do to the ledger.

use super::error::SupplyError;
use super::ledger::{Change, Entries, Overlay, Space, amount_of, owned_value, supply_key, unowned_key};
use crate::address::Address;
use crate::amount::Amount;
use crate::consensus::LedgerOp;
use crate::hash::Id;
use crate::reject::{Reject, ensure};
use crate::script::Script;
use crate::tx::{Action, ApplyContext, Credit, Ledger, Outcome, TxFormat};

/// A state as the transaction format sees it.
pub struct FormatLedger<'a>(pub &'a dyn Entries);

impl Ledger for FormatLedger<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.entry(&Space::Format.bytes(&[key])).map(|value| value.to_vec())
    }

    fn balance(&self, owner: &Address) -> Amount {
        self.0.amount(&Space::Balance.bytes(&[&owner.0]))
    }

    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)> {
        self.0.owned(owner).into_iter().map(|coin| (coin.key, coin.amount)).collect()
    }

    fn coin_worth(&self, owner: &Address, least: Amount) -> Option<(Vec<u8>, Amount)> {
        let mut first = None;
        self.0.visit_worth(owner, least, &mut |key, amount| {
            first = Some((key.to_vec(), amount));
            false
        });
        first
    }
}

/// Checks that a transaction gives what it takes. A coinbase takes nothing; the block checks its claim.
///
/// # Errors
/// Names both sums.
pub fn check_sums(outcome: &Outcome, context: ApplyContext) -> Result<(), Reject> {
    let sum =
        |what, amounts: &mut dyn Iterator<Item = Amount>| Amount::checked_sum(amounts).ok_or(SupplyError::Sum(what));
    let taken = sum("inputs", &mut outcome.spends.iter().map(|spend| spend.amount))?;
    let actions = outcome.actions.iter().map(|action| action.amount);
    let given =
        sum("outputs", &mut outcome.credits.iter().map(|credit| credit.amount).chain(actions).chain([outcome.fee]))?;
    if context.coinbase {
        return ensure(outcome.spends.is_empty() && outcome.actions.is_empty() && outcome.fee == Amount::ZERO, || {
            SupplyError::Coinbase
        });
    }
    ensure(!outcome.spends.is_empty(), || SupplyError::NoInputs)?;
    ensure(taken == given, || SupplyError::Unbalanced { taken, given })
}

/// Checks that the payers of `outcome` have what they pay from accounts. A coin shows by itself what it is worth.
///
/// # Errors
/// Names the payer, what is needed and what there is.
pub fn check_funds(outcome: &Outcome, ledger: &dyn Ledger, script: &dyn Script) -> Result<(), Reject> {
    let mut needed = std::collections::BTreeMap::<Address, Amount>::new();
    for spend in outcome.spends.iter().filter(|spend| ledger.get(&spend.key).is_none()) {
        let owner = script.owner(&spend.lock).ok_or(SupplyError::NoOwner)?;
        *needed.entry(owner).or_default() += spend.amount;
    }
    needed.into_iter().try_for_each(|(owner, expected)| {
        let found = ledger.balance(&owner);
        ensure(expected <= found, || SupplyError::Funds { owner, expected, found })
    })
}

/// Applies the transaction to `over`. Returns its actions with their senders.
///
/// # Errors
/// When sums differ, an entry to be spent is not there, or a balance does not suffice.
pub fn carry_out(
    over: &mut Overlay<'_>,
    outcome: &Outcome,
    context: ApplyContext,
    script: &dyn Script,
) -> Result<Vec<Action>, Reject> {
    check_sums(outcome, context)?;
    for spend in &outcome.spends {
        let owner = script.owner(&spend.lock);
        let key = Space::Format.key(&[&spend.key]);
        // An account without an owner would pay with what belongs to all coins without one.
        ensure(owner.is_some() || over.entry(&key).is_some(), || SupplyError::NobodysMoney(spend.input))?;
        if !spend.key.is_empty() {
            if let Some(owner) = owner {
                over.set(Space::Owned.key(&[&owner.0, &spend.key]), None);
            }
            over.set(key, None);
        }
        ensure(over.subtract(total_key(owner), spend.amount), || SupplyError::Overspent(spend.input))?;
    }
    for credit in &outcome.credits {
        give(over, credit, context, script)?;
    }
    for (key, value) in &outcome.puts {
        over.set(Space::Format.key(&[key]), value.as_deref().map(Into::into));
    }
    let sender = || script.owner(&outcome.spends[0].lock).ok_or(SupplyError::NoSender);
    let actions = outcome.actions.iter();
    actions.map(|a| Ok(Action { from: sender()?, kind: a.kind, amount: a.amount, data: a.data.clone() })).collect()
}

/// The key of an owner's total; without an owner, that of all coins that have none.
fn total_key(owner: Option<Address>) -> super::ledger::Key {
    owner.map_or_else(unowned_key, |owner| Space::Balance.key(&[&owner.0]))
}

fn give(over: &mut Overlay<'_>, credit: &Credit, context: ApplyContext, script: &dyn Script) -> Result<(), Reject> {
    let owner = script.owner(&credit.lock);
    if !credit.key.is_empty() {
        if let Some(owner) = owner {
            let value = owned_value(credit.amount, context.height, context.time);
            over.set(Space::Owned.key(&[&owner.0, &credit.key]), Some(value));
        }
        over.set(Space::Format.key(&[&credit.key]), Some(credit.value.as_slice().into()));
    }
    ensure(over.add(total_key(owner), credit.amount), || SupplyError::Above("a balance"))
}

/// What the rules made of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Settled {
    /// What the coinbase may create on top of the fees.
    pub may_mint: Amount,
    /// What the rules created themselves.
    pub minted: Amount,
    /// What was destroyed.
    pub burnt: Amount,
}

/// Applies the operations of the rules to `over`, in a block whose actions brought `pool`.
///
/// # Errors
/// When an operation takes more than there is.
pub fn settle(
    over: &mut Overlay<'_>,
    ops: &[LedgerOp],
    mut pool: Amount,
    parent: &Id,
    context: ApplyContext,
    script: &dyn Script,
    format: &dyn TxFormat,
) -> Result<Settled, Reject> {
    let mut done = Settled::default();
    let above = || SupplyError::Above("an amount");
    let locked = |who: &Address| Space::Locked.key(&[&who.0]);
    let new_coin = |amount: Amount, who: &Address, n: usize| {
        let lock = script.lock(who);
        // Whose coin and how much must follow from its key: a spend is proved once, for all branches.
        let parts: &[&[u8]] = &[&parent.0, &context.height.to_le_bytes(), &lock, &amount.0.to_le_bytes()];
        format.credit(&crate::hash::domain_hash("coin of the rules", parts), n as u32, &lock, amount, context)
    };
    for (n, op) in ops.iter().enumerate() {
        match op {
            LedgerOp::MayMint(amount) => done.may_mint = done.may_mint.checked_add(*amount).ok_or_else(above)?,
            LedgerOp::Lock(who, amount) => {
                pool = pool.checked_sub(*amount).ok_or(SupplyError::Deposit { amount: *amount, pool })?;
                ensure(over.add(locked(who), *amount), || SupplyError::Above("a deposit"))?;
            }
            LedgerOp::Unlock(who, amount) => {
                let error = || SupplyError::Unlock { who: *who, amount: *amount };
                ensure(over.subtract(locked(who), *amount), error)?;
                let credit = new_coin(*amount, who, n);
                give(over, &credit, context, script)?;
            }
            LedgerOp::Mint(who, amount) => {
                let credit = new_coin(*amount, who, n);
                give(over, &credit, context, script)?;
                done.minted = done.minted.checked_add(*amount).ok_or_else(above)?;
            }
            LedgerOp::Forfeit(who, amount) => {
                let error = || SupplyError::Forfeit { who: *who, amount: *amount };
                ensure(over.subtract(locked(who), *amount), error)?;
                done.burnt = done.burnt.checked_add(*amount).ok_or_else(above)?;
            }
            LedgerOp::Put(key, value) => {
                over.set(Space::Rules.key(&[key]), value.as_deref().map(Into::into));
            }
        }
    }
    done.burnt = done.burnt.checked_add(pool).ok_or_else(above)?;
    Ok(done)
}

/// Changes the supply: adds what the coinbase claimed, subtracts fees and burnt amounts.
///
/// # Errors
/// When it would go below zero or above the limit.
pub fn change_supply(over: &mut Overlay<'_>, claimed: Amount, fees: Amount, burnt: Amount) -> Result<(), Reject> {
    // The fees are part of what is claimed: at the limit they must go before it comes.
    let more = claimed.0.saturating_sub(fees.0);
    let less = u128::from(fees.0.saturating_sub(claimed.0)) + u128::from(burnt.0);
    let less = u64::try_from(less).map_err(|_| SupplyError::Supply)?;
    let holds = over.add(supply_key(), Amount(more)) && over.subtract(supply_key(), Amount(less));
    ensure(holds, || SupplyError::Supply)
}

/// No coin appeared or vanished: the changes of all balances, deposits and unowned coins add up
/// to the change of the supply.
///
/// # Errors
/// Names both sums; this is a fault of a plugin, or of the world.
pub fn check_supply(changes: &[Change]) -> Result<(), Reject> {
    let moved = |change: &Change| {
        i128::from(amount_of(change.after.as_deref()).0) - i128::from(amount_of(change.before.as_deref()).0)
    };
    let (supply, unowned) = (supply_key(), unowned_key());
    let mut held = 0;
    let mut issued = 0;
    for change in changes {
        match change.key[0] {
            space if space == Space::Balance as u8 || space == Space::Locked as u8 => held += moved(change),
            _ if change.key == unowned => held += moved(change),
            _ if change.key == supply => issued += moved(change),
            _ => {}
        }
    }
    ensure(held == issued, || SupplyError::NotConserved { held, issued })
}
