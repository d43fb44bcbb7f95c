//! The promises of a transaction format, as one test, and a ledger to apply transactions to.
//!
//! ```
//! use fika_core::amount::Amount;
//! use fika_core::testing::Person;
//! use fika_core::testing::tx::{MemoryLedger, promises};
//! use fika_core::tx::{Accounts, Ledger, Order, ApplyContext, TxFormat};
//!
//! // In a test:
//! promises(&Accounts);
//!
//! // One payment of Alice to Bob. Locks are addresses here.
//! let (alice, bob) = (Person::new(1).address(), Person::new(2).address());
//! let mut ledger = MemoryLedger::with_coins(&Accounts, &[(alice, Amount::coins(10))]);
//! let (from_lock, to) = (alice.0.to_vec(), vec![(bob.0.to_vec(), Amount::coins(7))]);
//! let order = Order { from: alice, from_lock, to, fee: Amount::coins(1), actions: Vec::new() };
//! let context = ApplyContext { height: 1, time: 0, coinbase: false };
//! let tx = Accounts.build(&order, context, &ledger).unwrap();
//! ledger.carry_out(&Accounts.apply(&tx, context, &ledger).unwrap());
//! assert_eq!((ledger.balance(&alice), ledger.balance(&bob)), (Amount::coins(2), Amount::coins(7)));
//! ```

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{Draws, Person};
use crate::address::Address;
use crate::amount::Amount;
use crate::script::{PayToAddress, Script};
use crate::tx::{ActionRequest, ApplyContext, Credit, Ledger, Order, Outcome, Outline, Spend, TxFormat};

/// So many orders are carried out.
const ORDERS: u64 = 60;
/// Amounts are multiples of this, so that no change is too small for a format.
const UNIT: u64 = 1_000_000;

/// A ledger in memory whose locks are those of [`PayToAddress`]: for formats with coins, and for formats with accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryLedger {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    coins: BTreeMap<(Address, Vec<u8>), Amount>,
    balances: BTreeMap<Address, Amount>,
}

impl MemoryLedger {
    /// A ledger in which the format's genesis transaction has given these coins away.
    ///
    /// # Panics
    /// When the format refuses that.
    pub fn with_coins(format: &dyn TxFormat, coins: &[(Address, Amount)]) -> MemoryLedger {
        let mut ledger = MemoryLedger::default();
        let to: Vec<_> = coins.iter().map(|(who, amount)| (PayToAddress.lock(who), *amount)).collect();
        let context = ApplyContext { height: 0, time: 0, coinbase: true };
        let outcome = format.apply(&format.coinbase(0, 0, &to), context, &ledger);
        ledger.carry_out(&outcome.unwrap_or_else(|reject| panic!("the format refuses its genesis: {reject}")));
        ledger
    }

    /// Does what a transaction does.
    ///
    /// # Panics
    /// When it spends what is not there, or makes a coin anew.
    pub fn carry_out(&mut self, outcome: &Outcome) {
        for Spend { key, lock, amount, .. } in &outcome.spends {
            let owner = PayToAddress.owner(lock).expect("every lock is an address");
            self.entries.remove(key);
            if let Some(worth) = self.coins.remove(&(owner, key.clone())) {
                assert_eq!(worth, *amount, "the amount of a coin that is spent");
            }
            let balance = self.balances.entry(owner).or_default();
            *balance = balance.checked_sub(*amount).unwrap_or_else(|| panic!("{owner} spends {amount} of {balance}"));
        }
        outcome.credits.iter().for_each(|credit| self.credit(credit));
        for (key, value) in &outcome.puts {
            match value {
                Some(value) => self.entries.insert(key.clone(), value.clone()),
                None => self.entries.remove(key),
            };
        }
    }

    /// Gives somebody a coin.
    ///
    /// # Panics
    /// When it is there already.
    pub fn credit(&mut self, Credit { key, value, lock, amount }: &Credit) {
        let owner = PayToAddress.owner(lock).expect("every lock is an address");
        *self.balances.entry(owner).or_default() += *amount;
        if !key.is_empty() {
            let before = self.entries.insert(key.clone(), value.clone());
            assert!(before.is_none(), "a coin is made a second time: {}", crate::hash::to_hex(key));
            self.coins.insert((owner, key.clone()), *amount);
        }
    }
}

impl Ledger for MemoryLedger {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.entries.get(key).cloned()
    }

    fn balance(&self, owner: &Address) -> Amount {
        self.balances.get(owner).copied().unwrap_or_default()
    }

    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)> {
        let own = self.coins.range((*owner, Vec::new())..).take_while(|((who, _), _)| who == owner);
        own.map(|((_, key), amount)| (key.clone(), *amount)).collect()
    }
}

/// Where the next payment of this test stands.
fn context(height: u64) -> ApplyContext {
    ApplyContext { height, time: (height * 1_000) as u32, coinbase: false }
}

