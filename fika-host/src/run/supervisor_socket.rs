//! The supervisor's own socket, in the run's directory: what other commands ask of it, one line each way.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What the supervisor of a run can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub(crate) enum SupervisorRequest {
    /// Lets something happen to the network.
    Act {
        /// What, as [`Action::parse`](crate::experiment::Action::parse) reads it.
        line: String,
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
    let talk = || -> io::Result<SupervisorReply> {
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

/// Clients at the same time. One more takes the place of the oldest.
const CLIENTS_MAX: usize = 16;
/// The longest request, in bytes, its line's end included.
const LINE_BYTES_MAX: usize = 16 << 10;
/// A client has so long for its request.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);

/// The supervisor's end. It never waits for a client.
pub(super) struct SupervisorSocket {
    listener: UnixListener,
    /// The oldest first.
    clients: VecDeque<Client>,
}

/// A client, and as much of its request as has come.
struct Client {
    stream: UnixStream,
    line: Vec<u8>,
    since: Instant,
}

impl SupervisorSocket {
    pub(super) fn listen(directory: &Path) -> io::Result<SupervisorSocket> {
        let listener = UnixListener::bind(socket(directory))?;
        listener.set_nonblocking(true)?;
        Ok(SupervisorSocket { listener, clients: VecDeque::new() })
    }

    /// Carries out the requests that have come in whole.
    pub(super) fn serve(&mut self, mut carry_out: impl FnMut(SupervisorRequest) -> Result<(), String>) {
        // Not all that come: somebody may connect faster than this loop.
        for _ in 0..CLIENTS_MAX {
            let Ok((stream, _)) = self.listener.accept() else { break };
            if self.clients.len() == CLIENTS_MAX {
                self.clients.pop_front();
            }
            if stream.set_nonblocking(true).is_ok() {
                self.clients.push_back(Client { stream, line: Vec::new(), since: Instant::now() });
            }
        }
        self.clients.retain_mut(|client| match client.read() {
            Ok(()) => client.since.elapsed() < LINE_TIMEOUT,
            Err(Some(done)) => {
                client.answer(done.and_then(&mut carry_out));
                false
            }
            Err(None) => false,
        });
    }
}

impl Client {
    /// Reads on. An error is the end: with a request or what is wrong with it, or without anybody to answer.
    fn read(&mut self) -> Result<(), Option<Result<SupervisorRequest, String>>> {
        let mut bytes = [0; 1 << 10];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(None),
                Ok(count) => self.line.extend(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(None),
            }
            if let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let request = serde_json::from_slice(&self.line[..end]);
                return Err(Some(request.map_err(|why| format!("expected a request, found something else: {why}"))));
            }
            if self.line.len() >= LINE_BYTES_MAX {
                return Err(Some(Err(format!("expected a line of at most {LINE_BYTES_MAX} bytes"))));
            }
        }
    }

    fn answer(&mut self, done: Result<(), String>) {
        let reply = SupervisorReply { error: done.err() };
        let Ok(line) = serde_json::to_vec(&reply) else { return };
        // Far smaller than the buffer of a socket. The client may be gone. Then nobody wants the reply.
        let _ = self.stream.write_all(&[&line[..], b"\n"].concat());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restart(node: &str) -> SupervisorRequest {
        SupervisorRequest::Act { line: format!("restart {node}") }
    }

    #[test]
    fn slow_and_endless_clients_delay_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let mut host = SupervisorSocket::listen(folder.path()).unwrap();
        let path = folder.path().to_owned();
        let connect = || UnixStream::connect(socket(&path)).unwrap();
        let idle: Vec<UnixStream> = (0..40).map(|_| connect()).collect();
        let mut slow = connect();
        slow.write_all(b"{").unwrap();
        let mut endless = connect();
        endless.set_nonblocking(true).unwrap();
        let asking = std::thread::spawn({
            let path = path.clone();
            move || ask_supervisor(&path, &restart("b"))
        });
        let (mut asked, mut sent, begun) = (Vec::new(), 0, Instant::now());
        while !asking.is_finished() {
            sent += endless.write(&[b'A'; 64 << 10]).unwrap_or(0);
            let served = Instant::now();
            host.serve(|request| {
                asked.push(request);
                Err("no such node".into())
            });
            assert!(served.elapsed() < LINE_TIMEOUT / 10, "it waits for a client");
            assert!(begun.elapsed() < LINE_TIMEOUT * 4);
        }
        assert_eq!(asking.join().unwrap(), Err("no such node".into()));
        assert_eq!(asked, [restart("b")]);
        assert!(host.clients.len() <= CLIENTS_MAX);
        assert!(host.clients.iter().all(|client| client.line.len() <= LINE_BYTES_MAX + 1024), "{sent} bytes were sent");
        drop(idle);
        for client in &mut host.clients {
            client.since = Instant::now().checked_sub(LINE_TIMEOUT).unwrap();
        }
        host.serve(|_| Ok(()));
        assert!(host.clients.is_empty(), "who is too slow is left");
    }
}
