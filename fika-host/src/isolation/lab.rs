//! The supervisor's handle on one run: nodes, cables, processes.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, DirBuilder};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, WaitOptions, pidfd_send_signal, waitpid};

use super::cables::{CableKinds, Cables, Physics};
use super::record::{self, NodeRecord, Record};
use super::spawn::{Child, Launch, Plan, Room, Spawner};
use super::{Endpoint, Engine, Error, Link, PORT, Port, ProcessId, Side, process, system};
use crate::physics::Cable;

/// A run: every node's place, its links, and its process. Ends with [`Lab::down`] or when dropped.
pub(crate) struct Lab {
    record: Record,
    directory: PathBuf,
    runtime_dir: PathBuf,
    nodes: Vec<Node>,
    spawner: Spawner,
    /// None with an engine that has none.
    cables: Option<Cables>,
}

struct Node {
    ports: Vec<Port>,
    netns: Option<OwnedFd>,
    child: Option<Child>,
    launch: Option<Launch>,
}

impl Lab {
    /// Makes the places of all nodes and lays all cables; nothing runs in them yet.
    ///
    /// The run's directory is `runtime_dir/name`; a dead run of that name is cleaned away first, a living one
    /// is an error. Names are 1 to 40 of `A-Z a-z 0-9 . _ -`, the first a letter or digit.
    pub(crate) fn create(
        engine: Engine,
        name: &str,
        runtime_dir: &Path,
        nodes: &[String],
        links: &[Link],
        physics: &Physics,
    ) -> Result<Lab, Error> {
        check(engine, name, nodes, links)?;
        if engine == Engine::Process && links.iter().any(|link| physics.shape(link)) {
            return Err(Error::NoCables);
        }
        let directory = runtime_dir.join(name);
        let spawner = Spawner::new().map_err(|error| system("starting the spawner thread", error))?;
        let host = ProcessId::own().map_err(|error| system("reading /proc", error))?;
        let record_of = |node: &String| NodeRecord {
            name: node.clone(),
            process: None,
            control: process::control_socket(&directory, node),
            log: None,
        };
        let record = Record {
            name: name.to_owned(),
            engine,
            host,
            boot: record::boot_id(),
            results: None,
            nodes: nodes.iter().map(record_of).collect(),
        };
        claim(runtime_dir, &directory, &record)?;
        // From here on dropping the lab removes the directory.
        let runtime_dir = runtime_dir.to_owned();
        let mut lab = Lab { record, directory, runtime_dir, nodes: Vec::new(), spawner, cables: None };
        lab.nodes = lab.places(links, physics)?;
        Ok(lab)
    }

    fn places(&mut self, links: &[Link], physics: &Physics) -> Result<Vec<Node>, Error> {
        let count = self.record.nodes.len();
        let node = |netns| Node { ports: Vec::new(), netns, child: None, launch: None };
        let sockets = self.record.nodes.iter().map(|node| node.control.clone());
        let sockets = sockets.chain((0..links.len()).map(|index| process::link_socket(&self.directory, index)));
        if let Some(path) = sockets.into_iter().find(|path| !process::fits(path)) {
            return Err(Error::PathTooLong(path));
        }
        let mut nodes: Vec<Node>;
        match self.record.engine {
            Engine::Netns => {
                raise_file_limit();
                let (namespaces, cables) = Cables::lay(count, links, physics)?;
                nodes = namespaces.into_iter().map(|netns| node(Some(netns))).collect();
                let plugs = self.cables.insert(cables).plans().iter().map(|plan| &plan.plugs);
                for (link, [a, b]) in plugs.enumerate() {
                    for (own, other, side) in [(a, b, Side::Dials), (b, a, Side::Listens)] {
                        let endpoint = |address: Ipv4Addr, listens: bool| {
                            Endpoint::Tcp(SocketAddr::from((address, if listens { PORT } else { 0 })))
                        };
                        nodes[own.node].ports.push(Port {
                            link,
                            neighbour: other.node,
                            side,
                            local: endpoint(own.address, side == Side::Listens),
                            remote: endpoint(other.address, side == Side::Dials),
                            interface: Some(own.name()),
                        });
                    }
                }
            }
            Engine::Process => {
                nodes = (0..count).map(|_| node(None)).collect();
                for (link, ends) in links.iter().enumerate() {
                    for (own, neighbour, side) in [(ends.a, ends.b, Side::Dials), (ends.b, ends.a, Side::Listens)] {
                        let socket = Endpoint::Unix(process::link_socket(&self.directory, link));
                        nodes[own].ports.push(Port {
                            link,
                            neighbour,
                            side,
                            local: socket.clone(),
                            remote: socket,
                            interface: None,
                        });
                    }
                }
            }
        }
        Ok(nodes)
    }

    /// How the nodes are kept apart.
    pub(crate) fn engine(&self) -> Engine {
        self.record.engine
    }

    /// The run's private directory, removed with the run. Good for sockets, not for results.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What other commands see of this run.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Tells other commands where the results go.
    pub(crate) fn set_results(&mut self, results: PathBuf) -> Result<(), Error> {
        self.record.results = Some(results);
        self.record.store(&self.directory)
    }

