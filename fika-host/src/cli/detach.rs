//! `--detach`: the same command again, in a session of its own, that goes on when this one ends.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use super::print::{print, say};
use super::{Outcome, Stop};

/// Set in the process that goes on.
const VARIABLE: &str = "FIKA_DETACHED";

/// Whether this process is the one that goes on.
pub(super) fn is_background() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Starts this command again in the background and waits until its run is up or has failed.
pub(super) fn send_to_background() -> Outcome {
    let failed = |error: std::io::Error| Stop::Environment(format!("going to the background: {error}"));
    let mut command = Command::new("/proc/self/exe");
    command.args(std::env::args_os().skip(1)).env(VARIABLE, "1").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let mut said = String::new();
    // It lets go of this pipe once it is up, or when it ends.
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_string(&mut said).map_err(failed)?;
    }
    print(&said)?;
    if said.ends_with(HINT) {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().map_err(failed)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

const HINT: &str = "\x20 fika-host ps              what runs
  fika-host wallet NODE     pay, look at the chain
  fika-host logs NODE -f    what a node says
  fika-host down            end it and keep the results
";

/// In the background process, once all nodes run: tells the one that waits, and turns to a file.
pub(super) fn up(name: &str, results: &Path) {
    let log = results.join("host.log");
    let _ = print(format_args!("{name} runs in the background; results in {}\n{HINT}", results.display()));
    let turned = OpenOptions::new().append(true).create(true).mode(0o600).open(&log).and_then(|file| {
        rustix::stdio::dup2_stdout(&file)?;
        rustix::stdio::dup2_stderr(&file)?;
        Ok(())
    });
    if let Err(error) = turned {
        say(&format!("{}: {error}", log.display()));
    }
}

/// In the background process, at its beginning: no terminal can end it any more.
pub(super) fn leave_session() {
    // It fails only for the leader of a group, which then has a session already.
    let _ = rustix::process::setsid();
}
