//! Gives each node a place of its own: network stack, process numbers, host name; and lays the cables.
//!
//! Two engines stand behind one handle, [`Lab`]:
//!
//! | engine | a node is | a link is | where |
//! |---|---|---|---|
//! | [`Engine::Netns`] | number 1 of its pid namespace, with net, mount, uts and ipc namespaces | a cable, `eth0`, `eth1`.. in each node | Linux, as root or as an ordinary user |
//! | [`Engine::Process`] | a plain process | a Unix socket in the run's private directory | everywhere |
//!
//! A cable of `netns` without physics is a veth pair. One with latency, jitter, bandwidth or loss, or between nodes with an
//! upload or download of their own, is two TUN devices and a thread of the host that carries each packet at its time
//! ([`forwarder`], [`wires`]).
//!
//! The order of calls, in the process that supervises a run:
//!
//! 1. [`permitted`] says whether `Netns` works here; if so, [`enter_user_namespace`]. Both come first in
//!    `main`, before any thread. For root the second does nothing.
//! 2. [`runtime_dir`], [`clean`] (ends what a killed host left), then [`Lab::create`]: namespaces and cables
//!    are there, nothing runs. [`Lab::ports`] tells each node's interfaces, addresses and neighbours.
//! 3. [`Lab::start`] per node, [`Lab::wait_any`] or [`Lab::try_reap`] when one ends, [`Lab::restart`] to
//!    start it again into the same network.
//! 4. [`Lab::down`].
//!
//! Other processes find the run by [`runs`] and enter a node with [`command_in`]; [`Record::stop`] ends it.
//!
//! **Nothing outlives the host.** Nodes are killed by the kernel when the host dies, however it dies;
//! namespaces and cables are held by the host and its nodes alone and go with them; mounts are private to a
//! node. A killed host leaves only the run's directory, which [`clean`] removes. Nodes are forked by one
//! thread that a `Lab` owns, since to the kernel a parent is a thread: see `spawn`.
//!
//! **Nothing leaves the network.** A namespace has its loopback and its cables, no route beyond, and does not
//! forward; the links of `Process` are sockets in a directory of mode 0700.

mod address;
mod cables;
mod enter;
mod forwarder;
mod identity;
mod lab;
mod netlink;
mod netns;
mod process;
mod record;
mod spawn;
mod tun;
mod userns;
mod wires;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::physics::Cable;

pub(crate) use address::cable_addresses;
pub(crate) use cables::{CableKinds, Physics};
pub(crate) use enter::command_in;
pub(crate) use identity::ProcessId;
pub(crate) use lab::Lab;
pub(crate) use netns::permitted;
pub(crate) use record::{NodeRecord, Record, clean, runs, runtime_dir};
pub(crate) use rustix::process::Signal;
pub(crate) use spawn::Launch;
pub(crate) use userns::enter_user_namespace;
pub(crate) use wires::Rates;

/// The TCP port on which a node with a network of its own listens: Bitcoin's, so that captures show it.
pub(crate) const PORT: u16 = 8333;

/// How nodes are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Engine {
    /// Network, pid, mount, uts and ipc namespaces; links are cables.
    Netns,
    /// Plain processes; links are Unix sockets.
    Process,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Engine::Netns => "netns",
            Engine::Process => "process",
        })
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Engine, String> {
        match text {
            "netns" => Ok(Engine::Netns),
            "process" => Ok(Engine::Process),
            other => Err(format!("expected netns or process, found {other:?}")),
        }
    }
}

/// A link between two nodes, given by their places in the list of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The node that dials; it has the lower address.
    pub a: usize,
    /// The node that listens.
    pub b: usize,
    /// How it behaves from `a` to `b`, and from `b` to `a`.
    pub cables: [Cable; 2],
    /// Whether [`Lab::change_link`] is to change it.
    pub changes: bool,
}

impl Link {
    /// A link over which `a` dials `b`, without physics.
    pub(crate) fn new(a: usize, b: usize) -> Link {
        Link { a, b, cables: [Cable::default(); 2], changes: false }
    }

    /// The same with physics.
    pub(crate) fn with(self, cables: [Cable; 2]) -> Link {
        Link { cables, ..self }
    }
}

/// One node's end of one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Port {
    /// The link's place in the list of links.
    pub link: usize,
    /// The node at the other end.
    pub neighbour: usize,
    /// Which part this end has in making the connection.
    pub side: Side,
    /// The address of this end: to listen at, or to dial from (port 0: any).
    pub local: Endpoint,
    /// The address of the other end: to dial, or from which it will dial (port 0: any).
    pub remote: Endpoint,
    /// The network interface in the node's namespace.
    pub interface: Option<String>,
}

/// Who opens the connection of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// Connects, and tries again while the other end is not there.
    Dials,
    /// Accepts.
    Listens,
}

/// Where one end of a link is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Endpoint {
    /// An address in the node's own network.
    Tcp(SocketAddr),
    /// A socket in the run's directory, the same path for both ends.
    Unix(PathBuf),
}

/// Why a run cannot be made, found or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// A run or node has a name that cannot be a host name and a file name.
    #[error("expected a name of 1 to 40 letters, digits, '.', '_' or '-', the first a letter or digit, found {0:?}")]
    Name(String),
    /// Two nodes have one name.
    #[error("expected every node to have its own name, found {0:?} twice")]
    NamedTwice(String),
    /// A link joins a node to itself or to none.
    #[error("link {index}: expected two different nodes below {nodes}, found {a} and {b}")]
    BadLink {
        /// The link's place in the list of links.
        index: usize,
        /// Its first node.
        a: usize,
        /// Its second node.
        b: usize,
        /// How many nodes there are.
        nodes: usize,
    },
    /// The addresses do not suffice.
    #[error("expected at most {most} links, found {found}")]
    TooManyLinks {
        /// How many links were given.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// The engine has no cables.
    #[error(
        "links with physics, and links that change, need cables, which the engine process does not have; expected netns"
    )]
    NoCables,
    /// The cable has no physics.
    #[error("link {0} is a plain veth pair; give it a latency or bandwidth in the experiment")]
    PlainCable(usize),
    /// The runtime directory lies too deep for the sockets in it.
    #[error("{}: expected a path of at most 103 bytes, which is all that a Unix socket can have", .0.display())]
    PathTooLong(PathBuf),
    /// The name is taken.
    #[error("expected no run named {name}, found one with host process {pid}: choose another name or end it")]
    Running {
        /// The run's name.
        name: String,
        /// Its host's process number.
        pid: i32,
    },
    /// Others could get at the sockets.
    #[error("{}: expected a directory of this user with mode 0700, found owner {uid} and mode {mode:04o}", path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// Its owner, as this process sees it.
        uid: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// The node runs already.
    #[error("expected node {name} not to run, found it with process {pid}")]
    Started {
        /// The node's name.
        name: String,
        /// Its process number.
        pid: i32,
    },
    /// The node does not run.
    #[error("expected node {name} to run, found that it does not")]
    NotStarted {
        /// The node's name.
        name: String,
    },
    /// The system refused.
    #[error("{what}: {error}")]
    System {
        /// What was being done, or to which file.
        what: String,
        /// The system's answer.
        error: io::Error,
    },
}

fn system(what: impl fmt::Display, error: io::Error) -> Error {
    let what = match error.to_string().contains(OPEN_FILES) {
        true => format!("{what} (the limit of open files is reached: raise it with 'ulimit -n')"),
        false => what.to_string(),
    };
    Error::System { what, error }
}

/// How the system's EMFILE reads, which may have been wrapped.
const OPEN_FILES: &str = "(os error 24)";
