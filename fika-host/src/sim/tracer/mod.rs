//! Writes down a run, message by message and event by event.
//!
//! Each way to write it is a [`Format`]. The engine calls it as things happen, so it is told everything in the order of
//! time, and of a message also when it will arrive. What it keeps in memory is what is under way at most.

mod flows;
mod format;
mod lines;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use fika_core::header::Time;
use fika_core::node::{Event, PeerMessage};
use fika_core::world::TxTable;

use super::links::{Delivery, Links};
use super::observer::Seen;
use crate::experiment::{Experiment, TraceFormat};
use crate::results::Ended;
use flows::Flows;
use format::Format;
use lines::Lines;

/// How much is written at once, in bytes.
const BUFFER_BYTES: usize = 256 << 10;

/// The file of one run.
pub(crate) struct Tracer {
    path: PathBuf,
    format: Box<dyn Format>,
    failed: Option<io::Error>,
}

impl Tracer {
    /// Begins the file of a run in its results folder.
    ///
    /// # Errors
    /// In one line, which file cannot be written.
    pub(crate) fn create(results: &Path, format: TraceFormat, experiment: &Experiment) -> Result<Tracer, String> {
        let path = results.join(match format {
            TraceFormat::Jsonl => "trace.jsonl",
            TraceFormat::Simblock => "output.json",
        });
        let begun = File::create(&path).and_then(|file| {
            let out = BufWriter::with_capacity(BUFFER_BYTES, file);
            Ok(match format {
                TraceFormat::Jsonl => Box::new(Lines::new(out, experiment)?) as Box<dyn Format>,
                TraceFormat::Simblock => Box::new(Flows::new(out, experiment)?),
            })
        });
        let format = begun.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Tracer { path, format, failed: None })
    }

    /// A message of so many bytes is about to be sent; its indexes are of this table.
    pub(super) fn message(&mut self, message: &PeerMessage, bytes: u64, txs: &TxTable) {
        // Written down are the hashes that people know.
        message.to_wire(txs).iter().for_each(|message| self.write(|format| format.message(message, bytes)));
    }

    pub(super) fn sent(&mut self, now: Time, from: u32, delivery: Delivery) {
        self.write(|format| format.sent(now, from, delivery));
    }

    pub(super) fn event(&mut self, now: Time, node: u32, event: &Event, seen: Seen<'_>, links: &Links) {
        self.write(|format| format.event(now, node, event, seen, links));
    }

    pub(super) fn happened(&mut self, now: Time, event: &str) {
        self.write(|format| format.happened(now, event));
    }

    pub(super) fn fault(&mut self, now: Time, why: String) {
        self.write(|format| format.fault(now, why));
    }

    pub(super) fn ended(&mut self, now: Time, duration_us: Time, why: Ended) {
        self.write(|format| format.ended(now, duration_us, why));
    }

    fn write(&mut self, write: impl FnOnce(&mut dyn Format) -> io::Result<()>) {
        if self.failed.is_none() {
            self.failed = write(&mut *self.format).err();
        }
    }

    /// Whether something could not be written; then nothing is any more.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// In one line, what could not be written, now or before.
    pub(crate) fn finish(self) -> Result<(), String> {
        let finished = self.failed.map_or_else(|| self.format.finish(), Err);
        finished.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}
