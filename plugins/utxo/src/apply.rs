//! What a transaction does to the ledger, and the rules that it must keep.

use fika_core::amount::Amount;
use fika_core::codec::{Decode, Encode};
use fika_core::hash::Id;
use fika_core::tx::{ActionRequest, ApplyContext, Credit, Ledger, Outcome, Outline, Spend};

use crate::coin::{Coin, Outpoint};
use crate::error::{TxError, ensure};
use crate::params::Params;
use crate::transaction::{Coinbase, Input, Output, Payment, SEQUENCE_FINAL, Transaction};

/// One unit of a relative lock that counts time, in ticks: BIP 68's 512 seconds where a tick is a second.
pub const RELATIVE_UNIT_TICKS: u64 = 512;

/// Lock times from here on are header times, those below are heights.
const LOCK_TIME_THRESHOLD: u32 = 500_000_000;
/// BIP 68: a sequence number with this bit locks nothing.
const SEQUENCE_DISABLED: u32 = 1 << 31;
/// BIP 68: the lock counts units of time, not blocks.
const SEQUENCE_TIME: u32 = 1 << 22;
/// BIP 68: the bits that count.
const SEQUENCE_MASK: u32 = 0xffff;

pub(crate) fn apply(
    params: &Params,
    tx: &[u8],
    context: ApplyContext,
    ledger: &dyn Ledger,
) -> Result<Outcome, TxError> {
    let decoded = Transaction::decode(tx)?;
    let fields = Fields { limit: params.max_field_bytes };
    match &decoded {
        Transaction::Coinbase(coinbase) => {
            ensure(context.coinbase, || TxError::Kind { expected: false })?;
            claim(coinbase, &decoded.id(), context, fields)
        }
        Transaction::Payment(payment) => {
            ensure(!context.coinbase, || TxError::Kind { expected: true })?;
            let limit = params.max_tx_bytes;
            ensure(tx.len() <= limit as usize, || TxError::TxSize { limit, found: tx.len() })?;
            pay(params, payment, &decoded.id(), context, ledger, fields)
        }
    }
}

/// What a transaction says without a ledger.
pub(crate) fn outline(params: &Params, tx: &[u8], context: ApplyContext) -> Result<Outline, TxError> {
    let decoded = Transaction::decode(tx)?;
    let (id, fields) = (decoded.id(), Fields { limit: params.max_field_bytes });
    let (inputs, outputs) = match &decoded {
        Transaction::Coinbase(coinbase) => (&[][..], &coinbase.outputs),
        Transaction::Payment(payment) => (&payment.inputs[..], &payment.outputs),
    };
    let spends = inputs.iter().map(|input| input.outpoint.key()).collect();
    Ok(Outline { id, spends, credits: credits(outputs, &id, context, fields)? })
}

/// The limit of scripts and data.
#[derive(Clone, Copy)]
struct Fields {
    limit: u32,
}

impl Fields {
    fn check(self, field: &[u8]) -> Result<(), TxError> {
        ensure(field.len() <= self.limit as usize, || TxError::FieldSize { limit: self.limit, found: field.len() })
    }
}

fn claim(coinbase: &Coinbase<'_>, id: &Id, context: ApplyContext, fields: Fields) -> Result<Outcome, TxError> {
    let (expected, found) = (context.height, coinbase.height);
    ensure(expected == found, || TxError::CoinbaseHeight { expected, found })?;
    sum("outputs", coinbase.outputs.iter().map(|output| output.amount))?;
    Ok(Outcome { id: *id, credits: credits(&coinbase.outputs, id, context, fields)?, ..Outcome::default() })
}

