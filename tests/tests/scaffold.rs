//! Plugin crates made by `new`: they compile anywhere without the network, pass their own tests, load, and run.

#![allow(missing_docs)]

use std::fs;
use std::path::Path;
use std::process::Command;

use fika_core::plugin::{Kind, load};
use fika_tests::host_binary;

fn target() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("border")
}

fn passes_its_tests_and_runs(kind: Kind, dir: &Path) {
    let name = format!("my-{kind}");
    let krate = dir.join(&name);
    let new = Command::new(host_binary()).args(["new", kind.name(), &name, "--dir"]).arg(dir).output().unwrap();
    assert!(new.status.success(), "{name}: {}", String::from_utf8_lossy(&new.stderr));
    let mut tests = Command::new(env!("CARGO"));
    tests.args(["test", "--offline", "--quiet"]).current_dir(&krate).env("CARGO_TARGET_DIR", target());
    let output = tests.output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}:\n{out}{errors}");
    assert!(!errors.contains("warning"), "{name}:\n{errors}");
    let library = fika_tests::build_libraries(&krate, &[&name], &target());
    let library = &library[&name.replace('-', "_")];
    let plugin = load(library).unwrap();
    assert_eq!((plugin.kind, plugin.name), (kind, &*name));
    let mut run = Command::new(host_binary());
    run.args(["--engine", "sim", "experiment.toml"]).current_dir(&krate);
    match kind {
        Kind::Attack => run.args(["--set", &format!("nodes.attacker.agent={}", library.display())]),
        _ => run.arg(format!("--{kind}")).arg(library),
    };
    let output = run.output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("  pass  "), "{name}:\n{out}{errors}");
}

#[test]
fn every_kind_works_outside_of_the_clone() {
    let dir = tempfile::tempdir().unwrap();
    Kind::ALL.into_iter().for_each(|kind| passes_its_tests_and_runs(kind, dir.path()));
}

#[test]
fn a_crate_inside_the_clone_is_a_workspace_of_its_own() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let dir = tempfile::tempdir_in(clone.join("tests/fixtures")).unwrap();
    passes_its_tests_and_runs(Kind::Consensus, dir.path());
    let manifest = fs::read_to_string(dir.path().join("my-consensus/Cargo.toml")).unwrap();
    assert!(manifest.contains("path = \"../../../../fika-core\""), "{manifest}");
}
