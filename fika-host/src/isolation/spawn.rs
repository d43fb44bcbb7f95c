//! Starts node processes that cannot outlive this one.
//!
//! Every node asks the kernel to be killed when its parent dies (`PR_SET_PDEATHSIG`). For the kernel the
//! parent is the *thread* that forked, so all nodes of a run are forked by one thread that lives as long as
//! the run. A parent that dies before the request is made would go unnoticed; therefore the child reports
//! after the request and waits for a go-ahead, which a dead parent never gives.
//!
//! The host may have many threads, and a lock that another thread held at the fork stays locked in the
//! child for ever. So between fork and exec nothing allocates: everything is prepared before.

use std::ffi::{CStr, CString, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use rustix::io::{Errno, retry_on_intr};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};
use rustix::process::{Pid, Signal, WaitOptions, pidfd_send_signal, set_parent_process_death_signal, setsid, waitpid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The program a node runs: by default this very binary, with other arguments.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// What is executed. `/proc/self/exe` is the host's own binary, even if its file was replaced since.
    pub program: PathBuf,
    /// The arguments, the program's name first.
    pub argv: Vec<OsString>,
    /// Added to the host's environment.
    pub env: Vec<(OsString, OsString)>,
    /// Standard output is appended to this file, which only its owner may read.
    pub stdout: PathBuf,
    /// Standard error, alike; may be the same file.
    pub stderr: PathBuf,
}

impl Launch {
    /// This binary with the given arguments, everything it prints appended to `log`.
    pub(crate) fn own(argv: impl IntoIterator<Item = impl Into<OsString>>, log: impl Into<PathBuf>) -> Launch {
        let log = log.into();
        Launch {
            program: "/proc/self/exe".into(),
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            stdout: log.clone(),
            stderr: log,
        }
    }
}

/// The namespaces a node moves into: a network made before, and pid, mount, uts and ipc of its own.
pub(crate) struct Room {
    pub(crate) netns: OwnedFd,
    pub(crate) hostname: CString,
}

/// Everything a child needs, laid out before the fork.
pub(crate) struct Plan {
    room: Option<Room>,
    program: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
    stdio: [OwnedFd; 3],
}

impl Plan {
    pub(crate) fn new(launch: &Launch, room: Option<Room>) -> io::Result<Plan> {
        let text = |text: &[u8]| CString::new(text).map_err(io::Error::from);
        let overrides = |name: &OsString| launch.env.iter().any(|(own, _)| own == name);
        let inherited = std::env::vars_os().filter(|(name, _)| !overrides(name));
        let env = inherited.chain(launch.env.iter().cloned());
        Ok(Plan {
            room,
            program: text(launch.program.as_os_str().as_bytes())?,
            argv: launch.argv.iter().map(|arg| text(arg.as_bytes())).collect::<io::Result<_>>()?,
            env: env
                .map(|(name, value)| text(&[name.as_bytes(), b"=", value.as_bytes()].concat()))
                .collect::<io::Result<_>>()?,
            stdio: [File::open("/dev/null")?.into(), append(&launch.stdout)?, append(&launch.stderr)?],
        })
    }
}

fn append(path: &Path) -> io::Result<OwnedFd> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    Ok(file.map_err(named)?.into())
}

/// A started node. It is not reaped by dropping this.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) handle: OwnedFd,
}

type Job = (Plan, mpsc::Sender<io::Result<Child>>);

