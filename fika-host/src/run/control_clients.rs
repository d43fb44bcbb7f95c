//! Clients of the control sockets of many nodes, on one thread: a slow node delays nobody.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::live::control::{Reply, Request};

/// The longest reply, in bytes.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// A client of each node of a run, by its index.
pub(super) struct ControlClients(Vec<ControlClient>);

struct ControlClient {
    path: PathBuf,
    stream: Option<UnixStream>,
    received: Vec<u8>,
    /// Whether the node owes a reply.
    waiting: bool,
}

impl ControlClients {
    pub(super) fn new(paths: impl Iterator<Item = PathBuf>) -> ControlClients {
        let client = |path| ControlClient { path, stream: None, received: vec![], waiting: false };
        ControlClients(paths.map(client).collect())
    }

    /// Sends a request, unless the node still owes a reply. False if the node cannot be reached.
    pub(super) fn ask(&mut self, node: usize, request: &Request) -> bool {
        let client = &mut self.0[node];
        client.waiting || client.send(request)
    }

    /// The reply of a node, if it has come. Each is given once.
    pub(super) fn take_reply(&mut self, node: usize) -> Option<Reply> {
        self.0[node].take_reply()
    }

    /// Closes the connection with a node whose process is gone. What it still owes will not come.
    pub(super) fn disconnect(&mut self, node: usize) {
        self.0[node].close();
    }

    /// Asks several nodes at once and waits for their replies, at most for `patience`. `None` for a node that is
    /// gone or too slow.
    pub(super) fn ask_all(&mut self, nodes: &[usize], request: &Request, patience: Duration) -> Vec<Option<Reply>> {
        let deadline = Instant::now() + patience;
        for node in nodes {
            // A reply that is still owed would answer an older request.
            if self.0[*node].waiting {
                self.0[*node].close();
            }
            self.0[*node].send(request);
        }
        let mut replies: Vec<Option<Reply>> = nodes.iter().map(|_| None).collect();
        loop {
            for (reply, node) in replies.iter_mut().zip(nodes) {
                if reply.is_none() {
                    *reply = self.0[*node].take_reply();
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let waiting = nodes.iter().map(|node| &self.0[*node]).filter(|client| client.waiting);
            let streams = waiting.filter_map(|client| client.stream.as_ref());
            let mut handles: Vec<PollFd> = streams.map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
            if handles.is_empty() || left.is_zero() {
                return replies;
            }
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            // An interruption is no reason to stop; the deadline ends the loop.
            let _ = poll(&mut handles, Some(&timeout));
        }
    }

    /// Asks one node and waits for its reply.
    pub(super) fn ask_one(&mut self, node: usize, request: &Request, patience: Duration) -> Option<Reply> {
        self.ask_all(&[node], request, patience).pop().flatten()
    }
}

impl ControlClient {
    fn close(&mut self) {
        self.stream = None;
        self.received.clear();
        self.waiting = false;
    }

    fn send(&mut self, request: &Request) -> bool {
        if self.stream.is_none() {
            let stream = UnixStream::connect(&self.path);
            self.stream = stream.ok().filter(|stream| stream.set_nonblocking(true).is_ok());
        }
        let Some(stream) = &mut self.stream else { return false };
        let Ok(mut line) = serde_json::to_vec(request) else { return false };
        line.push(b'\n');
        // A request is far smaller than the buffer of a socket, so it is written whole or not at all.
        if stream.write_all(&line).is_err() {
            self.close();
            return false;
        }
        self.waiting = true;
        true
    }

    fn take_reply(&mut self) -> Option<Reply> {
        if !self.waiting {
            return None;
        }
        let mut bytes = [0; 16 << 10];
        loop {
            let stream = self.stream.as_mut()?;
            match stream.read(&mut bytes) {
                Ok(0) => self.close(),
                Ok(count) if self.received.len() + count <= REPLY_BYTES_MAX => self.received.extend(&bytes[..count]),
                Ok(_) => self.close(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => self.close(),
            }
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let reply = serde_json::from_slice(&self.received[..end]).ok();
                self.received.drain(..=end);
                self.waiting = false;
                return reply;
            }
        }
    }
}
