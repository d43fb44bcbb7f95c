//! A topology as GraphML, DOT and nwdiag.

use std::fmt::{self, Write};

use quick_xml::escape::escape;

use super::Topology;

/// What a topology is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For Gephi, yEd, NetworkX, and for reading again.
    Graphml,
    /// For Graphviz.
    Dot,
    /// For nwdiag: each link a network of two.
    Nwdiag,
}

impl Topology {
    /// The text of a file in this format.
    pub(crate) fn write(&self, format: Format) -> String {
        let mut text = String::new();
        let written = match format {
            Format::Graphml => self.graphml(&mut text),
            Format::Dot => self.dot(&mut text),
            Format::Nwdiag => self.nwdiag(&mut text),
        };
        written.expect("a string takes all");
        text
    }

    fn graphml(&self, out: &mut String) -> fmt::Result {
        out.push_str(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n\
             \x20 <key id=\"region\" for=\"node\" attr.name=\"region\" attr.type=\"string\"/>\n\
             \x20 <key id=\"hash_rate\" for=\"node\" attr.name=\"hash_rate\" attr.type=\"string\"/>\n\
             \x20 <key id=\"latency\" for=\"edge\" attr.name=\"latency\" attr.type=\"string\"/>\n\
             \x20 <key id=\"bandwidth\" for=\"edge\" attr.name=\"bandwidth\" attr.type=\"string\"/>\n\
             \x20 <graph edgedefault=\"undirected\">\n",
        );
        let data = |key: &str, value: Option<String>| {
            value.map_or(String::new(), |value| format!("<data key=\"{key}\">{}</data>", escape(&value)))
        };
        for node in &self.nodes {
            let region = data("region", node.region.clone());
            let rate = data("hash_rate", node.hash_rate.map(|rate| format!("{rate} H/s")));
            writeln!(out, "    <node id=\"{}\">{region}{rate}</node>", escape(&node.name))?;
        }
        for link in &self.links {
            let (a, b) = (escape(self.name(link.a)), escape(self.name(link.b)));
            let latency = data("latency", link.latency_us.map(millis));
            let bandwidth = data("bandwidth", link.bandwidth_bps.map(|bps| format!("{bps} bit/s")));
            writeln!(out, "    <edge source=\"{a}\" target=\"{b}\">{latency}{bandwidth}</edge>")?;
        }
        out.push_str("  </graph>\n</graphml>\n");
        Ok(())
    }

    // Names and regions are letters, digits, '-' and '_', or are escaped by `{:?}` as both formats want it.

    fn dot(&self, out: &mut String) -> fmt::Result {
        out.push_str("graph {\n");
        for node in &self.nodes {
            let region = node.region.as_ref().map_or(String::new(), |region| format!(" [region={region:?}]"));
            writeln!(out, "  {:?}{region};", node.name)?;
        }
        for link in &self.links {
            let label = link.latency_us.map_or(String::new(), |us| format!(" [label={:?}]", millis(us)));
            writeln!(out, "  {:?} -- {:?}{label};", self.name(link.a), self.name(link.b))?;
        }
        out.push_str("}\n");
        Ok(())
    }

    fn nwdiag(&self, out: &mut String) -> fmt::Result {
        out.push_str("nwdiag {\n");
        let mut regions: Vec<&str> = self.nodes.iter().filter_map(|node| node.region.as_deref()).collect();
        regions.sort_unstable();
        regions.dedup();
        for (number, link) in (1..).zip(&self.links) {
            let address = link.latency_us.map_or(String::new(), |us| format!("address = {:?}; ", millis(us)));
            let (a, b) = (self.name(link.a), self.name(link.b));
            writeln!(out, "  network link_{number} {{ {address}{a:?}; {b:?}; }}")?;
        }
        for region in regions {
            write!(out, "  group {{ description = {region:?};")?;
            for node in self.nodes.iter().filter(|node| node.region.as_deref() == Some(region)) {
                write!(out, " {:?};", node.name)?;
            }
            out.push_str(" }\n");
        }
        out.push_str("}\n");
        Ok(())
    }

    pub(super) fn name(&self, node: u32) -> &str {
        &self.nodes[node as usize].name
    }
}

/// Exact to the microsecond.
fn millis(us: u64) -> String {
    let text = format!("{}.{:03}", us / 1_000, us % 1_000);
    format!("{} ms", text.trim_end_matches('0').trim_end_matches('.'))
}
