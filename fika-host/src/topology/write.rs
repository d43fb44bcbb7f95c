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

const NODE_KEYS: [&str; 6] = ["role", "region", "hash_rate", "coins", "upload", "download"];
const EDGE_KEYS: [&str; 5] = ["latency", "jitter", "bandwidth", "loss", "message_loss"];

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
             <graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n",
        );
        for (of, names) in [("node", &NODE_KEYS[..]), ("edge", &EDGE_KEYS[..])] {
            for name in names {
                writeln!(out, "  <key id=\"{name}\" for=\"{of}\" attr.name=\"{name}\" attr.type=\"string\"/>")?;
            }
        }
        out.push_str("  <graph edgedefault=\"undirected\">\n");
        for node in &self.nodes {
            let role = node.wallet.map(|wallet| if wallet { "wallet" } else { "full" }.to_string());
            let coins = node.coins.as_ref().filter(|coins| !coins.is_empty());
            let coins = coins.map(|coins| coins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
            let rate = node.hash_rate.map(|rate| format!("{rate} H/s"));
            let (up, down) = (node.upload_bps.map(bits), node.download_bps.map(bits));
            let data = data(NODE_KEYS, [role, node.region.clone(), rate, coins, up, down]);
            writeln!(out, "    <node id=\"{}\">{data}</node>", escape(&node.name))?;
        }
        for link in &self.links {
            let (a, b) = (escape(self.name(link.a)), escape(self.name(link.b)));
            let (latency, jitter) = (link.latency_us.map(millis), link.jitter_us.map(millis));
            let share = |ppm: u32| format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000);
            let (loss, message_loss) = (link.loss_ppm.map(share), link.message_loss_ppm.map(share));
            let data = data(EDGE_KEYS, [latency, jitter, link.bandwidth_bps.map(bits), loss, message_loss]);
            writeln!(out, "    <edge source=\"{a}\" target=\"{b}\">{data}</edge>")?;
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

/// The values that are there, each with its key.
fn data<const N: usize>(keys: [&str; N], values: [Option<String>; N]) -> String {
    let given = keys.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?)));
    given.map(|(key, value)| format!("<data key=\"{key}\">{}</data>", escape(&value))).collect()
}

/// `none` where there is no limit.
fn bits(bps: u64) -> String {
    if bps == 0 { "none".into() } else { format!("{bps} bit/s") }
}

/// Exact to the microsecond.
fn millis(us: u64) -> String {
    let text = format!("{}.{:03}", us / 1_000, us % 1_000);
    format!("{} ms", text.trim_end_matches('0').trim_end_matches('.'))
}
