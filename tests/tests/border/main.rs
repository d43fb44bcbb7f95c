//! Plugins as libraries: the same answers as when they are compiled in, and one clear line for everything that is none.

#![allow(missing_docs)]

mod consensus;
mod faults;
mod keys;
mod script;
mod transport;
mod tx;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use fika_core::env::{ChainParams, Env};
use fika_core::keys::NoKeys;
use fika_core::plugin::{Descriptor, Faults, Kind, Origin, load};

/// Every stock plugin, and the parameters that make its calls quick.
const STOCK: [(Descriptor, &str); 13] = [
    (fika_hybrid::PLUGIN, "initial_tries = 16"),
    (fika_lying::PLUGIN, ""),
    (fika_omitting::PLUGIN, ""),
    (fika_pos::PLUGIN, "epoch_slots = 4"),
    (fika_pow::PLUGIN, "initial_tries = 16\nretarget_interval = 4"),
    (fika_rsa::PLUGIN, "bits = 1024"),
    (fika_secp256k1::PLUGIN, ""),
    (fika_selfish::PLUGIN, ""),
    (fika_stack_vm::PLUGIN, ""),
    (fika_tcp::PLUGIN, ""),
    (fika_tcp_json::PLUGIN, ""),
    (fika_toy::PLUGIN, ""),
    (fika_utxo::PLUGIN, ""),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is around it").into()
}

/// The libraries of all stock plugins, built once.
fn stock() -> &'static BTreeMap<String, PathBuf> {
    static STOCK: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    let packages: Vec<String> = self::STOCK.iter().map(|(plugin, _)| format!("fika-{}", plugin.name)).collect();
    STOCK.get_or_init(|| {
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        fika_tests::build_libraries(&root(), &names, &Path::new(env!("CARGO_TARGET_TMPDIR")).join("border"))
    })
}

/// The fixtures' libraries, built once with the workspace's lock file.
fn fixture(name: &str) -> &'static Path {
    static FIXTURES: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    let built = FIXTURES.get_or_init(|| {
        let fixtures = root().join("tests/fixtures");
        std::fs::copy(root().join("Cargo.lock"), fixtures.join("Cargo.lock")).expect("the lock file is there");
        let packages = ["no-plugin", "other-layout", "other-version", "unruly"];
        fika_tests::build_libraries(&fixtures, &packages, &Path::new(env!("CARGO_TARGET_TMPDIR")).join("border"))
    });
    &built[name]
}

fn env() -> Env {
    Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) }
}

/// All that a plugin answers to its kind's sequence of calls.
fn record(plugin: &Descriptor, table: &str) -> String {
    let faults = Faults::new();
    let log = match plugin.kind {
        Kind::Consensus => consensus::record(plugin.consensus(table, &consensus::env(), &faults).unwrap(), None),
        Kind::Script => script::record(plugin.script(table, &env(), &faults).unwrap()),
        Kind::Keys => keys::record(plugin.keys(table, &env(), &faults).unwrap()),
        Kind::Tx => tx::record(plugin.tx(table, &env(), &faults).unwrap()),
        Kind::Transport => transport::record(plugin.transport(table, &env(), &faults).unwrap()),
        Kind::Attack => {
            let rules = fika_pow::PLUGIN.consensus("initial_tries = 16", &consensus::env(), &faults).unwrap();
            consensus::record(rules, Some(plugin.attack(table, &env(), &faults).unwrap()))
        }
    };
    assert_eq!(faults.take(), []);
    log
}

#[test]
fn every_stock_plugin_answers_alike_from_a_library() {
    for (compiled, table) in STOCK {
        let library = &stock()[&format!("fika_{}", compiled.name.replace('-', "_"))];
        let loaded = load(library).unwrap_or_else(|error| panic!("{}: {error}", library.display()));
        assert!(matches!(loaded.origin, Origin::Library(_)));
        assert_eq!((loaded.kind, loaded.name, loaded.about), (compiled.kind, compiled.name, compiled.about));
        assert_eq!((loaded.needs, loaded.provides), (compiled.needs, compiled.provides));
        assert_eq!(loaded.params(), compiled.params());
        let bad = "no_such_key = 1";
        let error = |plugin: Descriptor| plugin.check(bad, &env(), &Faults::new()).unwrap_err();
        assert_eq!(error(loaded), error(compiled));

        let (expected, found) = (record(&compiled, table), record(&loaded, table));
        let different = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
        assert_eq!(different, None, "{}", compiled.name);
        assert_eq!(expected, found, "{}", compiled.name);
        assert!(expected.lines().count() > 20, "{} was hardly called:\n{expected}", compiled.name);
    }
}
