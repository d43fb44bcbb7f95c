//! Ledger entries and their keys, and changes on top of a state.
//!
//! All money and data of a chain lie in one ordered map from keys to values. The first byte of a
//! key is its [`Space`].

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_bytes, put_varint};
use crate::hash::{Id, domain_hash};
use crate::view::Coin;

/// The key of a ledger entry, its space first. States and differences share its bytes.
pub type Key = Arc<[u8]>;
/// The value of a ledger entry.
pub type Value = Arc<[u8]>;

/// A map keyed by bytes. Whoever needs an order sorts first.
#[expect(clippy::disallowed_types, reason = "its hasher is fixed, and whoever iterates sorts")]
pub(super) type BytesMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<BytesHasher>>;

/// A map keyed by entries' keys.
pub(super) type KeyMap<V> = BytesMap<Key, V>;

/// Mixes sixteen bytes at a time.
#[derive(Default)]
pub(super) struct BytesHasher(u64);

impl BytesHasher {
    fn mix(&mut self, bytes: [u8; 16]) {
        let both = u128::from_le_bytes(bytes);
        let (low, high) = (both as u64 ^ self.0, (both >> 64) as u64 ^ 0x9e37_79b9_7f4a_7c15);
        let product = u128::from(low) * u128::from(high);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for BytesHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (whole, rest) = bytes.as_chunks();
        whole.iter().for_each(|bytes| self.mix(*bytes));
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(last);
    }

    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Whose entry a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Space {
    /// What an address has in coins.
    Balance = b'b',
    /// What an address has locked.
    Locked = b'l',
    /// The coins of an address: height, time and amount by owner and coin.
    Owned = b'o',
    /// What the consensus rules keep.
    Rules = b'r',
    /// What the transaction format keeps.
    Format = b't',
    /// Sums over everything: supply, unowned coins.
    Totals = b'z',
}

impl Space {
    /// The key of this space with the given parts.
    pub fn key(self, parts: &[&[u8]]) -> Key {
        Arc::from(&self.bytes(parts)[..])
    }

    /// What follows in a key of this space; `None` for one of another space.
    pub fn strip(self, key: &[u8]) -> Option<&[u8]> {
        key.strip_prefix(&[self as u8])
    }

    /// The same as [`key`](Space::key), to look an entry up.
    pub fn bytes(self, parts: &[&[u8]]) -> SmallVec<[u8; 64]> {
        let mut key = SmallVec::new();
        key.push(self as u8);
        parts.iter().for_each(|part| key.extend_from_slice(part));
        key
    }
}

/// All coins that exist, deposits included.
pub fn supply_key() -> Key {
    Space::Totals.key(&[b"supply"])
}

/// Coins whose lock has no owner.
pub fn unowned_key() -> Key {
    Space::Totals.key(&[b"unowned"])
}

/// Reads an amount entry; absent means none.
pub fn amount_of(value: Option<&[u8]>) -> Amount {
    value.and_then(|bytes| Amount::from_bytes(bytes).ok()).unwrap_or_default()
}

/// A coin's entry in the index of its owner.
pub fn owned_value(amount: Amount, height: u64, time: u32) -> Value {
    let mut out = Vec::new();
    amount.encode(&mut out);
    put_varint(&mut out, height);
    time.encode(&mut out);
    out.into()
}

/// Reads an entry of the index of owners. `key` is the coin's key in the format's own terms.
pub fn owned_coin(key: &[u8], value: &[u8]) -> Option<Coin> {
    let mut from = Reader::new(value);
    let amount = Amount::decode(&mut from).ok()?;
    let height = from.varint().ok()?;
    let time = u32::decode(&mut from).ok()?;
    Some(Coin { key: key.to_vec(), amount, height, time })
}

/// One entry before and after a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which entry.
    pub key: Key,
    /// Its value before, if it was there.
    pub before: Option<Value>,
    /// Its value after, if it is there.
    pub after: Option<Value>,
}

impl Encode for Change {
    fn encode(&self, out: &mut impl Sink) {
        put_bytes(out, &self.key);
        for value in [&self.before, &self.after] {
            value.is_some().encode(out);
            if let Some(value) = value {
                put_bytes(out, value);
            }
        }
    }
}

impl Decode for Change {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let key = from.bytes(usize::MAX)?.into();
        let mut value = || -> Result<Option<Value>, DecodeError> {
            Ok(if bool::decode(from)? { Some(from.bytes(usize::MAX)?.into()) } else { None })
        };
        Ok(Change { key, before: value()?, after: value()? })
    }
}

