//! Talks to the control sockets of many nodes at once, from one thread: a slow node delays nobody.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::live::control::{Reply, Request};

/// A node's answer is one line of at most this length.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// The control sockets of a run's nodes, by their index.
pub(super) struct Voices(Vec<Voice>);

struct Voice {
    path: PathBuf,
    stream: Option<UnixStream>,
    heard: Vec<u8>,
    /// Whether an answer is due.
    waiting: bool,
}

impl Voices {
    pub(super) fn new(paths: impl Iterator<Item = PathBuf>) -> Voices {
        let voice = |path| Voice { path, stream: None, heard: vec![], waiting: false };
        Voices(paths.map(voice).collect())
    }

    /// Sends a request unless the node still owes an answer. False if it cannot be reached.
    pub(super) fn ask(&mut self, node: usize, request: &Request) -> bool {
        let voice = &mut self.0[node];
        voice.waiting || voice.send(request)
    }

    /// The answer of a node, once, if it is there.
    pub(super) fn hear(&mut self, node: usize) -> Option<Reply> {
        self.0[node].hear()
    }

    /// Forgets what a node has said and still owes: its process is gone.
    pub(super) fn hang_up(&mut self, node: usize) {
        self.0[node].close();
    }

    /// Asks several nodes at once and waits for their answers, at most `patience`. None from a node that is
    /// not there or too slow.
    pub(super) fn ask_all(&mut self, nodes: &[usize], request: &Request, patience: Duration) -> Vec<Option<Reply>> {
        let deadline = Instant::now() + patience;
        for node in nodes {
            // An answer that was due is to an older question.
            if self.0[*node].waiting {
                self.0[*node].close();
            }
            self.0[*node].send(request);
        }
        let mut replies: Vec<Option<Reply>> = nodes.iter().map(|_| None).collect();
        loop {
            for (reply, node) in replies.iter_mut().zip(nodes) {
                if reply.is_none() {
                    *reply = self.0[*node].hear();
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let waiting = nodes.iter().map(|node| &self.0[*node]).filter(|voice| voice.waiting);
            let streams = waiting.filter_map(|voice| voice.stream.as_ref());
            let mut handles: Vec<PollFd> = streams.map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
            if handles.is_empty() || left.is_zero() {
                return replies;
            }
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            // An interruption is no reason to stop; the deadline ends the loop.
            let _ = poll(&mut handles, Some(&timeout));
        }
    }

    /// Asks one node and waits for its answer.
    pub(super) fn ask_one(&mut self, node: usize, request: &Request, patience: Duration) -> Option<Reply> {
        self.ask_all(&[node], request, patience).pop().flatten()
    }
}

impl Voice {
    fn close(&mut self) {
        self.stream = None;
        self.heard.clear();
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
        // A request is far smaller than a socket's buffer, so it goes out whole or not at all.
        if stream.write_all(&line).is_err() {
            self.close();
            return false;
        }
        self.waiting = true;
        true
    }

    fn hear(&mut self) -> Option<Reply> {
        if !self.waiting {
            return None;
        }
        let mut bytes = [0; 16 << 10];
        loop {
            let stream = self.stream.as_mut()?;
            match stream.read(&mut bytes) {
                Ok(0) => self.close(),
                Ok(count) if self.heard.len() + count <= REPLY_BYTES_MAX => self.heard.extend(&bytes[..count]),
                Ok(_) => self.close(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => self.close(),
            }
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let reply = serde_json::from_slice(&self.heard[..end]).ok();
                self.heard.drain(..=end);
                self.waiting = false;
                return reply;
            }
        }
    }
}
