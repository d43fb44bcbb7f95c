//! The `netns` engine (Linux): network namespaces joined by veth pairs.
//!
//! The namespaces have no interface but their loopback and their cables, no route beyond them, and do not
//! forward; nothing that a node sends can leave the network. They are held by descriptors of the host, so
//! they outlive a node's process, and vanish with the host's.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::netlink::{Batch, End, Route};
use super::{address, spawn, userns};

const LOOPBACK: u32 = 1;

/// One end of a cable as its node's namespace is to show it.
#[derive(Clone, Debug)]
pub(crate) struct Plug {
    pub(crate) node: usize,
    /// Interface `eth<number>`, counted per node.
    pub(crate) number: u32,
    pub(crate) address: Ipv4Addr,
    pub(crate) prefix: u8,
    pub(crate) mac: [u8; 6],
}

impl Plug {
    pub(crate) fn name(&self) -> String {
        format!("eth{}", self.number)
    }

    fn index(&self) -> u32 {
        LOOPBACK + 1 + self.number
    }
}

/// Plans the cables of `links` (pairs of nodes) between `nodes` nodes.
pub(crate) fn plan(nodes: usize, links: impl ExactSizeIterator<Item = (usize, usize)>) -> Vec<[Plug; 2]> {
    let count = links.len();
    let mut used = vec![0; nodes];
    let mut plug = |node: usize, address, prefix, mac| {
        used[node] += 1;
        Plug { node, number: used[node] - 1, address, prefix, mac }
    };
    let cable = |(index, (a, b))| {
        let net = address::subnet(index, count);
        [plug(a, net.a, net.prefix, address::mac(index, 1)), plug(b, net.b, net.prefix, address::mac(index, 2))]
    };
    links.enumerate().map(cable).collect()
}

/// Makes `nodes` network namespaces and lays the cables. Works in a thread of its own, so that the caller
/// stays in its own network.
pub(crate) fn create(nodes: usize, cables: &[[Plug; 2]]) -> io::Result<Vec<OwnedFd>> {
    std::thread::scope(|scope| scope.spawn(|| build(nodes, cables)).join())
        .unwrap_or_else(|_| Err(io::Error::other("the thread that lays the cables panicked")))
}

/// As [`create`], but leaves the calling thread in the last namespace made.
fn build(nodes: usize, cables: &[[Plug; 2]]) -> io::Result<Vec<OwnedFd>> {
    let made = (0..nodes).map(|_| namespace()).collect::<io::Result<Vec<_>>>()?;
    let mut batch = Batch::default();
    let mut ends = vec![Batch::default(); nodes];
    for [a, b] in cables {
        let end =
            |plug: &Plug, name| End { netns: made[plug.node].0.as_fd(), index: plug.index(), name, mac: plug.mac };
        batch.veth(&end(a, &a.name()), &end(b, &b.name()));
        for (own, neighbour) in [(a, b), (b, a)] {
            let messages = &mut ends[own.node];
            messages.address(own.index(), own.address, own.prefix);
            messages.up(own.index());
            messages.neighbour(own.index(), neighbour.address, neighbour.mac);
        }
    }
    if let Some((_, route)) = made.first() {
        route.send(&batch).map_err(|error| named(error, "creating a veth pair"))?;
    }
    for ((_, route), messages) in made.iter().zip(&ends) {
        route.send(messages).map_err(|error| named(error, "giving an interface its address"))?;
    }
    Ok(made.into_iter().map(|(netns, _)| netns).collect())
}

/// An end of a cable: its namespace, the number of its interface, and who is at the other end.
pub(crate) struct CableEnd<'a> {
    pub(crate) netns: BorrowedFd<'a>,
    pub(crate) number: u32,
    pub(crate) neighbour: Ipv4Addr,
    pub(crate) neighbour_mac: [u8; 6],
}

/// Sets an end up or down. Works in a thread of its own, as [`create`].
pub(crate) fn set_up(end: &CableEnd<'_>, up: bool) -> io::Result<()> {
    let work = || {
        move_into_link_name_space(end.netns, Some(LinkNameSpaceType::Network))?;
        let mut batch = Batch::default();
        let index = LOOPBACK + 1 + end.number;
        if up {
            batch.up(index);
            // It was forgotten when the interface went down.
            batch.neighbour(index, end.neighbour, end.neighbour_mac);
        } else {
            batch.down(index);
        }
        Route::open()?.send(&batch)
    };
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err(io::Error::other("the thread that switches a cable panicked")))
}

/// Moves this thread into a new network namespace: its descriptor, and a socket that configures it.
fn namespace() -> io::Result<(OwnedFd, Route)> {
    // SAFETY: FILES is not asked for, so no thread's descriptors are affected.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
        .map_err(|errno| match errno {
            // It reads like a full disk.
            rustix::io::Errno::NOSPC => io::Error::other(
                "creating a network namespace: their limit is reached: raise it with 'sysctl user.max_net_namespaces=10000'",
            ),
            errno => named(errno.into(), "creating a network namespace"),
        })?;
    // Before any link exists: IPv6 would greet on each of them and wait for answers.
    set("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1")?;
    set("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")?;
    // New namespaces take this over from the machine, where it may be on; a node is no router.
    set("/proc/sys/net/ipv4/ip_forward", "0")?;
    let route = Route::open()?;
    let mut batch = Batch::default();
    batch.up(LOOPBACK);
    route.send(&batch).map_err(|error| named(error, "setting the loopback up"))?;
    Ok((File::open("/proc/thread-self/ns/net")?.into(), route))
}

