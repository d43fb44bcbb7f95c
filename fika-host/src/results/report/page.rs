//! The page: one file of HTML that needs nothing else.

use std::fmt::Write;

use super::section::{Content, Section};
use super::text::escape;

/// A page that grows section by section.
#[derive(Debug)]
pub(super) struct Page {
    title: String,
    lead: String,
    contents: String,
    body: String,
    sections: usize,
    files: Vec<(String, String)>,
}

/// A page and the files of its charts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pages {
    /// The page itself.
    pub html: String,
    /// Name and content of the charts and of their data.
    pub files: Vec<(String, String)>,
}

impl Page {
    /// An empty page; `lead` is the line below the title. Both are text.
    pub(super) fn new(title: &str, lead: &str) -> Page {
        let (title, lead) = (escape(title), format!("<p>{}</p>\n", escape(lead)));
        Page { title, lead, contents: String::new(), body: String::new(), sections: 0, files: vec![] }
    }

    /// Adds a warning above everything else.
    pub(super) fn warn(&mut self, text: &str) {
        self.lead += &format!("<p class=\"warn\">{}</p>\n", escape(text));
    }

    /// Adds a section, or the line of text that says why it is left out.
    pub(super) fn section(&mut self, title: &str, content: Content) {
        self.sections += 1;
        let left_out =
            |why: String| Section::default().html(&format!("<p class=\"none\">Left out: {}.</p>\n", escape(&why)));
        let Section { html, files } = content.unwrap_or_else(left_out);
        let (number, title) = (self.sections, escape(title));
        // Writing to a string does not fail.
        let _ = writeln!(self.contents, "<li><a href=\"#s{number}\">{title}</a></li>");
        let _ = writeln!(self.body, "<section id=\"s{number}\">\n<h2>{title}</h2>\n{html}</section>");
        self.files.extend(files);
    }

    /// The whole file, and those of the charts.
    pub(super) fn finish(self) -> Pages {
        let Page { title, lead, contents, body, files, .. } = self;
        // The policy lets the page fetch and run nothing, whatever is in it.
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n\
             {lead}</header>\n<nav><ul>\n{contents}</ul></nav>\n<main>\n{body}</main>\n</body>\n</html>\n"
        );
        Pages { html, files }
    }
}

const STYLE: &str = "\
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 1.5rem 1.2rem 4rem; background: #fff; color: #111;
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.2rem; margin: 0 0 .6rem; break-after: avoid; }
header p, .note, .none, nav { color: #555; font-size: .9rem; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
a { color: #005aa0; }
section { border-top: 1px solid #ccc; padding: 1rem 0; }
.forks { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; }
figure { margin: .5rem 0 1rem; max-width: 100%; break-inside: avoid; }
figcaption { font-weight: 600; }
.get { font-size: .8rem; font-weight: 400; margin-left: .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
tr { break-inside: avoid; }
td, th { text-align: left; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid #ccc; vertical-align: top;
  overflow-wrap: anywhere; }
th { color: #555; font-weight: 600; overflow-wrap: normal; }
.numbers td + td, .numbers th + th { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: .85em ui-monospace, monospace; }
.pass, .fail, .undecided { font-weight: 600; }
.pass { color: #1a7f4b; } .fail { color: #b3261e; } .undecided { color: #9a4d00; }
header .warn, .warn { border-left: 4px solid #d55e00; padding-left: .6rem; color: #111; }
svg { display: block; max-width: 100%; height: auto; }
@page { margin: 14mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, .get { display: none; }
  *, header p, .note, th, a { color: #000 !important; }
  .wide { overflow: visible; }
}
";
