//! Remembers the compiler, so that a plugin built by another one can be told of.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=RUSTC");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    println!("cargo::rustc-env=FIKA_RUSTC_VERSION={}", String::from_utf8_lossy(&version.stdout).trim());
}