/// Sets a switch of this thread's network; one that the kernel does not have needs no setting.
fn set(path: &str, value: &str) -> io::Result<()> {
    match fs::write(path, value) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(error, path)),
        _ => Ok(()),
    }
}

fn named(error: io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Why the `netns` engine cannot be used here, and what to do about it, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason(String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Reason {}

/// Whether this user may have nodes in namespaces on this machine. Tries it all in a child process: the
/// user namespace (unless it is not needed), two network namespaces, a cable, its addresses, a process in
/// pid and mount namespaces with a `/proc` of its own. Leaves nothing behind. Takes some ten milliseconds.
///
/// It forks, so it is best called before the first thread is started.
pub(crate) fn permitted() -> Result<(), Reason> {
    let outcome = in_child(|| {
        userns::enter_user_namespace()?;
        let mut namespaces = build(2, &plan(2, [(0, 1)].into_iter()))?;
        spawn::probe(namespaces.remove(0))
    });
    outcome.map_err(|why| {
        let advice = advice(|name| fs::read_to_string(format!("/proc/sys/{name}")).ok());
        Reason(format!("no network namespaces here ({why}): {advice}"))
    })
}

/// Runs a trial in a forked child and brings its error back.
fn in_child(trial: impl FnOnce() -> io::Result<()>) -> Result<(), String> {
    let (mut ours, mut theirs) = UnixStream::pair().map_err(|error| error.to_string())?;
    // SAFETY: the child ends by _exit below, whatever happens; fork leaves the allocator usable in it.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        drop(ours);
        let result = catch_unwind(AssertUnwindSafe(trial));
        let word = match result {
            Ok(Ok(())) => "ok".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the trial panicked".to_owned(),
        };
        let _ = theirs.write_all(word.as_bytes());
        // SAFETY: ends the child without running the parent's destructors.
        unsafe { libc::_exit(0) };
    }
    drop(theirs);
    let Some(pid) = Pid::from_raw(pid).filter(|pid| pid.as_raw_nonzero().get() > 0) else {
        return Err(format!("fork: {}", io::Error::last_os_error()));
    };
    let mut word = String::new();
    ours.read_to_string(&mut word).map_err(|error| error.to_string())?;
    waitpid(Some(pid), WaitOptions::empty()).map_err(|errno| io::Error::from(errno).to_string())?;
    match word.as_str() {
        "ok" => Ok(()),
        "" => Err("the trial was killed".to_owned()),
        why => Err(why.to_owned()),
    }
}

/// What an ordinary user can have changed, by the switches that forbid user namespaces.
fn advice(sysctl: impl Fn(&str) -> Option<String>) -> String {
    let is = |name: &str, value: &str| sysctl(name).is_some_and(|text| text.trim() == value);
    let change = if is("kernel/unprivileged_userns_clone", "0") {
        "sysctl -w kernel.unprivileged_userns_clone=1"
    } else if is("kernel/apparmor_restrict_unprivileged_userns", "1") {
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    } else if is("user/max_user_namespaces", "0") {
        "sysctl -w user.max_user_namespaces=10000"
    } else {
        return "run as root, outside of a container or in a privileged one, or use --engine process".to_owned();
    };
    format!("run as root, or once as root: {change}, or use --engine process")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_counted_per_node_and_cables_over_all() {
        let cables = plan(3, [(0, 1), (2, 0)].into_iter());
        let shown: Vec<_> =
            cables.iter().flatten().map(|plug| (plug.node, plug.name(), plug.address.to_string())).collect();
        let expected = [
            (0, "eth0", "192.168.1.1"),
            (1, "eth0", "192.168.1.2"),
            (2, "eth0", "192.168.2.1"),
            (0, "eth1", "192.168.2.2"),
        ];
        assert_eq!(shown, expected.map(|(node, name, address)| (node, name.to_owned(), address.to_owned())));
    }

    #[test]
    fn advice_names_the_switch_that_is_off() {
        let apparmor = |name: &str| (name == "kernel/apparmor_restrict_unprivileged_userns").then(|| "1\n".to_owned());
        assert!(advice(apparmor).contains("apparmor_restrict_unprivileged_userns=0"));
        assert!(advice(|_| None).starts_with("run as root"));
    }

    #[test]
    fn a_failed_trial_brings_its_reason_back() {
        assert_eq!(in_child(|| Err(io::Error::other("no luck"))), Err("no luck".to_owned()));
        assert_eq!(in_child(|| Ok(())), Ok(()));
    }
}
