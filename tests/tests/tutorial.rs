//! The tutorial does what it says: its files are written and its commands are run, in its order.

#![allow(missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use fika_tests::{host_binary, root};

/// A fenced block of the tutorial.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A file, by its path.
    File(String, String),
    /// Commands of the shell.
    Run(String),
}

/// The steps of a text, in its order: blocks of the shell, and blocks whose language is followed by a path.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = text.lines();
    while let Some(info) = lines.find_map(|line| line.strip_prefix("```")) {
        let block: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        match info.split_once(' ') {
            Some((_, path)) => steps.push(Step::File(path.into(), block)),
            None if info == "sh" => steps.push(Step::Run(block)),
            None => {}
        }
    }
    steps
}

/// Runs commands in `dir`, with the host of this very test as `fika-host`.
fn run(commands: &str, dir: &Path) -> Result<(), String> {
    let binary = host_binary();
    let host = binary.parent().expect("a binary lies in a folder").to_str().expect("a path in UTF-8");
    let cargo = Path::new(env!("CARGO")).parent().expect("cargo lies in a folder").to_str().expect("a path in UTF-8");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("timeout");
    shell.args(["-k", "5", "900", "sh", "-eu", "-c", commands]).current_dir(dir).stdin(Stdio::null());
    shell.env("PATH", format!("{host}:{cargo}:{path}")).env("CARGO_NET_OFFLINE", "true");
    shell.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("border"));
    let output = shell.output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{}\n{commands}{}{}", output.status, text(&output.stdout), text(&output.stderr))),
    }
}

/// Does all steps in `dir`. The message of the first that fails.
fn follow(text: &str, dir: &Path) -> Result<(), String> {
    for step in steps(text) {
        match step {
            Step::Run(commands) => run(&commands, dir)?,
            Step::File(path, content) => {
                fs::write(dir.join(&path), content).map_err(|error| format!("{path}: {error}"))?;
            }
        }
    }
    Ok(())
}

#[test]
fn every_command_of_the_tutorial_works() {
    let text = fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    let steps = steps(&text);
    let files: Vec<_> =
        steps.iter().filter_map(|step| if let Step::File(path, _) = step { Some(path) } else { None }).collect();
    assert_eq!(files, ["authority/src/lib.rs", "authority/src/tests.rs", "authority/experiment.toml"]);
    assert!(steps.len() - files.len() >= 8, "{} blocks of commands", steps.len() - files.len());
    let dir = tempfile::tempdir().unwrap();
    let followed = follow(&text, dir.path());
    // What still runs after a failure must not outlive the test.
    let _ = run("fika-host down authority", dir.path());
    followed.unwrap();
}

#[test]
fn a_command_that_fails_fails_the_test() {
    let dir = tempfile::tempdir().unwrap();
    let commands = |commands: &str| follow(&format!("```sh\n{commands}\n```\n"), dir.path());
    assert_eq!(commands("true"), Ok(()));
    assert!(commands("false\ntrue").unwrap_err().contains("exit status: 1"));
    assert!(commands("test $nothing = 1").is_err(), "a variable that is not set");
    let text = "```text\nfalse\n```\n```toml a.toml\nx = 1\n```\n```sh\ngrep -q x a.toml\n```\n";
    assert_eq!(steps(text).len(), 2);
    assert_eq!(follow(text, dir.path()), Ok(()));
}
