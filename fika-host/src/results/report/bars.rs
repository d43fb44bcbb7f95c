//! Bars with names, one below the other.

use std::fmt::Write;

use super::page::escape;
use super::plot::WIDTH;

/// The share of one producer.
#[derive(Debug)]
pub(super) struct Bar<'a> {
    pub(super) name: &'a str,
    /// In percent of the chain's blocks.
    pub(super) share: f64,
    /// In percent, where it is known.
    pub(super) expected: Option<f64>,
    /// Blocks in the chain.
    pub(super) chain: u64,
    /// Other blocks.
    pub(super) stale: u64,
}

const NAME_WIDTH: f64 = 190.0;
const TEXT_WIDTH: f64 = 200.0;
const ROW: f64 = 24.0;
/// Longer names are cut; the whole one is under the pointer.
const NAME_CHARS: usize = 26;

/// The picture of all bars.
pub(super) fn bars(bars: &[Bar<'_>]) -> String {
    let most = bars.iter().flat_map(|bar| [bar.share, bar.expected.unwrap_or(0.0)]).fold(f64::MIN_POSITIVE, f64::max);
    let length = |percent: f64| percent / most * (WIDTH - NAME_WIDTH - TEXT_WIDTH);
    let height = ROW * bars.len() as f64 + 4.0;
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Blocks of the chain by producer\">\n");
    for (row, bar) in bars.iter().enumerate() {
        let (top, middle) = (row as f64 * ROW + 4.0, row as f64 * ROW + 17.0);
        let title = format!("{}: {} blocks in the chain, {} stale", bar.name, bar.chain, bar.stale);
        let title = escape(&title);
        let short: String = bar.name.chars().take(NAME_CHARS).collect();
        let (name_end, width) = (NAME_WIDTH - 8.0, length(bar.share).max(1.0));
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<g><title>{title}</title><text x=\"{name_end}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar c0\" x=\"{NAME_WIDTH}\" y=\"{top}\" width=\"{width:.1}\" height=\"16\" rx=\"2\"/>",
            escape(&short)
        );
        let mut end = NAME_WIDTH + width;
        let mut text = format!("{:.1} % ({})", bar.share, bar.chain);
        if let Some(expected) = bar.expected {
            let at = NAME_WIDTH + length(expected);
            let _ = write!(svg, "<path class=\"line c1\" d=\"M{at:.1} {:.1}v20\"/>", top - 2.0);
            end = end.max(at);
            text += &format!(", expected {expected:.1} %");
        }
        let _ = writeln!(svg, "<text class=\"ink\" x=\"{:.1}\" y=\"{middle}\">{text}</text></g>", end + 6.0);
    }
    svg + "</svg>\n"
}
