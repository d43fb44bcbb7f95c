//! TUN devices: the ends of userspace cables. What a node sends there is read from the device's descriptor, and what is
//! written to it the node receives. A device carries IP packets, so that there is no ARP, and none larger than its MTU of
//! 1,500 bytes: without `TUNSETOFFLOAD` the kernel cuts them before.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open};

const DEVICE: &str = "/dev/net/tun";

/// Makes an interface in the network namespace of this thread. It goes with that namespace, which its descriptor holds:
/// to remove interfaces one by one would take milliseconds each.
pub(crate) fn create(name: &str, index: u32) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let device = open(DEVICE, flags, Mode::empty()).map_err(|errno| refused(errno.into()))?;
    // SAFETY: an all-zero `ifreq` is valid: it holds numbers and characters only.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last character stays zero.
    for (to, from) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: each call has the argument that it expects: a number that outlives it, a request that outlives it, a flag.
    let status = unsafe {
        match libc::ioctl(device.as_raw_fd(), libc::TUNSETIFINDEX, &raw const index) {
            0 => match libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) {
                0 => libc::ioctl(device.as_raw_fd(), libc::TUNSETPERSIST, 1 as libc::c_ulong),
                failed => failed,
            },
            failed => failed,
        }
    };
    if status < 0 { Err(refused(io::Error::last_os_error())) } else { Ok(device) }
}

fn refused(error: io::Error) -> io::Error {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => ": as root: 'modprobe tun', or give the container this device",
        io::ErrorKind::PermissionDenied => ": as root: 'chmod 666 /dev/net/tun', or allow the container this device",
        _ => "",
    };
    let what = "latency, jitter, bandwidth and loss of live links need TUN devices";
    io::Error::new(error.kind(), format!("{what}; {DEVICE}: {error}{remedy}"))
}
