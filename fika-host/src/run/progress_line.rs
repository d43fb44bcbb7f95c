//! The line that shows how a run is going, on a terminal only.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use super::progress::Progress;
use crate::live::control::Status;

const INTERVAL: Duration = Duration::from_millis(500);

/// The line, and every other message of a run in progress.
pub(super) struct ProgressLine {
    shown: bool,
    terminal: bool,
    next: Instant,
}

impl ProgressLine {
    /// `quiet`: no line, only messages.
    pub(super) fn new(quiet: bool, now: Instant) -> ProgressLine {
        ProgressLine { shown: false, terminal: !quiet && stderr().is_terminal(), next: now }
    }

    /// Prints a message on a line of its own.
    pub(super) fn say(&mut self, text: &str) {
        self.clear();
        // The reader may be gone. The run goes on.
        let _ = writeln!(stderr(), "{text}");
    }

    /// Shows the line, at most twice a second.
    pub(super) fn show(
        &mut self,
        progress: &Progress,
        alive: usize,
        elapsed: Duration,
        stop: Option<Duration>,
        now: Instant,
    ) {
        self.show_line(now, || line(progress, alive, elapsed, stop));
    }

    /// Shows a line, at most twice a second.
    pub(super) fn show_line(&mut self, now: Instant, line: impl FnOnce() -> String) {
        if !self.terminal || now < self.next {
            return;
        }
        self.next = now + INTERVAL;
        let size = rustix::termios::tcgetwinsize(stderr());
        // A terminal that does not know its width reports 0.
        let width = size.map_or(0, |size| usize::from(size.ws_col));
        let width = if width < 2 { 80 } else { width };
        let line: String = line().chars().take(width - 1).collect();
        let _ = write!(stderr(), "\r\x1b[K{line}");
        let _ = stderr().flush();
        self.shown = true;
    }

    /// Removes the line.
    pub(super) fn clear(&mut self) {
        if self.shown {
            let _ = write!(stderr(), "\r\x1b[K");
            let _ = stderr().flush();
            self.shown = false;
        }
    }
}

fn line(progress: &Progress, alive: usize, elapsed: Duration, stop: Option<Duration>) -> String {
    let full = |of: fn(&Status) -> u64| progress.full_statuses().map(of);
    let all = |of: fn(&Status) -> u64| progress.statuses.iter().flatten().map(of).sum::<u64>();
    let (low, high) = (full(|s| s.height).min().unwrap_or(0), full(|s| s.height).max().unwrap_or(0));
    let height = if low == high { low.to_string() } else { format!("{low}..{high}") };
    let tips = progress.tips().len();
    let forks = if tips > 1 { format!(" on {tips} tips") } else { String::new() };
    let seconds = |time: Duration| crate::results::duration(time.as_secs() * 1_000_000);
    let time = match stop {
        Some(stop) => format!("{} left", seconds(stop.saturating_sub(elapsed))),
        None => seconds(elapsed),
    };
    let lost = match all(|s| s.payments_lost) {
        0 => String::new(),
        lost => format!(", {lost} lost"),
    };
    format!(
        "height {height}{forks}  reorgs {}  mempool {}  payments {}/{}{lost}  nodes {alive}/{}  {time}",
        full(|s| s.reorgs).sum::<u64>(),
        full(|s| s.mempool).max().unwrap_or(0),
        all(|s| s.payments_confirmed),
        all(|s| s.payments_submitted + s.payments_to_come),
        progress.statuses.len(),
    )
}
