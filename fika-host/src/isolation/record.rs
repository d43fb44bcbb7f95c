//! What a run leaves on disk so that other commands find it: a private directory with a JSON record.
//!
//! The directory of run `NAME` is `RUNTIME/NAME`, mode 0700; it holds `run.json`, the nodes' control
//! sockets and, with the `process` engine, the sockets of the links. It goes when the run ends; [`clean`]
//! removes those whose host was killed.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Signal, geteuid};
use serde::{Deserialize, Serialize};

use super::{Engine, Error, ProcessId, system, userns};

const FILE: &str = "run.json";

/// One run, as written to `run.json` in its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The run's name, and that of its directory.
    pub name: String,
    /// How its nodes are kept apart.
    pub engine: Engine,
    /// The process that supervises the run.
    pub host: ProcessId,
    /// The machine's boot (`boot_id`) to which all process numbers here belong.
    pub boot: String,
    /// Where the results of the run go, once known.
    pub results: Option<PathBuf>,
    /// In the order of the experiment.
    pub nodes: Vec<NodeRecord>,
}

/// One node of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeRecord {
    /// The node's name.
    pub name: String,
    /// Its process; none before its start and after its end.
    pub process: Option<ProcessId>,
    /// Its control socket.
    pub control: PathBuf,
    /// The file that takes its standard error, once started.
    pub log: Option<PathBuf>,
}

impl Record {
    /// Reads the record of the run whose directory this is.
    pub(crate) fn load(directory: &Path) -> Result<Record, Error> {
        check_private(directory)?;
        let path = directory.join(FILE);
        let text = fs::read(&path).map_err(|error| system(path.display(), error))?;
        serde_json::from_slice(&text).map_err(|error| system(path.display(), error.into()))
    }

    /// Replaces the record on disk; a reader sees the old one or the new one, never a part.
    pub(crate) fn store(&self, directory: &Path) -> Result<(), Error> {
        let (path, new) = (directory.join(FILE), directory.join("run.json.new"));
        let write = || -> io::Result<()> {
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| system(path.display(), error))
    }

    /// The node of that name.
    pub(crate) fn node(&self, name: &str) -> Option<&NodeRecord> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// Whether the supervising process runs.
    pub(crate) fn alive(&self) -> bool {
        self.boot == boot_id() && self.host.alive()
    }

    /// Asks the host to end the run (SIGTERM), and after `grace` kills it; its nodes die with it. Returns
    /// once the host is gone. What it left behind, if it was killed, is for [`clean`].
    pub(crate) fn stop(&self, grace: Duration) -> io::Result<()> {
        if self.boot != boot_id() {
            return Ok(());
        }
        let handle = match self.host.open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            handle => handle?,
        };
        rustix::process::pidfd_send_signal(&handle, Signal::TERM)?;
        let deadline = Instant::now() + grace;
        if !ended(&handle, deadline)? {
            rustix::process::pidfd_send_signal(&handle, Signal::KILL)?;
            ended(&handle, Instant::now() + Duration::from_secs(10))?;
        }
        Ok(())
    }

    /// Kills the nodes that still run and returns their names.
    fn kill_nodes(&self) -> io::Result<Vec<String>> {
        let mut killed = Vec::new();
        if self.boot != boot_id() {
            return Ok(killed);
        }
        for node in &self.nodes {
            let Some(handle) = node.process.and_then(|process| process.open().ok()) else { continue };
            rustix::process::pidfd_send_signal(&handle, Signal::KILL)?;
            ended(&handle, Instant::now() + Duration::from_secs(10))?;
            killed.push(node.name.clone());
        }
        Ok(killed)
    }
}

/// Waits until the process has ended, or the deadline; true if it has ended.
fn ended(handle: &impl std::os::fd::AsFd, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => continue,
            ready => return Ok(ready? > 0),
        }
    }
}