    /// A node's ends of its links, in the order of the links.
    pub(crate) fn ports(&self, node: usize) -> &[Port] {
        &self.nodes[node].ports
    }

    /// Which kinds of cables there are; none with an engine that has no cables.
    pub(crate) fn cable_kinds(&self) -> Option<CableKinds> {
        self.cables.as_ref().map(Cables::kinds)
    }

    /// What to say where a busy machine made packets late on their cables.
    pub(crate) fn lateness(&self) -> Option<String> {
        self.cables.as_ref()?.lateness()
    }

    /// From now on the link carries packets, or loses all, those under way too. Connections over it stay, and send again
    /// when it is up.
    pub(crate) fn set_link_up(&mut self, link: usize, up: bool) -> Result<(), Error> {
        let cables = self.cables.as_ref().ok_or(Error::NoCables)?;
        let netns = |side: usize| self.nodes[cables.plans()[link].plugs[side].node].netns.as_ref().map(AsFd::as_fd);
        let ends = netns(0).zip(netns(1)).ok_or(Error::NoCables)?;
        cables.set_up(link, ends.into(), up)
    }

    /// From now on the link behaves so from its first node to its second, and back. Packets under way stay as they are,
    /// and may be overtaken. A link without physics must have been made with [`Link::changes`].
    pub(crate) fn change_link(&mut self, link: usize, cables: [Cable; 2]) -> Result<(), Error> {
        self.cables.as_ref().ok_or(Error::NoCables)?.change(link, cables)
    }

    /// Where a node's control socket is to be. It does not outlive the node's process.
    pub(crate) fn control_socket(&self, node: usize) -> &Path {
        &self.record.nodes[node].control
    }

    /// Starts a node's program in its place and returns once it runs. The number is the host's view of it;
    /// with the `netns` engine the program itself finds that it is number 1.
    ///
    /// A number 1 receives only signals for which it has set a handler, and SIGKILL and SIGSTOP; and it is
    /// to reap what commands run in its place leave behind (to ignore SIGCHLD is enough).
    pub(crate) fn start(&mut self, node: usize, launch: Launch) -> Result<ProcessId, Error> {
        let name = self.record.nodes[node].name.clone();
        if let Some(process) = self.record.nodes[node].process.filter(|_| self.nodes[node].child.is_some()) {
            return Err(Error::Started { name, pid: process.pid });
        }
        self.remove_sockets(node);
        let failed = |error| system(format!("starting node {name}"), error);
        let room = self.nodes[node].netns.as_ref().map(|netns| -> io::Result<Room> {
            Ok(Room { netns: netns.try_clone()?, hostname: CString::new(name.as_str())? })
        });
        let plan = room.transpose().and_then(|room| Plan::new(&launch, room)).map_err(failed)?;
        let child = self.spawner.spawn(plan).map_err(failed)?;
        let pid = child.pid.as_raw_nonzero().get();
        self.nodes[node].child = Some(child);
        // Not reaped yet, so the number is still this process's even if it has ended already.
        let process = ProcessId::of_child(pid).map_err(failed)?;
        self.record.nodes[node].process = Some(process);
        self.record.nodes[node].log = Some(launch.stderr.clone());
        self.nodes[node].launch = Some(launch);
        self.record.store(&self.directory)?;
        Ok(process)
    }

    /// Whether a node was ever started.
    pub(crate) fn has_started(&self, node: usize) -> bool {
        self.nodes[node].launch.is_some()
    }

    /// Ends a node if it runs (SIGKILL) and starts it again as it was started, into the same network with
    /// the same cables.
    pub(crate) fn restart(&mut self, node: usize) -> Result<ProcessId, Error> {
        let name = &self.record.nodes[node].name;
        let launch = self.nodes[node].launch.clone().ok_or_else(|| Error::NotStarted { name: name.clone() })?;
        if self.nodes[node].child.is_some() {
            self.kill(node, Signal::KILL)?;
            self.reap(node, WaitOptions::empty())?;
        }
        self.start(node, launch)
    }

    /// A node's process, while it runs or has not been reaped.
    pub(crate) fn process(&self, node: usize) -> Option<ProcessId> {
        self.nodes[node].child.as_ref().and(self.record.nodes[node].process)
    }

