//! Tables as they lie in a results folder, read row by row: they may be large, and they may be damaged.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use super::files;

/// Longer lines are no rows of ours.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// No count and no time is larger, and sums of a few such numbers still fit.
const NUMBER_MAX: u64 = 1 << 60;

/// A table that is read from its file.
#[derive(Debug)]
pub(super) struct Csv<R> {
    name: String,
    rows: R,
    columns: Vec<String>,
    line: String,
    number: u64,
    rows_max: u64,
}

/// One row of a table.
#[derive(Debug)]
pub(super) struct Row<'a> {
    name: &'a str,
    columns: &'a [String],
    fields: Vec<&'a str>,
    number: u64,
}

/// Opens a table of at most `rows_max` rows; none if there is no such file.
pub(super) fn open(folder: &Path, name: &str, rows_max: u64) -> Result<Option<Csv<BufReader<File>>>, String> {
    let path = folder.join(name);
    let Some(file) = files::open(&path)? else { return Ok(None) };
    Csv::new(&path.display().to_string(), BufReader::new(file), rows_max).map(Some)
}

impl<R: BufRead> Csv<R> {
    /// Reads the head. Errors begin with `name`.
    pub(super) fn new(name: &str, rows: R, rows_max: u64) -> Result<Csv<R>, String> {
        let mut csv = Csv { name: name.into(), rows, columns: vec![], line: String::new(), number: 0, rows_max };
        if !csv.advance()? {
            return Err(format!("{name}: expected a table with a head, found an empty file"));
        }
        csv.columns = csv.line.split(',').map(String::from).collect();
        Ok(csv)
    }

    /// The next row; none after the last.
    pub(super) fn row(&mut self) -> Result<Option<Row<'_>>, String> {
        if !self.advance()? {
            return Ok(None);
        }
        let (name, number) = (self.name.as_str(), self.number);
        if number > self.rows_max + 1 {
            return Err(format!("{name}: expected at most {} rows, found more", self.rows_max));
        }
        let fields: Vec<&str> = self.line.split(',').collect();
        if fields.len() != self.columns.len() {
            let (wanted, found) = (self.columns.len(), fields.len());
            return Err(format!("{name} line {number}: expected {wanted} fields, found {found}"));
        }
        Ok(Some(Row { name, columns: &self.columns, fields, number }))
    }

    /// Reads a line without its end; false at the end of the file.
    fn advance(&mut self) -> Result<bool, String> {
        self.line.clear();
        self.number += 1;
        let (name, number) = (&self.name, self.number);
        let read = self.rows.by_ref().take(LINE_BYTES_MAX).read_line(&mut self.line);
        let bytes = read.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => format!("{name} line {number}: expected text, found other bytes"),
            _ => format!("{name}: {error}"),
        })?;
        if bytes as u64 == LINE_BYTES_MAX && !self.line.ends_with('\n') {
            return Err(format!("{name} line {number}: expected a line of less than {LINE_BYTES_MAX} bytes"));
        }
        self.line.truncate(self.line.trim_end_matches(['\r', '\n']).len());
        Ok(bytes > 0)
    }
}

impl<'a> Row<'a> {
    /// A field by the name of its column.
    pub(super) fn text(&self, column: &str) -> Result<&'a str, String> {
        let at = self.columns.iter().position(|name| name == column);
        let at = at.ok_or_else(|| format!("{}: expected a column '{column}', found none", self.name))?;
        Ok(self.fields[at])
    }

    /// A field that is `what`.
    pub(super) fn value<T: FromStr>(&self, column: &str, what: &str) -> Result<T, String> {
        let text = self.text(column)?;
        text.parse().map_err(|_| {
            let found: String = text.chars().take(40).collect();
            format!("{} line {}: expected {what} as {column}, found '{found}'", self.name, self.number)
        })
    }

    /// A whole number.
    pub(super) fn number(&self, column: &str) -> Result<u64, String> {
        match self.value(column, "a number")? {
            number if number > NUMBER_MAX => {
                Err(format!("{} line {}: expected a {column} up to 2^60, found {number}", self.name, self.number))
            }
            number => Ok(number),
        }
    }

    /// A whole number, or nothing.
    pub(super) fn number_or_none(&self, column: &str) -> Result<Option<u64>, String> {
        if self.text(column)?.is_empty() { Ok(None) } else { self.number(column).map(Some) }
    }
}
