//! Files in a folder that somebody else may have made: only plain ones are opened, and nothing is written through a link.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::page::Pages;

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

/// Writes a page, and the files of its charts into a folder beside it: those of `report.html` into `report-charts`.
///
/// # Errors
/// One line: what has the name of one of them is something else, or it cannot be written.
pub(crate) fn write_pages(page: &Path, pages: &Pages) -> Result<(), String> {
    write(page, &pages.html)?;
    let folder = page.with_file_name(page.file_stem().unwrap_or_default().to_string_lossy().into_owned() + "-charts");
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let facts = fs::symlink_metadata(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            if !facts.is_dir() {
                return Err(format!("{}: expected a folder, found {}", folder.display(), kind(&facts)));
            }
        }
        made => made.map_err(|error| format!("{}: {error}", folder.display()))?,
    }
    pages.files.iter().try_for_each(|(name, content)| write(&folder.join(name), content))
}

/// Writes a file as a whole: beside its place first, then under its name. An earlier plain file is replaced.
///
/// # Errors
/// One line: what has its name is no plain file, or it cannot be written.
fn write(path: &Path, text: &str) -> Result<(), String> {
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
    if facts.is_file() {
        Ok(())
    } else {
        Err(format!("{}: expected a plain file, found {}", path.display(), kind(facts)))
    }
}

fn kind(facts: &Metadata) -> &'static str {
    let kind = facts.file_type();
    match kind {
        _ if kind.is_file() => "a file",
        _ if kind.is_symlink() => "a link",
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
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
