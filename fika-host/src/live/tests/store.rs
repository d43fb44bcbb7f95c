//! The database against a list in memory.

use std::sync::Arc;

use fika_core::address::Address;
use fika_core::block::{Block, Head, Tx};
use fika_core::hash::Id;
use fika_core::header::Header;
use fika_core::target::Work;
use fika_core::world::ledger::Change;
use fika_core::world::{Record, Store};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::experiment::Durability;
use crate::live::store::DiskStore;

const CHAIN: Id = Id([7; 32]);
const NODE: Address = Address([5; 20]);

/// The `n`-th block of the tests: every field differs with `n`.
fn record(n: u32) -> Record {
    let bytes = n.to_le_bytes();
    let header = Header { nonce: n, ..Header::default() };
    let head = Head { header, extra: bytes.to_vec(), seal: vec![1; n as usize % 5] };
    let key = |space: u8| Arc::from([&[space][..], &bytes].concat());
    Record {
        block: Arc::new(Block { head, txs: vec![Tx::new(bytes), Tx::new(vec![3; n as usize % 700])] }),
        weight: Work::from(u64::from(n)),
        state_root: Id([n as u8; 32]),
        diff: Arc::new([
            Change { key: key(1), before: None, after: Some(Arc::from(&bytes[..])) },
            Change { key: key(2), before: Some(Arc::from(&b"x"[..])), after: None },
        ]),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put,
    Set(u8, Option<Vec<u8>>),
    EndTurn,
    Flush,
    /// Closes and opens again; what was not flushed may be lost, but only from the end.
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Put),
        3 => (any::<u8>(), proptest::option::of(vec(any::<u8>(), 0..9))).prop_map(|(name, value)| Step::Set(name, value)),
        2 => Just(Step::EndTurn),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
    ];
    vec(step, 0..60)
}

fn loaded(store: &DiskStore) -> Vec<Record> {
    let mut records = Vec::new();
    store.load(&mut |record| records.push(record));
    assert_eq!(store.failure(), None);
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_store_gives_back_what_it_was_given(steps in steps(), block: bool) {
        let folder = tempfile::tempdir().unwrap();
        let durability = if block { Durability::Block } else { Durability::Batch };
        let open = || DiskStore::open(&folder.path().join("db"), (CHAIN, NODE), durability).unwrap();
        let mut store = open();
        let mut records: Vec<Record> = Vec::new();
        let mut values = std::collections::BTreeMap::new();
        let name = |n: u8| format!("{}/{n}", if n.is_multiple_of(2) { "even" } else { "odd" });
        for step in steps {
            match step {
                Step::Put => {
                    records.push(record(records.len() as u32));
                    store.put(&records[records.len() - 1]);
                }
                Step::Set(n, value) => {
                    store.set(&name(n), value.as_deref());
                    match value {
                        Some(value) => values.insert(name(n), value),
                        None => values.remove(&name(n)),
                    };
                }
                Step::EndTurn => store.end_turn(),
                Step::Flush => store.flush(),
                Step::Reopen => {
                    store.flush();
                    drop(store);
                    store = open();
                    prop_assert_eq!(loaded(&store), records.clone());
                }
            }
            for known in &records {
                prop_assert_eq!(store.record(&known.block.id()), Some(known.clone()));
            }
            prop_assert_eq!(store.record(&Id([9; 32])), None);
            let even: Vec<_> = values.clone().into_iter().filter(|(name, _)| name.starts_with("even/")).collect();
            prop_assert_eq!(store.values("even/"), even);
        }
        prop_assert_eq!(store.failure(), None);
    }
}

#[test]
fn what_was_not_committed_is_lost_from_the_end_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut store = DiskStore::open(&path, (CHAIN, NODE), Durability::Batch).unwrap();
    (0..70).for_each(|n| {
        store.put(&record(n));
        store.end_turn();
    });
    drop(store);
    let store = DiskStore::open(&path, (CHAIN, NODE), Durability::Batch).unwrap();
    let records = loaded(&store);
    assert_eq!(records, (0..64).map(record).collect::<Vec<_>>());
}

#[test]
fn a_file_that_is_open_foreign_or_damaged_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let refused_to = |owner| match DiskStore::open(&path, owner, Durability::Block) {
        Ok(_) => panic!("expected a refusal"),
        Err(failure) => {
            let text = failure.to_string();
            assert_eq!(text.lines().count(), 1, "{text}");
            (failure.exit_code(), text)
        }
    };
    let refused = |chain| refused_to((chain, NODE));
    let mut store = DiskStore::open(&path, (CHAIN, NODE), Durability::Block).unwrap();
    (0..200).for_each(|n| store.put(&record(n)));
    store.flush();
    let (code, text) = refused(CHAIN);
    assert!(code == 3 && text.contains("in use by another process"), "{text}");
    drop(store);
    let (code, text) = refused(Id([8; 32]));
    assert!(code == 2 && text.contains("belongs to another chain"), "{text}");
    let (code, text) = refused_to((CHAIN, Address([6; 20])));
    assert!(code == 2 && text.contains("belongs to another node"), "{text}");
    let bytes = std::fs::read(&path).unwrap();
    // A block's own bytes, in the middle of its page.
    let needle = record(150).diff[0].key.clone();
    let at = bytes.windows(needle.len()).position(|window| window == &needle[..]).unwrap();
    let mut damaged = bytes.clone();
    damaged[at] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let (code, text) = refused(CHAIN);
    assert!(code == 3 && text.contains("cannot be opened"), "{text}");
    std::fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
    refused(CHAIN);
    std::fs::write(&path, "not a database").unwrap();
    assert_eq!(refused(CHAIN).0, 2);
}
