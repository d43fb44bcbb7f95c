//! The node's `events.jsonl`: one [`Trace`] line for each thing that happened.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use fika_core::header::Time;

use crate::results::trace::{Trace, TraceEvent};

/// Lines are written when they take so many bytes,
const BUFFER_BYTES: usize = 8 << 10;
/// or when the oldest of them is this old.
const BUFFER_AGE: Duration = Duration::from_secs(1);

/// Appends whole lines, so that a file whose node was killed ends with a whole line too.
pub(super) struct Journal {
    file: File,
    buffer: Vec<u8>,
    since: Option<Instant>,
}

impl Journal {
    pub(super) fn open(path: &Path) -> io::Result<Journal> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut buffer = Vec::new();
        // The machine may have failed in the middle of a line.
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            buffer.extend((last != *b"\n").then_some(b'\n'));
        }
        Ok(Journal { file, buffer, since: None })
    }

    pub(super) fn add(&mut self, at_us: Time, event: TraceEvent) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, &Trace { at_us, event })?;
        self.buffer.push(b'\n');
        self.since.get_or_insert_with(Instant::now);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// When [`flush`](Journal::flush) is to be called although nothing happens.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + BUFFER_AGE)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.since = None;
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        self.buffer.shrink_to(2 * BUFFER_BYTES);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_does_not_tear_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, "{\"at_us\":1,\"eve").unwrap();
        let mut journal = Journal::open(&path).unwrap();
        journal.add(2, TraceEvent::Started { height: 3 }).unwrap();
        journal.flush().unwrap();
        drop(journal);
        Journal::open(&path).unwrap().flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        let line: Trace = serde_json::from_str(lines[1]).unwrap();
        assert_eq!(line, Trace { at_us: 2, event: TraceEvent::Started { height: 3 } });
    }
}