fn pay(
    params: &Params,
    payment: &Payment<'_>,
    id: &Id,
    context: ApplyContext,
    ledger: &dyn Ledger,
    fields: Fields,
) -> Result<Outcome, TxError> {
    ensure(!payment.inputs.is_empty(), || TxError::NoInputs)?;
    let mut outpoints: Vec<Outpoint> = payment.inputs.iter().map(|input| input.outpoint).collect();
    outpoints.sort_unstable();
    if let Some(pair) = outpoints.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(TxError::Duplicate(pair[0]));
    }
    check_final(payment, context)?;
    for output in &payment.outputs {
        let (limit, found) = (params.dust, output.amount);
        ensure(found >= limit, || TxError::Dust { limit, found })?;
    }
    payment.actions.iter().try_for_each(|action| fields.check(action.data))?;

    let actions = payment.actions.iter();
    let given = payment.outputs.iter().map(|output| output.amount).chain(actions.map(|action| action.amount));
    let expected = sum("outputs and actions", given)?;
    let mut spends = Vec::with_capacity(payment.inputs.len());
    for (n, input) in payment.inputs.iter().enumerate() {
        fields.check(input.unlock)?;
        let key = input.outpoint.key();
        let coin = spendable(params, input.outpoint, &key, context, ledger)?;
        if payment.version >= 2 {
            check_age(input, &coin, context)?;
        }
        let unlock = input.unlock.to_vec();
        spends.push(Spend { input: n as u32, key, lock: coin.lock, amount: coin.amount, unlock });
    }
    let found = sum("inputs", spends.iter().map(|spend| spend.amount))?;
    let fee = found.checked_sub(expected).ok_or(TxError::Overspent { expected, found })?;
    let actions = payment.actions.iter();
    let actions = actions.map(|a| ActionRequest { kind: a.kind, amount: a.amount, data: a.data.to_vec() }).collect();
    let credits = credits(&payment.outputs, id, context, fields)?;
    Ok(Outcome { id: *id, fee, spends, credits, puts: Vec::new(), actions })
}

/// The coin behind `key`, if it is there and may be spent in `context`.
pub(crate) fn spendable(
    params: &Params,
    outpoint: Outpoint,
    key: &[u8],
    context: ApplyContext,
    ledger: &dyn Ledger,
) -> Result<Coin, TxError> {
    let value = ledger.get(key).ok_or(TxError::MissingCoin(outpoint))?;
    let coin = Coin::from_bytes(&value).map_err(|_| TxError::BrokenCoin(outpoint))?;
    if coin.mined {
        let (expected, found) = (coin.height.saturating_add(params.maturity_blocks), context.height);
        ensure(expected <= found, || TxError::Immature { coin: outpoint, expected, found })?;
    }
    Ok(coin)
}

fn check_final(payment: &Payment<'_>, context: ApplyContext) -> Result<(), TxError> {
    let lock_time = payment.lock_time;
    let now = if lock_time < LOCK_TIME_THRESHOLD { context.height } else { context.time.into() };
    let has_come = lock_time == 0 || u64::from(lock_time) < now;
    let waived = || payment.inputs.iter().all(|input| input.sequence == SEQUENCE_FINAL);
    ensure(has_come || waived(), || TxError::NotFinal { lock_time, height: context.height, time: context.time })
}

fn check_age(input: &Input<'_>, coin: &Coin, context: ApplyContext) -> Result<(), TxError> {
    if input.sequence & SEQUENCE_DISABLED != 0 {
        return Ok(());
    }
    let count = u64::from(input.sequence & SEQUENCE_MASK);
    let (unit, expected, found) = if input.sequence & SEQUENCE_TIME != 0 {
        ("time", u64::from(coin.time) + count * RELATIVE_UNIT_TICKS, context.time.into())
    } else {
        ("height", coin.height.saturating_add(count), context.height)
    };
    ensure(expected <= found, || TxError::TooYoung { coin: input.outpoint, unit, expected, found })
}

fn credits(outputs: &[Output<'_>], id: &Id, context: ApplyContext, fields: Fields) -> Result<Vec<Credit>, TxError> {
    let credit = |(n, output): (usize, &Output<'_>)| {
        fields.check(output.lock)?;
        Ok(credit(Outpoint { id: *id, index: n as u32 }, output.lock, output.amount, context))
    };
    outputs.iter().enumerate().map(credit).collect()
}

/// A new coin. The coins of genesis were given, not mined, and have no maturity to wait for.
pub(crate) fn credit(outpoint: Outpoint, lock: &[u8], amount: Amount, context: ApplyContext) -> Credit {
    let mined = context.coinbase && context.height > 0;
    let coin = Coin { mined, height: context.height, time: context.time, amount, lock: lock.to_vec() };
    Credit { key: outpoint.key(), value: coin.to_bytes(), lock: coin.lock, amount }
}

pub(crate) fn sum(what: &'static str, amounts: impl Iterator<Item = Amount>) -> Result<Amount, TxError> {
    Amount::checked_sum(amounts).ok_or(TxError::Sum(what))
}
