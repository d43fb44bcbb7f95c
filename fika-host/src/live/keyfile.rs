//! The node's key in a PEM file that only its owner can read.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use fika_core::keys::{KeyPair, KeyScheme};

use super::Failure;

/// Reads the key at `path`; if there is none, `make`s one and keeps it there, durably, with mode 0600.
///
/// # Errors
/// [`Failure::Input`] when the file is not a key of this scheme, others can read it, or `make` fails;
/// [`Failure::Environment`] when it cannot be read or written.
pub(crate) fn read_or_create(
    path: &Path,
    scheme: &dyn KeyScheme,
    make: impl FnOnce() -> Result<KeyPair, String>,
) -> Result<KeyPair, Failure> {
    let at = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    match fs::read_to_string(path) {
        Ok(pem) => {
            let mode = fs::metadata(path).map_err(|error| Failure::Environment(at(&error)))?.mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(Failure::Input(at(&format!(
                    "expected a key that only its owner can read, found mode {mode:04o}"
                ))));
            }
            scheme.from_pem(&pem).map_err(|why| Failure::Input(at(&why)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let keys = make().map_err(|why| Failure::Input(at(&why)))?;
            // Under another name first: a half-written key must never be read as one.
            let draft = path.with_extension("new");
            let written = (|| {
                let _ = fs::remove_file(&draft);
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
                file.write_all(scheme.to_pem(&keys).as_bytes())?;
                file.sync_all()?;
                fs::rename(&draft, path)
            })();
            written.map(|()| keys).map_err(|error| Failure::Environment(at(&error)))
        }
        Err(error) => Err(Failure::Environment(at(&error))),
    }
}
