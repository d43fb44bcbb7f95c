//! Nodes and links without the rest of an experiment: read from GraphML and GML files, written as GraphML, DOT and
//! nwdiag, and summarised.
//!
//! Files may come from anywhere. So their size, depth and counts are limited, XML with a document type is refused (and
//! with it all entities but the five of XML), and what does not fit is an error with its line.

mod assembly;
mod encoding;
mod figures;
#[cfg(test)]
mod foreign_tests;
mod gml;
mod graph;
mod graphml;
mod merging;
mod naming;
mod record;
mod shape;
#[cfg(test)]
mod tests;
mod write;

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::limits::one_line;
pub(crate) use graph::{Import, Topology, TopologyLink, TopologyNode};
pub(crate) use naming::made_names;
pub(crate) use write::Format;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 128 << 20;

impl Topology {
    /// Reads a file: GraphML if its name ends in `.graphml` or `.xml`, GML if in `.gml`.
    ///
    /// # Errors
    /// `file:line: what was expected and found`, in one line; without a line where the file cannot be read.
    pub(crate) fn load(path: &Path) -> Result<Import, String> {
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
        let mut import = parse(bytes).map_err(|why| format!("{file}:{why}"))?;
        import.notes.iter_mut().for_each(|note| *note = format!("{file}: {note}"));
        Ok(import)
    }

    /// Reads GraphML, in UTF-8 or, where it says so, in ISO-8859-1. A link has no direction. Read are `role`, `region`,
    /// `hash_rate`, `coins`, `upload` and `download` of nodes, `latency`, `jitter`, `bandwidth` and `loss` of edges, and
    /// Shadow's names of them, with a unit (`30 ms`), or as a number of H/s, ms, bit/s, or a share. A node is named by
    /// its `name` or `label` where that is a name and all are different, else by its id or a name made from it.
    ///
    /// # Errors
    /// `line: what was expected and found`, in one line.
    pub(crate) fn parse_graphml(bytes: Vec<u8>) -> Result<Import, String> {
        graphml::read(&encoding::graphml(bytes)?).map_err(|why| one_line(&why))
    }

    /// Reads GML (Himsolt 1997), as [`Topology::parse_graphml`] does; in UTF-8, or else ISO-8859-1.
    ///
    /// # Errors
    /// `line: what was expected and found`, in one line.
    pub(crate) fn parse_gml(bytes: Vec<u8>) -> Result<Import, String> {
        let (text, note) = encoding::gml(bytes)?;
        let mut import = gml::read(&text).map_err(|why| one_line(&why))?;
        import.notes.splice(0..0, note);
        Ok(import)
    }
}
