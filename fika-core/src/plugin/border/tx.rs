//! [`TxFormat`] and the ledger that it works on across the border.

use super::answers::{Coded, Either, List, One, Plain};
use super::arguments::{CodedRef, CodedSlice, Lent, Ref, Slice, Value};
use super::remote::Remote;
use crate::address::Address;
use crate::amount::Amount;
use crate::hash::Id;
use crate::reject::Reject;
use crate::script::InputFacts;
use crate::tx::{ApplyContext, Credit, Ledger, Order, Outcome, Outline, Spend, TxFormat};

guarded_table! { TxTable for TxFormat {
    ref apply(
        tx: &[u8] as Slice,
        context: ApplyContext as Value<ApplyContext>,
        ledger: &dyn Ledger as Lent<LedgerTable>,
    ) -> Result<Outcome, Reject> as Coded<Either<One<Outcome>, Reject>>;
    ref outline(
        tx: &[u8] as Slice,
        context: ApplyContext as Value<ApplyContext>,
    ) -> Result<Outline, Reject> as Coded<Either<One<Outline>, Reject>>;
    ref prepare(
        tx: &[u8] as Slice,
        spends: &[Spend] as CodedSlice<Spend>,
    ) -> Result<Vec<u8>, Reject> as Coded<Either<One<Vec<u8>>, Reject>>;
    ref digest(
        prepared: &[u8] as Slice,
        input: u32 as Value<u32>,
        request: &[u8] as Slice,
    ) -> Id as Plain<Id>;
    ref facts(prepared: &[u8] as Slice, input: u32 as Value<u32>) -> InputFacts as Plain<InputFacts>;
    ref coinbase(
        height: u64 as Value<u64>,
        extra_nonce: u64 as Value<u64>,
        to: &[(Vec<u8>, Amount)] as CodedSlice<(Vec<u8>, Amount)>,
    ) -> Vec<u8> as Coded<One<Vec<u8>>>;
    ref credit(
        origin: &Id as Ref<Id>,
        n: u32 as Value<u32>,
        lock: &[u8] as Slice,
        amount: Amount as Value<Amount>,
        context: ApplyContext as Value<ApplyContext>,
    ) -> Credit as Coded<One<Credit>>;
    ref build(
        order: &Order as CodedRef<Order>,
        context: ApplyContext as Value<ApplyContext>,
        ledger: &dyn Ledger as Lent<LedgerTable>,
    ) -> Result<Vec<u8>, Reject> as Coded<Either<One<Vec<u8>>, Reject>>;
    ref finish(
        tx: &[u8] as Slice,
        unlocks: &[Vec<u8>] as CodedSlice<Vec<u8>>,
    ) -> Result<Vec<u8>, Reject> as Coded<Either<One<Vec<u8>>, Reject>>;
} }

// SAFETY: the object behind it is one of this trait, which demands `Sync`.
unsafe impl Sync for Remote<TxTable> {}

table! { LedgerTable for Ledger {
    ref get(key: &[u8] as Slice) -> Option<Vec<u8>> as Coded<One<Option<Vec<u8>>>>;
    ref balance(owner: &Address as Ref<Address>) -> Amount as Plain<Amount>;
    ref coins(owner: &Address as Ref<Address>) -> Vec<(Vec<u8>, Amount)> as Coded<List<(Vec<u8>, Amount)>>;
    ref coin_worth(
        owner: &Address as Ref<Address>,
        least: Amount as Value<Amount>,
    ) -> Option<(Vec<u8>, Amount)> as Coded<One<Option<(Vec<u8>, Amount)>>>;
} }
