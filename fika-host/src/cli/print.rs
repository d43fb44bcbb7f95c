//! Output that survives a closed pipe.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use super::Stop;

/// Prints to standard output; the command is to end when nobody reads any more.
pub(super) fn print(text: impl Display) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    checked(write!(out, "{text}").and_then(|()| out.flush()))
}

/// Copies bytes to standard output, alike.
pub(super) fn copy(bytes: &[u8]) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    checked(out.write_all(bytes).and_then(|()| out.flush()))
}

fn checked(written: io::Result<()>) -> Result<(), Stop> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stop::Closed),
        Err(error) => Err(Stop::Environment(format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Says something on standard error.
pub(super) fn say(text: &str) {
    // If nobody listens, nobody is to be told.
    let _ = writeln!(io::stderr(), "{text}");
}
