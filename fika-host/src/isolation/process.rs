//! The `process` engine: nodes are plain processes of this machine, and each link is a Unix socket in the
//! run's private directory. No ports, so no clashes and no listener that another user could reach.

use std::path::{Path, PathBuf};

/// The longest path a Unix socket can have, in bytes: 108 in `sockaddr_un` with its closing zero on Linux,
/// 104 on FreeBSD.
const PATH_MAX: usize = 103;

// No node's name begins with a dot: what does is nobody's control socket.

/// The socket over which the two ends of link `index` meet.
pub(crate) fn link_socket(directory: &Path, index: usize) -> PathBuf {
    directory.join(format!(".link-{index}.sock"))
}

/// The socket by which a node is spoken to.
pub(crate) fn control_socket(directory: &Path, node: &str) -> PathBuf {
    directory.join(format!("{node}.sock"))
}

/// Whether a Unix socket can have this path.
pub(crate) fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= PATH_MAX
}
