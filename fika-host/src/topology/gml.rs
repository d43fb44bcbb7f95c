//! GML: nested lists of keys and values (Himsolt, "GML: A portable graph file format", 1997).

use quick_xml::escape::unescape;

use super::assembly::{Assembly, DEPTH_MAX};
use super::graph::Import;
use super::record::{Of, Record};
use crate::limits::shortened;

const TOKEN_BYTES_MAX: usize = 4_096;
/// Keys of the graph and of edges that say nothing of the network.
const GRAPH_KEYS: &[&str] = &["comment", "Creator", "Version", "id", "multigraph"];
const EDGE_KEYS: &[&str] = &["comment", "id", "key"];

enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Open,
    Close,
}

/// Cuts the text into tokens and counts lines.
struct Tokens<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Option<Token<'a>>, String> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.skip(blank);
            if !self.rest.starts_with('#') {
                break;
            }
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let (token, length) = match first {
            '[' => (Token::Open, 1),
            ']' => (Token::Close, 1),
            '"' => {
                let text = self.rest[1..].split('"').next().unwrap_or("");
                if self.rest.len() == text.len() + 1 {
                    return Err(format!("{}: expected the text to end with '\"'", self.line));
                }
                (Token::Text(text), text.len() + 2)
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || c == '[' || c == ']' || c == '"';
                let word = &self.rest[..self.rest.find(ends).unwrap_or(self.rest.len())];
                (Token::Word(word), word.len())
            }
        };
        if length > TOKEN_BYTES_MAX {
            return Err(format!("{}: expected texts of at most {TOKEN_BYTES_MAX} bytes", self.line));
        }
        self.skip(length);
        Ok(Some(token))
    }

    fn skip(&mut self, length: usize) {
        let (passed, rest) = self.rest.split_at(length);
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
    }
}

/// The list that is being read.
enum List {
    Graph,
    Node(Record),
    Edge(Record),
    Other,
}

pub(super) fn read(text: &str) -> Result<Import, String> {
    let mut tokens = Tokens { rest: text, line: 1 };
    let mut assembly = Assembly::default();
    let mut lists: Vec<List> = vec![];
    let mut graphs = 0;
    loop {
        let token = tokens.next()?;
        let line = tokens.line;
        let key = match token {
            Some(Token::Word(key)) => key,
            Some(Token::Close) => {
                match lists.pop().ok_or_else(|| format!("{line}: expected no ']' here"))? {
                    List::Node(record) => assembly.node(record)?,
                    List::Edge(record) => assembly.link(record)?,
                    List::Graph | List::Other => {}
                }
                continue;
            }
            Some(Token::Open) => return Err(format!("{line}: expected a key before '['")),
            Some(Token::Text(text)) => return Err(format!("{line}: expected a key, found '{}'", shortened(text))),
            None if lists.is_empty() && graphs == 1 => return assembly.finish(),
            None if lists.is_empty() => return Err(format!("{line}: expected 'graph [', found none")),
            None => return Err(format!("{line}: expected ']', found the end")),
        };
        match tokens.next()? {
            Some(Token::Open) => {
                if lists.len() == DEPTH_MAX {
                    return Err(format!("{line}: expected at most {DEPTH_MAX} lists in each other"));
                }
                let list = match (lists.last(), key) {
                    (None, "graph") => List::Graph,
                    (Some(List::Graph), "node") => List::Node(Record::new(Of::Nodes, line)),
                    (Some(List::Graph), "edge") => List::Edge(Record::new(Of::Edges, line)),
                    (within, key) => {
                        match within {
                            Some(List::Graph) => assembly.unread.add(Of::Graph, key),
                            Some(List::Node(_)) => assembly.unread.add(Of::Nodes, key),
                            Some(List::Edge(_)) => assembly.unread.add(Of::Edges, key),
                            Some(List::Other) | None => {}
                        }
                        List::Other
                    }
                };
                graphs += usize::from(matches!(list, List::Graph));
                if graphs > 1 {
                    return Err(format!("{line}: expected one graph, found another"));
                }
                lists.push(list);
            }
            Some(Token::Word(value)) => set(lists.last_mut(), key, value, &mut assembly),
            Some(Token::Text(value)) => {
                // Characters beyond ASCII may stand as those of HTML. What only looks so is text.
                let text = unescape(value).unwrap_or(value.into());
                set(lists.last_mut(), key, &text, &mut assembly);
            }
            Some(Token::Close) | None => {
                return Err(format!("{line}: expected a value after '{}'", shortened(key)));
            }
        }
    }
}

/// Keeps a value of the list around it.
fn set(list: Option<&mut List>, key: &str, value: &str, assembly: &mut Assembly) {
    match (list, key) {
        (Some(List::Node(record)), "id") => record.id = Some(value.into()),
        (Some(List::Node(_)), "comment") => {}
        (Some(List::Edge(record)), "source") => record.source = Some(value.into()),
        (Some(List::Edge(record)), "target") => record.target = Some(value.into()),
        (Some(List::Edge(_)), key) if EDGE_KEYS.contains(&key) => {}
        (Some(List::Node(record) | List::Edge(record)), key) => record.set(key, value, &mut assembly.unread),
        (Some(List::Graph), "directed") if value == "0" => {}
        (Some(List::Graph), key) if !GRAPH_KEYS.contains(&key) => assembly.unread.add(Of::Graph, key),
        _ => {}
    }
}
