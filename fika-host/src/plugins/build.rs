//! Building a plugin's crate with cargo.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::place::{Place, shown};

/// The compiler that this program was built with.
const RUSTC_VERSION: &str = env!("FIKA_RUSTC_VERSION");

/// The command that shows what cargo says about the crate.
fn command(krate: &Path) -> String {
    format!("cargo build --release --manifest-path {}/Cargo.toml", shown(krate))
}

/// Builds the crate and copies its library to its place, so that a running program that uses the old one keeps it.
///
/// # Errors
/// One line: cargo's first error and the command that shows all of them.
pub(super) fn build(place: &Place) -> Result<(), String> {
    let krate = place.krate.as_deref().ok_or_else(|| format!("{}: no crate to build", shown(&place.library)))?;
    tell(&format!("building {} ({})", shown(&place.library), command(krate)));
    warn_of_another_compiler(krate);
    let library = match cargo_build(krate, true) {
        Err(Failed::Offline) => cargo_build(krate, false),
        built => built,
    };
    let library = library.map_err(|failed| match failed {
        Failed::Message(message) => format!("{}: {message}; to see all: {}", shown(krate), command(krate)),
        Failed::Offline => format!("{}: cargo needs the network; to see all: {}", shown(krate), command(krate)),
        Failed::NoCargo(error) => {
            format!("{}: cargo does not run ({error}); install it from https://rustup.rs", shown(krate))
        }
    })?;
    let place = &place.library;
    let mut fresh = place.clone().into_os_string();
    fresh.push(format!(".{}", std::process::id()));
    fs::copy(&library, &fresh)
        .and_then(|_| fs::rename(&fresh, place))
        .map_err(|error| format!("{}: cannot be written: {error}", shown(place)))
}

/// Why there is no library.
enum Failed {
    /// The first error of cargo or the compiler.
    Message(String),
    /// Cargo was told to stay offline and cannot.
    Offline,
    NoCargo(io::Error),
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Builds the library of the crate with its own lock file and profile. Cargo knows best where it lies.
fn cargo_build(krate: &Path, offline: bool) -> Result<PathBuf, Failed> {
    let mut build = Command::new(cargo());
    build.args(["build", "--release", "--lib", "--message-format=json-render-diagnostics"]);
    build.args(offline.then_some("--offline")).current_dir(krate).stdin(Stdio::null());
    // Not in the host's own target folder: cargo gives a library the same file name whatever features it is built
    // with, and the next build of the host would find it changed.
    build.arg("--target-dir").arg(target_dir(krate)?.join("plugins"));
    let output = build.output().map_err(Failed::NoCargo)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        if offline && text.contains("--offline") {
            return Err(Failed::Offline);
        }
        let mut lines = text.lines().map(str::trim);
        let error = lines.clone().find(|line| line.starts_with("error")).or_else(|| lines.next());
        return Err(Failed::Message(error.unwrap_or("cargo fails without a word").into()));
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    let libraries = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter_map(library_in);
    let manifest = krate.join("Cargo.toml").canonicalize().unwrap_or_default();
    let mut own = libraries.filter(|(from, _)| Path::new(from) == manifest).map(|(_, file)| file);
    let missing = "its library is not dynamic: add crate-type = [\"cdylib\", \"rlib\"] to [lib] in its Cargo.toml";
    own.next().ok_or_else(|| Failed::Message(missing.into()))
}

/// Where cargo puts what it builds from the crate.
fn target_dir(krate: &Path) -> Result<PathBuf, Failed> {
    let mut metadata = Command::new(cargo());
    metadata.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).current_dir(krate);
    let output = metadata.stdin(Stdio::null()).output().map_err(Failed::NoCargo)?;
    let facts = serde_json::from_slice::<Value>(&output.stdout).ok();
    let error = || String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("cargo knows no crate here").into();
    let dir = facts.and_then(|facts| Some(PathBuf::from(facts["target_directory"].as_str()?)));
    dir.ok_or_else(|| Failed::Message(error()))
}

/// The dynamic library that one of cargo's messages announces, and the manifest of its crate.
fn library_in(message: Value) -> Option<(String, PathBuf)> {
    let is_dynamic = message["target"]["kind"].as_array()?.iter().any(|kind| kind == "cdylib");
    let file = message["filenames"].as_array()?.iter().filter_map(Value::as_str).find(|file| {
        let extension = Path::new(file).extension();
        extension.is_some_and(|extension| extension == std::env::consts::DLL_EXTENSION)
    });
    is_dynamic.then_some((message["manifest_path"].as_str()?.into(), file?.into()))
}

/// Warns of another compiler. The border does not depend on the compiler, but speed and floats may differ.
fn warn_of_another_compiler(krate: &Path) {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").current_dir(krate).output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string()).unwrap_or_default();
    if !version.is_empty() && version != RUSTC_VERSION {
        tell(&format!("warning: this program was built with {RUSTC_VERSION}, the plugin is by {version}"));
    }
}

/// Prints one line for the user who waits for the compiler.
fn tell(line: &str) {
    // Nobody may be reading. That is no reason to stop.
    let _ = writeln!(io::stderr(), "{line}");
}
