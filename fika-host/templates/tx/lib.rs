//! __Name__: transactions that spend coins.
//!
//! A payment lists the coins that it spends, each with its unlocking script, and the coins that
//! it makes; what is left over is the fee. A coin's ledger key is the id of its transaction and
//! its place there; its value is its lock and amount. Ids leave unlocking scripts out.

use fika_core::amount::{Amount, MAX_AMOUNT};
use fika_core::codec::{Decode, DecodeError, Encode, Reader, Sink, put_list};
use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};
use fika_core::plugin::Plugin;
use fika_core::reject::{Reject, ensure};
use fika_core::script::InputFacts;
use fika_core::tx::{ActionRequest, Credit, Ledger, Order, Outcome, ApplyContext, Spend, TxFormat};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The table `[tx.__name__]` of an experiment.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The most coins that one transaction spends, and the most that it makes.
    pub max_coins: usize,
}

impl Default for Params {
    fn default() -> Self {
        Params { max_coins: 1_000 }
    }
}

/// The format.
pub struct __Name__ {
    params: Params,
}

impl Plugin for __Name__ {
    const NAME: &'static str = "__name__";
    const ABOUT: &'static str = "transactions that spend coins and make new ones";
    const PARAMS: &'static [(&'static str, &'static str)] =
        &[("max_coins", "the most coins that one transaction spends, and the most that it makes")];
    const PROVIDES: &'static [&'static str] = &["tx.coins", "tx.actions"];
    type Params = Params;

    fn new(params: Params, _: &Env) -> Result<Self, String> {
        Ok(__Name__ { params })
    }
}

/// A transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Transaction {
    /// Height and extra nonce of a coinbase; zero in payments.
    nonce: (u64, u64),
    /// Keys of the coins spent, with their unlocking scripts. None in a coinbase.
    inputs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Locks and amounts of the coins made.
    outputs: Vec<(Vec<u8>, Amount)>,
    actions: Vec<ActionRequest>,
}

impl Encode for Transaction {
    fn encode(&self, out: &mut impl Sink) {
        self.nonce.encode(out);
        put_list(out, &self.inputs);
        put_list(out, &self.outputs);
        put_list(out, &self.actions);
    }
}

impl Decode for Transaction {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let nonce = Decode::decode(from)?;
        // A list is never longer than its bytes.
        let mut lists = || Ok((from.list(usize::MAX)?, from.list(usize::MAX)?, from.list(usize::MAX)?));
        let (inputs, outputs, actions) = lists()?;
        Ok(Transaction { nonce, inputs, outputs, actions })
    }
}

impl Transaction {
    fn id(&self) -> Id {
        let mut bare = self.clone();
        bare.inputs.iter_mut().for_each(|(_, unlock)| unlock.clear());
        domain_hash("__name__ transaction", &[&bare.to_bytes()])
    }

    fn is_coinbase(&self) -> bool {
        self.inputs.is_empty()
    }
}

fn coin(origin: &Id, n: u32, lock: &[u8], amount: Amount) -> Credit {
    let key = [&origin.0[..], &n.to_be_bytes()].concat();
    Credit { key, value: (lock.to_vec(), amount).to_bytes(), lock: lock.to_vec(), amount }
}

/// The sum, if it is a possible amount.
fn sum(amounts: impl IntoIterator<Item = Amount>) -> Result<Amount, Reject> {
    Amount::checked_sum(amounts).ok_or_else(|| Reject::invalid(format!("expected at most {MAX_AMOUNT} coins in all")))
}

