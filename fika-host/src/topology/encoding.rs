//! The text of a network file from its bytes.

use crate::limits::{shortened, utf8};

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// What a declaration of XML may take.
const DECLARATION_BYTES_MAX: usize = 200;

/// The text of a GraphML file: UTF-8, with or without a byte-order mark, or ISO-8859-1 if it says so.
///
/// # Errors
/// `line: what was expected and found`.
pub(super) fn graphml(bytes: Vec<u8>) -> Result<String, String> {
    let bytes = unmarked(bytes)?;
    match declared(&bytes).map(|name| name.to_lowercase()).as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => utf8(bytes),
        Some("iso-8859-1" | "iso_8859-1" | "iso8859-1" | "latin1" | "latin-1") => Ok(latin1(&bytes)),
        Some(other) => Err(format!("1: expected the encoding UTF-8 or ISO-8859-1, found '{}'", shortened(other))),
    }
}

/// The text of a GML file: UTF-8, or else ISO-8859-1 as its author wanted it, with a line that says so.
///
/// # Errors
/// `line: what was expected and found`.
pub(super) fn gml(bytes: Vec<u8>) -> Result<(String, Option<String>), String> {
    let bytes = unmarked(bytes)?;
    match std::str::from_utf8(&bytes) {
        Ok(_) => Ok((utf8(bytes)?, None)),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            let note = format!("read as ISO-8859-1, as line {line} is not UTF-8");
            Ok((latin1(&bytes), Some(note)))
        }
    }
}

fn unmarked(mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("1: expected UTF-8 or ISO-8859-1 text, found UTF-16".into());
    }
    if bytes.starts_with(UTF8_MARK) {
        bytes.drain(..UTF8_MARK.len());
    }
    Ok(bytes)
}

/// Each byte is the character of its number.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The encoding that an XML declaration names.
fn declared(bytes: &[u8]) -> Option<&str> {
    let start = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let end = start.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(&start[..end]).ok()?.strip_prefix("<?xml")?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value[1..].split_once(quote).map(|(name, _)| name)
}
