//! What a file may hold, how much of its text an error repeats, and how long connections last.

use std::time::Duration;

/// The longest name of a node, a region or an experiment, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 40;
/// The most nodes of one network.
pub(crate) const NODES_MAX: u64 = 200_000;
/// The most links of one network.
pub(crate) const LINKS_MAX: u64 = 4_000_000;

/// Whether the text can be a host name and the name of a folder.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

/// At most 40 characters of hostile text, on one line.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        short.push_str("...");
    }
    short.replace("\\'", "'").replace("\\\"", "\"")
}

/// An error in one line. What a damaged file says is quoted in it: that is not to break the line or the terminal.
pub(crate) fn one_line(why: &str) -> String {
    why.chars().take(500).map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The text of a file.
///
/// # Errors
/// `line:column: expected UTF-8 text`, where it ends to be that.
pub(crate) fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let right = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..right]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        format!("{line}:{column}: expected UTF-8 text, found the byte {:#04x}", error.as_bytes()[right])
    })
}

/// A connection over a link that carries nothing is dead after so long, live by the kernel's timers
/// (`TCP_USER_TIMEOUT`), simulated by the model of them.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(10);
/// The end that dials tries so often to connect again.
pub(crate) const REDIAL: Duration = Duration::from_secs(1);