    /// A handle that becomes readable when the node's process ends, for an event loop.
    pub(crate) fn handle(&self, node: usize) -> Option<BorrowedFd<'_>> {
        self.nodes[node].child.as_ref().map(|child| child.handle.as_fd())
    }

    /// Sends a signal to a node. SIGKILL ends all that runs in its place, SIGSTOP and SIGCONT pause it.
    pub(crate) fn kill(&self, node: usize, signal: Signal) -> Result<(), Error> {
        let name = &self.record.nodes[node].name;
        let child = self.nodes[node].child.as_ref().ok_or_else(|| Error::NotStarted { name: name.clone() })?;
        match pidfd_send_signal(&child.handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()), // ended, not yet reaped: it has its end already
            Err(errno) => Err(system(format!("sending a signal to node {name}"), errno.into())),
        }
    }

    /// The nodes that have ended since the last call, without waiting.
    pub(crate) fn try_reap(&mut self) -> Result<Vec<(usize, ExitStatus)>, Error> {
        let mut ended = Vec::new();
        for node in 0..self.nodes.len() {
            ended.extend(self.reap(node, WaitOptions::NOHANG)?.map(|status| (node, status)));
        }
        if !ended.is_empty() {
            self.record.store(&self.directory)?;
        }
        Ok(ended)
    }

    /// Waits until a node ends, at most `timeout`; none if it passes, if a signal comes in, or if no node runs.
    pub(crate) fn wait_any(&mut self, timeout: Option<Duration>) -> Result<Option<(usize, ExitStatus)>, Error> {
        let timeout =
            timeout.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        let (running, mut handles): (Vec<usize>, Vec<PollFd>) = (0..self.nodes.len())
            .filter_map(|node| Some((node, PollFd::from_borrowed_fd(self.handle(node)?, PollFlags::IN))))
            .unzip();
        if running.is_empty() {
            return Ok(None);
        }
        match poll(&mut handles, timeout.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            ready => ready.map_err(|errno| system("waiting for the nodes", errno.into()))?,
        };
        let ended = handles.iter().position(|handle| !handle.revents().is_empty()).map(|place| running[place]);
        drop(handles);
        let Some(node) = ended else { return Ok(None) };
        let status = self.reap(node, WaitOptions::empty())?;
        self.record.store(&self.directory)?;
        Ok(status.map(|status| (node, status)))
    }

    fn reap(&mut self, node: usize, options: WaitOptions) -> Result<Option<ExitStatus>, Error> {
        let Some(child) = &self.nodes[node].child else { return Ok(None) };
        let ended = rustix::io::retry_on_intr(|| waitpid(Some(child.pid), options));
        let name = &self.record.nodes[node].name;
        let Some((_, status)) = ended.map_err(|errno| system(format!("waiting for node {name}"), errno.into()))? else {
            return Ok(None);
        };
        self.nodes[node].child = None;
        self.record.nodes[node].process = None;
        self.remove_sockets(node);
        Ok(Some(ExitStatus::from_raw(status.as_raw())))
    }

    /// A socket file stays when its process is killed, and would keep the next one from listening there.
    fn remove_sockets(&self, node: usize) {
        let _ = fs::remove_file(self.control_socket(node));
        for port in &self.nodes[node].ports {
            if let (Endpoint::Unix(path), Side::Listens) = (&port.local, port.side) {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Kills what runs, and removes the networks and the run's directory. Nodes that are to end by
    /// themselves are to be asked, and waited for, before.
    pub(crate) fn down(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        for node in (0..self.nodes.len()).filter(|node| self.nodes[*node].child.is_some()) {
            self.kill(node, Signal::KILL)?;
        }
        for node in 0..self.nodes.len() {
            self.reap(node, WaitOptions::empty())?;
        }
        self.cables = None;
        self.nodes.clear(); // the networks go with their last descriptor
        if !self.directory.exists() {
            return Ok(());
        }
        let _lock = record::lock(&self.runtime_dir)?;
        fs::remove_dir_all(&self.directory).map_err(|error| system(self.directory.display(), error))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Nobody is left to be told; what could not be removed here, `clean` finds.
        let _ = self.end();
    }
}

/// Takes the name: makes the run's directory, with its record in it, unless a living run has it. What is
/// there and is no run's is not touched.
fn claim(runtime_dir: &Path, directory: &Path, record: &Record) -> Result<(), Error> {
    let lock = record::lock(runtime_dir)?;
    if let Ok(found) = Record::load(directory) {
        if found.alive() {
            return Err(Error::Running { name: found.name, pid: found.host.pid });
        }
        record::remove(&lock, directory, &found)?;
    }
    DirBuilder::new().mode(0o700).create(directory).map_err(|error| system(directory.display(), error))?;
    record.store(directory)
}

fn check(engine: Engine, name: &str, nodes: &[String], links: &[Link]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for name in nodes.iter().map(String::as_str).chain([name]) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts_well = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if !starts_well || name.len() > 40 || !name.bytes().all(plain) {
            return Err(Error::Name(name.to_owned()));
        }
    }
    if let Some(name) = nodes.iter().find(|name| !seen.insert(*name)) {
        return Err(Error::NamedTwice(name.clone()));
    }
    let most = super::address::CABLES_MAX;
    if engine == Engine::Netns && links.len() > most {
        return Err(Error::TooManyLinks { found: links.len(), most });
    }
    match links.iter().position(|link| link.a == link.b || link.a.max(link.b) >= nodes.len()) {
        Some(index) => Err(Error::BadLink { index, a: links[index].a, b: links[index].b, nodes: nodes.len() }),
        None => Ok(()),
    }
}

/// A node costs the host up to three descriptors, a userspace cable two; the usual soft limit of 1,024 is for programs that use
/// `select`, and this is none.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