/// Adds `changes` to a state root: the wrapping sum of the entries' hashes, so that it follows
/// from the parent's root and the changes alone.
pub fn state_root(parent: Id, changes: &[Change]) -> Id {
    let mut sum = lanes(&parent);
    let hash = |key: &[u8], value: &[u8]| lanes(&domain_hash("ledger entry", &[key, value]));
    for change in changes {
        if let Some(before) = &change.before {
            hash(&change.key, before).iter().zip(&mut sum).for_each(|(h, lane)| *lane = lane.wrapping_sub(*h));
        }
        if let Some(after) = &change.after {
            hash(&change.key, after).iter().zip(&mut sum).for_each(|(h, lane)| *lane = lane.wrapping_add(*h));
        }
    }
    let mut root = Id::ZERO;
    root.0.chunks_exact_mut(8).zip(sum).for_each(|(to, lane)| to.copy_from_slice(&lane.to_le_bytes()));
    root
}

fn lanes(id: &Id) -> [u64; 4] {
    std::array::from_fn(|n| u64::from_le_bytes(id.0[8 * n..8 * n + 8].try_into().expect("eight bytes")))
}

/// A state that can be read.
pub trait Entries {
    /// The value under `key`.
    fn entry(&self, key: &[u8]) -> Option<Value>;

    /// The same with its key, which shares its bytes with the state where that has them.
    fn keyed_entry(&self, key: Key) -> (Key, Option<Value>) {
        let value = self.entry(&key);
        (key, value)
    }

    /// All entries whose keys start with `prefix`, in the order of keys.
    fn entries(&self, prefix: &[u8]) -> Vec<(Key, Value)>;

    /// Visits the same entries without copies.
    fn visit(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) {
        self.entries(prefix).iter().for_each(|(key, value)| each(key, value));
    }

    /// The amount under `key`.
    fn amount(&self, key: &[u8]) -> Amount {
        amount_of(self.entry(key).as_deref())
    }

    /// The coins of `owner`, in the order of their keys.
    fn owned(&self, owner: &Address) -> Vec<Coin> {
        let prefix = Space::Owned.bytes(&[&owner.0]);
        let mut coins = Vec::new();
        self.visit(&prefix, &mut |key, value| coins.extend(owned_coin(&key[prefix.len()..], value)));
        coins
    }

    /// Visits the coins of `owner` that are worth at least `least`, by amount and then by key, until `each` returns
    /// false.
    fn visit_worth(&self, owner: &Address, least: Amount, each: &mut dyn FnMut(&[u8], Amount) -> bool) {
        visit_sorted(self.owned(owner), least, each);
    }
}

/// As [`Entries::visit_worth`], of coins in the order of their keys.
pub(super) fn visit_sorted(mut coins: Vec<Coin>, least: Amount, each: &mut dyn FnMut(&[u8], Amount) -> bool) {
    coins.retain(|coin| coin.amount >= least);
    coins.sort_by_key(|coin| coin.amount);
    for coin in coins {
        if !each(&coin.key, coin.amount) {
            return;
        }
    }
}

/// Changes that lie over a state and can be thrown away.
pub struct Overlay<'a> {
    base: &'a dyn Entries,
    changed: KeyMap<Option<Value>>,
    /// While changes are tried: what was there before, the latest change last.
    undo: Option<Vec<(Key, Option<Option<Value>>)>>,
}

