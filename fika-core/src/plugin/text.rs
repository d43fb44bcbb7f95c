//! What plugins say to people: one line, and no more of it than somebody reads.

/// The longest text, in characters.
pub(super) const MAX_CHARS: usize = 500;

/// The text in one line, cut where it is too long.
pub(super) fn one_line(text: &str) -> String {
    // A hostile text is long: no more of it is looked at than can be shown.
    let mut line = String::new();
    let words = text.split_whitespace().flat_map(|word| [" ", word]).skip(1);
    for (n, c) in words.flat_map(str::chars).enumerate() {
        if n == MAX_CHARS {
            line.push_str(" ...");
            break;
        }
        line.push(c);
    }
    line
}

/// Whether it is longer than is allowed.
pub(super) fn is_too_long(text: &str) -> bool {
    text.len() > MAX_CHARS && text.chars().nth(MAX_CHARS).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_of_500_characters() {
        assert_eq!(one_line(" a\n  b\tc "), "a b c");
        let (fits, more) = ("ü".repeat(500), "ü".repeat(501));
        assert_eq!((one_line(&fits), is_too_long(&fits)), (fits.clone(), false));
        assert_eq!((one_line(&more), is_too_long(&more)), (format!("{fits} ..."), true));
    }
}
