//! What the tests of the whole share: building the libraries that they load and the program that they run, and
//! reading the sources of the workspace.

pub mod api;
pub mod floors;
pub mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

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

/// The root of the workspace.
///
/// # Panics
/// Never: this crate lies in a workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is around it").into()
}

/// The `fika-host` of the profile of this very test, built when it is missing or older than what it is made of.
///
/// # Panics
/// When it cannot be built.
pub fn host_binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(find_or_build_host).clone()
}

fn find_or_build_host() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let profile = test.ancestors().nth(2).expect("tests lie in a profile's deps");
    let beside = profile.join("fika-host");
    if is_current(&beside) {
        return beside;
    }
    // Alone the host gets other features of its libraries than with the whole workspace, and a library that is also a
    // dynamic one has one file for both: in this test's own folder the doc tests would find theirs replaced.
    let target = profile.parent().expect("a profile lies in a target folder").join("tmp/host");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--package", "fika-host", "--bin", "fika-host"]);
    cargo.args((!cfg!(debug_assertions)).then_some("--release"));
    let status = cargo.current_dir(root()).env("CARGO_TARGET_DIR", &target).status().expect("cargo runs");
    assert!(status.success(), "cargo cannot build fika-host");
    target.join(profile.file_name().expect("a profile has a name")).join("fika-host")
}

/// Whether a host is newer than all sources of the crates that it is made of.
fn is_current(binary: &Path) -> bool {
    let Some(built) = modified(binary) else { return false };
    let plugins = root().join("plugins").read_dir().expect("a folder").filter_map(Result::ok).map(|entry| entry.path());
    let crates = plugins.chain([root().join("fika-core"), root().join("fika-host")]);
    crates
        .flat_map(|krate| ["src", "templates", "build.rs", "Cargo.toml"].map(|part| krate.join(part)))
        .all(|part| newest(&part).is_none_or(|made| made <= built))
}

/// When a file, or the youngest file of a folder, was written.
fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(folder) = path.read_dir() else { return modified(path) };
    folder.filter_map(Result::ok).filter_map(|entry| newest(&entry.path())).max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|data| data.modified()).ok()
}
