//! Being root without being root: a user namespace in which this process may make networks.

use std::fs;
use std::io;
use std::sync::OnceLock;

use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, UnshareFlags, capabilities, unshare_unsafe};

static OUTER_UID: OnceLock<u32> = OnceLock::new();

/// True if this process lacks what it takes to make namespaces and configure them.
pub(crate) fn needed() -> bool {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
    !capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

/// Lets an ordinary user use the `netns` engine: moves this process into a user namespace in which it is
/// root, with nobody else in it. Does nothing for a process that may make namespaces anyway.
///
/// To be called first thing in `main`: the kernel refuses it to a process with more than one thread.
/// Afterwards the user's own files show as root's, and those of all others as nobody's.
pub(crate) fn enter_user_namespace() -> io::Result<()> {
    if !needed() {
        return Ok(());
    }
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    // SAFETY: FILES is not asked for, so no thread's descriptors are affected.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }.map_err(|errno| match errno {
        rustix::io::Errno::INVAL => {
            io::Error::other("a user namespace must be entered before the first thread is started")
        }
        other => io::Error::new(
            io::Error::from(other).kind(),
            format!("creating a user namespace: {}", io::Error::from(other)),
        ),
    })?;
    write("/proc/self/setgroups", "deny")?; // the kernel's condition for the next two
    write("/proc/self/uid_map", &format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", &format!("0 {gid} 1"))?;
    OUTER_UID.get_or_init(|| uid);
    Ok(())
}

fn write(path: &str, text: &str) -> io::Result<()> {
    fs::write(path, text).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
}

/// The user who runs this process, also after [`enter_user_namespace`] made it look like root.
pub(crate) fn real_uid() -> u32 {
    OUTER_UID.get().copied().unwrap_or_else(|| geteuid().as_raw())
}
