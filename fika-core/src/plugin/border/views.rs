//! What rules and agents see across the border: the chain, the tree of blocks, and the node's signature.

use super::answers::{Coded, Either, Found, FoundBlock, List, One, Plain};
use super::arguments::{Ref, Slice, Value};
use crate::address::Address;
use crate::agent::Signer;
use crate::amount::Amount;
use crate::hash::Id;
use crate::reject::Missing;
use crate::target::Work;
use crate::view::{BlockView, ChainView, Coin, TreeView};

table! { SignerTable for Signer {
    ref sign(digest: &Id as Ref<Id>) -> Vec<u8> as Coded<One<Vec<u8>>>;
} }

table! { ChainTable for ChainView {
    ref block(id: &Id as Ref<Id>) -> Result<BlockView<'_>, Missing> as FoundBlock;
    ref ancestor(of: &Id as Ref<Id>, height: u64 as Value<u64>) -> Result<BlockView<'_>, Missing> as FoundBlock;
    ref balance(at: &Id as Ref<Id>, who: &Address as Ref<Address>) -> Result<Amount, Missing> as Found<Amount>;
    ref locked(at: &Id as Ref<Id>, who: &Address as Ref<Address>) -> Result<Amount, Missing> as Found<Amount>;
    ref stakes(at: &Id as Ref<Id>) -> Result<Vec<(Address, Amount)>, Missing>
        as Coded<Either<List<(Address, Amount)>, Missing>>;
    ref coins(at: &Id as Ref<Id>, who: &Address as Ref<Address>) -> Result<Vec<Coin>, Missing>
        as Coded<Either<List<Coin>, Missing>>;
    ref get(at: &Id as Ref<Id>, key: &[u8] as Slice) -> Result<Option<Vec<u8>>, Missing>
        as Coded<Either<One<Option<Vec<u8>>>, Missing>>;
    ref scan(at: &Id as Ref<Id>, prefix: &[u8] as Slice) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Missing>
        as Coded<Either<List<(Vec<u8>, Vec<u8>)>, Missing>>;
} }

table! { TreeTable for TreeView {
    ref block(id: &Id as Ref<Id>) -> Result<BlockView<'_>, Missing> as FoundBlock;
    ref ancestor(of: &Id as Ref<Id>, height: u64 as Value<u64>) -> Result<BlockView<'_>, Missing> as FoundBlock;
    ref children(id: &Id as Ref<Id>) -> Vec<Id> as Coded<List<Id>>;
    ref subtree_weight(id: &Id as Ref<Id>) -> Work as Plain<Work>;
    ref tie_goes_to(current: &Id as Ref<Id>, new: &Id as Ref<Id>) -> bool as Plain<bool>;
} }
