//! The world on disk: one redb file per node.
//!
//! Writes are gathered and committed together. A commit is atomic and durable: after `kill -9` or a power cut
//! the file holds all commits that were made and nothing of any other. What a [`Durability`] costs is one
//! `fsync` per commit:
//!
//! - `block`: every block is committed before the next one is taken, and before anything that followed from it leaves the node.
//! - `batch`: a commit every [`BATCH_BLOCKS`] blocks, [`BATCH_BYTES`] or [`BATCH_AGE`], whichever comes first.
//!
//! [`Store::flush`] commits at once under both: a node's own payments are on disk before they leave it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fika_core::address::Address;
use fika_core::block::Block;
use fika_core::codec::{Decode, Encode, Reader, put_list};
use fika_core::hash::Id;
use fika_core::target::Work;
use fika_core::world::{Record, Store};
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageError,
    TableDefinition,
};

use super::Failure;
use crate::experiment::Durability;

/// Blocks by the order in which they were put.
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// Where in that order a block is.
const IDS: TableDefinition<'_, [u8; 32], u64> = TableDefinition::new("ids");
/// The node's values.
const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
/// Whose file it is: the layout's version, the chain and the node.
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");

/// Changes with the layout of the tables.
const LAYOUT: &[u8] = b"fika 1";
/// redb's own cache. What the node needs often is in its world, so a little suffices.
const CACHE_BYTES: usize = 128 << 10;
/// A batch is committed with so many blocks,
pub(crate) const BATCH_BLOCKS: usize = 64;
/// or when its records take this much memory,
pub(crate) const BATCH_BYTES: usize = 256 << 10;
/// or when its first write is this old.
pub(crate) const BATCH_AGE: Duration = Duration::from_secs(1);

/// A node's database. Clones are the same database.
#[derive(Clone)]
pub(crate) struct DiskStore {
    database: Arc<Database>,
    durability: Durability,
    pending: Arc<Mutex<Pending>>,
}

/// What has not been committed.
#[derive(Default)]
struct Pending {
    records: Vec<(Id, Vec<u8>)>,
    record_bytes: usize,
    values: BTreeMap<String, Option<Vec<u8>>>,
    since: Option<Instant>,
    failure: Option<String>,
}

impl DiskStore {
    /// Opens the file at `path`, or makes it, for the node of this address on the chain with this genesis id. Reads the whole
    /// file to verify its checksums.
    ///
    /// # Errors
    /// [`Failure::Input`] when it is not such a file or belongs to another chain or node, [`Failure::Environment`]
    /// when it is damaged, in use or cannot be read and written.
    pub(crate) fn open(
        path: &Path,
        (chain, node): (Id, Address),
        durability: Durability,
    ) -> Result<DiskStore, Failure> {
        let at = |why: &dyn fmt::Display| format!("{}: {why}", path.display());
        let opened = Builder::new().set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).create(path);
        let database = opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                Failure::Environment(at(&"the database is in use by another process: does the node run already?"))
            }
            DatabaseError::Storage(StorageError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                Failure::Input(at(&format!("expected a database of a node: {error}")))
            }
            other => Failure::Environment(at(&format!("the database cannot be opened: {other}"))),
        })?;
        let about = claim(&database, chain, node).map_err(|why| Failure::Environment(at(&why)))?;
        match about {
            About { layout, .. } if layout != LAYOUT => {
                Err(Failure::Input(at(&"expected a database of a node in this version's layout")))
            }
            About { chain: found, .. } if found != chain.0 => {
                let found = Id::from_bytes(&found).unwrap_or_default();
                Err(Failure::Input(at(&format!(
                    "the database belongs to another chain: expected genesis {chain}, found {found}"
                ))))
            }
            // Its payments and its load's progress are that node's own.
            About { node: found, .. } if found != node.0 => {
                let found = Address::from_bytes(&found).map_or("nobody".into(), |found| found.to_string());
                Err(Failure::Input(at(&format!(
                    "the database belongs to another node: expected that of address {node}, found that of {found}"
                ))))
            }
            _ => Ok(DiskStore { database: Arc::new(database), durability, pending: Arc::default() }),
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called after each turn of the node, before anything leaves it: commits what must be on disk now.
    pub(crate) fn end_turn(&self) {
        let mut pending = self.pending();
        let full = pending.records.len() >= BATCH_BLOCKS || pending.record_bytes >= BATCH_BYTES;
        let old = pending.since.is_some_and(|since| since.elapsed() >= BATCH_AGE);
        if full || old || (self.durability == Durability::Block && !pending.records.is_empty()) {
            self.commit(&mut pending);
        }
    }

    /// When [`end_turn`](DiskStore::end_turn) is to be called although nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.pending().since.map(|since| since + BATCH_AGE)
    }

    /// Writes everything in one transaction. After a failure nothing is written any more.
    fn commit(&self, pending: &mut Pending) {
        if pending.failure.is_some() || pending.since.is_none() {
            return;
        }
        if let Err(why) = write(&self.database, pending) {
            pending.fail(&why);
            return;
        }
        let Pending { records, record_bytes, values, since, .. } = pending;
        (*record_bytes, *since) = (0, None);
        records.clear();
        values.clear();
    }

    fn read<R>(&self, get: impl FnOnce(&redb::ReadTransaction) -> Result<R, redb::Error>) -> Option<R> {
        let answer = self.database.begin_read().map_err(redb::Error::from).and_then(|transaction| get(&transaction));
        answer.map_err(|error| self.pending().fail(&error)).ok()
    }
}

