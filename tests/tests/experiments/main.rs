//! Experiments through the binary, as a user runs them.

#![allow(missing_docs)]

mod cables;
mod crashes;
mod events;
mod plugins;
mod session;
mod thesis;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The command, with a folder of its own for results.
struct Host {
    folder: TempDir,
}

impl Host {
    fn new() -> Host {
        Host { folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(fika_tests::host_binary());
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs the command to its end, but not for ever.
    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("timeout");
        command.args(["-k", "5", "600"]).arg(fika_tests::host_binary()).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a subcommand that must succeed and gives what it prints.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the last run of an experiment left.
    fn summary(&self, experiment: &str) -> Value {
        let path = self.folder.path().join("results").join(experiment).join("latest/summary.json");
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// One of the experiments of the repository.
fn experiment(name: &str) -> String {
    fika_tests::root().join("experiments").join(name).display().to_string()
}

fn text(output: &Output) -> String {
    format!("{}{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A library of the profile of this test.
fn library(package: &str, workspace: &Path) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("border");
    fika_tests::build_libraries(workspace, &[package], &target)[&package.replace('-', "_")].clone()
}

/// Waits until `holds` gives something; long, since the machine may be busy.
fn eventually<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