/// This boot of the machine; empty if it does not tell.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The directory of this user's runs, made if it is not there: `/run/fika` for root,
/// `$XDG_RUNTIME_DIR/fika` or `/tmp/fika-UID` for others. Refused unless it is the user's alone.
pub(crate) fn runtime_dir() -> Result<PathBuf, Error> {
    let uid = userns::real_uid();
    // `su` and `sudo` may leave another user's directory in the variable.
    let own =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw());
    let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(own);
    let directory = match session {
        _ if uid == 0 => PathBuf::from("/run/fika"),
        Some(session) => session.join("fika"),
        None => PathBuf::from(format!("/tmp/fika-{uid}")),
    };
    make_private(&directory)?;
    Ok(directory)
}

/// Makes a directory that only its owner can enter, unless there is one.
fn make_private(directory: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(system(directory.display(), error)),
        _ => {}
    }
    check_private(directory)
}

fn check_private(directory: &Path) -> Result<(), Error> {
    let found = fs::symlink_metadata(directory).map_err(|error| system(directory.display(), error))?;
    if found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::NotPrivate { path: directory.to_owned(), uid: found.uid(), mode: found.mode() & 0o7777 })
}

/// Held while runs are added to or removed from a runtime directory, by one process at a time.
pub(crate) struct Lock(#[allow(dead_code, reason = "held, not read")] File);

pub(crate) fn lock(runtime_dir: &Path) -> Result<Lock, Error> {
    make_private(runtime_dir)?;
    let path = runtime_dir.join(".lock");
    let locked = || -> io::Result<Lock> {
        let file = File::create(&path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(Lock(file))
    };
    locked().map_err(|error| system(path.display(), error))
}

/// All runs in a runtime directory, by name, with their directories; those whose host was killed included.
pub(crate) fn runs(runtime_dir: &Path) -> Result<Vec<(PathBuf, Record)>, Error> {
    let entries = fs::read_dir(runtime_dir).map_err(|error| system(runtime_dir.display(), error))?;
    let mut directories: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    directories.sort();
    Ok(directories.into_iter().filter_map(|path| Record::load(&path).ok().map(|record| (path, record))).collect())
}

/// Ends what is left of runs whose host is gone: their nodes' processes, sockets and directories. Returns a
/// line for each thing removed. Touches only what this user's records name; a process only if it is the
/// very one that was recorded.
pub(crate) fn clean(runtime_dir: &Path) -> Result<Vec<String>, Error> {
    let lock = lock(runtime_dir)?;
    let mut removed = torn(runtime_dir)?;
    for (directory, record) in runs(runtime_dir)? {
        if !record.alive() {
            removed.extend(remove(&lock, &directory, &record)?);
        }
    }
    Ok(removed)
}

/// Removes the directories whose host was killed before their record was complete. A living host has one: it makes it
/// while it holds the lock, and replaces it whole.
fn torn(runtime_dir: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(runtime_dir).map_err(|error| system(runtime_dir.display(), error))?;
    let mut removed = Vec::new();
    for directory in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let is_torn = match fs::read(directory.join(FILE)) {
            Err(error) => error.kind() == io::ErrorKind::NotFound,
            Ok(text) => serde_json::from_slice::<serde_json::Value>(&text).is_err(),
        };
        if is_torn && check_private(&directory).is_ok() {
            fs::remove_dir_all(&directory).map_err(|error| system(directory.display(), error))?;
            removed.push(format!("directory {}", directory.display()));
        }
    }
    removed.sort();
    Ok(removed)
}

/// Removes one dead run.
pub(crate) fn remove(_: &Lock, directory: &Path, record: &Record) -> Result<Vec<String>, Error> {
    let killed = record.kill_nodes().map_err(|error| system(format!("ending the nodes of {}", record.name), error))?;
    fs::remove_dir_all(directory).map_err(|error| system(directory.display(), error))?;
    let processes = record.nodes.iter().filter(|node| killed.contains(&node.name)).map(|node| {
        let pid = node.process.map_or(0, |process| process.pid);
        format!("process {pid} (node {} of run {})", node.name, record.name)
    });
    Ok(processes.chain([format!("directory {}", directory.display())]).collect())
}
