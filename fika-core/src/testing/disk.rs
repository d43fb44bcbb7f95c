//! A store in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::hash::Id;
use crate::world::{Record, Store};

/// A store in memory that outlives its world: clones share the content.
///
/// As on a real disk, [`kill`](MemoryStore::kill) loses what was not [flushed](Store::flush).
///
/// ```
/// use fika_core::testing::MemoryStore;
/// use fika_core::world::Store;
///
/// let mut store = MemoryStore::default();
/// store.set("kept", Some(b"1"));
/// store.flush();
/// store.set("lost", Some(b"2"));
/// store.kill();
/// assert_eq!(store.values(""), [("kept".to_string(), b"1".to_vec())]);
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    blocks: Vec<Record>,
    places: BTreeMap<Id, usize>,
    values: BTreeMap<String, Vec<u8>>,
    durable_blocks: usize,
    durable_values: BTreeMap<String, Vec<u8>>,
}

impl MemoryStore {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The blocks, in the order in which they were put.
    pub fn blocks(&self) -> Vec<Id> {
        self.content().blocks.iter().map(|record| record.block.id()).collect()
    }

    /// The process that wrote here has ended without a warning.
    pub fn kill(&self) {
        let content = &mut *self.content();
        let durable = content.durable_blocks;
        content.blocks.truncate(durable);
        content.places.retain(|_, place| *place < durable);
        content.values.clone_from(&content.durable_values);
    }
}

impl Store for MemoryStore {
    /// # Panics
    /// When the block has been put before.
    fn put(&mut self, record: &Record) {
        let content = &mut *self.content();
        let id = record.block.id();
        let before = content.places.insert(id, content.blocks.len());
        assert!(before.is_none(), "block {id} is put into the store a second time");
        content.blocks.push(record.clone());
    }

    fn record(&self, id: &Id) -> Option<Record> {
        let content = self.content();
        content.places.get(id).map(|place| content.blocks[*place].clone())
    }

    fn load(&self, each: &mut dyn FnMut(Record)) {
        let blocks = self.content().blocks.clone();
        blocks.into_iter().for_each(each);
    }

    fn set(&mut self, name: &str, value: Option<&[u8]>) {
        let values = &mut self.content().values;
        match value {
            Some(value) => values.insert(name.into(), value.to_vec()),
            None => values.remove(name),
        };
    }

    fn values(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let content = self.content();
        let named = content.values.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        named.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn flush(&mut self) {
        let content = &mut *self.content();
        content.durable_blocks = content.blocks.len();
        content.durable_values.clone_from(&content.values);
    }

    fn failure(&self) -> Option<String> {
        None
    }
}
