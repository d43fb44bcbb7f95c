//! The `netns` engine (Linux): network namespaces joined by cables.
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
use super::{address, spawn, tun, userns};

const LOOPBACK: u32 = 1;
/// Packets that wait for the thread of the cables: twice the usual, for it may have to wait for the machine itself.
const QUEUE: u32 = 1_000;

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

/// How the packets of a cable get to its other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By the kernel, at once: a veth pair.
    Direct,
    /// By a thread of the host, each at its time: two TUN devices.
    Userspace,
}

/// A cable to be laid.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) plugs: [Plug; 2],
}

/// Plans the cables of `links` (their kind, and pairs of nodes) between `nodes` nodes.
pub(crate) fn plan(nodes: usize, links: impl ExactSizeIterator<Item = (Kind, (usize, usize))>) -> Vec<Plan> {
    let count = links.len();
    let mut used = vec![0; nodes];
    let mut plug = |node: usize, address, prefix, mac| {
        used[node] += 1;
        Plug { node, number: used[node] - 1, address, prefix, mac }
    };
    let cable = |(index, (kind, (a, b)))| {
        let net = address::subnet(index, count);
        let plugs =
            [plug(a, net.a, net.prefix, address::mac(index, 1)), plug(b, net.b, net.prefix, address::mac(index, 2))];
        Plan { kind, plugs }
    };
    links.enumerate().map(cable).collect()
}

/// What was made: a namespace for each node, and the devices of the userspace cables, two for each in their order.
pub(crate) struct Made {
    pub(crate) namespaces: Vec<OwnedFd>,
    pub(crate) devices: Vec<OwnedFd>,
}

/// Makes `nodes` network namespaces and lays the cables. Works in a thread of its own, so that the caller
/// stays in its own network.
pub(crate) fn create(nodes: usize, cables: &[Plan]) -> io::Result<Made> {
    elsewhere(|| build(nodes, cables))
}

/// Does something in a thread of its own, which may change its network.
fn elsewhere<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err(io::Error::other("the thread that lays the cables panicked")))
}

/// As [`create`], but leaves the calling thread in the last namespace made.
fn build(nodes: usize, cables: &[Plan]) -> io::Result<Made> {
    let userspace = || cables.iter().filter(|cable| cable.kind == Kind::Userspace).flat_map(|cable| &cable.plugs);
    let mut own = vec![Vec::new(); nodes];
    userspace().enumerate().for_each(|(place, plug)| own[plug.node].push((place, plug)));
    let mut devices: Vec<Option<OwnedFd>> = userspace().map(|_| None).collect();
    let mut made = Vec::with_capacity(nodes);
    for plugs in own {
        made.push(namespace()?);
        for (place, plug) in plugs {
            devices[place] = Some(tun::create(&plug.name(), plug.index())?);
        }
    }
    let mut batch = Batch::default();
    let mut ends = vec![Batch::default(); nodes];
    for Plan { kind, plugs: [a, b] } in cables {
        if *kind == Kind::Direct {
            let end =
                |plug: &Plug, name| End { netns: made[plug.node].0.as_fd(), index: plug.index(), name, mac: plug.mac };
            batch.veth(&end(a, &a.name()), &end(b, &b.name()));
        }
        for (own, neighbour) in [(a, b), (b, a)] {
            let messages = &mut ends[own.node];
            messages.address(own.index(), own.address, own.prefix);
            if *kind == Kind::Userspace {
                messages.queue(own.index(), QUEUE);
            }
            set_end_up(messages, *kind, own, neighbour);
        }
    }
    if let Some((_, route)) = made.first() {
        route.send(&batch).map_err(|error| named(error, "creating a veth pair"))?;
    }
    for ((_, route), messages) in made.iter().zip(&ends) {
        route.send(messages).map_err(|error| named(error, "giving an interface its address"))?;
    }
    let namespaces = made.into_iter().map(|(netns, _)| netns).collect();
    Ok(Made { namespaces, devices: devices.into_iter().flatten().collect() })
}

fn set_end_up(messages: &mut Batch, kind: Kind, own: &Plug, neighbour: &Plug) {
    messages.up(own.index());
    if kind == Kind::Direct {
        messages.neighbour(own.index(), neighbour.address, neighbour.mac);
    }
}

/// Sets both ends of a cable up or down, each in its namespace.
pub(crate) fn set_up(cable: &Plan, namespaces: [BorrowedFd; 2], up: bool) -> io::Result<()> {
    let [a, b] = &cable.plugs;
    elsewhere(|| {
        for (netns, own, neighbour) in [(namespaces[0], a, b), (namespaces[1], b, a)] {
            move_into_link_name_space(netns, Some(LinkNameSpaceType::Network))?;
            let mut messages = Batch::default();
            match up {
                true => set_end_up(&mut messages, cable.kind, own, neighbour),
                false => messages.down(own.index()),
            }
            Route::open()?.send(&messages)?;
        }
        Ok(())
    })
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
        let mut made = build(2, &plan(2, [(Kind::Direct, (0, 1))].into_iter()))?;
        spawn::probe(made.namespaces.remove(0))
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
        return "run as root, outside of a container or in a privileged one".to_owned();
    };
    format!("run as root, or once as root: {change}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_counted_per_node_and_cables_over_all() {
        let cables = plan(3, [(Kind::Direct, (0, 1)), (Kind::Userspace, (2, 0))].into_iter());
        let shown: Vec<_> = cables
            .iter()
            .flat_map(|cable| &cable.plugs)
            .map(|plug| (plug.node, plug.name(), plug.address.to_string()))
            .collect();
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