impl<'a> Overlay<'a> {
    /// No changes over `base` yet.
    pub fn new(base: &'a dyn Entries) -> Overlay<'a> {
        Overlay { base, changed: KeyMap::default(), undo: None }
    }

    /// Makes room for so many changes.
    pub(super) fn reserve(&mut self, changes: usize) {
        self.changed.reserve(changes);
    }

    /// Puts or removes an entry.
    pub fn set(&mut self, key: Key, value: Option<Value>) {
        let Some(undo) = &mut self.undo else {
            self.changed.insert(key, value);
            return;
        };
        let before = self.changed.insert(key.clone(), value);
        undo.push((key, before));
    }

    /// From here on changes are tried: [`end`](Overlay::end) keeps them or takes them back.
    pub fn begin(&mut self) {
        self.undo = Some(Vec::new());
    }

    /// Ends what [`begin`](Overlay::begin) began.
    pub fn end(&mut self, keep: bool) {
        let tried = self.undo.take().unwrap_or_default();
        if keep {
            return;
        }
        for (key, before) in tried.into_iter().rev() {
            match before {
                Some(before) => self.changed.insert(key, before),
                None => self.changed.remove(&key),
            };
        }
    }

    /// Adds to the total under `key`. False, without a change, when the result would be above
    /// [`MAX_TOTAL`](crate::amount::MAX_TOTAL).
    pub fn add(&mut self, key: Key, amount: Amount) -> bool {
        let sum = self.amount(&key).0.checked_add(amount.0).map(Amount);
        sum.map(|sum| self.set_amount(key, sum)).is_some()
    }

    /// Takes from the amount under `key`. False, without a change, when there is not enough.
    pub fn subtract(&mut self, key: Key, amount: Amount) -> bool {
        let rest = self.amount(&key).checked_sub(amount);
        rest.map(|rest| self.set_amount(key, rest)).is_some()
    }

    fn set_amount(&mut self, key: Key, amount: Amount) {
        let value = (amount != Amount::ZERO).then(|| amount.to_bytes().into());
        self.set(key, value);
    }

    /// What really changed, in the order of keys.
    pub fn into_changes(self) -> Vec<Change> {
        let base = self.base;
        let changes = self.changed.into_iter().map(|(key, after)| {
            let (key, before) = base.keyed_entry(key);
            Change { key, before, after }
        });
        let changed = changes.filter(|change| change.before != change.after);
        // There are thousands of keys, far apart in memory. Nearly all differ in their first bytes.
        let mut changes: Vec<([u8; 24], Change)> = changed.map(|change| (beginning(&change.key), change)).collect();
        changes.sort_unstable_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.key.cmp(&other.key)));
        changes.into_iter().map(|(_, change)| change).collect()
    }
}

/// The first bytes of a key, padded with zeros.
fn beginning(key: &[u8]) -> [u8; 24] {
    let mut bytes = [0; 24];
    let length = key.len().min(bytes.len());
    bytes[..length].copy_from_slice(&key[..length]);
    bytes
}

impl Entries for Overlay<'_> {
    fn entry(&self, key: &[u8]) -> Option<Value> {
        match self.changed.get(key) {
            Some(value) => value.clone(),
            None => self.base.entry(key),
        }
    }

    fn entries(&self, prefix: &[u8]) -> Vec<(Key, Value)> {
        let mut all: BTreeMap<Key, Value> = self.base.entries(prefix).into_iter().collect();
        for (key, value) in self.changed.iter().filter(|(key, _)| key.starts_with(prefix)) {
            match value {
                Some(value) => all.insert(key.clone(), value.clone()),
                None => all.remove(key),
            };
        }
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Entries for Nothing {
        fn entry(&self, _: &[u8]) -> Option<Value> {
            None
        }
        fn entries(&self, _: &[u8]) -> Vec<(Key, Value)> {
            Vec::new()
        }
    }

    #[test]
    fn an_overlay_shows_its_changes_and_yields_only_real_ones() {
        let mut over = Overlay::new(&Nothing);
        let key = |name: &[u8]| Space::Balance.key(&[name]);
        assert!(over.add(key(b"x"), Amount(5)));
        assert!(!over.subtract(key(b"x"), Amount(6)));
        assert!(over.add(key(b"y"), Amount(1)) && over.subtract(key(b"y"), Amount(1)));
        assert_eq!(over.entries(b"b").len(), 1);
        let changes = over.into_changes();
        assert_eq!(changes.len(), 1);
        let bytes = changes[0].to_bytes();
        assert_eq!(Change::from_bytes(&bytes).as_ref(), Ok(&changes[0]));
        let root = state_root(Id::ZERO, &changes);
        let mut over = Overlay::new(&Nothing);
        over.set(key(b"x"), None);
        over.begin();
        assert!(over.add(key(b"x"), Amount(5)) && over.add(key(b"x"), Amount(1)) && over.add(key(b"y"), Amount(1)));
        over.end(false);
        assert_eq!(over.entries(b"b"), [], "what was tried is taken back");
        over.begin();
        assert!(over.add(key(b"x"), Amount(5)));
        over.end(true);
        assert_eq!(over.into_changes(), changes);
        let undo = Change { before: changes[0].after.clone(), after: None, key: changes[0].key.clone() };
        assert_eq!(state_root(root, &[undo]), Id::ZERO);
    }
}
