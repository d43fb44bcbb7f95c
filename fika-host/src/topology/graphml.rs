//! GraphML (Brandes et al., "GraphML Progress Report", 2001).

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::assembly::{Assembly, DEPTH_MAX};
use super::graph::Import;
use super::record::{Of, Record};
use crate::limits::shortened;

/// The element that is being read.
enum Element {
    Graph,
    Node(Record),
    Edge(Record),
    /// A value of the graph, node or edge around it, of the attribute with this id.
    Data(String, String),
    /// The declaration of the attribute with this id.
    Key(String),
    /// The value of those that give none for the attribute around it.
    Default(String),
    Other,
}

/// Counts lines up to where the parser stands.
struct Lines<'a> {
    text: &'a str,
    counted: usize,
    line: usize,
}

impl Lines<'_> {
    fn at(&mut self, offset: usize) -> usize {
        let offset = offset.clamp(self.counted, self.text.len());
        let passed = &self.text.as_bytes()[self.counted..offset];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.counted = offset;
        self.line
    }
}

pub(super) fn read(text: &str) -> Result<Import, String> {
    let mut parser = Parser::default();
    let mut reader = Reader::from_str(text);
    let mut lines = Lines { text, counted: 0, line: 1 };
    loop {
        let event = reader.read_event();
        let offset = if event.is_ok() { reader.buffer_position() } else { reader.error_position() };
        let line = lines.at(usize::try_from(offset).unwrap_or(text.len()));
        let wrong = |why: String| format!("{line}: {why}");
        match event.map_err(|error| wrong(error.to_string()))? {
            Event::Start(element) => parser.start(&element, line).map_err(wrong)?,
            Event::Empty(element) => {
                parser.start(&element, line).map_err(wrong)?;
                parser.end()?;
            }
            Event::End(_) => parser.end()?,
            Event::Text(text) => parser.text(&text.xml10_content()),
            Event::CData(text) => parser.text(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let char = reference.resolve_char_ref().map_err(|error| wrong(error.to_string()))?;
                let known = quick_xml::escape::resolve_predefined_entity(&reference);
                match (char, known) {
                    (Some(char), _) => parser.text(char.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => parser.text(text),
                    (None, None) => return Err(wrong(format!("unknown entity '{}'", shortened(&reference)))),
                }
            }
            Event::DocType(_) => return Err(wrong("expected no document type".into())),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if !parser.open.is_empty() => return Err(wrong("expected '</', found the end".into())),
            Event::Eof if parser.graphs == 0 => return Err(wrong("expected a <graph>, found none".into())),
            Event::Eof => return parser.assembly.finish(),
        }
    }
}

/// A `<key>`: an attribute that nodes or edges have.
struct Key {
    /// `attr.name`, or its id if it has none.
    name: String,
    nodes: bool,
    edges: bool,
    default: Option<String>,
}

#[derive(Default)]
struct Parser {
    assembly: Assembly,
    open: Vec<Element>,
    /// By id.
    keys: BTreeMap<String, Key>,
    graphs: usize,
}

impl Parser {
    fn start(&mut self, element: &BytesStart<'_>, line: usize) -> Result<(), String> {
        if self.open.len() == DEPTH_MAX {
            return Err(format!("expected at most {DEPTH_MAX} elements in each other"));
        }
        let get = |name: &str| -> Result<Option<String>, String> {
            let attribute = element.try_get_attribute(name).map_err(|error| error.to_string())?;
            let value = attribute.map(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0));
            value.transpose().map(|value| value.map(Into::into)).map_err(|error| error.to_string())
        };
        let name = element.local_name();
        self.open.push(match (self.open.last(), name.as_ref()) {
            (Some(Element::Other) | None, "graph") => {
                self.graphs += 1;
                if self.graphs > 1 {
                    return Err("expected one graph, found another".into());
                }
                if get("edgedefault")?.as_deref() == Some("directed") {
                    self.assembly.unread.add(Of::Graph, "directed");
                }
                Element::Graph
            }
            (Some(Element::Graph), "node") => {
                let mut record = Record::new(Of::Nodes, line);
                record.id = get("id")?;
                Element::Node(record)
            }
            (Some(Element::Graph), "edge") => {
                let mut record = Record::new(Of::Edges, line);
                (record.source, record.target) = (get("source")?, get("target")?);
                Element::Edge(record)
            }
            (_, "graph") => return Err("expected no graph in a graph".into()),
            (_, "hyperedge") => return Err("expected edges between two nodes, found a hyperedge".into()),
            (Some(Element::Graph | Element::Node(_) | Element::Edge(_)), "data") => {
                Element::Data(get("key")?.unwrap_or_default(), String::new())
            }
            (Some(Element::Key(_)), "default") => Element::Default(String::new()),
            (_, "key") => {
                let id = get("id")?.unwrap_or_default();
                let name = get("attr.name")?.unwrap_or_else(|| id.clone());
                let of = get("for")?;
                let is_for = |kind: &str| of.as_deref().is_none_or(|of| of == kind || of == "all");
                let key = Key { name, nodes: is_for("node"), edges: is_for("edge"), default: None };
                self.keys.insert(id.clone(), key);
                Element::Key(id)
            }
            (within, name) => {
                match within {
                    _ if name == "desc" => {}
                    Some(Element::Graph) => self.assembly.unread.add(Of::Graph, name),
                    Some(Element::Node(_)) => self.assembly.unread.add(Of::Nodes, name),
                    Some(Element::Edge(_)) => self.assembly.unread.add(Of::Edges, name),
                    _ => {}
                }
                Element::Other
            }
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let unread = &mut self.assembly.unread;
        match self.open.pop() {
            // Keys stand before the graph, so that their defaults are known.
            Some(Element::Node(mut record)) => {
                for key in self.keys.values().filter(|key| key.nodes) {
                    if let Some(default) = &key.default {
                        record.set_default(&key.name, default, unread);
                    }
                }
                self.assembly.node(record)
            }
            Some(Element::Edge(mut record)) => {
                for key in self.keys.values().filter(|key| key.edges) {
                    if let Some(default) = &key.default {
                        record.set_default(&key.name, default, unread);
                    }
                }
                self.assembly.link(record)
            }
            Some(Element::Data(id, text)) => {
                let name = self.keys.get(&id).map_or(&id, |key| &key.name);
                match self.open.last_mut() {
                    Some(Element::Node(record) | Element::Edge(record)) => record.set(name, &text, unread),
                    _ => unread.add(Of::Graph, name),
                }
                Ok(())
            }
            Some(Element::Default(text)) => {
                if let Some(Element::Key(id)) = self.open.last()
                    && let Some(key) = self.keys.get_mut(id)
                {
                    key.default = Some(text).filter(|text| !text.trim().is_empty());
                }
                Ok(())
            }
            Some(Element::Graph | Element::Key(_) | Element::Other) | None => Ok(()),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(Element::Data(_, value) | Element::Default(value)) = self.open.last_mut() {
            value.push_str(text);
        }
    }
}
