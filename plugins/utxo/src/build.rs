//! Making transactions for a wallet.

use fika_core::amount::Amount;
use fika_core::tx::{ApplyContext, Ledger, Order};

use crate::apply::{spendable, sum};
use crate::coin::Outpoint;
use crate::error::{TxError, ensure};
use crate::params::Params;
use crate::transaction::{Asked, Input, Output, Payment, SEQUENCE_FINAL, Transaction};

/// The version of transactions that wallets make.
const VERSION: u32 = 2;

pub(crate) fn build(
    params: &Params,
    order: &Order,
    context: ApplyContext,
    ledger: &dyn Ledger,
) -> Result<Vec<u8>, TxError> {
    let paid = order.to.iter().map(|(_, amount)| *amount);
    let asked = order.actions.iter().map(|action| action.amount);
    let needed = sum("payments, actions and fee", paid.chain(asked).chain([order.fee]))?;
    let (coins, found) = select(params, order, needed, context, ledger)?;

    let mut outputs: Vec<Output<'_>> = order.to.iter().map(|(lock, amount)| Output { amount: *amount, lock }).collect();
    // Change that could not be an output stays with the fee.
    let change = found - needed;
    if change > Amount::ZERO && change >= params.dust {
        outputs.push(Output { amount: change, lock: &order.from_lock });
    }
    let input = |outpoint| Input { outpoint, sequence: SEQUENCE_FINAL, unlock: &[] };
    let asked = order.actions.iter().map(|a| Asked { kind: a.kind, amount: a.amount, data: &a.data });
    let payment = Payment {
        version: VERSION,
        inputs: coins.into_iter().map(input).collect(),
        outputs,
        actions: asked.collect(),
        lock_time: 0,
    };
    Ok(Transaction::Payment(payment).to_bytes())
}

/// Few coins that are worth `needed` together: the largest ones, but for the last, which is the
/// smallest that completes the sum. At least one, because a transaction needs a sender.
fn select(
    params: &Params,
    order: &Order,
    needed: Amount,
    context: ApplyContext,
    ledger: &dyn Ledger,
) -> Result<(Vec<Outpoint>, Amount), TxError> {
    // A coin that is too young, or whose lock this wallet cannot open, is left out.
    let may_spend = |outpoint, key: &[u8]| {
        spendable(params, outpoint, key, context, ledger).is_ok_and(|coin| coin.lock == order.from_lock)
    };
    // Most payments need one coin, of many.
    if let Some((key, amount)) = ledger.coin_worth(&order.from, needed)
        && let Some(outpoint) = Outpoint::from_key(&key).filter(|outpoint| may_spend(*outpoint, &key))
    {
        return Ok((vec![outpoint], amount));
    }
    let mut coins = ledger.coins(&order.from);
    let (mut selected, mut found) = (Vec::new(), Amount::ZERO);
    while found < needed || selected.is_empty() {
        let missing = needed.checked_sub(found).unwrap_or_default();
        let by_worth = |n: &usize| (coins[*n].1, &coins[*n].0);
        let completing = (0..coins.len()).filter(|n| coins[*n].1 >= missing).min_by_key(by_worth);
        let Some(next) = completing.or_else(|| (0..coins.len()).max_by_key(by_worth)) else {
            return Err(TxError::Funds { expected: needed, found });
        };
        let (key, amount) = coins.swap_remove(next);
        let Some(outpoint) = Outpoint::from_key(&key) else { continue };
        if may_spend(outpoint, &key) {
            selected.push(outpoint);
            found = found.checked_add(amount).ok_or(TxError::Sum("inputs"))?;
        }
    }
    Ok((selected, found))
}

pub(crate) fn finish(tx: &[u8], unlocks: &[Vec<u8>]) -> Result<Vec<u8>, TxError> {
    let mut transaction = Transaction::decode(tx)?;
    let Transaction::Payment(payment) = &mut transaction else {
        return Err(TxError::Kind { expected: false });
    };
    let (expected, found) = (payment.inputs.len(), unlocks.len());
    ensure(expected == found, || TxError::Unlocks { expected, found })?;
    payment.inputs.iter_mut().zip(unlocks).for_each(|(input, unlock)| input.unlock = unlock);
    Ok(transaction.to_bytes())
}
