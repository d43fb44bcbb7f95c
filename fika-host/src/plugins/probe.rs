//! Tries a plugin in another process, which may crash or hang in place of this one.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use fika_core::env::{ChainParams, Env};
use fika_core::keys::NoKeys;
use fika_core::plugin::{Faults, Kind};

use super::load::{load, of_kind};
use super::place::{Place, shown};

/// The hidden subcommand that [`probe`] runs and [`answer_probe`] carries out: library; then kind and table (TOML) of the
/// plugin that is to be made, or neither.
pub(crate) const PROBE_COMMAND: &str = "probe-plugin";

/// How long a plugin may take to load and be made.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the last line begins that the other process says. An exit code proves nothing: a plugin that ends the process
/// chooses it.
const ACCEPTED: &str = "plugin accepted";
const REFUSED: &str = "plugin refused: ";
/// So much of the end of what it says is kept.
const TAIL_BYTES: usize = 64 << 10;

/// Loads the library in a child process of `program`, a Fika host, and makes its plugin of this kind from this table.
///
/// # Errors
/// One line: what [`resolve`](super::resolve) or the plugin would say, or that it crashes, hangs or ends its process.
pub(super) fn probe(program: &Path, place: &Place, made: Option<(Kind, &str)>) -> Result<(), String> {
    probe_within(PATIENCE, program, place, made)
}

fn probe_within(patience: Duration, program: &Path, place: &Place, made: Option<(Kind, &str)>) -> Result<(), String> {
    let path = shown(&place.library);
    let mut child = Command::new(program)
        .arg(PROBE_COMMAND)
        .arg(if place.library.is_absolute() { place.library.clone() } else { Path::new(".").join(&place.library) })
        .args(made.iter().flat_map(|(kind, table)| [kind.name(), table]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: cannot be started: {error}", program.display()))?;
    // Read while it runs: whoever writes more than the pipe holds would wait for that.
    let stdout = child.stdout.take();
    let heard = spawn(move || stdout.map_or(Ok(Vec::new()), read_tail));
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
    // A child that it has left behind may hold the pipe open.
    while !heard.is_finished() {
        if Instant::now() >= deadline {
            return Err(format!("{path}: expected to be loaded within {} s, hangs", patience.as_secs()));
        }
        sleep(Duration::from_millis(5));
    }
    let said = heard.join().unwrap_or_else(|_| Ok(Vec::new())).map_err(|error| format!("{path}: {error}"))?;
    // The plugin may have printed before, whatever it likes.
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().last().unwrap_or_default();
    match status.code() {
        Some(0) if last == ACCEPTED => Ok(()),
        Some(2) if last.starts_with(REFUSED) => Err(last[REFUSED.len()..].into()),
        Some(_) => Err(format!("{path}: ends the process while it is loaded or made ({status})")),
        None => Err(format!("{path}: crashes while it is loaded ({status})")),
    }
}

/// The end of what `from` says, which is all that counts.
fn read_tail(mut from: impl Read) -> io::Result<Vec<u8>> {
    let (mut tail, mut part) = (Vec::new(), [0; 8192]);
    loop {
        match from.read(&mut part)? {
            0 => return Ok(tail),
            length => tail.extend_from_slice(&part[..length]),
        }
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
    }
}

/// Carries out [`PROBE_COMMAND`], with the kind and the table of a plugin that is to be made: the line to print, and the
/// exit code.
pub(crate) fn answer_probe(path: &str, made: Option<(&str, &str)>) -> (String, u8) {
    match try_plugin(path, made) {
        Ok(()) => (ACCEPTED.into(), 0),
        Err(why) => (format!("{REFUSED}{}", why.lines().collect::<Vec<_>>().join(" ")), 2),
    }
}

fn try_plugin(path: &str, made: Option<(&str, &str)>) -> Result<(), String> {
    let place = Place::of(path)?.ok_or_else(|| format!("expected the path of a library, found {path}"))?;
    let plugin = load(&place)?;
    plugin.params();
    let Some((kind, table)) = made else { return Ok(()) };
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or("expected a kind of plugin")?;
    of_kind(kind, &shown(&place.library).to_string(), plugin)?;
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
        probe_within(patience, &program, &Place { library: "x.so".into(), krate: None }, None)
    }

    #[test]
    fn a_plugin_that_crashes_or_hangs_is_named() {
        let verdict_of = |script| verdict(script, PATIENCE);
        assert_eq!(verdict_of("echo it prints; echo plugin accepted"), Ok(()));
        let refused = "echo 'plugin refused: x.so: no such file'; exit 2";
        assert_eq!(verdict_of(refused), Err("x.so: no such file".into()));
        let crash = verdict_of("kill -SEGV $$").unwrap_err();
        assert!(crash.starts_with("x.so: crashes while it is loaded (signal: 11"), "{crash}");
        let chatty = "yes | head -c 1000000; echo; echo plugin accepted";
        assert_eq!(verdict_of(chatty), Ok(()), "a full pipe is no reason to wait");
        let hang = verdict("exec sleep 600", Duration::from_millis(200)).unwrap_err();
        assert!(hang.ends_with("hangs"), "{hang}");
    }

    #[test]
    fn a_plugin_that_ends_the_process_is_never_accepted() {
        for script in
            ["exit 0", "echo; exit 0", "echo plugin accepted; echo more", "exit 2", "echo plugin accepted; exit 1"]
        {
            let ended = verdict(script, PATIENCE).unwrap_err();
            assert!(ended.starts_with("x.so: ends the process while it is loaded or made"), "{script}: {ended}");
        }
        let crash = verdict("echo plugin accepted; kill -BUS $$", PATIENCE).unwrap_err();
        assert!(crash.starts_with("x.so: crashes"), "{crash}");
    }

    #[test]
    fn the_probe_itself_says_what_is_wrong() {
        assert_eq!(answer_probe("./x.so", None), ("plugin refused: x.so: no such file".into(), 2));
        assert_eq!(answer_probe("x", Some(("consensus", ""))).1, 2);
    }
}
