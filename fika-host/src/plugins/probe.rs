//! Tries a plugin in another process, which may crash or hang in place of this one.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fika_core::env::{ChainParams, Env};
use fika_core::keys::NoKeys;
use fika_core::plugin::Faults;

use super::place::Place;

/// The hidden subcommand that [`probe`] runs and [`answer_probe`] carries out: library, then its table as TOML.
pub(crate) const PROBE_COMMAND: &str = "probe-plugin";

/// How long a plugin may take to load and be made.
const PATIENCE: Duration = Duration::from_secs(10);

/// Loads the library at `path` and makes its plugin from `table` in a child process of `program`, a Fika host.
///
/// # Errors
/// One line: what [`resolve`](super::resolve) or the plugin would say, or that it crashes or hangs.
pub(crate) fn probe(program: &Path, path: &str, table: &str) -> Result<(), String> {
    probe_within(PATIENCE, program, path, table)
}

fn probe_within(patience: Duration, program: &Path, path: &str, table: &str) -> Result<(), String> {
    let mut child = Command::new(program)
        .args([PROBE_COMMAND, path, table])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: cannot be started: {error}", program.display()))?;
    let deadline = Instant::now() + patience;
    let status = loop {
        match child.try_wait().map_err(|error| format!("{path}: {error}"))? {
            Some(status) => break status,
            None if Instant::now() < deadline => sleep(Duration::from_millis(5)),
            None => {
                // It is ours, and nothing else can be done with it.
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("{path}: expected to be loaded within {} s, hangs", patience.as_secs()));
            }
        }
    };
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said).map_err(|error| format!("{path}: {error}"))?;
    }
    match (status.code(), said.trim()) {
        (Some(0), _) => Ok(()),
        (Some(2), said) if !said.is_empty() => Err(said.into()),
        _ => Err(format!("{path}: crashes while it is loaded ({status})")),
    }
}

/// Carries out [`PROBE_COMMAND`]: the line to print and the exit code.
pub(crate) fn answer_probe(path: &str, table: &str) -> (String, u8) {
    match try_plugin(path, table) {
        Ok(()) => (String::new(), 0),
        Err(line) => (line, 2),
    }
}

fn try_plugin(path: &str, table: &str) -> Result<(), String> {
    let place = Place::of(path)?.ok_or_else(|| format!("expected the path of a library, found {path}"))?;
    let plugin = super::load(&place)?;
    let faults = Faults::new();
    plugin.check(table, &Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) }, &faults)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What is said of a plugin whose probe ends like this shell script.
    fn verdict(script: &str, patience: Duration) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("host");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        probe_within(patience, &program, "x.so", "")
    }

    #[test]
    fn a_plugin_that_crashes_or_hangs_is_named() {
        let verdict_of = |script| verdict(script, PATIENCE);
        assert_eq!(verdict_of("exit 0"), Ok(()));
        assert_eq!(verdict_of("echo 'x.so: no such file'; exit 2"), Err("x.so: no such file".into()));
        let crash = verdict_of("kill -SEGV $$").unwrap_err();
        assert!(crash.starts_with("x.so: crashes while it is loaded (signal: 11"), "{crash}");
        let hang = verdict("exec sleep 600", Duration::from_millis(200)).unwrap_err();
        assert!(hang.ends_with("hangs"), "{hang}");
    }

    #[test]
    fn the_probe_itself_says_what_is_wrong() {
        assert_eq!(answer_probe("./x.so", ""), ("x.so: no such file".into(), 2));
        assert_eq!(answer_probe("x", "").1, 2);
    }
}
