//! What other commands can ask of the supervisor itself: a socket in the run's directory, one line each way.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An order to the supervisor of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub(crate) enum Order {
    /// Starts a node again that has died; one that runs is killed first.
    Restart {
        /// Its name.
        node: String,
    },
}

/// How it went: what is wrong, if anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) error: Option<String>,
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("host.sock")
}

/// Gives an order to the supervisor of the run in `directory`.
///
/// # Errors
/// In one line, why it was not carried out.
pub(crate) fn give(directory: &Path, order: &Order) -> Result<(), String> {
    let talk = || -> std::io::Result<Outcome> {
        let mut stream = UnixStream::connect(socket(directory))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(&[&serde_json::to_vec(order)?[..], b"\n"].concat())?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    match talk() {
        Ok(Outcome { error: None }) => Ok(()),
        Ok(Outcome { error: Some(why) }) => Err(why),
        Err(error) => Err(format!("the host of the run does not answer: {error}")),
    }
}

/// The supervisor's end.
pub(super) struct Orders(UnixListener);

impl Orders {
    pub(super) fn listen(directory: &Path) -> std::io::Result<Orders> {
        let listener = UnixListener::bind(socket(directory))?;
        listener.set_nonblocking(true)?;
        Ok(Orders(listener))
    }

    /// Carries out the orders that have come in.
    pub(super) fn take(&self, mut carry_out: impl FnMut(Order) -> Result<(), String>) {
        while let Ok((stream, _)) = self.0.accept() {
            // Only this user can connect, so a short wait for the one line is no weakness.
            let mut answered = || -> std::io::Result<()> {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(Duration::from_millis(500)))?;
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line)?;
                let outcome = match serde_json::from_str(&line) {
                    Ok(order) => carry_out(order),
                    Err(error) => Err(format!("expected an order, found something else: {error}")),
                };
                let outcome = Outcome { error: outcome.err() };
                (&stream).write_all(&[&serde_json::to_vec(&outcome)?[..], b"\n"].concat())
            };
            // Whoever gave the order and went away does not want the answer.
            let _ = answered();
        }
    }
}