/// Tries whether `format` keeps the promises of a [`TxFormat`]:
///
/// - an order that the payer can pay becomes a transaction that does exactly that, and no other order does;
/// - what is taken equals what is given, the fee and the actions' amounts; nothing is spent twice;
/// - id, digests and facts do not depend on unlocking scripts, and every input has a digest of its own;
/// - coinbases stand at the front of the block of their height, and no two are the same;
/// - its outline, where it has one, is what it does;
/// - the same question has the same answer, and no bytes make it panic.
///
/// # Panics
/// When a promise is broken: the message says which.
pub fn promises(format: &dyn TxFormat) {
    let draws = &mut Draws::new(1);
    let people: Vec<Address> = (0..4).map(|n| Person::new(n).address()).collect();
    let coins: Vec<_> = people.iter().flat_map(|who| (1..5).map(|n| (*who, Amount(n * 100 * UNIT)))).collect();
    let mut ledger = MemoryLedger::with_coins(format, &coins);
    for n in 0..ORDERS {
        let context = context(1_000 + n);
        let order = order(&people, draws);
        check_order(format, &order, context, &mut ledger, draws);
        check_coinbase(format, &people, context, &ledger, draws);
        let credit = format.credit(&draws.id(), n as u32, &order.from_lock, Amount(UNIT), context);
        assert_eq!((&credit.lock, credit.amount), (&order.from_lock, Amount(UNIT)), "a credit's lock and amount");
        ledger.credit(&credit);
        let (random, prepared) = (draws.bytes(200), draws.bytes(200));
        poke(format, &random, context, &ledger);
        let _ = (format.digest(&prepared, 0, &random), format.facts(&prepared, u32::MAX));
    }
    // Coins of one origin, by their numbers.
    let (origin, lock) = (draws.id(), PayToAddress.lock(&people[0]));
    (0..3).for_each(|n| ledger.credit(&format.credit(&origin, n, &lock, Amount(UNIT), context(5_000))));
}

fn order(people: &[Address], draws: &mut Draws) -> Order {
    let from = *draws.pick(people);
    let mut amount = || Amount(UNIT * (1 + draws.below(60)));
    let fee = amount();
    let amounts = [amount(), amount(), amount(), amount()];
    let payees = draws.below(4) as usize;
    let to = amounts[..payees].iter().map(|amount| (PayToAddress.lock(draws.pick(people)), *amount)).collect();
    let actions = (0..draws.below(2) + u64::from(payees == 0)).map(|kind| ActionRequest {
        kind: kind as u8,
        amount: amounts[3],
        data: draws.bytes(20),
    });
    let actions = actions.collect();
    // Once in a while more than anybody has.
    let fee = if draws.once_in(8) { Amount(fee.0 + 10_000 * UNIT) } else { fee };
    Order { from, from_lock: PayToAddress.lock(&from), to, fee, actions }
}

fn check_order(
    format: &dyn TxFormat,
    order: &Order,
    context: ApplyContext,
    ledger: &mut MemoryLedger,
    draws: &mut Draws,
) {
    let asked: Amount = order.actions.iter().map(|action| action.amount).sum();
    let paid: Amount = order.to.iter().map(|(_, amount)| *amount).sum();
    let (needed, had) = (paid + asked + order.fee, ledger.balance(&order.from));
    let built = format.build(order, context, ledger);
    assert_eq!(format.build(order, context, ledger), built, "build says another thing the second time");
    assert_eq!(built.is_ok(), needed <= had, "an order of {needed} coins of somebody who has {had}: {built:?}");
    let Ok(bare) = built else { return };
    let before =
        format.apply(&bare, context, ledger).unwrap_or_else(|reject| panic!("what was built is refused: {reject}"));
    let unlocks: Vec<Vec<u8>> = before.spends.iter().map(|_| draws.bytes(100)).collect();
    let tx = format.finish(&bare, &unlocks).unwrap_or_else(|reject| panic!("what was built is not finished: {reject}"));
    let too_many = [&unlocks[..], &[Vec::new()]].concat();
    for wrong in [&unlocks[1..], &too_many] {
        assert!(format.finish(&bare, wrong).is_err(), "{} unlocks for {} spends", wrong.len(), unlocks.len());
    }
    let outcome =
        format.apply(&tx, context, ledger).unwrap_or_else(|reject| panic!("what was finished is refused: {reject}"));
    assert_eq!(outcome.id, before.id, "unlocking scripts change the id");
    assert_eq!(
        outcome.spends.iter().map(|spend| &spend.unlock).collect::<Vec<_>>(),
        unlocks.iter().collect::<Vec<_>>()
    );
    assert_eq!(
        (outcome.fee, &outcome.actions),
        (order.fee, &order.actions),
        "the fee and the actions that were ordered"
    );
    check_sums(&outcome);
    check_outline(format, &tx, context, &outcome);
    check_digests(format, (&bare, &before), (&tx, &outcome), draws);
    let at_front = ApplyContext { coinbase: true, ..context };
    assert!(format.apply(&tx, at_front, ledger).is_err(), "a payment stands at the front of a block");

    let holdings = |ledger: &MemoryLedger| ledger.balances.clone();
    let mut expected = holdings(ledger);
    *expected.entry(order.from).or_default() -= needed;
    for (lock, amount) in &order.to {
        *expected.entry(PayToAddress.owner(lock).expect("an address")).or_default() += *amount;
    }
    for _ in 0..4 {
        poke(format, &draws.damaged(&tx), context, ledger);
        poke(format, &tx[..draws.below(tx.len() as u64) as usize], context, ledger);
    }
    ledger.carry_out(&outcome);
    assert_eq!(holdings(ledger), expected, "the payment moves what was ordered, and nothing else");
    assert!(format.apply(&tx, context, ledger).is_err(), "a payment applies a second time");
}

