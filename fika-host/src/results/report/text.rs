//! Text that comes from elsewhere, made fit for pages and pictures.

/// Text as HTML and SVG show it: names of nodes and plugins come from elsewhere.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in clean(text).chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}

/// Text without what neither language allows.
pub(super) fn clean(text: &str) -> String {
    let allowed = |character: &char| !matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f' | '\u{fffe}' | '\u{ffff}');
    text.chars().map(|character| if allowed(&character) { character } else { '\u{fffd}' }).collect()
}

/// At most so many letters.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.into() } else { text.chars().take(most - 1).chain(['…']).collect() }
}
