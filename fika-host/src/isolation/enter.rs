//! Commands inside a node: `exec NODE -- ip addr`, from the host or from any other process of its owner.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use super::ProcessId;

const KINDS: [(&str, ThreadNameSpaceType); 6] = [
    ("user", ThreadNameSpaceType::USER),
    ("net", ThreadNameSpaceType::NETWORK),
    ("pid", ThreadNameSpaceType::PROCESS_ID),
    ("mnt", ThreadNameSpaceType::MOUNT),
    ("uts", ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME),
    ("ipc", ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION),
];

/// A command that will run where `node` runs: in its namespaces, seeing its network, its processes and its
/// host name, in the caller's directory; for a node of the `process` engine simply beside it. Give it arguments and streams and run it
/// as any [`Command`]; by default it shares this process's terminal. Its exit code comes through; a command
/// ended by signal n gives 128 + n, as in a shell. It dies with the thread that runs it, and with the node.
///
/// Fails with `NotFound` if the node is gone and `PermissionDenied` if it is another user's.
pub(crate) fn command_in(node: &ProcessId, program: impl AsRef<OsStr>) -> io::Result<Command> {
    let handle = node.open()?;
    let foreign = foreign(node.pid)?;
    let directory = std::env::current_dir().ok().and_then(|path| CString::new(path.into_os_string().into_vec()).ok());
    let mut command = Command::new(program);
    // SAFETY: the hook makes system calls only, on memory prepared here; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            if !foreign.is_empty() {
                move_into_thread_name_spaces(handle.as_fd(), foreign)?;
            }
            if foreign.contains(ThreadNameSpaceType::PROCESS_ID) {
                step_through()?; // a process stays in the pid namespace it was born in; its children do not
            }
            if let Some(directory) = &directory {
                let _ = rustix::process::chdir(directory.as_c_str()); // joining a mount namespace led to its root
            }
            set_parent_process_death_signal(Some(Signal::KILL))?;
            Ok(())
        });
    }
    Ok(command)
}

/// The namespaces of `pid` that are not ours. (To join one's own user namespace is an error.)
fn foreign(pid: i32) -> io::Result<ThreadNameSpaceType> {
    let mut foreign = ThreadNameSpaceType::empty();
    for (name, kind) in KINDS {
        let link = |owner: &str| fs::read_link(format!("/proc/{owner}/ns/{name}"));
        if link(&pid.to_string())? != link("thread-self")? {
            foreign |= kind;
        }
    }
    Ok(foreign)
}

/// Forks. The child returns and becomes the command; the parent waits for it and ends as it did.
fn step_through() -> io::Result<()> {
    // SAFETY: this process has one thread (it is itself a fork); everything below is a plain system call.
    unsafe {
        let child = libc::fork();
        if child < 0 {
            return Err(io::Error::last_os_error());
        }
        if child == 0 {
            return Ok(());
        }
        // Lets go of the caller's pipes and locks; Ctrl-C is for the command, whose end is then passed on.
        libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0);
        libc::signal(libc::SIGINT, libc::SIG_IGN);
        libc::signal(libc::SIGQUIT, libc::SIG_IGN);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        let mut status = 0;
        while libc::waitpid(child, &mut status, 0) < 0 {
            if *libc::__errno_location() != libc::EINTR {
                libc::_exit(127);
            }
        }
        libc::_exit(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) })
    }
}