impl Pending {
    fn fail(&mut self, why: &dyn fmt::Display) {
        self.failure.get_or_insert_with(|| format!("the database failed: {why}"));
    }

    fn touch(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }
}

struct About {
    layout: Vec<u8>,
    chain: Vec<u8>,
    node: Vec<u8>,
}

/// Says whose file it is; a new one becomes this node's on this chain.
fn claim(database: &Database, chain: Id, node: Address) -> Result<About, redb::Error> {
    let transaction = database.begin_write()?;
    let about = {
        let mut table = transaction.open_table(ABOUT)?;
        if table.is_empty()? {
            table.insert("layout", LAYOUT)?;
            table.insert("chain", &chain.0[..])?;
            table.insert("node", &node.0[..])?;
            // Readers expect all tables to be there.
            transaction.open_table(BLOCKS)?;
            transaction.open_table(IDS)?;
            transaction.open_table(VALUES)?;
        }
        let text =
            |name| Ok::<_, redb::Error>(table.get(name)?.map(|value| value.value().to_vec()).unwrap_or_default());
        About { layout: text("layout")?, chain: text("chain")?, node: text("node")? }
    };
    transaction.commit()?;
    Ok(about)
}

fn write(database: &Database, pending: &Pending) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut blocks = transaction.open_table(BLOCKS)?;
        let mut ids = transaction.open_table(IDS)?;
        let next = blocks.last()?.map_or(0, |(last, _)| last.value() + 1);
        for (at, (id, record)) in (next..).zip(&pending.records) {
            blocks.insert(at, record.as_slice())?;
            ids.insert(id.0, at)?;
        }
        let mut values = transaction.open_table(VALUES)?;
        for (name, value) in &pending.values {
            match value {
                Some(value) => values.insert(name.as_str(), value.as_slice())?,
                None => values.remove(name.as_str())?,
            };
        }
    }
    transaction.commit()?;
    Ok(())
}

impl Store for DiskStore {
    fn put(&mut self, record: &Record) {
        let mut pending = self.pending();
        if self.durability == Durability::Block && !pending.records.is_empty() {
            self.commit(&mut pending);
        }
        let bytes = encode(record);
        pending.record_bytes += bytes.len();
        pending.records.push((record.block.id(), bytes));
        pending.touch();
    }

    fn record(&self, id: &Id) -> Option<Record> {
        let unwritten = self.pending().records.iter().find(|(known, _)| known == id).map(|(_, bytes)| decode(bytes));
        let found = unwritten.or_else(|| {
            self.read(|transaction| {
                let Some(at) = transaction.open_table(IDS)?.get(id.0)? else { return Ok(None) };
                let bytes = transaction.open_table(BLOCKS)?.get(at.value())?;
                Ok(bytes.map(|bytes| decode(bytes.value())))
            })?
        })?;
        found.map_err(|why| self.pending().fail(&format!("block {id} {why}"))).ok()
    }

    fn load(&self, each: &mut dyn FnMut(Record)) {
        self.read(|transaction| {
            for entry in transaction.open_table(BLOCKS)?.iter()? {
                let (at, bytes) = entry?;
                match decode(bytes.value()) {
                    Ok(record) => each(record),
                    Err(why) => {
                        self.pending().fail(&format!("block number {} {why}", at.value()));
                        break;
                    }
                }
            }
            Ok(())
        });
    }

    fn set(&mut self, name: &str, value: Option<&[u8]>) {
        let mut pending = self.pending();
        pending.values.insert(name.to_owned(), value.map(<[u8]>::to_vec));
        pending.touch();
    }

    fn values(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let stored = self.read(|transaction| {
            let mut found = BTreeMap::new();
            for entry in transaction.open_table(VALUES)?.range(prefix..)? {
                let (name, value) = entry?;
                if !name.value().starts_with(prefix) {
                    break;
                }
                found.insert(name.value().to_owned(), value.value().to_vec());
            }
            Ok(found)
        });
        let mut found = stored.unwrap_or_default();
        for (name, value) in self.pending().values.iter().filter(|(name, _)| name.starts_with(prefix)) {
            match value {
                Some(value) => found.insert(name.clone(), value.clone()),
                None => found.remove(name),
            };
        }
        found.into_iter().collect()
    }

    fn flush(&mut self) {
        self.commit(&mut self.pending());
    }

    fn failure(&self) -> Option<String> {
        self.pending().failure.clone()
    }
}

fn encode(record: &Record) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    record.block.encode(&mut out);
    record.weight.encode(&mut out);
    record.state_root.encode(&mut out);
    put_list(&mut out, &record.diff);
    out
}

fn decode(bytes: &[u8]) -> Result<Record, fika_core::codec::DecodeError> {
    let mut from = Reader::new(bytes);
    let block = Arc::new(Block::decode(&mut from)?);
    let weight = Work::decode(&mut from)?;
    let state_root = Id::decode(&mut from)?;
    let diff = from.list(usize::MAX)?.into();
    from.finish()?;
    Ok(Record { block, weight, state_root, diff })
}
