//! Remembers what the program is built with: the compiler, so that a plugin built by another one can be told of, and the
//! versions and the commit, which new plugin crates start from.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=RUSTC");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = said(Command::new(rustc).arg("--version")).expect("the compiler runs");
    println!("cargo::rustc-env=FIKA_RUSTC_VERSION={version}");

    // In a package from a registry everything lies in one folder, and no commit is of interest.
    let is_clone = Path::new("../fika-core/Cargo.toml").exists();
    let lock = if is_clone { "../Cargo.lock" } else { "Cargo.lock" };
    println!("cargo::rerun-if-changed={lock}");
    let copy = Path::new(&std::env::var_os("OUT_DIR").expect("cargo sets it")).join("Cargo.lock");
    std::fs::copy(lock, copy).expect("the lock file can be copied");
    if is_clone {
        println!("cargo::rerun-if-changed=../fika-core/src");
        println!("cargo::rustc-env=FIKA_COMMIT={}", commit().unwrap_or_default());
    }
}

/// The commit that has fika-core as it is built here.
fn commit() -> Option<String> {
    let changes = said(Command::new("git").args(["status", "--porcelain", "--", "../fika-core"]))?;
    if changes.is_empty() { said(Command::new("git").args(["rev-parse", "HEAD"])) } else { None }
}

/// What a command prints, if it succeeds.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().into())
}