impl TxFormat for __Name__ {
    fn apply(&self, tx: &[u8], context: ApplyContext, ledger: &dyn Ledger) -> Result<Outcome, Reject> {
        let tx = Transaction::from_bytes(tx)?;
        let (limit, coins) = (self.params.max_coins, tx.inputs.len().max(tx.outputs.len()));
        ensure(coins <= limit, || format!("expected at most {limit} coins, found {coins}"))?;
        ensure(tx.is_coinbase() == context.coinbase, || "expected the coinbase at the front of the block alone")?;
        ensure(!context.coinbase || tx.nonce.0 == context.height, || {
            format!("expected a coinbase of height {}, found {}", context.height, tx.nonce.0)
        })?;
        let id = tx.id();
        let mut spends = Vec::new();
        for (input, (key, unlock)) in (0..).zip(tx.inputs) {
            ensure(spends.iter().all(|spend: &Spend| spend.key != key), || "expected each coin to be spent once")?;
            let value = ledger.get(&key).ok_or_else(|| Reject::invalid("expected unspent coins"))?;
            let (lock, amount) = Decode::from_bytes(&value)?;
            spends.push(Spend { input, key, lock, amount, unlock });
        }
        let made = sum(tx.outputs.iter().map(|(_, amount)| *amount))?;
        let asked = sum(tx.actions.iter().map(|action| action.amount))?;
        let fee = match context.coinbase {
            true => Amount::ZERO,
            false => {
                let (taken, given) = (sum(spends.iter().map(|spend| spend.amount))?, sum([made, asked])?);
                let fee = taken.checked_sub(given);
                fee.ok_or_else(|| Reject::invalid(format!("expected to spend {given} coins, found {taken}")))?
            }
        };
        let credits = (0..).zip(&tx.outputs).map(|(n, (lock, amount))| coin(&id, n, lock, *amount)).collect();
        Ok(Outcome { id, fee, spends, credits, puts: Vec::new(), actions: tx.actions })
    }

    fn prepare(&self, tx: &[u8], spends: &[Spend]) -> Result<Vec<u8>, Reject> {
        let amounts: Vec<Amount> = spends.iter().map(|spend| spend.amount).collect();
        let mut prepared = Transaction::from_bytes(tx)?.id().to_bytes();
        put_list(&mut prepared, &amounts);
        Ok(prepared)
    }

    fn digest(&self, prepared: &[u8], input: u32, request: &[u8]) -> Id {
        let id = &prepared[..prepared.len().min(32)];
        domain_hash("__name__ signature", &[id, &input.to_le_bytes(), request])
    }

    fn facts(&self, prepared: &[u8], input: u32) -> InputFacts {
        let amounts: Vec<Amount> =
            prepared.get(32..).and_then(|rest| Reader::new(rest).list(usize::MAX).ok()).unwrap_or_default();
        InputFacts { amount: amounts.get(input as usize).copied().unwrap_or_default(), ..InputFacts::default() }
    }

    fn coinbase(&self, height: u64, extra_nonce: u64, to: &[(Vec<u8>, Amount)]) -> Vec<u8> {
        Transaction { nonce: (height, extra_nonce), outputs: to.to_vec(), ..Transaction::default() }.to_bytes()
    }

    fn credit(&self, origin: &Id, n: u32, lock: &[u8], amount: Amount, _: ApplyContext) -> Credit {
        coin(origin, n, lock, amount)
    }

    fn build(&self, order: &Order, _: ApplyContext, ledger: &dyn Ledger) -> Result<Vec<u8>, Reject> {
        let amounts = order.to.iter().map(|(_, amount)| *amount);
        let needed = sum(amounts.chain(order.actions.iter().map(|action| action.amount)).chain([order.fee]))?;
        let mut tx =
            Transaction { outputs: order.to.clone(), actions: order.actions.clone(), ..Transaction::default() };
        let mut found = Amount::ZERO;
        for (key, amount) in ledger.coins(&order.from) {
            if found >= needed && !tx.is_coinbase() {
                break;
            }
            tx.inputs.push((key, Vec::new()));
            found = sum([found, amount])?;
        }
        let change = found.checked_sub(needed);
        let change = change.filter(|_| !tx.is_coinbase());
        let change = change.ok_or_else(|| Reject::invalid(format!("expected {needed} coins, found {found}")))?;
        if change > Amount::ZERO {
            tx.outputs.push((order.from_lock.clone(), change));
        }
        Ok(tx.to_bytes())
    }

    fn finish(&self, tx: &[u8], unlocks: &[Vec<u8>]) -> Result<Vec<u8>, Reject> {
        let mut tx = Transaction::from_bytes(tx)?;
        let (expected, found) = (tx.inputs.len(), unlocks.len());
        ensure(expected == found, || format!("expected {expected} unlocking scripts, found {found}"))?;
        tx.inputs.iter_mut().zip(unlocks).for_each(|((_, unlock), new)| unlock.clone_from(new));
        Ok(tx.to_bytes())
    }
}

fika_core::export!(tx __Name__);
