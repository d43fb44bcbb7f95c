//! Files in a folder that somebody else may have made: only plain ones are opened, and nothing is written through a link.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Opens a plain file; `None` if there is none of this name.
///
/// # Errors
/// One line: it is something else, or it cannot be read.
pub(super) fn open(path: &Path) -> Result<Option<File>, String> {
    let at = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    if !is_there(path)? {
        return Ok(None);
    }
    // What has become a pipe or a link since then neither hangs nor leads elsewhere.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| at(&error))?;
    plain(path, &file.metadata().map_err(|error| at(&error))?)?;
    Ok(Some(file))
}

/// Writes a file as a whole: beside its place first, then under its name. An earlier plain file is replaced.
///
/// # Errors
/// One line: what has its name is no plain file, or it cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    is_there(path)?;
    let draft = draft(path);
    let written = (|| {
        // Nobody's link of that name is followed.
        let mut file = OpenOptions::new().write(true).create_new(true).open(&draft)?;
        file.write_all(text.as_bytes())?;
        drop(file);
        fs::rename(&draft, path)
    })();
    written.map_err(|error: io::Error| {
        if error.kind() != ErrorKind::AlreadyExists {
            // It may not have been made at all.
            let _ = fs::remove_file(&draft);
        }
        format!("{}: {error}", path.display())
    })
}

/// A name beside the file that no other process writes to.
fn draft(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

/// Whether there is a plain file; what else there may be is an error.
fn is_there(path: &Path) -> Result<bool, String> {
    match fs::symlink_metadata(path) {
        Ok(facts) => plain(path, &facts).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn plain(path: &Path, facts: &Metadata) -> Result<(), String> {
    let kind = facts.file_type();
    let found = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_symlink() => "a link",
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(format!("{}: expected a plain file, found {found}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_plain_files_are_opened_and_nothing_is_written_through_a_link() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        assert!(matches!(open(&at("none")), Ok(None)));
        write(&at("page"), "first").expect("written");
        write(&at("page"), "second").expect("replaced");
        assert_eq!(fs::read_to_string(at("page")).expect("read"), "second");
        fs::write(at("outside"), "precious").expect("written");
        symlink(at("outside"), at("link")).expect("linked");
        symlink(at("nowhere"), at("loose")).expect("linked");
        fs::create_dir(at("folder")).expect("made");
        let pipe = CString::new(at("pipe").display().to_string()).expect("a path");
        // SAFETY: the path is a string that ends with a zero byte and lives through the call.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        for (name, what) in [("link", "a link"), ("loose", "a link"), ("folder", "a folder"), ("pipe", "a pipe")] {
            let why = format!("{}: expected a plain file, found {what}", at(name).display());
            assert_eq!(open(&at(name)).err(), Some(why.clone()));
            assert_eq!(write(&at(name), "page"), Err(why));
        }
        assert_eq!(fs::read_to_string(at("outside")).expect("read"), "precious");
        assert!(!at("nowhere").exists());
        let names = fs::read_dir(dir.path()).expect("a folder").count();
        assert_eq!(names, 6, "no draft is left");
    }
}
