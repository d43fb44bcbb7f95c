//! The supervisor's own socket, in the run's directory: what other commands ask of it, one line each way.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the supervisor of a run can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub(crate) enum SupervisorRequest {
    /// Starts a node that has died again.
    Restart {
        /// Its name.
        node: String,
    },
}

/// The answer: what is wrong, if anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SupervisorReply {
    pub(crate) error: Option<String>,
}

fn socket(directory: &Path) -> PathBuf {
    // No node's name begins with a dot.
    directory.join(".host.sock")
}

/// Sends a request to the supervisor of the run in `directory`, and waits until it is carried out.
///
/// # Errors
/// One line: why it was not carried out.
pub(crate) fn ask_supervisor(directory: &Path, request: &SupervisorRequest) -> Result<(), String> {
    let talk = || -> std::io::Result<SupervisorReply> {
        let mut stream = UnixStream::connect(socket(directory))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(&[&serde_json::to_vec(request)?[..], b"\n"].concat())?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    match talk() {
        Ok(SupervisorReply { error: None }) => Ok(()),
        Ok(SupervisorReply { error: Some(why) }) => Err(why),
        Err(error) => Err(format!("the host of the run does not answer: {error}")),
    }
}

/// The supervisor's end.
pub(super) struct SupervisorSocket(UnixListener);

impl SupervisorSocket {
    pub(super) fn listen(directory: &Path) -> std::io::Result<SupervisorSocket> {
        let listener = UnixListener::bind(socket(directory))?;
        listener.set_nonblocking(true)?;
        Ok(SupervisorSocket(listener))
    }

    /// Carries out the requests that have come in.
    pub(super) fn serve(&self, mut carry_out: impl FnMut(SupervisorRequest) -> Result<(), String>) {
        while let Ok((stream, _)) = self.0.accept() {
            // Only this user can connect, so nobody else can use this short wait to delay the supervisor.
            let mut answered = || -> std::io::Result<()> {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(Duration::from_millis(500)))?;
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line)?;
                let done = match serde_json::from_str(&line) {
                    Ok(request) => carry_out(request),
                    Err(error) => Err(format!("expected a request, found something else: {error}")),
                };
                let reply = SupervisorReply { error: done.err() };
                (&stream).write_all(&[&serde_json::to_vec(&reply)?[..], b"\n"].concat())
            };
            // The client may be gone. Then nobody wants the reply.
            let _ = answered();
        }
    }
}
