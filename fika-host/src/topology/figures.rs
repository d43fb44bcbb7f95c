//! Figures of nodes and edges: with a unit, or plain in the usual one.

use crate::limits::shortened;
use crate::quantity::{self, BITS, DURATION, HASH_RATE, NO_LIMIT, SHARE, above_zero};

/// Reads one figure: the value in base units, and whether it was rounded.
pub(super) type Reader<T> = fn(&str) -> Result<(T, bool), String>;

/// Counts the figures that were rounded.
#[derive(Default)]
pub(super) struct Figures {
    rounded: usize,
    first_line: usize,
}

impl Figures {
    /// # Errors
    /// `line: what: what was expected and found`.
    pub(super) fn read<T>(
        &mut self,
        text: &str,
        line: usize,
        read: Reader<T>,
        what: impl Fn() -> String,
    ) -> Result<T, String> {
        let (value, rounded) =
            read(text).map_err(|why| format!("{line}: {}: {why}, found '{}'", what(), shortened(text)))?;
        if rounded {
            self.first_line = if self.rounded == 0 { line } else { self.first_line };
            self.rounded += 1;
        }
        Ok(value)
    }

    pub(super) fn note(&self) -> Option<String> {
        let (count, line) = (self.rounded, self.first_line);
        let s = if count == 1 { " is" } else { "s are" };
        let note = || format!("{count} figure{s} rounded to whole us, H/s, bit/s or millionths (first in line {line})");
        (count > 0).then(note)
    }
}

/// In microseconds; plain numbers are milliseconds.
pub(super) fn duration(text: &str) -> Result<(u64, bool), String> {
    DURATION.parse_foreign(text, 1_000)
}

/// In hashes per second.
pub(super) fn hash_rate(text: &str) -> Result<(u128, bool), String> {
    if text.parse::<f64>().is_err() {
        return Ok((quantity::hash_rate(text)?, false));
    }
    if let Ok(rate) = quantity::hash_rate(&format!("{text} H/s")) {
        return Ok((rate, false));
    }
    let hint = |why| format!("{why} (multiply all hash rates alike: their ratios matter)");
    HASH_RATE.parse_foreign(text, 1).map(|(rate, rounded)| (rate.into(), rounded)).map_err(hint)
}

/// In bits per second, also as Shadow writes them (`100 Mbit`); `none` is 0, no limit.
pub(super) fn bits(text: &str) -> Result<(u64, bool), String> {
    let (bps, rounded) = match text {
        "none" => return Ok((NO_LIMIT, false)),
        text if text.ends_with("bit") => BITS.parse_foreign(&format!("{text}/s"), 1)?,
        text => BITS.parse_foreign(text, 1)?,
    };
    Ok((above_zero(bps)?, rounded))
}

/// A share in millionths.
pub(super) fn share(text: &str) -> Result<(u64, bool), String> {
    let share = SHARE.parse_foreign(text, 1_000_000).ok().filter(|(ppm, _)| *ppm <= 1_000_000);
    share.ok_or("expected a share from 0 to 1, of whole millionths, such as \"5 %\" or 0.05".into())
}

/// A share of packets: no connection repeats for ever.
pub(super) fn loss(text: &str) -> Result<(u64, bool), String> {
    match share(text)? {
        (1_000_000.., _) => Err("expected less than 100 %".into()),
        share => Ok(share),
    }
}
