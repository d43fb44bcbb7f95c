//! Which process is meant. A pid alone may have been given to another program by now.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

/// A process as this host's pid namespace sees it, told apart from later owners of its pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    /// The process number.
    pub pid: i32,
    /// When it began, in clock ticks since the machine booted (field 22 of `/proc/PID/stat`).
    pub start_time: u64,
}

impl ProcessId {
    /// The calling process.
    pub(crate) fn own() -> io::Result<ProcessId> {
        ProcessId::of(std::process::id() as i32)
    }

    /// The process that has this pid now. Fails with `NotFound` if none has, or if it only waits to be reaped.
    pub(crate) fn of(pid: i32) -> io::Result<ProcessId> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        match parse(&stat) {
            Some(('Z' | 'X', _)) => Err(io::ErrorKind::NotFound.into()),
            Some((_, start_time)) => Ok(ProcessId { pid, start_time }),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat: expected 22 fields"))),
        }
    }

    /// A child that this process has not reaped, whether it still runs or not.
    pub(crate) fn of_child(pid: i32) -> io::Result<ProcessId> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, start_time) = parse(&stat).ok_or(io::ErrorKind::InvalidData)?;
        Ok(ProcessId { pid, start_time })
    }

    /// True while this very process runs.
    pub(crate) fn alive(&self) -> bool {
        ProcessId::of(self.pid).is_ok_and(|now| now == *self)
    }

    /// A handle on this very process; `NotFound` if it is gone.
    pub(crate) fn open(&self) -> io::Result<OwnedFd> {
        let pid = Pid::from_raw(self.pid).ok_or(io::ErrorKind::InvalidInput)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(gone)?;
        // Looked at after the handle was taken: from here on the pid cannot change hands unnoticed.
        if self.alive() { Ok(handle) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

fn gone(error: rustix::io::Errno) -> io::Error {
    if error == rustix::io::Errno::SRCH { io::ErrorKind::NotFound.into() } else { error.into() }
}

/// State and start time. The second field is the program's name, which may hold spaces and brackets.
fn parse(stat: &str) -> Option<(char, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn an_odd_program_name_does_not_shift_the_fields() {
        let stat = "7 (a b) R) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 8 9";
        assert_eq!(parse(stat), Some(('S', 4711)));
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn another_process_under_the_same_pid_is_never_taken_for_it() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let id = ProcessId::of(child.id() as i32).expect("it runs");
        let earlier = ProcessId { start_time: id.start_time - 1, ..id };
        assert_eq!(earlier.open().expect_err("refused").kind(), io::ErrorKind::NotFound);
        assert!(id.alive() && !earlier.alive());
        id.open().expect("it runs");
        child.kill().expect("sent");
        child.wait().expect("reaped");
        assert!(!id.alive());
        assert_eq!(id.open().expect_err("gone").kind(), io::ErrorKind::NotFound);
    }
}
