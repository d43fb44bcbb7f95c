//! Nodes and links without the rest of an experiment: read from GraphML and GML files, written as GraphML, DOT and
//! nwdiag, and summarised.
//!
//! Files may come from anywhere. So their size, depth and counts are limited, XML with a document type is refused (and
//! with it all entities but the five of XML), and what does not fit is an error with its line.

mod assembly;
mod gml;
mod graph;
mod graphml;
mod shape;
#[cfg(test)]
mod tests;
mod write;

use std::fs;
use std::io::Read;
use std::path::Path;

pub(crate) use graph::{Topology, TopologyLink, TopologyNode};
pub(crate) use write::Format;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 128 << 20;

impl Topology {
    /// Reads a file: GraphML if its name ends in `.graphml` or `.xml`, GML if in `.gml`.
    ///
    /// # Errors
    /// `file:line: what was expected and found`, in one line.
    pub(crate) fn load(path: &Path) -> Result<Topology, String> {
        let file = path.display();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let parse = match ending.as_deref() {
            Some("graphml" | "xml") => Topology::parse_graphml,
            Some("gml") => Topology::parse_gml,
            _ => return Err(format!("expected a file that ends in .graphml or .gml, found {file}")),
        };
        let cannot = |why: std::io::Error| format!("{file}: cannot read it: {why}");
        // Reading anything but a plain file might never end.
        if !fs::metadata(path).map_err(cannot)?.is_file() {
            return Err(format!("{file}: expected a file"));
        }
        let mut bytes = vec![];
        fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(cannot)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("{file}: expected at most {FILE_BYTES_MAX} bytes, found more"));
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("{file}: expected UTF-8 text"))?;
        parse(&text).map_err(|why| format!("{file}:{why}"))
    }

    /// Reads GraphML. Edges may be directed or not: a link has no direction. Of the attributes `region`, `hash_rate`
    /// (nodes), `latency` and `bandwidth` (edges) are read, with a unit (`30 ms`), or as a number of H/s, ms and
    /// bit/s; a node is named by its attribute `name` or `label` where that is a name, else by its id.
    ///
    /// # Errors
    /// `line: what was expected and found`, in one line.
    pub(crate) fn parse_graphml(text: &str) -> Result<Topology, String> {
        graphml::read(text)
    }

    /// Reads GML (Himsolt 1997), with the attributes of [`Topology::parse_graphml`].
    ///
    /// # Errors
    /// `line: what was expected and found`, in one line.
    pub(crate) fn parse_gml(text: &str) -> Result<Topology, String> {
        gml::read(text)
    }
}
