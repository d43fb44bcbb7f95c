//! Doors of readers that are not public, for the targets in `fuzz/`. Built with `--cfg fuzzing` alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use fika_core::address::Address;
use fika_core::block::{Block, Tx};
use fika_core::hash::Id;
use fika_core::target::Work;
use fika_core::world::{Record, Store};

use crate::experiment::Durability;
use crate::live::control::{Reply, Request};
use crate::live::store::DiskStore;
use crate::results::report;
use crate::topology::{Format, Topology};

/// A folder in memory for this process.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let shared = Path::new("/dev/shm");
    let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let folder = parent.join(format!("fika-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
});

/// Reads a network file in both formats; what can be read is written, and read again as the same.
pub fn network_file(bytes: &[u8]) {
    for read in [Topology::parse_graphml, Topology::parse_gml] {
        match read(bytes.to_vec()) {
            Ok(import) => {
                let written = import.topology.write(Format::Graphml);
                let again = Topology::parse_graphml(written.clone().into_bytes());
                let again = again.unwrap_or_else(|why| panic!("{why}: {written}"));
                assert_eq!(again.topology.write(Format::Graphml), written);
                import.topology.write(Format::Dot);
                import.topology.write(Format::Nwdiag);
            }
            Err(why) => assert!(!why.contains('\n'), "{why}"),
        }
    }
}

/// Damages a database, three bytes an edit: two say where, one is written. It is refused, or gives what can be read.
pub fn database(edits: &[u8]) {
    const OWNER: (Id, Address) = (Id([7; 32]), Address([5; 20]));
    static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let path = FOLDER.join("whole.redb");
        let mut store = DiskStore::open(&path, OWNER, Durability::Block).expect("a database");
        for n in 0..8 {
            let block = Block { txs: vec![Tx::new(vec![n; 40])], ..Block::default() };
            let (weight, state_root) = (Work::from(u64::from(n)), Id([n; 32]));
            store.put(&Record { block: Arc::new(block), weight, state_root, diff: Arc::new([]) });
            store.end_turn();
        }
        store.set("load/0000000000", Some(&[1, 2, 3]));
        store.flush();
        drop(store);
        fs::read(&path).expect("a file")
    });
    let mut bytes = WHOLE.clone();
    for edit in edits.chunks_exact(3) {
        // What a page begins with says most, so half of all edits go there.
        let at = usize::from(edit[0]) * 256 + usize::from(edit[1]);
        let at = if at % 2 == 0 { at * bytes.len() / (1 << 16) } else { at / 256 * 4_096 + at % 256 };
        if let Some(byte) = bytes.get_mut(at) {
            *byte = edit[2];
        }
    }
    let path = FOLDER.join("damaged.redb");
    fs::write(&path, bytes).expect("written");
    if let Ok(store) = DiskStore::open(&path, OWNER, Durability::Block) {
        store.load(&mut |record| {
            assert_eq!(record.block.id(), record.block.head.header.id(), "a block is called by its header")
        });
        let _ = (store.values("load/"), store.failure());
    }
}

/// Makes the report of a results folder in which the file that the first byte chooses holds the rest.
pub fn results(bytes: &[u8]) {
    const FILES: [&str; 8] = [
        "run.json",
        "summary.json",
        "blocks.csv",
        "propagation.csv",
        "transactions.csv",
        "nodes.csv",
        "runs.csv",
        "arrivals.csv",
    ];
    /// A small run's folder: `results` beside the corpora.
    static WHOLE: LazyLock<PathBuf> = LazyLock::new(|| {
        let from = std::env::var_os("FIKA_FUZZ_RESULTS").map_or_else(|| "results".into(), PathBuf::from);
        let to = FOLDER.join("results");
        fs::create_dir_all(&to).expect("a folder");
        for name in FILES {
            // A run of one kind does not have the tables of the other.
            let _ = fs::copy(from.join(name), to.join(name));
        }
        assert!(to.join("run.json").exists(), "expected results in {}", from.display());
        to
    });
    let Some((which, content)) = bytes.split_first() else { return };
    let path = WHOLE.join(FILES[usize::from(*which) % FILES.len()]);
    let kept = fs::read(&path).ok();
    fs::write(&path, content).expect("written");
    if let Err(why) = report::report(&WHOLE) {
        assert!(!why.contains('\n'), "{why}");
    }
    match kept {
        Some(kept) => fs::write(&path, kept).expect("written"),
        None => fs::remove_file(&path).expect("removed"),
    }
}

/// Reads a request to a node and an answer of one.
pub fn control(bytes: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<Request>(bytes) {
        let written = serde_json::to_vec(&request).expect("it can be written");
        assert_eq!(serde_json::from_slice::<Request>(&written).ok(), Some(request));
    }
    let _ = serde_json::from_slice::<Reply>(bytes);
}
