//! The control socket's side of the host and its commands.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::control::{LINE_BYTES_MAX, Reply, Request};

/// The longest answer, in bytes: a chain of 1,000 blocks takes a quarter of it.
const REPLY_BYTES_MAX: u64 = 16 << 20;
/// How long an answer may take. A node that nobody answers gives up its search for the newest chain after 20 seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection with one node. Blocking; one request at a time.
pub(crate) struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects with the node whose control socket is at `path`.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` when no node runs there.
    pub(crate) fn connect(path: &Path) -> io::Result<Client> {
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut client = Client { stream: BufReader::new(stream) };
        client.set_timeout(TIMEOUT)?;
        Ok(client)
    }

    /// How long an answer may take; 30 seconds unless it is set.
    ///
    /// # Errors
    /// When `time` is zero.
    pub(crate) fn set_timeout(&mut self, time: Duration) -> io::Result<()> {
        self.stream.get_ref().set_read_timeout(Some(time))
    }

    /// Asks, and waits for the answer. What the node cannot do is a [`Reply::Error`].
    ///
    /// # Errors
    /// When the node is gone, does not answer in time or answers what is no reply. The connection is then of no more use.
    pub(crate) fn ask(&mut self, request: &Request) -> io::Result<Reply> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        if line.len() > LINE_BYTES_MAX {
            let why = format!("expected a request of at most {LINE_BYTES_MAX} bytes, found {}", line.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        self.stream.get_mut().write_all(&line)?;
        line.clear();
        let read = (&mut self.stream).take(REPLY_BYTES_MAX).read_until(b'\n', &mut line);
        match read {
            Ok(_) if line.last() == Some(&b'\n') => Ok(serde_json::from_slice(&line)?),
            Ok(_) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the node has ended")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the node does not answer"))
            }
            Err(error) => Err(error),
        }
    }
}