/// What is taken is given.
fn check_sums(outcome: &Outcome) {
    let taken: Amount = outcome.spends.iter().map(|spend| spend.amount).sum();
    let given: Amount = outcome.credits.iter().map(|credit| credit.amount).sum();
    let asked: Amount = outcome.actions.iter().map(|action| action.amount).sum();
    assert_eq!(taken, given + asked + outcome.fee, "a payment makes or loses coins");
}

/// What a transaction says without a ledger is what it does, where the format says anything.
fn check_outline(format: &dyn TxFormat, tx: &[u8], context: ApplyContext, outcome: &Outcome) {
    if let Ok(Outline { id, spends, credits }) = format.outline(tx, context) {
        let keys: Vec<Vec<u8>> = outcome.spends.iter().map(|spend| spend.key.clone()).collect();
        assert_eq!((id, spends, &credits), (outcome.id, keys, &outcome.credits), "the outline of a transaction");
    }
}

/// Signatures are over the same, whether they are in already or not.
fn check_digests(format: &dyn TxFormat, bare: (&[u8], &Outcome), tx: (&[u8], &Outcome), draws: &mut Draws) {
    let prepare = |(tx, outcome): (&[u8], &Outcome)| {
        format.prepare(tx, &outcome.spends).unwrap_or_else(|reject| panic!("a payment is not prepared: {reject}"))
    };
    let prepared = prepare(tx);
    assert!(prepare(bare) == prepared, "what is prepared depends on unlocking scripts");
    let request = draws.bytes(40);
    let mut digests: Vec<_> = tx.1.spends.iter().map(|spend| format.digest(&prepared, spend.input, &request)).collect();
    for spend in &tx.1.spends {
        assert_eq!(format.facts(&prepared, spend.input).amount, spend.amount, "the amount of input {}", spend.input);
    }
    let inputs = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), inputs, "two inputs have one digest");
    assert!(format.prepare(tx.0, &[]).is_err(), "a payment is prepared without its spends");
}

fn check_coinbase(
    format: &dyn TxFormat,
    people: &[Address],
    context: ApplyContext,
    ledger: &MemoryLedger,
    draws: &mut Draws,
) {
    let to = vec![(PayToAddress.lock(draws.pick(people)), Amount(50 * UNIT))];
    let front = ApplyContext { coinbase: true, ..context };
    let of = |height, nonce| {
        let tx = format.coinbase(height, nonce, &to);
        (format.apply(&tx, ApplyContext { height, ..front }, ledger), tx)
    };
    let (outcome, tx) = of(context.height, 1);
    let outcome = outcome.unwrap_or_else(|reject| panic!("a coinbase is refused in its block: {reject}"));
    assert!(outcome.spends.is_empty() && outcome.actions.is_empty() && outcome.fee == Amount::ZERO, "{outcome:?}");
    check_outline(format, &tx, front, &outcome);
    let claim: Vec<_> = outcome.credits.iter().map(|credit| (credit.lock.clone(), credit.amount)).collect();
    assert_eq!(claim, to, "a coinbase gives what it was made for");
    assert!(format.apply(&tx, context, ledger).is_err(), "a coinbase stands behind the front of a block");
    let later = ApplyContext { height: context.height + 1, ..front };
    assert!(format.apply(&tx, later, ledger).is_err(), "a coinbase stands at another height than its own");
    for (height, nonce) in [(context.height, 2), (context.height + 1, 1)] {
        let other = of(height, nonce).0.expect("another coinbase");
        assert_ne!(other.id, outcome.id, "coinbases of different blocks are the same transaction");
    }
}

/// Bytes from anywhere: the same answer every time, and no coins out of nothing.
fn poke(format: &dyn TxFormat, tx: &[u8], context: ApplyContext, ledger: &MemoryLedger) {
    let outcome = format.apply(tx, context, ledger);
    assert_eq!(format.apply(tx, context, ledger), outcome, "apply says another thing the second time");
    if let Ok(outcome) = outcome {
        check_sums(&outcome);
        check_outline(format, tx, context, &outcome);
        if let Ok(prepared) = format.prepare(tx, &outcome.spends) {
            let _ = (format.digest(&prepared, u32::MAX, &[]), format.facts(&prepared, u32::MAX));
        }
    }
    let _ = format.apply(tx, ApplyContext { coinbase: true, ..context }, ledger);
    let _ = format.outline(tx, context);
    let _ = (format.prepare(tx, &[]), format.finish(tx, &[]), format.finish(tx, &[Vec::new()]));
}
