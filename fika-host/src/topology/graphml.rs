//! GraphML (Brandes et al., "GraphML Progress Report", 2001).

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::assembly::{Assembly, DEPTH_MAX, Record};
use super::graph::Topology;
use crate::limits::shortened;

/// The element that is being read.
enum Element {
    Graph,
    Node(Record),
    Edge(Record),
    /// A value of the node or edge around it, of the attribute with this id.
    Data(String, String),
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

pub(super) fn read(text: &str) -> Result<Topology, String> {
    let mut parser = Parser { assembly: Assembly::default(), open: vec![], keys: BTreeMap::new(), graphs: 0 };
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

struct Parser {
    assembly: Assembly,
    open: Vec<Element>,
    /// Names of attributes by the ids of their `<key>`.
    keys: BTreeMap<String, String>,
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
                Element::Graph
            }
            (Some(Element::Graph), "node") => {
                let mut record = Record::at(line);
                record.id = get("id")?;
                Element::Node(record)
            }
            (Some(Element::Graph), "edge") => {
                let mut record = Record::at(line);
                (record.source, record.target) = (get("source")?, get("target")?);
                Element::Edge(record)
            }
            (_, "graph") => return Err("expected no graph in a graph".into()),
            (_, "hyperedge") => return Err("expected edges between two nodes, found a hyperedge".into()),
            (Some(Element::Node(_) | Element::Edge(_)), "data") => {
                Element::Data(get("key")?.unwrap_or_default(), String::new())
            }
            (_, "key") => {
                if let (Some(id), Some(name)) = (get("id")?, get("attr.name")?) {
                    self.keys.insert(id, name);
                }
                Element::Other
            }
            _ => Element::Other,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        match self.open.pop() {
            Some(Element::Node(record)) => self.assembly.node(record),
            Some(Element::Edge(record)) => self.assembly.link(record),
            Some(Element::Data(key, text)) => {
                if let (Some(name), Some(Element::Node(record) | Element::Edge(record))) =
                    (self.keys.get(&key), self.open.last_mut())
                {
                    record.set(name, &text);
                }
                Ok(())
            }
            Some(Element::Graph | Element::Other) | None => Ok(()),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(Element::Data(_, value)) = self.open.last_mut() {
            value.push_str(text);
        }
    }
}