/// The thread that is the parent of all nodes; they die when this is dropped.
pub(crate) struct Spawner {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Spawner {
    pub(crate) fn new() -> io::Result<Spawner> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let work = move || {
            block_signals();
            for (plan, answer) in todo {
                // The asker waits for the answer; if it is gone there is nobody left to tell.
                let _ = answer.send(spawn(&plan));
            }
        };
        let thread = thread::Builder::new().name("spawner".into()).stack_size(128 * 1024).spawn(work)?;
        Ok(Spawner { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Returns once the program runs, or says why it does not.
    pub(crate) fn spawn(&self, plan: Plan) -> io::Result<Child> {
        let (answer, child) = mpsc::channel();
        let jobs = self.jobs.as_ref().expect("taken only by drop");
        jobs.send((plan, answer)).map_err(|_| io::Error::other("the spawner thread has ended"))?;
        child.recv().map_err(|_| io::Error::other("the spawner thread has ended"))?
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A signal that arrives in a child before its exec would run the host's handler there: keep them waiting.
fn block_signals() {
    // SAFETY: the set is initialised by sigfillset before it is used; only this thread's mask changes.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
    }
}

/// What can go wrong in the child, by the number it reports.
const STEPS: [&str; 9] = [
    "asking to die with the host",
    "starting a session",
    "entering the network namespace",
    "setting the host name",
    "making mounts private",
    "mounting /proc",
    "redirecting output",
    "executing the program",
    "creating pid, mount, uts and ipc namespaces",
];
const CLONE: usize = 8;

fn failure(step: usize, errno: Errno) -> io::Error {
    let error = io::Error::from(errno);
    io::Error::new(error.kind(), format!("{}: {error}", STEPS.get(step).unwrap_or(&"an unknown step")))
}

fn spawn(plan: &Plan) -> io::Result<Child> {
    let argv = pointers(&plan.argv);
    let env = pointers(&plan.env);
    let (ours, theirs) = handshake()?;
    let child = clone(plan.room.is_some())?;
    let Some(child) = child else {
        // SAFETY: in the child; `ours` is not used again, its number is closed for good by exec or exit.
        unsafe { libc::close(ours.as_raw_fd()) };
        let (step, errno) = become_node(plan, &argv, &env, theirs.as_fd());
        report(theirs.as_fd(), step, errno)
    };
    drop(theirs);
    converse(&ours, child)
}

/// Goes through everything but the exec, in a child that ends at once.
pub(crate) fn probe(netns: OwnedFd) -> io::Result<()> {
    let (ours, theirs) = handshake()?;
    let Some(child) = clone(true)? else {
        // SAFETY: as in `spawn`.
        unsafe { libc::close(ours.as_raw_fd()) };
        let result = await_go(theirs.as_fd()).and_then(|()| enter(netns.as_fd(), c"probe"));
        if let Err((step, errno)) = result {
            report(theirs.as_fd(), step, errno);
        }
        // SAFETY: ends the child without running the parent's destructors.
        unsafe { libc::_exit(0) }
    };
    drop(theirs);
    let child = converse(&ours, child)?;
    waitpid(Some(child.pid), WaitOptions::empty())?;
    Ok(())
}

fn handshake() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Forks; `None` in the child.
fn clone(room: bool) -> io::Result<Option<Child>> {
    let namespaces = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;
    let flags = libc::CLONE_PIDFD | libc::SIGCHLD | if room { namespaces } else { 0 };
    let mut handle: RawFd = -1;
    // SAFETY: without CLONE_VM this is a fork: the child gets a copy of the address space and goes on with a
    // copy of this stack. The kernel writes the handle to the third argument, which outlives the call; the
    // arguments after it are unused.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_ulong, 0usize, &raw mut handle, 0usize, 0usize) };
    if pid < 0 {
        let error = io::Error::last_os_error();
        return Err(failure(CLONE, Errno::from_io_error(&error).unwrap_or(Errno::IO)));
    }
    let Some(pid) = Pid::from_raw(pid as i32) else { return Ok(None) };
    // SAFETY: the call succeeded, so the kernel opened this descriptor for us.
    Ok(Some(Child { pid, handle: unsafe { OwnedFd::from_raw_fd(handle) } }))
}

/// Lets the child go on, and waits until it has become its program: exec closes its end of the socket.
fn converse(line: &OwnedFd, child: Child) -> io::Result<Child> {
    let Err(error) = wait_for_exec(line) else { return Ok(child) };
    let _ = pidfd_send_signal(&child.handle, Signal::KILL); // most likely it has ended already
    waitpid(Some(child.pid), WaitOptions::empty())?;
    Err(error)
}

fn wait_for_exec(line: &OwnedFd) -> io::Result<()> {
    let read = || -> io::Result<(usize, [u8; 5])> {
        let mut word = [0; 5];
        let (length, _) = retry_on_intr(|| recv(line, &mut word, RecvFlags::empty()))?;
        Ok((length, word))
    };
    let mut answer = read()?;
    if answer.0 == 1 {
        // It has asked to die with this thread, and this thread is alive: the request holds.
        send(line, &[1], SendFlags::NOSIGNAL)?;
        answer = read()?;
        if answer.0 == 0 {
            return Ok(());
        }
    }
    match answer {
        (5, [step, a, b, c, d]) => {
            Err(failure(step.into(), Errno::from_raw_os_error(i32::from_ne_bytes([a, b, c, d]))))
        }
        _ => Err(io::Error::other("the new process was killed before it ran its program")),
    }
}

fn pointers(texts: &[CString]) -> Vec<*const libc::c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

type Failed = (usize, Errno);

/// In the child: all that is left to do. Returns only if a step failed. Must not allocate.
fn become_node(plan: &Plan, argv: &[*const libc::c_char], env: &[*const libc::c_char], line: BorrowedFd) -> Failed {
    let prepared = (|| {
        await_go(line)?;
        // Ctrl-C on the terminal is for the host alone, which ends the nodes in order.
        setsid().map_err(|errno| (1, errno))?;
        if let Some(room) = &plan.room {
            enter(room.netns.as_fd(), &room.hostname)?;
        }
        for (number, file) in plan.stdio.iter().enumerate() {
            // SAFETY: both are descriptor numbers of this child; dup2 clears close-on-exec on the copy.
            let status = unsafe { libc::dup2(file.as_raw_fd(), number as RawFd) };
            if status < 0 {
                return Err((6, last_errno()));
            }
        }
        Ok(())
    })();
    if let Err(failed) = prepared {
        return failed;
    }
    reset_signals();
    // SAFETY: the strings and both null-terminated arrays were made before the fork and live in this copy.
    unsafe { libc::execve(plan.program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    (7, last_errno())
}

fn await_go(line: BorrowedFd) -> Result<(), Failed> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|errno| (0, errno))?;
    send(line, &[1], SendFlags::NOSIGNAL).map_err(|errno| (0, errno))?;
    match recv(line, &mut [0; 1], RecvFlags::empty()) {
        Ok((1, _)) => Ok(()),
        Ok(_) => Err((0, Errno::CHILD)),
        Err(errno) => Err((0, errno)),
    }
}

/// Moves this child, already in new pid, mount, uts and ipc namespaces, the rest of the way.
fn enter(netns: BorrowedFd, hostname: &CStr) -> Result<(), Failed> {
    move_into_link_name_space(netns, Some(LinkNameSpaceType::Network)).map_err(|errno| (2, errno))?;
    rustix::system::sethostname(hostname.to_bytes()).map_err(|errno| (3, errno))?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change(c"/", private).map_err(|errno| (4, errno))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(c"proc", c"/proc", c"proc", flags, None::<&CStr>).map_err(|errno| (5, errno))?;
    // So that /sys/class/net lists this node's interfaces. A container may forbid it; nothing depends on it.
    let _ = mount(c"sysfs", c"/sys", c"sysfs", flags | MountFlags::RDONLY, None::<&CStr>);
    Ok(())
}

/// Gives the program the dispositions and the mask that a fresh program expects.
fn reset_signals() {
    // SAFETY: plain calls with valid arguments; SIGKILL and SIGSTOP are refused, which does no harm.
    unsafe {
        for number in 1..=31 {
            libc::signal(number, libc::SIG_DFL);
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// In the child: tells the parent what failed, and ends.
fn report(line: BorrowedFd, step: usize, errno: Errno) -> ! {
    let code = errno.raw_os_error().to_ne_bytes();
    let _ = send(line, &[step as u8, code[0], code[1], code[2], code[3]], SendFlags::NOSIGNAL);
    // SAFETY: ends the child without running the parent's destructors.
    unsafe { libc::_exit(127) }
}
