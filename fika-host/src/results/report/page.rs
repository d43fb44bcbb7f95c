//! The page: one file of HTML that needs nothing else.

use std::fmt::Write;

/// Text as HTML and SVG show it: names of nodes and plugins come from elsewhere.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            // Not allowed in either language.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A page that grows section by section.
#[derive(Debug)]
pub(super) struct Page {
    title: String,
    lead: String,
    contents: String,
    body: String,
    sections: usize,
}

impl Page {
    /// An empty page; `lead` is the line below the title. Both are text.
    pub(super) fn new(title: &str, lead: &str) -> Page {
        let (title, lead) = (escape(title), escape(lead));
        Page { title, lead, contents: String::new(), body: String::new(), sections: 0 }
    }

    /// Adds a section of HTML, or the line of text that says why it is left out.
    pub(super) fn section(&mut self, title: &str, content: Result<String, String>) {
        self.sections += 1;
        let (number, title) = (self.sections, escape(title));
        let content = content.unwrap_or_else(|why| format!("<p class=\"none\">Left out: {}.</p>\n", escape(&why)));
        // Writing to a string does not fail.
        let _ = writeln!(self.contents, "<li><a href=\"#s{number}\">{title}</a></li>");
        let _ = writeln!(self.body, "<section id=\"s{number}\">\n<h2>{title}</h2>\n{content}</section>");
    }

    /// The whole file.
    pub(super) fn html(self) -> String {
        let Page { title, lead, contents, body, .. } = self;
        // The policy lets the page fetch and run nothing, whatever is in it.
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n\
             <p>{lead}</p>\n</header>\n<nav><ul>\n{contents}</ul></nav>\n<main>\n{body}</main>\n</body>\n</html>\n"
        )
    }
}

/// Rows of HTML cells below a head of text. Every column but the first stands to the right if `numbers`.
pub(super) fn table(head: &[String], rows: &[Vec<String>], numbers: bool) -> String {
    let class = if numbers { " class=\"numbers\"" } else { "" };
    let mut html = format!("<div class=\"wide\"><table{class}>\n");
    if !head.is_empty() {
        let cells: String = head.iter().map(|cell| format!("<th>{}</th>", escape(cell))).collect();
        html += &format!("<thead><tr>{cells}</tr></thead>\n");
    }
    html += "<tbody>\n";
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        html += &format!("<tr>{cells}</tr>\n");
    }
    html + "</tbody></table></div>\n"
}

/// A line of text below a picture.
pub(super) fn note(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", escape(text))
}

/// What the colours mean: a class of the style sheet and its text.
pub(super) fn legend(entries: &[(String, String)]) -> String {
    let entry = |(class, text): &(String, String)| format!("<li><i class=\"{class}\"></i>{}</li>", escape(text));
    format!("<ul class=\"legend\">{}</ul>\n", entries.iter().map(entry).collect::<String>())
}

/// Series are c0 to c7 (after Okabe and Ito, told apart by colour-blind readers too), steps of a scale q0 to q6.
const STYLE: &str = "\
:root { color-scheme: light dark; --page: #fbfbf9; --card: #ffffff; --ink: #1c1c1a; --soft: #62625c; --line: #dededa;
  --good: #1a7f4b; --bad: #c2361b; --c0: #1f6fc4; --c1: #c75b00; --c2: #00805f; --c3: #a8478a; --c4: #8a6d00;
  --c5: #3d8fb5; --c6: #6b4fbb; --c7: #555550; --q0: #0b2f66; --q1: #17508f; --q2: #2a73b8; --q3: #4c93d2;
  --q4: #79b2e2; --q5: #a5cdee; --q6: #cfe4f6; }
@media (prefers-color-scheme: dark) { :root { --page: #161614; --card: #1f1f1c; --ink: #ecece6; --soft: #a5a59c;
  --line: #3a3a36; --good: #4cc487; --bad: #ff7a5c; --c0: #5fa8f0; --c1: #f0994a; --c2: #3cc49c; --c3: #dc8ac4;
  --c4: #d4b53a; --c5: #7cc4e4; --c6: #a894f0; --c7: #b4b4ac; --q0: #e2f0fd; --q1: #b4d7f7; --q2: #86bcee;
  --q3: #5a9ddd; --q4: #3b7dc0; --q5: #2b5f98; --q6: #22456d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 0 0 .6rem; }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem; }
header p, .note, .none, nav { color: var(--soft); font-size: .9rem; }
nav ul, .legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
a { color: var(--c0); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem; margin: 1rem 0; }
.forks { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; }
figure { margin: 0; max-width: 100%; } figcaption { font-size: .9rem; font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
td, th { text-align: left; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
.numbers td + td, .numbers th + th { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: .85em ui-monospace, monospace; }
.pass { color: var(--good); font-weight: 600; } .fail { color: var(--bad); font-weight: 600; }
.undecided { color: var(--c1); font-weight: 600; }
.warn { border-left: 4px solid var(--c1); padding-left: .6rem; }
.legend { font-size: .85rem; margin: .3rem 0; }
.legend i { display: inline-block; width: 1.1em; height: .7em; margin-right: .4em; border-radius: 2px;
  background: var(--it); }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg.small { width: auto; max-width: 100%; }
svg text { fill: var(--soft); } svg text.ink { fill: var(--ink); }
svg text.over { paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.grid { stroke: var(--line); fill: none; } .axis { stroke: var(--soft); fill: none; }
.rule { stroke: var(--soft); stroke-dasharray: 5 4; fill: none; }
.line { fill: none; stroke: var(--it); stroke-width: 2; stroke-linejoin: round; }
.band { fill: var(--it); opacity: .2; } .bar, .dot { fill: var(--it); } .box { fill: none; stroke: var(--it); }
.legend .band { background: var(--it); }
.edge { stroke: var(--soft); stroke-width: .6; fill: none; opacity: .35; }
.edge.few { stroke-width: 1; opacity: .8; } .fork { stroke: var(--soft); fill: none; }
.off { fill: none; stroke: var(--soft); } .legend .off { border: 1px solid var(--soft); background: none; }
.c0 { --it: var(--c0); } .c1 { --it: var(--c1); } .c2 { --it: var(--c2); } .c3 { --it: var(--c3); }
.c4 { --it: var(--c4); } .c5 { --it: var(--c5); } .c6 { --it: var(--c6); } .c7 { --it: var(--c7); }
.q0 { --it: var(--q0); } .q1 { --it: var(--q1); } .q2 { --it: var(--q2); } .q3 { --it: var(--q3); }
.q4 { --it: var(--q4); } .q5 { --it: var(--q5); } .q6 { --it: var(--q6); }
.never { --it: var(--bad); } .rest { --it: var(--line); }
";
