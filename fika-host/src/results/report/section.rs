//! A section of the page: text, tables and charts, and the files of its charts.

use super::chart::Chart;
use super::draw;
use super::text::{escape, short};

/// What stands below a heading, or one line that says why nothing does.
pub(super) type Content = Result<Section, String>;

/// HTML that grows, and files that go with it.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) html: String,
    /// Name and content.
    pub(super) files: Vec<(String, String)>,
}

impl Section {
    /// Adds HTML as it is.
    pub(super) fn html(mut self, html: &str) -> Section {
        self.html += html;
        self
    }

    /// Adds a line of text.
    pub(super) fn note(self, text: &str) -> Section {
        let html = format!("<p class=\"note\">{}</p>\n", escape(text));
        self.html(&html)
    }

    /// Adds rows of HTML cells below a head of text. Every column but the first stands to the right if `numbers`.
    pub(super) fn table(self, head: &[String], rows: &[Vec<String>], numbers: bool) -> Section {
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
        self.html(&(html + "</tbody></table></div>\n"))
    }

    /// Adds a chart.
    ///
    /// # Errors
    /// In one line, when it cannot be drawn.
    pub(super) fn chart(self, chart: &Chart) -> Content {
        Ok(self.figure(&chart.name, &chart.title, &draw::svg(chart)?, chart.csv()))
    }

    /// Adds a picture that stands alone, with its data.
    pub(super) fn figure(mut self, name: &str, title: &str, svg: &str, csv: String) -> Section {
        let title = escape(&short(title, 200));
        // Of the same picture: one that a browser shows in the page, and one that it keeps.
        let shown = svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{title}\" "), 1);
        let link = |kind: &str, media: &str, content: &str| {
            let data = percent_encoded(content);
            format!(
                "<a download=\"{name}.{kind}\" href=\"data:{media};charset=utf-8,{data}\">{}</a>",
                kind.to_uppercase()
            )
        };
        let links = link("svg", "image/svg+xml", svg) + " " + &link("csv", "text/csv", &csv);
        self.html += &format!(
            "<figure>\n<figcaption>{title} <span class=\"get\">{links}</span></figcaption>\n{shown}</figure>\n"
        );
        self.files.push((format!("{name}.svg"), svg.into()));
        self.files.push((format!("{name}.csv"), csv));
        self
    }
}

/// As the data of an address have to be.
fn percent_encoded(content: &str) -> String {
    let mut encoded = String::with_capacity(content.len() * 5 / 4);
    for byte in content.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => encoded.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b',' | b'=' | b'(' | b')' => encoded.push(char::from(byte)),
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}
