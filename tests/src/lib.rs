//! What the tests of the whole share: building the libraries that they load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Builds the libraries of `packages` in `workspace` with the profile of this very test, offline,
/// in `target`, and says where each lies.
///
/// # Panics
/// When one cannot be built: a test that has nothing to load has failed.
pub fn build_libraries(workspace: &Path, packages: &[&str], target: &Path) -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--lib", "--message-format=json-render-diagnostics"]);
    cargo.args((!cfg!(debug_assertions)).then_some("--release"));
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    cargo.current_dir(workspace).env("CARGO_TARGET_DIR", target);
    let output = cargo.output().expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo cannot build {packages:?}:\n{errors}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let messages = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let built: BTreeMap<String, PathBuf> = messages.filter_map(|message| library_in(&message)).collect();
    let missing: Vec<_> = packages.iter().filter(|package| !built.contains_key(&package.replace('-', "_"))).collect();
    assert!(missing.is_empty(), "cargo built no library of {missing:?}");
    built
}

/// The crate and the dynamic library that one of cargo's messages announces.
fn library_in(message: &Value) -> Option<(String, PathBuf)> {
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    let is_library = |file: &&str| Path::new(file).extension().is_some_and(|it| it == std::env::consts::DLL_EXTENSION);
    let file = files.filter(|_| message["target"]["crate_types"].to_string().contains("cdylib")).find(is_library)?;
    Some((message["target"]["name"].as_str()?.replace('-', "_"), file.into()))
}
