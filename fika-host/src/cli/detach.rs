//! `--detach`: the same command again, in a session of its own, that goes on when this one ends.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

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
    ended_before_up(child.wait().map_err(failed)?)
}

/// What it means that the process in the background has ended before it said that its run is up.
fn ended_before_up(status: ExitStatus) -> Outcome {
    // Only the hint says that the run is up; an exit code or a signal says no more than how the process ended.
    match (status.code(), status.signal()) {
        (Some(code), _) if code != 0 => Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)),
        (None, Some(signal)) => {
            say(&format!("error: the process in the background was killed by signal {signal} before its run was up"));
            Ok(u8::try_from(128 + signal).map_or(ExitCode::FAILURE, ExitCode::from))
        }
        _ => Err(Stop::Environment("the process in the background ended before its run was up".into())),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_before_the_run_is_up_is_no_success_and_a_signal_keeps_its_code() {
        let code = |raw: i32| ended_before_up(ExitStatus::from_raw(raw)).map(|code| format!("{code:?}")).ok();
        let expected = |code: u8| Some(format!("{:?}", ExitCode::from(code)));
        assert_eq!(code(2 << 8), expected(2));
        assert_eq!(code(7), expected(135), "a bus error is no failed expectation");
        assert_eq!(code(0), None);
    }
}
