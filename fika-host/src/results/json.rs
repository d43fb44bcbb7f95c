//! JSON that people can read, also of large networks: an entry of a list takes one line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes a value.
///
/// # Errors
/// As [`Serialize`] says, or when it cannot be written.
pub(crate) fn write(value: &impl Serialize, mut out: impl Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut out, Lines::default()))?;
    out.flush()
}

/// Where lines end: after each entry of what does not lie in a list itself.
#[derive(Default)]
struct Lines {
    /// How deep the place at hand lies in what has lines of its own.
    indent: usize,
    /// In how many lists it lies.
    lists: usize,
    is_empty: bool,
}

impl Lines {
    fn begin(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8], has_lines: bool) -> io::Result<()> {
        self.indent += usize::from(has_lines);
        self.is_empty = true;
        out.write_all(bracket)
    }

    fn next(&mut self, out: &mut (impl Write + ?Sized), is_first: bool, has_lines: bool) -> io::Result<()> {
        match (has_lines, is_first) {
            (true, true) => self.line(out),
            (true, false) => out.write_all(b",").and_then(|()| self.line(out)),
            (false, true) => Ok(()),
            (false, false) => out.write_all(b", "),
        }
    }

    fn end(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8], has_lines: bool) -> io::Result<()> {
        if has_lines {
            self.indent -= 1;
            if !self.is_empty {
                self.line(out)?;
            }
        }
        self.is_empty = false;
        out.write_all(bracket)
    }

    fn line(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        out.write_all(b"\n")?;
        (0..self.indent).try_for_each(|_| out.write_all(b"  "))
    }
}

impl Formatter for Lines {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.lists += 1;
        self.begin(out, b"[", self.lists == 1)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first, self.lists == 1)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        let has_lines = self.lists == 1;
        self.lists -= 1;
        self.end(out, b"]", has_lines)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"{", self.lists == 0)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first, self.lists == 0)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"}", self.lists == 0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn entries_of_lists_have_a_line_each_and_mean_the_same() {
        let value = json!({
            "a": {"empty": {}, "none": [], "two": [1, 2]},
            "links": [[0, 1], [1, 2]],
            "nodes": [{"coins": [1, 2], "name": "n1, \"n2\""}, {}],
        });
        let mut text = Vec::new();
        super::write(&value, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = r#"{
  "a": {
    "empty": {},
    "none": [],
    "two": [
      1,
      2
    ]
  },
  "links": [
    [0, 1],
    [1, 2]
  ],
  "nodes": [
    {"coins": [1, 2], "name": "n1, \"n2\""},
    {}
  ]
}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
